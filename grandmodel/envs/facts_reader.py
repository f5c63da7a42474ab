"""From the account before and after a step to the facts that rewards are made of.

Source: `docs/definitions.md`, "Rewards".
"""

import torch
from torch import Tensor

from grandmodel.core.checks import require
from grandmodel.envs.orders import Outcome
from grandmodel.envs.state import AccountState, Fill
from grandmodel.envs.step_facts import SMALLEST_EQUITY, StepFacts, TradeFacts
from grandmodel.envs.table import StepRows, StepTable
from grandmodel.features.tape import Tape

UNSTOPPED_ATR = 2.0  # distance at which a position without a stop is counted as lost


class FactsReader:
    """Reads what a reward needs off each step, and no more.

    Args:
        tape: the bars.
        table: what steps are made of.
        needs: columns to read, and the setting that asks for each.
        trades: whether :class:`TradeFacts` are read too.
        contracts: units of a position of 1; None: they are counted in money.
        sd_floor: the ATR(14) counts as at least this share of the price.

    Raises:
        UserError: the tape lacks a column.
    """

    def __init__(
        self,
        tape: Tape,
        table: StepTable,
        needs: dict[str, str],
        *,
        trades: bool,
        contracts: float | None,
        sd_floor: float,
    ) -> None:
        self._first, self._exposure_at = table.first, table.exposure_at
        self._signals = _signals(tape, needs, (table.first, table.last))
        self._trades, self._contracts, self._floor = trades, contracts, sd_floor
        self._tape = tape

    def __call__(
        self,
        before: AccountState,
        after: AccountState,
        fill: Fill,
        rows: StepRows,
        bar: Tensor,
        next_bar: Tensor,
        cost_scale: float | Tensor,
    ) -> StepFacts:
        """Return the facts of the step from tape rows `bar` to `next_bar`, int64 [env] each."""
        change = after.equity - before.equity
        first = self._first
        unscaled = isinstance(cost_scale, float) and cost_scale == 1.0
        return StepFacts(
            pnl=change,
            full_cost_pnl=change if unscaled else fill.pnl_gross - fill.full_cost,
            equity_before=before.equity,
            trailing_sd=rows.trailing_sd,
            position_before=before.position,
            position=fill.executed,
            drawdown_before=before.drawdown,
            drawdown=after.drawdown,
            signals={name: values[bar - first] for name, values in self._signals},
            next_signals={name: values[next_bar - first] for name, values in self._signals},
            trade=self._trade(before, after, fill, rows, bar, cost_scale) if self._trades else None,
        )

    def _trade(
        self,
        before: AccountState,
        after: AccountState,
        fill: Fill,
        rows: StepRows,
        bar: Tensor,
        cost_scale: float | Tensor,
    ) -> TradeFacts:
        multiplier = self._tape.instrument.multiplier
        close, atr14 = self._tape.close[bar], self._tape.atr14[bar]
        range_share = (atr14 / close).clamp_min(self._floor)
        close = close * multiplier
        unit = range_share * self._unit_money(after, bar, close)
        quantity = fill.quantity
        cost = fill.legs.entry_cost if fill.legs is not None else quantity.abs() * rows.unit_cost
        expected = quantity.abs() * rows.unit_cost
        paid = quantity * (after.entry_value - close) + cost
        lost = (fill.executed * after.entry_value - after.stop).clamp_min(0.0)
        lost = torch.where(lost < torch.inf, lost, UNSTOPPED_ATR * range_share * close)
        return TradeFacts(
            change=(after.equity - before.equity) / unit,
            entered=(fill.outcome >= Outcome.FILLED) & (fill.outcome <= Outcome.RESTED),
            entry_cost=cost * cost_scale / unit,
            shortfall=torch.where(expected > 0.0, paid / expected, 1.0),
            risk=quantity.abs() * lost / before.equity.clamp_min(SMALLEST_EQUITY),
        )

    def _unit_money(self, after: AccountState, bar: Tensor, close: Tensor) -> Tensor:
        """Return what a position of 1 is worth at the close of the decision, float64 [env]."""
        if self._contracts is not None:
            return self._contracts * close
        money = after.session_equity.clamp_min(SMALLEST_EQUITY)
        exposure = self._exposure_at(bar)
        return money if exposure is None else money * exposure


def _signals(tape: Tape, needs: dict[str, str], rows: tuple[int, int]) -> list[tuple[str, Tensor]]:
    """Return the columns that reward terms read, float32 [rows] each."""
    for name, asked_by in needs.items():
        require(
            name in tape.columns,
            f"{asked_by} needs the column {name}, which the tape lacks: leave the term out, or "
            "give it a column of the tape",
        )
    return [(name, tape.column(name)[rows[0] : rows[1]].contiguous()) for name in needs]
