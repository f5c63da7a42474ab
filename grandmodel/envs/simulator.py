"""The account: cash, position and their history; only `step` changes its state.

Source: `docs/definitions.md`, "The account", "Orders and sizes" and "Forced liquidation".
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from grandmodel.envs.action import notional_quantity
from grandmodel.envs.peak import Peak
from grandmodel.envs.table import StepRows

CASH, QUANTITY, ENTRY, SESSION, EQUITY, DRAWDOWN = range(6)
POSITION, HELD = range(2)


@dataclass(frozen=True)
class Terms:
    """What stays the same over the life of an account."""

    capital: float
    multiplier: float
    initial_margin: float
    maintenance_margin: float
    contracts: float | None  # size=contracts; None: sized by money
    sized_by_volatility: bool


@dataclass(frozen=True)
class Fill:
    """What happened in one step, per environment."""

    executed: Tensor  # int64 [env]: position over the bar, before a liquidation in it
    pnl_gross: Tensor  # float64 [env]
    cost: Tensor  # float64 [env], after the scale
    full_cost: Tensor  # float64 [env], at scale 1
    liquidated: Tensor  # bool [env]


class Account:
    """Accounts of all environments as tensors; equity = cash + quantity x price x multiplier.

    Args:
        terms: money and margins.
        n_envs: number of environments.
        peak: how the highest equity is remembered.
        device: where the tensors live.
    """

    def __init__(
        self, terms: Terms, n_envs: int, peak: Peak, device: str | torch.device = "cpu"
    ) -> None:
        self.terms = terms
        self.money = torch.zeros(6, n_envs, dtype=torch.float64, device=device)
        self.counts = torch.zeros(2, n_envs, dtype=torch.int64, device=device)
        self._fresh = torch.zeros(6, 1, dtype=torch.float64, device=device)
        self._fresh[[CASH, SESSION, EQUITY]] = terms.capital
        self.peak = peak
        self.money.copy_(self._fresh.expand_as(self.money))
        self.peak.push(self.equity)

    @property
    def equity(self) -> Tensor:
        """Equity at the last close, float64 [env]."""
        return self.money[EQUITY]

    @property
    def position(self) -> Tensor:
        """-1, 0 or 1, int64 [env]."""
        return self.counts[POSITION]

    @property
    def bars_held(self) -> Tensor:
        """Bars over which the present position was held, int64 [env]."""
        return self.counts[HELD]

    def step(self, rows: StepRows, target: Tensor, cost_scale: float) -> Fill:
        """Fill `target` at the next open, hold over the bar, mark at its close.

        Args:
            rows: the step's prices and costs.
            target: position after the hard limits, int64 [env].
            cost_scale: factor on all costs.
        """
        cash, quantity, entry, session_equity, equity, drawdown = self.money
        torch.where(rows.new_session, equity, session_equity, out=session_equity)
        unit = self._unit_quantity(rows)
        if self.terms.contracts is not None:
            target = self._affordable(rows, target, unit)
        changed = target != self.position
        new_quantity = torch.where(changed, target * unit, quantity)
        traded = new_quantity - quantity
        full_cost = traded.abs() * rows.unit_cost
        cost = full_cost * cost_scale
        cash.addcmul_(traded, rows.open, value=-self.terms.multiplier).sub_(cost)
        quantity.copy_(new_quantity)
        torch.where(changed, rows.open, entry, out=entry)
        self.bars_held.masked_fill_(changed, 0).add_(1).mul_(target.abs())
        self.position.copy_(target)
        liquidated, forced_cost = self._liquidate(rows, cost_scale)
        full_cost, cost = full_cost + forced_cost, cost + forced_cost * cost_scale
        before = equity.clone()
        torch.addcmul(cash, quantity, rows.close, value=self.terms.multiplier, out=equity)
        highest = self.peak.push(equity)
        torch.sub(1.0, equity / highest, out=drawdown)
        return Fill(target, equity - before + cost, cost, full_cost, liquidated)

    def _unit_quantity(self, rows: StepRows) -> Tensor:
        if self.terms.contracts is not None:
            return torch.full_like(rows.open, self.terms.contracts)
        exposure = rows.exposure if self.terms.sized_by_volatility else None
        return notional_quantity(self.money[SESSION], exposure, rows.open, self.terms.multiplier)

    def _affordable(self, rows: StepRows, target: Tensor, unit: Tensor) -> Tensor:
        """Refuse entries whose initial margin exceeds the equity at the fill."""
        price = rows.open * self.terms.multiplier
        equity = self.money[CASH] + self.money[QUANTITY] * price
        refused = (target != self.position) & (unit * price * self.terms.initial_margin > equity)
        return target.masked_fill(refused, 0)

    def _liquidate(self, rows: StepRows, cost_scale: float) -> tuple[Tensor, Tensor]:
        """Close what the margin no longer carries; return where, and its cost at scale 1."""
        cash, quantity = self.money[CASH], self.money[QUANTITY]
        margin = self.terms.maintenance_margin
        long = quantity > 0.0
        extreme = torch.where(long, rows.low, rows.high)
        value = quantity * extreme * self.terms.multiplier
        liquidated = cash + value < value.abs() * margin
        # Only a few bars in a million come here; on a GPU the test would cost a wait.
        if liquidated.device.type == "cpu" and not bool(liquidated.any()):
            return liquidated, torch.zeros_like(cash)
        # Equity(trigger) = margin x notional(trigger), solved for the price.
        trigger = -cash / (
            quantity * self.terms.multiplier * torch.where(long, 1 - margin, 1 + margin)
        )
        worse = torch.where(long, trigger.minimum(rows.open), trigger.maximum(rows.open))
        sold = torch.where(liquidated, quantity, 0.0)
        forced_cost = sold.abs() * rows.forced_cost
        proceeds = torch.where(liquidated, sold * worse * self.terms.multiplier, 0.0)
        cash.add_(proceeds).sub_(forced_cost * cost_scale)
        quantity.masked_fill_(liquidated, 0.0)
        self.counts.masked_fill_(liquidated, 0)
        return liquidated, forced_cost

    def close_out(self, where: Tensor) -> None:
        """Turn positions into cash at the last mark, without cost, where the account is lost."""
        torch.where(where, self.money[EQUITY], self.money[CASH], out=self.money[CASH])
        self.money[QUANTITY].masked_fill_(where, 0.0)
        self.counts.masked_fill_(where, 0)

    def restart(self, where: Tensor) -> None:
        """Begin anew with the capital, flat, where `where` holds, bool [env]."""
        torch.where(where, self._fresh, self.money, out=self.money)
        self.counts.masked_fill_(where, 0)
        self.peak.restart(where, self.terms.capital)

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of all state."""
        own = {"money": self.money.clone(), "counts": self.counts.clone()}
        return own | {f"peak.{key}": value for key, value in self.peak.state_dict().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`."""
        self.money.copy_(state["money"])
        self.counts.copy_(state["counts"])
        prefix = "peak."
        self.peak.load_state_dict(
            {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
        )
