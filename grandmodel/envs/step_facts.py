"""What a step did, as rewards read it: money, positions, the entry that was filled, signals.

Source: `docs/definitions.md`, "Rewards".
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

SMALLEST_EQUITY = 1e-9


@dataclass(frozen=True)
class RewardScale:
    """Figures measured on the training stretches and kept for judging."""

    sd_floor: float  # smallest trailing sd that a change of equity is divided by
    ordinary_drawdown: float  # d0: three daily sd of the unit position


class TradeFacts(NamedTuple):
    """The step in units of ATR(14): one contract that moves by one ATR(14) has earned 1.

    The ATR(14) is that of the decision's row, and a position of 1 counts as one contract. The
    fields after `entered` are told where it holds and hold any number elsewhere.
    """

    change: Tensor  # float64 [env]: change of equity, net of costs
    entered: Tensor  # bool [env]: an entry was filled in the bar
    entry_cost: Tensor  # float64 [env]: what was charged for it, in the same unit
    shortfall: Tensor  # float64 [env]: its price against the close of the decision and its cost,
    # as a multiple of what an entry at market is expected to cost; 1 where that is nothing
    risk: Tensor  # float64 [env]: share of the equity that is lost if its stop is hit


class StepFacts(NamedTuple):
    """What rewards are made of, per environment, for the step from row t to t+1."""

    pnl: Tensor  # change of equity, net of costs, float64 [env]
    full_cost_pnl: Tensor  # the same had all costs been charged
    equity_before: Tensor  # float64 [env], at the close of t
    trailing_sd: Tensor  # float64 [env], of row t
    position_before: Tensor  # int64 [env]
    position: Tensor  # int64 [env], held over bar t+1, before a liquidation in it
    drawdown_before: Tensor  # float64 [env]
    drawdown: Tensor  # float64 [env]
    signals: dict[str, Tensor]  # needed columns at row t, float32 [env]
    next_signals: dict[str, Tensor]  # the same at row t+1
    trade: TradeFacts | None = None  # where a term in use reads it
