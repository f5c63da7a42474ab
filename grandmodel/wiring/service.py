"""A trained tactical run as a service: bars in, commands out."""

import logging
from dataclasses import dataclass
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from grandmodel.core.checks import UserError, require
from grandmodel.envs.voting import base_contracts as contracts_of
from grandmodel.market.bars import Bars
from grandmodel.serving.feed import TacticalFeed
from grandmodel.serving.tactical import TacticalController
from grandmodel.wiring.compose import typed
from grandmodel.wiring.evaluate import gate_of
from grandmodel.wiring.exit import one_sentence
from grandmodel.wiring.market import choose_instrument, read_dataset
from grandmodel.wiring.run_config import RunCommand, from_run
from grandmodel.wiring.run_folder import RunFolder
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.subject import load_subject
from grandmodel.wiring.system import build_system, with_needed_features

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
    """Deploy a finished run of a team that votes: its best checkpoint, loaded weights only.

    Args:
        run: the folder that `train.py` named.
        overrides: what `backtest.py` takes: ``data=auto data.path=FILE`` is the past that the
            feed follows first, ``instrument=ES`` what is traded (otherwise as the file's name
            says, without a file as in the run), ``agent.threshold=0.65`` another threshold.
        volume_kind: of the bars that will come: ``traded``, ``ticks`` or ``none``; a past file's
            own is taken instead.
        base_contracts: contracts at a confidence of 0.8; None: those that the run was judged with
            where it counts contracts (`env.size=contracts`), else 10.
        risk_multiplier: what the risk agent allows, in units of the base.

    Raises:
        UserError: there is no such run, its training did not get to a validation, its team does
            not vote on five-minute bars, or the past cannot be read.
    """
    try:
        command = from_run([f"run={run}", *overrides], {})
        config = with_needed_features(typed(command.config, TrainConfig))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(one_sentence(error)) from error
    require(
        config.agent.voting and config.features.fast,
        f"run={run} was trained with agent={config.agent.name} on {config.features.minutes}-minute "
        "bars: the tactical service needs a team that votes on 5-minute bars (agent=tactical)",
    )
    past = _past(command, config)
    instrument = choose_instrument(config.instrument, config.data.path)
    if past is not None:
        instrument, volume_kind = past.instrument, past.volume_kind
    feed = TacticalFeed(config.features, instrument, volume_kind, config.env.max_hold_bars)
    if past is not None:
        feed.follow(past)
    base = contracts_of(config.env) if base_contracts is None else base_contracts
    controller = _controller(config, command.source, feed, base, risk_multiplier)
    return TacticalService(feed, controller)


def _past(command: RunCommand, config: TrainConfig) -> Bars | None:
    """Return the bars of the file that was given, in five minutes; None where none was."""
    if not command.new_data:
        return None
    require(
        config.data.kind not in ("synthetic", "bootstrap"),
        f"data={config.data.kind} is no past that a live market continues: give data=auto "
        "data.path=FILE",
    )
    dataset = read_dataset(config, purge_bars=config.env.max_hold_bars + 1, whole=True)
    return dataset.paths[0].bars


def _controller(
    config: TrainConfig, run: RunFolder, feed: TacticalFeed, base: float, risk: float
) -> TacticalController:
    team = build_system(config)
    threshold = gate_of(config, load_subject(team, run, 0.0).gate)
    if threshold >= 1.0:
        log.warning("%s: no threshold earned on validation, so the service never enters", run.path)
    seen = bool(run.read_run_json().get("synergies_seen", True))
    if not seen:
        log.warning("%s: its training saw too few synergies, so agents are shown none", run.path)
    return TacticalController(
        team,
        feed.snapshot,
        symbol=feed.instrument.name,
        tick=feed.instrument.tick or 0.0,
        long_only=feed.instrument.long_only,
        threshold=threshold,
        stop_atr=config.env.stop_atr,
        target_atr=config.env.target_atr,
        base_contracts=base,
        risk_multiplier=risk,
        synergies_seen=seen,
    )
