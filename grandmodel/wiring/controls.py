"""The controls of a judgement: the same team at other costs, later, on other bars, larger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grandmodel.core.checks import UserError, require, require_distinct
from grandmodel.evaluation.accounts.track import Track
from grandmodel.evaluation.controls import capacity
from grandmodel.evaluation.controls.label_shift import shift_labels
from grandmodel.evaluation.controls.regimes import regime_labels, regime_rows
from grandmodel.evaluation.controls.sweep import (
    COSTS,
    DEAR,
    DELAYS,
    LATE,
    OWN,
    Strain,
    Sweep,
    break_even_cost_scale,
    cost_rows,
    kept_share,
    strain_of,
)
from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.outputs import DEAR_COLUMN, LATE_COLUMN
from grandmodel.features.tape import Tape
from grandmodel.wiring.rerun import Rerun

SWEEP_OPTIONS: dict[str, object] = {"costs": list(COSTS), "delay_bars": list(DELAYS)}
LATE_MINUTES = (1, 5)
MOST_DELAY = 100


def sweep_of(options: Mapping[str, object]) -> Sweep:
    """Return the grid that the keys `costs` and `delay_bars` ask for.

    Raises:
        UserError: a value that is no factor or no number of decisions, or one given twice.
    """
    costs = _numbers("costs", options["costs"], "factors on all costs, such as costs=[0,1,2]")
    delays = _numbers("delay_bars", options["delay_bars"], "decisions, such as delay_bars=[0,1]")
    for value in costs:
        rule = f"costs must hold factors of at least 0, was {value:g}: give such as costs=[0,1,2]"
        require(0.0 <= value < np.inf, rule)
    for value in delays:
        whole = 0.0 <= value <= MOST_DELAY and value == int(value)
        rule = (
            f"delay_bars must hold whole numbers from 0 to {MOST_DELAY}, was {value:g}: give "
            "decisions such as delay_bars=[0,1]"
        )
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
class Controls:
    """What was found: `controls` of ``metrics.json``, and what the verdict asks."""

    record: dict[str, Any]
    strain: Strain
    strained: Mapping[str, Measured]  # late and dear accounts, by column of sessions.parquet


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
        "phase_randomised": None if occasion.kind == "train" else rerun.randomised(),
        "label_shift": _shifted(rerun, own),
        **_capacity(stage.tape, own),
    }
    strained = {LATE_COLUMN: judged[LATE], DEAR_COLUMN: judged[DEAR]}
    return Controls(record, strain_of(judged), strained)


def _delay_rows(
    rerun: Rerun, own: Measured, late: Measured, tell: Callable[[Track], Measured]
) -> list[dict[str, Any]]:
    """Return what later fills and a later decision leave: `controls.delay`."""
    rows = []
    for minutes in LATE_MINUTES:
        name = "1 minute" if minutes == 1 else f"{minutes} minutes"
        reason = rerun.why_not_late(minutes)
        if minutes == rerun.stage.tape.minutes:
            rows.append(_delay_row(name, late, own))
        elif reason is not None:
            rows.append({"name": name, "sharpe": None, "kept": None, "reason": reason})
        else:
            (track,) = rerun([OWN], late=minutes)
            rows.append(_delay_row(name, tell(track), own))
    return [*rows, _delay_row("1 decision", late, own)]


def _delay_row(name: str, found: Measured, own: Measured) -> dict[str, Any]:
    kept = kept_share(found, own)
    return {"name": name, "sharpe": found.scalars["sharpe"], "kept": kept, "reason": None}


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
