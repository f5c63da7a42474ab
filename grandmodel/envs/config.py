"""Settings of the environment and of the reward, checked where they are made."""

import math
from dataclasses import dataclass, field
from typing import Any

from grandmodel.core.checks import (
    UserError,
    require,
    require_between,
    require_choice,
    require_distinct,
)
from grandmodel.core.types import ACCOUNT_BLOCK, ACCOUNT_VALUES
from grandmodel.envs.reward_terms import TERMS
from grandmodel.envs.starts import STARTS

SIZES = ("notional", "contracts", "vol_target")
EDGES = ("carry", "flat")
ENTRIES = ("market", "limit")
FILLS = ("next_open", "next_open+1m")
LOTS = ("free", "whole")
SLIPPAGES = ("fixed", "volatility", "volume_share")
REWARDS = ("net", "text")

STRATEGIC_TERMS: dict[str, float] = {
    "pnl": 1.0,
    "synergy": 0.2,
    "drawdown": 0.3,
    "volatility": 0.05,
    "momentum": 0.0,
}


@dataclass(kw_only=True)
class EnvConfig:
    """Money, orders and episodes (`docs/definitions.md`, "The account")."""

    capital: float = 100_000.0  # equity at the start of an episode or segment, quote currency
    size: str = "notional"  # what a position of 1 is: notional | contracts | vol_target
    contracts: float = 1.0  # contracts per unit of position, read by size=contracts
    vol_target: float = 0.10  # volatility aimed at, a year, read by size=vol_target
    edge: str | None = None  # carry | flat; None: as the instrument says
    default_edge: str = "carry"  # of instruments that leave it to the team
    entry: str = "market"  # market | limit: at the close of the decision, for one bar
    stop_atr: float | None = None  # stop at so many ATR(14) from that close; None: none
    target_atr: float | None = None  # take profit, likewise
    fill: str = "next_open"  # next_open | next_open+1m: one minute after it, from finer bars
    lots: str = "free"  # free | whole: entries are rounded down to the instrument's lot
    slippage: str = "fixed"  # fixed | volatility (times volatility_30) | volume_share
    impact: float = 0.1  # times share of the bar's volume squared, read by slippage=volume_share
    volume_limit: float = 0.025  # largest entry as a share of the bar's volume, likewise
    episode_bars: int = 256
    starts: str = "random"  # random | overlap: where training episodes begin
    max_hold_bars: int = 96
    account: list[str] = field(default_factory=lambda: list(ACCOUNT_BLOCK))
    """What agents see of their account, of `core.types.ACCOUNT_VALUES`."""

    def __post_init__(self) -> None:
        require_between("env.capital", self.capital, 0.0, float("inf"))
        require_choice("env.size", self.size, SIZES)
        require_between("env.contracts", self.contracts, 0.0, float("inf"))
        require_between("env.vol_target", self.vol_target, 0.0, 10.0)
        if self.edge is not None:
            require_choice("env.edge", self.edge, EDGES)
        require_choice("env.default_edge", self.default_edge, EDGES)
        self._check_execution()
        require_distinct("env.account", self.account)
        for name in self.account:
            require_choice("env.account", name, ACCOUNT_VALUES)
        require(self.episode_bars >= 2, f"env.episode_bars must be >= 2, was {self.episode_bars}")
        require_choice("env.starts", self.starts, tuple(STARTS))
        require(
            self.max_hold_bars >= 1, f"env.max_hold_bars must be >= 1, was {self.max_hold_bars}"
        )

    def _check_execution(self) -> None:
        require_choice("env.entry", self.entry, ENTRIES)
        require_choice("env.fill", self.fill, FILLS)
        require_choice("env.lots", self.lots, LOTS)
        require_choice("env.slippage", self.slippage, SLIPPAGES)
        for key in ("stop_atr", "target_atr"):
            distance = getattr(self, key)
            fits = distance is None or (distance > 0.0 and math.isfinite(distance))
            require(fits, f"env.{key} must be a number above 0 or null, was {distance}")
        impact = self.impact
        require(
            impact >= 0.0 and math.isfinite(impact),
            f"env.impact must be a number of at least 0, was {impact}",
        )
        limit = self.volume_limit
        require(0.0 < limit <= 1.0, f"env.volume_limit must lie in (0, 1], was {limit}")


@dataclass(kw_only=True)
class RewardConfig:
    """What a step is worth (`docs/definitions.md`, "Rewards")."""

    kind: str = "net"  # net | text
    # weights by name; of kind=text, none: those of the strategic team
    terms: dict[str, float] = field(default_factory=dict)
    # weights of terms that one member alone is paid beside the team's reward, by member
    members: dict[str, dict[str, float]] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)  # terms of the user's own (docs/extend.md)
    clip: float = 10.0  # bound of the net term, in sd of the instrument
    bound: float | None = None  # of the sum of the terms of kind=text; null: none
    normalise: bool = False  # divide the sum of the terms by its running sd
    normalise_decay: float = 0.999  # EMA of that variance, per rollout
    risk: str = "sharpe"  # the learner's c in x - c x^2: sharpe, or a number ("0" = none)

    def __post_init__(self) -> None:
        require_choice("reward.kind", self.kind, REWARDS)
        self._check_weights("reward.terms", self.terms)
        require(
            self.kind == "text" or not self.members,
            f"reward.members is read by reward=text only and was given beside reward.kind="
            f"{self.kind}: leave it out",
        )
        for member, weights in self.members.items():
            self._check_weights(f"reward.members.{member}", weights)
        require(
            bool(self.own) or any(self.weights.values()),
            f"reward.terms of reward.kind={self.kind} must not all be 0: leave one of them in",
        )
        require_between("reward.clip", self.clip, 0.0, float("inf"))
        if self.bound is not None:
            require_between("reward.bound", self.bound, 0.0, float("inf"))
        require_between("reward.normalise_decay", self.normalise_decay, 0.0, 1.0)
        if self.risk != "sharpe":
            self._check_fixed_risk()

    def _check_weights(self, key: str, weights: dict[str, float]) -> None:
        known = ("net",) if self.kind == "net" else tuple(TERMS)
        for name, weight in weights.items():
            require(
                name in known,
                f"{key}.{name} is no term of reward.kind={self.kind}: use one of "
                f"{', '.join(known)}",
            )
            require(math.isfinite(weight), f"{key}.{name} must be a finite number, was {weight}")

    def _check_fixed_risk(self) -> None:
        try:
            fixed = float(self.risk)
        except ValueError:
            raise UserError(
                f"reward.risk must be sharpe or a number >= 0, was {self.risk}"
            ) from None
        fits = fixed >= 0.0 and math.isfinite(fixed)
        require(fits, f"reward.risk must be sharpe or a number >= 0, was {self.risk}")

    @property
    def weights(self) -> dict[str, float]:
        """Weight of every term, by name."""
        usual = {"net": 1.0} if self.kind == "net" else STRATEGIC_TERMS
        return {name: float(weight) for name, weight in (self.terms or usual).items()}

    @property
    def shaping(self) -> dict[str, dict[str, float]]:
        """Weights other than 0 of what single members are paid, by member and term."""
        found = {
            member: {name: float(weight) for name, weight in weights.items() if weight != 0.0}
            for member, weights in self.members.items()
        }
        return {member: weights for member, weights in found.items() if weights}

    @property
    def fixed_risk(self) -> float | None:
        """The constant c of the learner's reward, or None where it follows the Sharpe ratio."""
        if self.kind == "text":
            return 0.0
        return None if self.risk == "sharpe" else float(self.risk)
