"""The controls of a judgement: the same team at other costs, later, on other bars, larger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from grandmodel.core.checks import UserError, require, require_distinct
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.controls import capacity, surrogates
from grandmodel.evaluation.controls.label_shift import shift_labels
from grandmodel.evaluation.controls.regimes import regime_labels, regime_rows
from grandmodel.evaluation.controls.sweep import (
    COSTS,
    DELAYS,
    LATE,
    OWN,
    Cell,
    Strain,
    Sweep,
    break_even_cost_scale,
    cost_rows,
    kept_share,
    path_sharpes,
    rules_of,
    strain_of,
)
from grandmodel.evaluation.execution import JudgeRule
from grandmodel.evaluation.judge import Judge
from grandmodel.evaluation.metrics import Measured, measure
from grandmodel.evaluation.track import Market, Track
from grandmodel.features.build import build_tape
from grandmodel.features.evidence import without_synergies
from grandmodel.features.tape import Tape
from grandmodel.market.late import late_prices
from grandmodel.wiring.extend import with_own_columns
from grandmodel.wiring.market import Stage
from grandmodel.wiring.occasion import Occasion, Subject
from grandmodel.wiring.schema import TrainConfig

SWEEP_OPTIONS: dict[str, object] = {"costs": list(COSTS), "delay_bars": list(DELAYS)}
LATE_MINUTES = (1, 5)
MOST_DELAY = 100
LATE_FILL = "next_open+1m"


def sweep_of(options: Mapping[str, object]) -> Sweep:
    """Return the grid that the keys `costs` and `delay_bars` ask for.

    Raises:
        UserError: a value that is no factor or no number of decisions, or one given twice.
    """
    costs = _numbers("costs", options["costs"], "factors on all costs, such as costs=[0,1,2]")
    delays = _numbers("delay_bars", options["delay_bars"], "decisions, such as delay_bars=[0,1]")
    for value in costs:
        require(0.0 <= value < np.inf, f"costs must hold numbers of at least 0, was {value:g}")
    for value in delays:
        whole = 0.0 <= value <= MOST_DELAY and value == int(value)
        rule = f"delay_bars must hold whole numbers from 0 to {MOST_DELAY}, was {value:g}"
        require(whole, rule)
    return Sweep(tuple(costs), tuple(int(value) for value in delays))


def _numbers(key: str, given: object, what: str) -> list[float]:
    """Return a list of numbers, one of them standing for a list of its own."""
    values = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    sound = [isinstance(value, int | float) and not isinstance(value, bool) for value in values]
    if not values or not all(sound):
        raise UserError(f"{key} must be a list of {what}, was {given}")
    found = [float(value) for value in values]  # pyright: ignore[reportArgumentType]
    require_distinct(key, found)
    return found


@dataclass(frozen=True)
class Rerun:
    """Judges the same team again on other copies of the account, prices or settings.

    Attributes:
        config: settings of the judgement.
        stage: the bars.
        subject: the team.
        occasion: where it is judged.
    """

    config: TrainConfig
    stage: Stage
    subject: Subject
    occasion: Occasion

    def __call__(
        self, cells: Sequence[Cell], env: EnvConfig | None = None, tape: Tape | None = None
    ) -> list[Track]:
        """Return the account at each cell, on another tape or under other settings if given."""
        tape = self.stage.tape if tape is None else tape
        own = JudgeRule(self.config.agent.execute, self.subject.gate)
        judge = Judge(
            tape,
            self.occasion.segments,
            self.config.env if env is None else env,
            rules_of(own, tuple(cells)),
            sd_floor=self.subject.sd_floor,
            block=self.config.evaluation.block,
        )
        judgement, market = judge(self.subject.team), Market.of(tape)
        return [judgement.track(row, market) for row in range(len(cells))]


@dataclass(frozen=True)
class Controls:
    """What was found: `controls` of ``metrics.json``, and what the verdict asks."""

    record: dict[str, Any]
    strain: Strain


def find_controls(rerun: Rerun, own: Measured, tell: Callable[[Track], Measured]) -> Controls:
    """Run every control of a judgement.

    Args:
        rerun: judges the team again.
        own: what it did.
        tell: from an account to its figures.
    """
    stage, occasion = rerun.stage, rerun.occasion
    cells = occasion.sweep.cells()
    judged = {OWN: own} | {
        cell: tell(track) for cell, track in zip(cells, rerun(cells), strict=True)
    }
    record = {
        "costs": cost_rows(judged),
        "break_even_cost_scale": break_even_cost_scale(own),
        "delay": _delay_rows(rerun, own, judged[LATE], tell),
        "regimes": regime_rows(regime_labels(stage.tape, own.track.paths), own),
        "phase_randomised": None if occasion.kind == "train" else _randomised(rerun),
        "label_shift": _shifted(rerun, own),
        **_capacity(stage.tape, own),
    }
    return Controls(record, strain_of(judged))


def _delay_rows(
    rerun: Rerun, own: Measured, late: Measured, tell: Callable[[Track], Measured]
) -> list[dict[str, Any]]:
    """Return what later fills and a later decision leave: `controls.delay`."""
    rows = []
    for minutes in LATE_MINUTES:
        name = "1 minute" if minutes == 1 else f"{minutes} minutes"
        reason = _why_not_late(rerun, minutes)
        if minutes == rerun.stage.tape.minutes:
            rows.append(_delay_row(name, late, own))
        elif reason is not None:
            rows.append({"name": name, "sharpe": None, "kept": None, "reason": reason})
        else:
            env = replace(rerun.config.env, fill=LATE_FILL)
            (track,) = rerun([OWN], env, _late_tape(rerun.stage, minutes))
            rows.append(_delay_row(name, tell(track), own))
    return [*rows, _delay_row("1 decision", late, own)]


def _delay_row(name: str, found: Measured, own: Measured) -> dict[str, Any]:
    kept = kept_share(found, own)
    return {"name": name, "sharpe": found.scalars["sharpe"], "kept": kept, "reason": None}


def _why_not_late(rerun: Rerun, minutes: int) -> str | None:
    """Return why fills some minutes after the open cannot be judged, None where they can."""
    if rerun.config.env.fill == LATE_FILL:
        return f"orders of this run are filled late already (env.fill={LATE_FILL})"
    if minutes > rerun.stage.tape.minutes:
        return f"a decision lasts {rerun.stage.tape.minutes} minutes"
    if all(late_prices(path, minutes) is not None for path in rerun.stage.dataset.paths):
        return None
    path = rerun.stage.dataset.paths[0]
    finest = path.bars.minutes if path.finest is None else path.finest.minutes
    return f"needs bars whose length divides {minutes} min; the finest here last {finest} min"


def _late_tape(stage: Stage, minutes: int) -> Tape:
    """Return the tape with the prices that an order meets some minutes after the open."""
    found = [late_prices(path, minutes) for path in stage.dataset.paths]
    joined = {
        f"late_{name}": torch.from_numpy(
            np.concatenate([getattr(prices, name) for prices in found])
        ).to(stage.tape.close.device)
        for name in ("open", "high", "low")
    }
    return replace(stage.tape, **joined)


def _shifted(rerun: Rerun, own: Measured) -> dict[str, Any] | None:
    settings = rerun.config.evaluation
    if settings.label_shifts == 0:
        return None
    found = shift_labels(
        rerun.stage.tape,
        rerun.occasion.segments,
        rerun.config.env,
        own.track,
        draws=settings.label_shifts,
        seed=settings.seed,
        sd_floor=rerun.subject.sd_floor,
    )
    return None if found is None else found.record()


def _capacity(tape: Tape, own: Measured) -> dict[str, Any]:
    reason = capacity.why_unknown(tape)
    if reason is not None:
        return {"capacity": None, "capacity_reason": reason}
    price = tape.open.cpu().numpy()[own.track.bar + 1]
    liquidity, multiplier = capacity.liquidity_of(tape), float(tape.instrument.multiplier)
    return {"capacity": capacity.capacity_rows(own, liquidity, price, multiplier)}


def _randomised(rerun: Rerun) -> dict[str, Any] | None:
    """Judge the team on bars whose returns have random phases; None: no draws are asked for."""
    config, stage = rerun.config, rerun.stage
    draws = config.evaluation.surrogates
    if draws == 0:
        return None
    stretch = surrogates.stretch_of(stage.tape, rerun.occasion.segments)
    dataset = surrogates.surrogate_dataset(stage.dataset, stretch, draws, config.evaluation.seed)
    given = {k: v for k, v in dataset.extra.items() if k not in config.features.own}
    dataset = with_own_columns(replace(dataset, extra=given), config.features)
    tape = build_tape(dataset, config.features)
    tape = tape if stage.synergies_seen else without_synergies(tape)
    tape = tape.to(stage.tape.close.device)
    segments = surrogates.judged_segments(tape, stretch)
    there = replace(
        rerun,
        stage=replace(stage, tape=tape),
        occasion=replace(rerun.occasion, segments=tuple(segments)),
    )
    (track,) = there([OWN])
    told = measure(track, Market.of(tape), stage.sessions_per_year)
    return surrogates.surrogate_record(path_sharpes(told))
