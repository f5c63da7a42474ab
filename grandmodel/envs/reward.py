"""What a step is worth: named terms, their weights and their scale.

Source: `docs/definitions.md`, "Rewards".
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from grandmodel.core.checks import require
from grandmodel.envs.action import bars_per_session
from grandmodel.envs.config import RewardConfig
from grandmodel.envs.reward_terms import TERMS, TermFunction
from grandmodel.envs.running_scale import RunningScale
from grandmodel.envs.starts import Stretch
from grandmodel.envs.step_facts import SMALLEST_EQUITY, RewardScale, StepFacts
from grandmodel.features.tape import Tape

FLOOR_SHARE = 0.2  # of the training median of the trailing sd
DRAWDOWN_DAYS = 3.0  # daily sd of the unit position that count as an ordinary drawdown
REPORTED = ("net", "clipped", "net_full_cost")  # what every kind reports beside its terms


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


class OwnTerm(NamedTuple):
    """A reward term that is not shipped: weight x term is added to the reward of every kind."""

    term: TermFunction  # of facts, unclipped scaled change of equity, and scale
    weight: float  # finite
    columns: tuple[str, ...] = ()  # tape columns that it finds in `signals` and `next_signals`


def _check_own(name: str, own: OwnTerm) -> None:
    key, taken = f"reward.own.{name}", (*REPORTED, *TERMS)
    require(
        name not in taken,
        f"{key} must have a name of its own: {', '.join(taken)} are taken",
    )
    require(math.isfinite(own.weight), f"{key}.weight must be a finite number, was {own.weight}")


class Paid(NamedTuple):
    """What a step is worth, per environment."""

    reward: Tensor  # float32 [env]
    net: Tensor  # float32 [env]: that of `reward=net`, whatever the kind is
    terms: dict[str, Tensor]  # weighted terms and what is reported beside them, float32 [env]
    shaping: Tensor | None = None  # float32 [env, shaped member]: added to its reward alone


class Reward:
    """The sum of weighted terms, with the net term beside it whatever the kind is.

    Args:
        config: kind, weights, clip, normaliser.
        scale: from :func:`measure_scale` on the training stretches.
        device: where the normaliser lives.
        own: further terms by name, added to those of the kind.

    Attributes:
        trades: whether a term in use reads `StepFacts.trade`.

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
        self.shaping = config.shaping
        self.trades = any(TERMS[name].trades for name, _ in self._shipped())
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

    def _shipped(self) -> list[tuple[str, str]]:
        """Return the terms in use, and the setting that asks for each."""
        if self.config.kind == "net":
            return []
        shaped = [
            (name, f"reward.members.{member}.{name}")
            for member, weights in self.shaping.items()
            for name in weights
        ]
        return [*((name, f"reward.terms.{name}") for name in self.weights), *shaped]

    @property
    def needs(self) -> dict[str, str]:
        """Tape columns that the terms read, and the setting that asks for each."""
        text = {name: key for term, key in self._shipped() for name in TERMS[term].columns}
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

    def __call__(self, facts: StepFacts) -> Paid:
        """Return what the step is worth.

        Terms are logged with their weight; those of weight 0 are not computed.
        """
        net, terms = self.net(facts)
        shaping = None
        if self.config.kind == "net":
            reward = net * self.weights.get("net", 0.0)
        else:
            reward, shaping, paid = self._text(facts)
            terms |= paid
        for name, own in self.own.items():
            change = scaled_change(facts.pnl, facts, self.scale)
            terms[name] = (own.weight * own.term(facts, change, self.scale)).float()
            reward = reward + terms[name]
        if self.running is not None:
            self.running.add(reward)
            reward = (reward / self.running.sd).float()
            shaping = None if shaping is None else (shaping / self.running.sd).float()
        return Paid(reward, net, terms, shaping)

    def _text(self, facts: StepFacts) -> tuple[Tensor, Tensor | None, dict[str, Tensor]]:
        """Return the sum of the weighted terms, what members get beside it, and the terms."""
        change = scaled_change(facts.pnl, facts, self.scale)
        room = None if facts.trade is None else facts.trade.entry_cost
        terms, left = self._weighted(self.weights, facts, change, room)
        bound = self.config.bound
        total = _bounded_sum(terms, bound)
        if not self.shaping:
            return total, None, terms
        logged, extras = dict(terms), []
        for member, weights in self.shaping.items():
            own, _ = self._weighted(weights, facts, change, left)
            extras.append(_bounded_sum(terms | {f"{n}/{member}": v for n, v in own.items()}, bound))
            logged |= {f"{name}/{member}": value for name, value in own.items()}
        return total, torch.stack(extras, dim=1) - total[:, None], logged

    def _weighted(
        self, weights: Mapping[str, float], facts: StepFacts, change: Tensor, room: Tensor | None
    ) -> tuple[dict[str, Tensor], Tensor | None]:
        """Return the weighted terms by name, float32 [env], and what is left of the room.

        What bonuses pay together is at most `room`, the cost of the entry: without an edge a
        round trip then loses what its exit costs, however cheap the market is.
        """
        terms = {
            name: (weight * TERMS[name].function(facts, change, self.scale)).float()
            for name, weight in weights.items()
        }
        bonuses = [name for name in terms if TERMS[name].bonus]
        if not bonuses or room is None:
            return terms, room
        total = torch.stack([terms[name].clamp_min(0.0) for name in bonuses]).sum(dim=0)
        share = torch.where(total > room, room / total, 1.0).float()
        for name in bonuses:
            terms[name] = torch.where(terms[name] > 0.0, terms[name] * share, terms[name])
        return terms, (room - total).clamp_min(0.0)

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


def _bounded_sum(terms: Mapping[str, Tensor], bound: float | None) -> Tensor:
    total = torch.stack(list(terms.values())).sum(dim=0)
    return total if bound is None else total.clamp(-bound, bound)
