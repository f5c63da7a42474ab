"""A trained tactical run as a service: bars in, commands out."""

import logging
from dataclasses import dataclass
from pathlib import Path

from grandmodel.core.checks import require
from grandmodel.serving.feed import TacticalFeed
from grandmodel.serving.tactical import TacticalController
from grandmodel.wiring.compose import typed
from grandmodel.wiring.evaluate import gate_of
from grandmodel.wiring.market import choose_instrument
from grandmodel.wiring.run_config import from_run
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.system import build_system, with_needed_features
from grandmodel.wiring.train import load_subject

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TacticalService:
    """A feed that bars go into, and the controller that decides on what it has seen."""

    feed: TacticalFeed
    controller: TacticalController


def tactical_service(
    run: str | Path,
    *overrides: str,
    volume_kind: str = "traded",
    base_contracts: float | None = None,
    risk_multiplier: float = 1.0,
) -> TacticalService:
    """Deploy a finished run of a team that votes: its best checkpoint, weights only.

    Args:
        run: the folder that `train.py` named.
        overrides: what a judgement may change too, such as ``instrument=ES`` or
            ``agent.threshold=0.65``; the instrument is otherwise that of the run's file.
        volume_kind: of the bars that will come: ``traded``, ``ticks`` or ``none``.
        base_contracts: contracts at a confidence of 0.8; None: 10.
        risk_multiplier: what the risk agent allows, in units of the base.

    Raises:
        UserError: there is no such run, its training did not get to a validation, or its team
            does not vote on five-minute bars.
    """
    command = from_run([f"run={run}", *overrides], {})
    config = with_needed_features(typed(command.config, TrainConfig))
    require(
        config.agent.voting and config.features.fast,
        f"run={run} was trained with agent={config.agent.name} on {config.features.minutes}-minute "
        "bars: the tactical service needs a team that votes on 5-minute bars (agent=tactical)",
    )
    facts = command.source.read_run_json()
    team = build_system(config)
    subject = load_subject(team, command.source, float(facts.get("sd_floor", 0.0)))
    threshold = gate_of(config, subject.gate)
    if threshold >= 1.0:
        log.warning("%s: no threshold earned on validation; the service never enters", run)
    instrument = choose_instrument(config.instrument, config.data.path)
    feed = TacticalFeed(config.features, instrument, volume_kind)
    given = {} if base_contracts is None else {"base_contracts": base_contracts}
    controller = TacticalController(
        team,
        feed.snapshot,
        symbol=instrument.name,
        tick=instrument.tick or 0.0,
        long_only=instrument.long_only,
        threshold=threshold,
        stop_atr=config.env.stop_atr,
        target_atr=config.env.target_atr,
        risk_multiplier=risk_multiplier,
        **given,
    )
    return TacticalService(feed, controller)
