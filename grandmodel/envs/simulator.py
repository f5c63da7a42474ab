"""The account: cash, position and their history; only `step` changes its state.

Source: `docs/definitions.md`, "The account", "Orders and sizes" and "Forced liquidation".
"""

from dataclasses import fields, replace

import torch
from torch import Tensor

from grandmodel.envs.action import notional_quantity
from grandmodel.envs.fills import Wanted, bar_met, close_inside, enter, taking_cost
from grandmodel.envs.margin import liquidate, margin_call, refusals
from grandmodel.envs.orders import Ended
from grandmodel.envs.peak import Peak
from grandmodel.envs.state import AccountState, AccountTerms, Fill, Legs, Turned
from grandmodel.envs.table import StepRows, StepTable


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
        self._nothing = torch.zeros(n_envs, dtype=torch.int8, device=device)
        never = torch.full_like(zero, torch.inf)
        self._fresh = AccountState(full, zero, zero, full, full, zero, none, none, -never, never)
        self.state = self._fresh
        peak.push(full)

    def step(self, bar: Tensor, rows: StepRows, wanted: Wanted, cost_scale: float | Tensor) -> Fill:
        """Fill orders over the next bar, mark at its close.

        Args:
            bar: tape rows of the decisions, int64 [env].
            rows: what the table holds for them.
            wanted: orders after the hard limits.
            cost_scale: factor on all costs, one or float64 [env].
        """
        old = self.state
        session_equity = torch.where(rows.new_session, old.equity, old.session_equity)
        if self.table.execution.plain:
            return self._trade_at_open(bar, rows, wanted.target, session_equity, cost_scale)
        return self._trade(bar, rows, wanted, session_equity, cost_scale)

    def _trade_at_open(
        self,
        bar: Tensor,
        rows: StepRows,
        target: Tensor,
        session_equity: Tensor,
        cost_scale: float | Tensor,
    ) -> Fill:
        """Market orders alone: what `_trade` does where nothing else is in use, and faster."""
        old = self.state
        unit = self._unit_quantity(bar, rows.open, session_equity)
        target, refused = refusals(old, rows, target, unit, self.terms)
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
            stop=old.stop,
            take_profit=old.take_profit,
        )
        outcome = (changed & (target != 0)).view(torch.int8)  # Outcome.FILLED is 1
        ended, liquidated = self._nothing, margin_call(held, rows, self.terms)
        # One bar in a million comes here; on a GPU the test itself would cost a wait.
        if liquidated.device.type != "cpu" or bool(liquidated.any()):
            per_unit = self.table.forced_cost_at(bar)
            held, forced_cost = liquidate(held, rows, liquidated, per_unit, self.terms, cost_scale)
            full_cost = full_cost + forced_cost
            ended = liquidated.to(torch.int8) * int(Ended.LIQUIDATED)
        cost = full_cost * cost_scale
        self.state = self._marked(held, rows)
        pnl_gross = self.state.equity - old.equity + cost
        outcome = outcome if refused is None else outcome + refused
        return Fill(target, quantity, pnl_gross, cost, full_cost, outcome, ended, liquidated)

    def _trade(
        self,
        bar: Tensor,
        rows: StepRows,
        wanted: Wanted,
        session_equity: Tensor,
        cost_scale: float | Tensor,
    ) -> Fill:
        """Carry, the exit leg, the entry leg, then what happens inside the bar."""
        old = self.state
        changed = wanted.target != old.position
        opened = rows.open if rows.late_open is None else rows.late_open
        carry = self._carry(rows)
        if changed.device.type == "cpu" and not bool(changed.any()):
            turned = self._kept(opened, session_equity, carry, cost_scale)
        else:
            turned = self._turned(
                bar, rows, wanted, changed, opened, session_equity, carry, cost_scale
            )
        held, ended, forced_cost = self._end(turned.held, changed, turned.rested, rows, cost_scale)
        full_cost = turned.full_cost + forced_cost
        cost = full_cost * cost_scale
        self.state = self._marked(held, rows)
        return Fill(
            executed=turned.held.position,
            quantity=turned.held.quantity,
            pnl_gross=self.state.equity - old.equity + cost,
            cost=cost,
            full_cost=full_cost,
            outcome=turned.outcome,
            ended=ended,
            liquidated=ended == Ended.LIQUIDATED,
            legs=turned.legs,
        )

    def _carry(self, rows: StepRows) -> Tensor | None:
        """Return what the positions pay for being held into the bar; None: nothing ever."""
        if rows.carry_long is None or rows.carry_short is None:
            return None
        quantity = self.state.quantity
        return quantity.abs() * torch.where(quantity > 0.0, rows.carry_long, rows.carry_short)

    def _kept(
        self, opened: Tensor, session_equity: Tensor, carry: Tensor | None, scale: float | Tensor
    ) -> Turned:
        """Return what `_turned` does where nobody sends an order, as one account mostly does."""
        old, nothing = self.state, torch.zeros_like(opened)
        cost = nothing if carry is None else carry
        held = replace(
            old,
            cash=old.cash - cost * scale,
            session_equity=session_equity,
            bars_held=(old.bars_held + 1) * old.position.abs(),
        )
        legs = Legs(opened, opened, cost * scale, nothing)
        return Turned(held, cost, self._nothing, None, legs)

    def _turned(
        self,
        bar: Tensor,
        rows: StepRows,
        wanted: Wanted,
        changed: Tensor,
        opened: Tensor,
        session_equity: Tensor,
        carry: Tensor | None,
        cost_scale: float | Tensor,
    ) -> Turned:
        """Carry, the exit leg and the entry leg."""
        old, execution = self.state, self.table.execution
        leaving = torch.where(changed, old.quantity, self._zero)
        exit_cost = taking_cost(leaving.abs(), rows.unit_cost, rows, execution)
        cash = old.cash
        if carry is not None:
            exit_cost, cash = exit_cost + carry, cash - carry * cost_scale

        def unit_of(value: Tensor) -> Tensor:
            return self._unit_quantity(bar, value, session_equity)

        entry = enter(old, cash, opened, rows, wanted, unit_of, self.terms, execution)
        bought = wanted.target * entry.units
        entered = entry.units > 0.0
        full_cost = exit_cost + entry.cost
        position = torch.where(changed, wanted.target * entered, old.position)
        held = AccountState(
            cash=old.cash + (leaving * opened - bought * entry.value) - full_cost * cost_scale,
            quantity=torch.where(changed, bought, old.quantity),
            entry_value=torch.where(entered, entry.value, old.entry_value),
            session_equity=session_equity,
            equity=old.equity,
            drawdown=old.drawdown,
            position=position,
            bars_held=(old.bars_held * ~changed + 1) * position.abs(),
            stop=self._bracket(entered, wanted.stop, old.stop, -torch.inf),
            take_profit=self._bracket(entered, wanted.take_profit, old.take_profit, torch.inf),
        )
        legs = Legs(opened, entry.value, exit_cost * cost_scale, entry.cost)
        return Turned(held, full_cost, entry.outcome, entry.rested, legs)

    def _end(
        self,
        held: AccountState,
        changed: Tensor,
        rested: Tensor | None,
        rows: StepRows,
        cost_scale: float | Tensor,
    ) -> tuple[AccountState, Tensor, Tensor]:
        """Close what ends inside the bar; return the state, Ended and the cost at scale 1."""
        execution = self.table.execution
        looks = held.cash.device.type == "cpu"  # on a GPU a look would cost a wait
        if looks and not bool(held.quantity.any()):
            return held, self._nothing, self._zero
        met = bar_met(changed, rows, execution)
        if looks and not execution.brackets and not bool(margin_call(held, met, self.terms).any()):
            return held, self._nothing, self._zero
        end = close_inside(held, rested, met, rows, self.terms, execution)
        if end is None:
            return held, self._nothing, self._zero
        over = end.code != Ended.NONE
        proceeds = torch.where(over, held.quantity * end.value, self._zero)
        closed = replace(
            held,
            cash=held.cash + proceeds - end.cost * cost_scale,
            quantity=held.quantity.masked_fill(over, 0.0),
            position=held.position.masked_fill(over, 0),
            bars_held=held.bars_held.masked_fill(over, 0),
        )
        return closed, end.code, end.cost

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
            stop=held.stop,
            take_profit=held.take_profit,
        )

    def _unit_quantity(self, bar: Tensor, value: Tensor, session_equity: Tensor) -> Tensor:
        if self.terms.contracts is not None:
            return torch.full_like(value, self.terms.contracts)
        exposure = self.table.exposure_at(bar)
        return notional_quantity(session_equity, exposure, value)

    def _bracket(self, entered: Tensor, given: Tensor | None, old: Tensor, none: float) -> Tensor:
        """Return the stops or targets: of new positions those given, of others the old ones."""
        if not self.table.execution.brackets:
            return old
        return old.masked_fill(entered, none) if given is None else torch.where(entered, given, old)

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
            stop=state.stop,
            take_profit=state.take_profit,
        )
        self.peak.restart(where, self.terms.capital)

    def state_dict(self) -> dict[str, Tensor]:
        """Return all state, tensors only."""
        own = {item.name: getattr(self.state, item.name).clone() for item in fields(AccountState)}
        return own | {f"peak.{key}": value for key, value in self.peak.state_dict().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`; a state of before there were stops has none."""
        device = self._fresh.cash.device
        without = {"stop": self._fresh.stop, "take_profit": self._fresh.take_profit}
        kept = without | {
            item.name: state[item.name] for item in fields(AccountState) if item.name in state
        }
        self.state = AccountState(**{name: kept[name].to(device).clone() for name in kept})
        self.peak.load_state_dict(
            {key[5:]: value for key, value in state.items() if key.startswith("peak.")}
        )
