"""The account: cash, position and their history; only `step` changes its state.

Source: `docs/definitions.md`, "The account", "Orders and sizes" and "Forced liquidation".
"""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from grandmodel.envs.action import notional_quantity
from grandmodel.envs.peak import Peak
from grandmodel.envs.table import StepRows, StepTable


@dataclass(frozen=True)
class AccountTerms:
    """What stays the same over the life of an account."""

    capital: float
    initial_margin: float
    maintenance_margin: float
    contracts: float | None = None  # size=contracts; None: sized by money


@dataclass(frozen=True)
class AccountState:
    """Where each account stands at a close: equity = cash + quantity x value of a unit.

    The value of a unit is price x multiplier. The tensors are never changed in place, so a
    state may be kept.
    """

    cash: Tensor  # float64 [env]
    quantity: Tensor  # float64 [env], signed
    entry_value: Tensor  # float64 [env], of a unit at the position's fill; any while flat
    session_equity: Tensor  # float64 [env], at the start of the session
    equity: Tensor  # float64 [env]
    drawdown: Tensor  # float64 [env], 1 - equity / its peak
    position: Tensor  # int64 [env]: -1, 0, 1
    bars_held: Tensor  # int64 [env]: bars over which the position was held, 0 while flat


@dataclass(frozen=True)
class Fill:
    """What happened in one step, per environment."""

    executed: Tensor  # int64 [env]: position over the bar, before a liquidation in it
    quantity: Tensor  # float64 [env]: its signed units
    pnl_gross: Tensor  # float64 [env]
    cost: Tensor  # float64 [env], after the scale
    full_cost: Tensor  # float64 [env], at scale 1
    liquidated: Tensor  # bool [env]


