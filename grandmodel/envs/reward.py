"""What a step is worth: named terms, their weights and their scale.

Source: `docs/definitions.md`, "Rewards".
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from grandmodel.core.checks import require
from grandmodel.envs.action import bars_per_session
from grandmodel.envs.config import RewardConfig
from grandmodel.envs.starts import Stretch
from grandmodel.features.tape import Tape

FLOOR_SHARE = 0.2  # of the training median of the trailing sd
DRAWDOWN_DAYS = 3.0  # daily sd of the unit position that count as an ordinary drawdown
HIGH_VOLATILITY = 2.0  # ratio from which holding a position is charged
SMALLEST_EQUITY = 1e-9
REPORTED = ("net", "clipped", "net_full_cost")  # what every kind reports beside its terms


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


@dataclass(frozen=True)
class RewardScale:
    """Figures measured on the training stretches and kept for judging."""

    sd_floor: float  # smallest trailing sd that a change of equity is divided by
    ordinary_drawdown: float  # d0: three daily sd of the unit position


def measure_scale(tape: Tape, spans: Sequence[Stretch]) -> RewardScale:
    """Return the scale of the training stretches.

    Args:
        tape: the bars.
        spans: stretches of tape rows used for training.

    Raises:
        UserError: where no bar moves.
    """
    moves = torch.cat([tape.trailing_sd[span.start : span.stop] for span in spans])
    median = float(moves.median()) if len(moves) else 0.0
    require(
        median > 0.0,
        "the training bars hardly move (median trailing sd 0): rewards have no scale, give a "
        "file with changing prices",
    )
    daily = median * bars_per_session(tape) ** 0.5
    return RewardScale(FLOOR_SHARE * median, DRAWDOWN_DAYS * daily)


def scaled_change(pnl: Tensor, facts: StepFacts, scale: RewardScale) -> Tensor:
    """Return change of equity / (equity before x max(trailing sd, floor)), float64 [env]."""
    equity = facts.equity_before.clamp_min(SMALLEST_EQUITY)
    return pnl / (equity * facts.trailing_sd.clamp_min(scale.sd_floor))


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


def pnl(facts: StepFacts, change: Tensor, scale: RewardScale) -> Tensor:
    """Return tanh of the scaled change of equity."""
    del facts, scale
    return torch.tanh(change)


Term = Callable[[StepFacts, Tensor, RewardScale], Tensor]
TERMS: dict[str, tuple[Term, tuple[str, ...]]] = {  # function, columns it reads
    "pnl": (pnl, ()),
    "synergy": (synergy, ("synergy_direction", "synergy_confidence")),
    "drawdown": (drawdown, ()),
    "volatility": (volatility, ("raw_volatility_30",)),
    "momentum": (momentum, ("momentum_20",)),
}


class OwnTerm(NamedTuple):
    """A reward term that is not shipped: weight x term is added to the reward of every kind."""

    term: Term  # of facts, unclipped scaled change of equity, and scale; a number per environment
    weight: float  # finite
    columns: tuple[str, ...] = ()  # tape columns that it finds in `signals` and `next_signals`


def _check_own(name: str, own: OwnTerm) -> None:
    key, taken = f"reward.own.{name}", (*REPORTED, *TERMS)
    require(
        name not in taken,
        f"{key} must have a name of its own: {', '.join(taken)} are taken",
    )
    require(math.isfinite(own.weight), f"{key}.weight must be a finite number, was {own.weight}")


class RunningScale:
    """Running sd of a reward over all environments, moved once per rollout, no mean taken off."""

    def __init__(self, decay: float, device: str | torch.device = "cpu") -> None:
        self.decay = decay
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)  # count, sum, squares
        self._variance = torch.zeros((), dtype=torch.float64, device=device)  # 0: unknown yet

    def add(self, reward: Tensor) -> None:
        """Take in the unscaled rewards of one step."""
        values = reward.double()
        count = torch.full_like(self._variance, float(values.numel()))
        self._sums += torch.stack([count, values.sum(), values.square().sum()])

    def end_rollout(self) -> None:
        """Move the variance towards that of the rollout; the first rollout sets it."""
        count, total, squares = self._sums / self._sums[0].clamp_min(1.0)
        seen = squares - total.square()
        moved = self.decay * self._variance + (1.0 - self.decay) * seen
        new = torch.where(self._variance > 0.0, moved, seen)
        self._variance = torch.where(count > 0.0, new, self._variance)
        self._sums.zero_()

    @property
    def sd(self) -> Tensor:
        """Running sd, float64 []; 1 until it is known."""
        return torch.where(self._variance > 0.0, self._variance.sqrt(), 1.0)

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of all state."""
        return {"sums": self._sums.clone(), "variance": self._variance.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`."""
        self._sums.copy_(state["sums"])
        self._variance.copy_(state["variance"])


class Reward:
    """The sum of weighted terms, with the net term beside it whatever the kind is.

    Args:
        config: kind, weights, clip, normaliser.
        scale: from :func:`measure_scale` on the training stretches.
        device: where the normaliser lives.
        own: further terms by name, added to those of the kind.

    Raises:
        UserError: an own term has the name of a shipped one, or no finite weight.
    """

    def __init__(
        self,
        config: RewardConfig,
        scale: RewardScale,
        device: str | torch.device = "cpu",
        own: Mapping[str, OwnTerm] | None = None,
    ) -> None:
        self.config = config
        self.scale = scale
        self.own = dict(own or {})
        for name, term in self.own.items():
            _check_own(name, term)
        self.weights = {name: w for name, w in config.weights.items() if w != 0.0}
        self.running = RunningScale(config.normalise_decay, device) if config.normalise else None

    @classmethod
    def fitted(
        cls,
        config: RewardConfig,
        tape: Tape,
        spans: Sequence[Stretch],
        own: Mapping[str, OwnTerm] | None = None,
    ) -> "Reward":
        """Return the reward with the scale of the training stretches `spans`."""
        return cls(config, measure_scale(tape, spans), tape.close.device, own)

    @property
    def needs(self) -> dict[str, str]:
        """Tape columns that the terms read, and the setting that asks for each."""
        shipped = () if self.config.kind == "net" else tuple(self.weights)
        text = {name: f"reward.terms.{term}" for term in shipped for name in TERMS[term][1]}
        own = {name: f"reward.own.{key}" for key, term in self.own.items() for name in term.columns}
        return own | text

    def net(self, facts: StepFacts) -> tuple[Tensor, dict[str, Tensor]]:
        """Return x, float32 [env], and its companions that are logged.

        x = clip(scaled change of equity, +-clip). `clipped` marks where the bound was met,
        `net_full_cost` is x had all costs been charged.
        """
        raw = scaled_change(facts.pnl, facts, self.scale)
        bound = self.config.clip
        net = raw.clamp(-bound, bound).float()
        if facts.full_cost_pnl is facts.pnl:
            full = net
        else:
            full_raw = scaled_change(facts.full_cost_pnl, facts, self.scale)
            full = full_raw.clamp(-bound, bound).float()
        return net, {"net": net, "clipped": (raw.abs() > bound).float(), "net_full_cost": full}

    def __call__(self, facts: StepFacts) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the reward, x and the terms by name, float32 [env] each.

        Terms are logged with their weight; those of weight 0 are not computed.
        """
        net, terms = self.net(facts)
        if self.config.kind == "net":
            reward = net * self.weights.get("net", 0.0)
        else:
            change = scaled_change(facts.pnl, facts, self.scale)
            for name, weight in self.weights.items():
                terms[name] = (weight * TERMS[name][0](facts, change, self.scale)).float()
            reward = torch.stack([terms[name] for name in self.weights]).sum(dim=0)
        for name, own in self.own.items():
            change = scaled_change(facts.pnl, facts, self.scale)
            terms[name] = (own.weight * own.term(facts, change, self.scale)).float()
            reward = reward + terms[name]
        if self.running is not None:
            self.running.add(reward)
            reward = (reward / self.running.sd).float()
        return reward, net, terms

    def end_rollout(self) -> None:
        """Update the normaliser; the collector calls this once per rollout."""
        if self.running is not None:
            self.running.end_rollout()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the scale and the normaliser as tensors."""
        scale = [self.scale.sd_floor, self.scale.ordinary_drawdown]
        state = {"scale": torch.tensor(scale, dtype=torch.float64)}
        if self.running is not None:
            state |= {f"running.{key}": v for key, v in self.running.state_dict().items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`."""
        floor, ordinary = state["scale"].tolist()
        self.scale = RewardScale(floor, ordinary)
        if self.running is not None:
            keys = ("sums", "variance")
            self.running.load_state_dict({key: state[f"running.{key}"] for key in keys})
