"""The terms that `reward=text` is put together from, by name.

A term returns one number per environment; its weight stands in the settings. Terms that are paid
for an entry are paid in the bar in which it is filled, and so once per round trip.
Source: `docs/definitions.md`, "Rewards".
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from grandmodel.envs.step_facts import RewardScale, StepFacts, TradeFacts
from grandmodel.features.tactical import LEVEL_ATRS

HIGH_VOLATILITY = 2.0  # ratio from which holding a position is charged
NEAR_GAP_ATR = 0.5  # distance within which a gap is near
HIGH_RISK = 0.02  # share of the equity at the stop from which an entry is charged

TermFunction = Callable[[StepFacts, Tensor, RewardScale], Tensor]


class Term(NamedTuple):
    """A shipped term and what it reads."""

    function: TermFunction  # of facts, unclipped scaled change of equity, and scale
    columns: tuple[str, ...] = ()
    trades: bool = False  # reads `StepFacts.trade`
    bonus: bool = False  # what it pays is bounded by the cost of the entry


def pnl(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return tanh of the scaled change of equity."""
    del facts, scale
    return torch.tanh(change)


def synergy(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return the synergy's strength where a position is opened or reversed in its direction."""
    del change, scale
    moved = (facts.position != facts.position_before) & (facts.position != 0)
    aligned = facts.signals["synergy_direction"] * facts.position > 0.0
    return torch.where(moved & aligned, facts.signals["synergy_confidence"], 0.0)


def drawdown(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return -max(0, phi(after) - phi(before)), phi(x) = (max(0, x - d0) / d0)^2."""
    del change
    excess = 1.0 / scale.ordinary_drawdown
    after = (facts.drawdown * excess - 1.0).clamp_min(0.0).square()
    before = (facts.drawdown_before * excess - 1.0).clamp_min(0.0).square()
    return -(after - before).clamp_min(0.0)


def volatility(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return -|position| max(0, volatility_30 - 2)."""
    del change, scale
    return -facts.position.abs() * (facts.signals["raw_volatility_30"] - HIGH_VOLATILITY).clamp_min(
        0
    )


def momentum(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return (momentum_20 at row t+1 - at row t) x position held over bar t+1.

    momentum_20 is the tape's scaled column (a rolling z-score in [-1, 1], no return), so the term
    lies in [-2, 2]. The position counts after the hard limits, before a liquidation in the bar.
    """
    del change, scale
    return (facts.next_signals["momentum_20"] - facts.signals["momentum_20"]) * facts.position


def base(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return the change of equity in ATR(14) of one contract."""
    del change, scale
    return _trade(facts).change


def synergy_entry(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return the synergy's strength where an entry in its direction is filled."""
    del change, scale
    aligned = facts.signals["synergy_direction"] * facts.position > 0.0
    paid = _trade(facts).entered & aligned
    return torch.where(paid, facts.signals["synergy_confidence"], 0.0)


def gap_entry(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return 1 where an entry decided within 0.5 ATR(14) of an open gap is filled."""
    del change, scale
    signals = facts.signals
    is_open = signals["fvg_bullish_active"] + signals["fvg_bearish_active"] > 0.0
    near = signals["fvg_nearest_level"].abs() * LEVEL_ATRS <= NEAR_GAP_ATR
    return (_trade(facts).entered & is_open & near).float()


def mitigation_entry(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return 1 where an entry decided at the close of a bar that filled a gap is filled."""
    del change, scale
    return _trade(facts).entered * facts.signals["fvg_mitigation_signal"]


def momentum_entry(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return price_momentum_5 x position where an entry is filled, in [-1, 1]."""
    del change, scale
    return _trade(facts).entered * facts.signals["price_momentum_5"] * facts.position


def counter_entry(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return -1 where an entry against price_momentum_5 is filled and its bar loses."""
    del change, scale
    trade = _trade(facts)
    against = facts.signals["price_momentum_5"] * facts.position < 0.0
    return -(trade.entered & against & (trade.change < 0.0)).float()


def execution(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return clip(1 - shortfall, +-1) where an entry is filled, shortfall in expected costs."""
    del change, scale
    trade = _trade(facts)
    return torch.where(trade.entered, (1.0 - trade.shortfall).clamp(-1.0, 1.0), 0.0)


def risk(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return -1 where an entry is filled that loses over 2 % of the equity at its stop."""
    del change, scale
    trade = _trade(facts)
    return -(trade.entered & (trade.risk > HIGH_RISK)).float()


def _trade(facts: StepFacts) -> TradeFacts:
    if facts.trade is None:
        raise TypeError("this term reads StepFacts.trade, which was not asked for")
    return facts.trade


SYNERGY = ("synergy_direction", "synergy_confidence")
GAP = ("fvg_bullish_active", "fvg_bearish_active", "fvg_nearest_level")
SHORT_MOMENTUM = ("price_momentum_5",)
TERMS: dict[str, Term] = {
    "pnl": Term(pnl),
    "synergy": Term(synergy, SYNERGY),
    "drawdown": Term(drawdown),
    "volatility": Term(volatility, ("raw_volatility_30",)),
    "momentum": Term(momentum, ("momentum_20",)),
    "base": Term(base, trades=True),
    "synergy_entry": Term(synergy_entry, SYNERGY, trades=True, bonus=True),
    "gap_entry": Term(gap_entry, GAP, trades=True, bonus=True),
    "mitigation_entry": Term(mitigation_entry, ("fvg_mitigation_signal",), trades=True, bonus=True),
    "momentum_entry": Term(momentum_entry, SHORT_MOMENTUM, trades=True, bonus=True),
    "counter_entry": Term(counter_entry, SHORT_MOMENTUM, trades=True, bonus=True),
    "execution": Term(execution, trades=True, bonus=True),
    "risk": Term(risk, trades=True, bonus=True),
}
