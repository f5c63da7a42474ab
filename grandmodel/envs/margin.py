"""Margins of accounts that send market orders alone: refused entries and forced liquidation.

Source: `docs/definitions.md`, "Orders and sizes" and "Forced liquidation".
"""

from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from grandmodel.envs.orders import Outcome
from grandmodel.envs.state import AccountState, AccountTerms
from grandmodel.envs.table import StepRows


class Range(Protocol):
    """What a position meets over a bar, values of a unit."""

    @property
    def high(self) -> Tensor: ...  # noqa: D102

    @property
    def low(self) -> Tensor: ...  # noqa: D102


def refusals(
    old: AccountState, rows: StepRows, target: Tensor, unit: Tensor, terms: AccountTerms
) -> tuple[Tensor, Tensor | None]:
    """Return the targets that are filled, and why others are not: Outcome, int8 [env].

    Args:
        old: the accounts at the close before.
        rows: the bar.
        target: after the hard limits, int64 [env].
        unit: units of a position of 1, float64 [env].
        terms: margins; a fixed number of contracts is refused where its margin exceeds equity.
    """
    refused = None
    if rows.no_fill is not None:
        closed = rows.no_fill & (target != old.position)
        refused = (closed & (target != 0)) * int(Outcome.CLOSED)
        target = target.masked_fill(closed, 0)
    if terms.contracts is not None:
        equity = old.cash + old.quantity * rows.open
        margin = unit * rows.open * terms.initial_margin
        dear = (target != old.position) & (margin > equity)
        beyond = (dear & (target != 0)) * int(Outcome.MARGIN)
        refused = beyond if refused is None else refused + beyond
        target = target.masked_fill(dear, 0)
    return target, None if refused is None else refused.to(torch.int8)


def margin_call(held: AccountState, bar: Range, terms: AccountTerms) -> Tensor:
    """Return where equity at the bar's adverse extreme is below the margin, bool [env]."""
    extreme = torch.where(held.quantity > 0.0, bar.low, bar.high)
    value = held.quantity * extreme
    short_of = held.cash + value < value.abs() * terms.maintenance_margin
    return short_of & (value != 0.0)


def liquidate(
    held: AccountState,
    rows: StepRows,
    liquidated: Tensor,
    per_unit: Tensor,
    terms: AccountTerms,
    cost_scale: float | Tensor,
) -> tuple[AccountState, Tensor]:
    """Close what the margin no longer carries; return the state and the cost at scale 1.

    Args:
        held: the accounts after the fills at the open.
        rows: the bar.
        liquidated: where, bool [env].
        per_unit: cost of a forced fill, float64 [env].
        terms: margins.
        cost_scale: factor on all costs, one or float64 [env].
    """
    long = held.quantity > 0.0
    # The value of a unit at which cash + value = margin x |value|.
    share = 1.0 - terms.maintenance_margin * held.quantity.sign()
    trigger = -held.cash / (held.quantity * share)
    worse = torch.where(long, trigger.minimum(rows.open), trigger.maximum(rows.open))
    sold = torch.where(liquidated, held.quantity, 0.0)
    proceeds = torch.where(liquidated, sold * worse, 0.0)
    forced_cost = sold.abs() * per_unit
    closed = replace(
        held,
        cash=held.cash + proceeds - forced_cost * cost_scale,
        quantity=held.quantity - sold,
        position=held.position.masked_fill(liquidated, 0),
        bars_held=held.bars_held.masked_fill(liquidated, 0),
    )
    return closed, forced_cost
