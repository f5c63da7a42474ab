"""From orders to fills inside one bar: entries, exits, stops, targets and margin calls.

Pure functions on the accounts of all environments, for everything beyond plain market orders.
Prices are values of one unit (price x multiplier). Comparisons run in the direction of the
position (price x side), where lower is always worse. Source: `docs/definitions.md`, "Orders and
sizes", "Inside the bar".
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from grandmodel.envs.execution import Execution
from grandmodel.envs.orders import Ended, Outcome
from grandmodel.envs.state import AccountState, AccountTerms
from grandmodel.envs.table import StepRows


class Wanted(NamedTuple):
    """Orders after the hard limits, their prices as values of a unit.

    Stop and target are told in the direction of the wanted position: value x side.
    """

    target: Tensor  # int64 [env]
    size: Tensor | None = None  # float64 [env]; None: 1
    limit: Tensor | None = None  # float64 [env]; nan: market
    stop: Tensor | None = None  # float64 [env]; -inf: none
    take_profit: Tensor | None = None  # float64 [env]; inf: none


class Entry(NamedTuple):
    """The entry leg of a step, per environment."""

    value: Tensor  # float64 [env]: of a unit, at the fill
    units: Tensor  # float64 [env], unsigned, 0 where none was made
    cost: Tensor  # float64 [env], at scale 1
    outcome: Tensor  # int8 [env]
    rested: Tensor | None  # bool [env]: filled at its limit; None: nowhere


class Bar(NamedTuple):
    """The prices that a position meets over the bar."""

    open: Tensor  # float64 [env]
    high: Tensor
    low: Tensor


class Close(NamedTuple):
    """What ended positions inside the bar, per environment."""

    code: Tensor  # int8 [env]: Ended
    value: Tensor  # float64 [env]: of a unit; any where nothing ended
    cost: Tensor  # float64 [env], at scale 1


UnitOf = Callable[[Tensor], Tensor]  # value of a unit at the fill -> units of a position of 1


def impact_cost(units: Tensor, rows: StepRows, execution: Execution) -> Tensor | None:
    """Return what trading `units` adds to the cost of each: impact x share^2 x open; None: nothing.

    share = units / volume of the bar, at most 1, and 1 where nothing was traded.
    """
    if execution.impact is None or rows.volume is None:
        return None
    share = torch.where(rows.volume > 0.0, units / rows.volume, 1.0).clamp_max(1.0)
    return execution.impact * share.square() * rows.open


def taking_cost(units: Tensor, per_unit: Tensor, rows: StepRows, execution: Execution) -> Tensor:
    """Return what an order that takes liquidity costs, float64 [env].

    Args:
        units: unsigned.
        per_unit: its cost without impact.
        rows: the bar.
        execution: the parts in use.
    """
    impact = impact_cost(units, rows, execution)
    return units * (per_unit if impact is None else per_unit + impact)


def enter(
    old: AccountState,
    cash: Tensor,
    opened: Tensor,
    rows: StepRows,
    wanted: Wanted,
    unit_of: UnitOf,
    terms: AccountTerms,
    execution: Execution,
) -> Entry:
    """Return what becomes of the entry orders.

    Args:
        old: the accounts at the close before.
        cash: theirs after carry, float64 [env].
        opened: value at which market orders fill, float64 [env].
        rows: the bar.
        wanted: the orders.
        unit_of: units of a position of 1.
        terms: margins.
        execution: the parts in use.
    """
    entering = (wanted.target != old.position) & (wanted.target != 0)
    side = wanted.target.to(torch.float64)
    value, rests = opened, None
    if wanted.limit is not None and rows.half_spread is not None:
        rests = side * (wanted.limit - opened) < rows.half_spread - execution.near  # nan: market
        value = torch.where(rests, wanted.limit, opened)
    asked = unit_of(value) if wanted.size is None else unit_of(value) * wanted.size
    asked = execution.whole_lots(asked)
    outcome, units = entering.to(torch.int8), asked  # Outcome.FILLED
    if rests is not None:
        outcome = outcome.masked_fill(rests, Outcome.RESTED)
    if execution.impact is not None and rows.volume is not None:
        most = execution.volume_limit * rows.volume
        units = torch.where(asked > most, execution.whole_lots(most), asked)
        outcome = outcome.masked_fill(asked > most, Outcome.PARTIAL)
    if rests is not None:
        bar = _own_bar(rows, execution)
        beyond = side * (value - torch.where(side > 0.0, bar.low, bar.high))
        outcome = outcome.masked_fill(rests & ~execution.through(beyond), Outcome.MISSED)
    if execution.impact is not None:
        outcome = outcome.masked_fill(units <= 0.0, Outcome.BELOW_LOT)
    if terms.contracts is not None:
        margin = asked * value * terms.initial_margin
        outcome = outcome.masked_fill(margin > cash + old.quantity * opened, Outcome.MARGIN)
    if execution.impact is not None and rows.volume is not None:
        outcome = outcome.masked_fill(rows.volume <= 0.0, Outcome.NO_VOLUME)
    if execution.lot is not None or wanted.size is not None:
        outcome = outcome.masked_fill(asked <= 0.0, Outcome.BELOW_LOT)
    if rows.no_fill is not None:
        outcome = outcome.masked_fill(rows.no_fill, Outcome.CLOSED)
    outcome = outcome * entering
    units = torch.where((outcome > Outcome.NONE) & (outcome <= Outcome.RESTED), units, 0.0)
    cost = taking_cost(units, rows.unit_cost, rows, execution)
    if rests is not None and rows.maker_cost is not None:
        cost = torch.where(rests, units * rows.maker_cost, cost)
        rests = rests & (units > 0.0)
    return Entry(value, units, cost, outcome, rests)


def _own_bar(rows: StepRows, execution: Execution) -> Bar:
    """Return what an order sent for this bar meets of it."""
    if execution.late:
        assert rows.late_open is not None  # noqa: S101 - narrows the types
        assert rows.late_high is not None and rows.late_low is not None  # noqa: S101, PT018
        return Bar(rows.late_open, rows.late_high, rows.late_low)
    return Bar(rows.open, rows.high, rows.low)


def bar_met(changed: Tensor, rows: StepRows, execution: Execution) -> Bar:
    """Return the prices that positions meet: a late entry misses the first minute."""
    if not execution.late:
        return Bar(rows.open, rows.high, rows.low)
    late = _own_bar(rows, execution)
    return Bar(
        torch.where(changed, late.open, rows.open),
        torch.where(changed, late.high, rows.high),
        torch.where(changed, late.low, rows.low),
    )


def close_inside(
    held: AccountState,
    rested: Tensor | None,
    bar: Bar,
    rows: StepRows,
    terms: AccountTerms,
    execution: Execution,
) -> Close | None:
    """Return which positions end inside the bar, at what and why; None where none is seen to.

    Args:
        held: the accounts after the fills at the open and at limits.
        rested: where the position was entered at its limit in this bar; None: nowhere.
        bar: what positions meet.
        rows: costs.
        terms: margins.
        execution: the parts in use.
    """
    quantity, side = held.quantity, held.quantity.sign()
    long, any_held = quantity > 0.0, quantity != 0.0
    opened = side * bar.open
    worst = side * torch.where(long, bar.low, bar.high)
    best = side * torch.where(long, bar.high, bar.low)
    stop = torch.where(any_held, held.stop, -torch.inf)
    target = torch.where(any_held, held.take_profit, torch.inf)
    first = opened if rested is None else torch.where(rested, side * held.entry_value, opened)
    at_open = any_held if rested is None else ~rested
    # Losses: the stop, or the margin where its level is met first.
    stopped = worst <= stop
    stopped_at_open = (opened <= stop) & at_open
    lost, lost_at, called, called_at_open = stopped, stop, None, None
    short_of = _short_of_margin(held, worst, terms)
    # Margins are called in one bar in a million; on a GPU the test itself would cost a wait.
    if short_of.device.type != "cpu" or bool(short_of.any()):
        share = 1.0 - terms.maintenance_margin * side
        level = side * (-held.cash / (quantity * share))
        called = short_of & ~stopped_at_open & ~(stopped & (stop >= level))
        called_at_open = _short_of_margin(held, opened, terms)
        lost, lost_at = stopped | short_of, torch.where(called, level, stop)
    lost_at = lost_at.minimum(first)
    # Targets: at the open before anything happens in the bar, or within it unless a loss came.
    bid = opened - rows.half_spread if rows.half_spread is not None else opened
    taken_at_open = (bid >= target - execution.near) & at_open & ~stopped_at_open
    if called_at_open is not None:
        taken_at_open = taken_at_open & ~called_at_open
    taken = execution.through(best - target) & at_open & ~(lost | taken_at_open)
    if not (lost.is_cuda or bool((lost | taken | taken_at_open).any())):
        return None
    code = stopped.to(torch.int8)  # Ended.STOP
    if called is not None:
        code = code.masked_fill(called, Ended.LIQUIDATED)
    code = code.masked_fill(taken | taken_at_open, Ended.TARGET)
    at = torch.where(taken, target, torch.where(taken_at_open, opened, lost_at))
    assert rows.forced_cost is not None  # noqa: S101 - narrows the type
    taker = torch.where(taken_at_open, rows.unit_cost, rows.forced_cost)
    cost = taking_cost(quantity.abs(), taker, rows, execution)
    if rows.maker_cost is not None:
        cost = torch.where(taken, quantity.abs() * rows.maker_cost, cost)
    return Close(code, side * at, cost * (code != Ended.NONE))


def _short_of_margin(held: AccountState, price: Tensor, terms: AccountTerms) -> Tensor:
    """Return where equity at a price (in the position's direction) is below the margin."""
    value = held.quantity.abs() * price
    return (held.cash + value < value.abs() * terms.maintenance_margin) & (value != 0.0)