class Account:
    """The accounts of all environments.

    Args:
        terms: money and margins.
        table: prices and costs of the steps.
        n_envs: number of environments.
        peak: how the highest equity is remembered.
        device: where the tensors live.
    """

    def __init__(
        self,
        terms: AccountTerms,
        table: StepTable,
        n_envs: int,
        peak: Peak,
        device: str | torch.device = "cpu",
    ) -> None:
        self.terms = terms
        self.table = table
        self.peak = peak
        zero = torch.zeros(n_envs, dtype=torch.float64, device=device)
        none = torch.zeros(n_envs, dtype=torch.int64, device=device)
        full = torch.full_like(zero, terms.capital)
        self._zero, self._capital = zero[0], full[0]
        self._fresh = AccountState(full, zero, zero, full, full, zero, none, none)
        self.state = self._fresh
        peak.push(full)

    def step(self, bar: Tensor, rows: StepRows, target: Tensor, cost_scale: float) -> Fill:
        """Fill `target` at the next open, hold over the bar, mark at its close.

        Args:
            bar: tape rows of the decisions, int64 [env].
            rows: what the table holds for them.
            target: position after the hard limits, int64 [env].
            cost_scale: factor on all costs.
        """
        old = self.state
        session_equity = torch.where(rows.new_session, old.equity, old.session_equity)
        unit = self._unit_quantity(bar, rows, session_equity)
        if rows.no_fill is not None:
            target = target.masked_fill(rows.no_fill & (target != old.position), 0)
        if self.terms.contracts is not None:
            target = self._affordable(rows, target, unit)
        changed = target != old.position
        quantity = torch.where(changed, target * unit, old.quantity)
        traded = quantity - old.quantity
        full_cost = traded.abs() * rows.unit_cost
        held = AccountState(
            cash=old.cash - (traded * rows.open + full_cost * cost_scale),
            quantity=quantity,
            entry_value=torch.where(changed, rows.open, old.entry_value),
            session_equity=session_equity,
            equity=old.equity,
            drawdown=old.drawdown,
            position=target,
            # One bar longer, from 0 after a change, and 0 while flat.
            bars_held=(old.bars_held * ~changed + 1) * target.abs(),
        )
        liquidated = self._margin_call(held, rows)
        # One bar in a million comes here; on a GPU the test itself would cost a wait.
        if liquidated.device.type != "cpu" or bool(liquidated.any()):
            held, forced_cost = self._liquidate(held, bar, rows, liquidated, cost_scale)
            full_cost = full_cost + forced_cost
        cost = full_cost * cost_scale
        self.state = self._marked(held, rows)
        pnl_gross = self.state.equity - old.equity + cost
        return Fill(target, quantity, pnl_gross, cost, full_cost, liquidated)

    def _marked(self, held: AccountState, rows: StepRows) -> AccountState:
        """Return the state with equity and drawdown of the new close."""
        equity = held.cash + held.quantity * rows.close
        return AccountState(
            cash=held.cash,
            quantity=held.quantity,
            entry_value=held.entry_value,
            session_equity=held.session_equity,
            equity=equity,
            drawdown=1.0 - equity / self.peak.push(equity),
            position=held.position,
            bars_held=held.bars_held,
        )

    def _unit_quantity(self, bar: Tensor, rows: StepRows, session_equity: Tensor) -> Tensor:
        if self.terms.contracts is not None:
            return torch.full_like(rows.open, self.terms.contracts)
        exposure = self.table.exposure_at(bar)
        return notional_quantity(session_equity, exposure, rows.open)

    def _affordable(self, rows: StepRows, target: Tensor, unit: Tensor) -> Tensor:
        """Refuse entries whose initial margin exceeds the equity at the fill."""
        equity = self.state.cash + self.state.quantity * rows.open
        margin = unit * rows.open * self.terms.initial_margin
        refused = (target != self.state.position) & (margin > equity)
        return target.masked_fill(refused, 0)

    def _margin_call(self, held: AccountState, rows: StepRows) -> Tensor:
        """Return where equity at the bar's adverse extreme is below the margin, bool [env]."""
        extreme = torch.where(held.quantity > 0.0, rows.low, rows.high)
        value = held.quantity * extreme
        short_of = held.cash + value < value.abs() * self.terms.maintenance_margin
        return short_of & (value != 0.0)

    def _liquidate(
        self,
        held: AccountState,
        bar: Tensor,
        rows: StepRows,
        liquidated: Tensor,
        cost_scale: float,
    ) -> tuple[AccountState, Tensor]:
        """Close what the margin no longer carries; return the state and the cost at scale 1."""
        long = held.quantity > 0.0
        # The value of a unit at which cash + value = margin x |value|.
        share = 1.0 - self.terms.maintenance_margin * held.quantity.sign()
        trigger = -held.cash / (held.quantity * share)
        worse = torch.where(long, trigger.minimum(rows.open), trigger.maximum(rows.open))
        sold = torch.where(liquidated, held.quantity, 0.0)
        proceeds = torch.where(liquidated, sold * worse, 0.0)
        forced_cost = sold.abs() * self.table.forced_cost_at(bar)
        cash = held.cash + proceeds - forced_cost * cost_scale
        closed = replace(
            held,
            cash=cash,
            quantity=held.quantity - sold,
            position=held.position.masked_fill(liquidated, 0),
            bars_held=held.bars_held.masked_fill(liquidated, 0),
        )
        return closed, forced_cost

    def restart(self, where: Tensor) -> None:
        """Begin anew with the capital, flat, where `where` holds, bool [env]."""
        state, capital, zero = self.state, self._capital, self._zero
        keep = ~where
        self.state = AccountState(
            cash=torch.where(where, capital, state.cash),
            quantity=torch.where(where, zero, state.quantity),
            entry_value=state.entry_value,
            session_equity=torch.where(where, capital, state.session_equity),
            equity=torch.where(where, capital, state.equity),
            drawdown=torch.where(where, zero, state.drawdown),
            position=state.position * keep,
            bars_held=state.bars_held * keep,
        )
        self.peak.restart(where, self.terms.capital)

    def state_dict(self) -> dict[str, Tensor]:
        """Return all state, tensors only."""
        own = {item.name: getattr(self.state, item.name).clone() for item in fields(AccountState)}
        return own | {f"peak.{key}": value for key, value in self.peak.state_dict().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`."""
        device = self._fresh.cash.device
        names = [item.name for item in fields(AccountState)]
        self.state = AccountState(**{name: state[name].to(device).clone() for name in names})
        self.peak.load_state_dict(
            {key[5:]: value for key, value in state.items() if key.startswith("peak.")}
        )
