"""From the votes of a tactical team to one order: direction, kind, size and the reason.

Three agents vote: one for a direction, one for or against the momentum, one for the moment.
Source: `docs/definitions.md`, The tactical vote.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grandmodel.core.checks import require_between
from grandmodel.decision.rules import Rule

FVG, MOMENTUM, ENTRY = range(3)  # place of each agent in the votes
WAIT, EXECUTE, AGGRESSIVE = range(3)  # classes of the entry agent
SYNERGY_WEIGHTS = (
    (0.40, 0.40, 0.20),  # no synergy
    (0.50, 0.30, 0.20),  # TYPE_1
    (0.40, 0.40, 0.20),  # TYPE_2
    (0.30, 0.50, 0.20),  # TYPE_3
    (0.35, 0.35, 0.30),  # TYPE_4
)
AGAINST_SYNERGY_FACTOR = 0.7
DECIDE_ON = ("every_bar", "synergy")
LITERAL_THRESHOLD = 0.65
FULL_CONFIDENCE, LARGEST_SHARE = 0.8, 1.25
ROUNDING = 1e-9  # votes whose weighted sum is closer to zero cancel out


ROLES: dict[str, tuple[str, str, str]] = {  # classes of each role, in the order of the votes
    "direction": ("short", "hold", "long"),
    "momentum": ("counter", "neutral", "trend"),
    "entry": ("wait", "execute", "aggressive"),
}
ABSENT = (1, 1, EXECUTE)  # the votes of roles that nobody has: no direction, no waiting


@dataclass(frozen=True)
class VoteContext:
    """What the votes are about, one entry per decision."""

    momentum_sign: Int[Tensor, " batch"]  # sign of price_momentum_5
    synergy_type: Int[Tensor, " batch"]  # 1 to 4, 0 where none is visible
    synergy_direction: Int[Tensor, " batch"]  # -1, 0, 1
    position: Int[Tensor, " batch"]  # -1, 0, 1


@dataclass(frozen=True)
class Tally:
    """What the votes come to, one entry per decision."""

    target: Int[Tensor, " batch"]  # position wanted, -1, 0, 1
    at_market: Bool[Tensor, " batch"]  # whether an entry is a market order, else a limit order
    direction: Int[Tensor, " batch"]  # of the votes, 0 where they name none
    score: Float[Tensor, " batch"]  # in [0, 1], 0 without a direction
    rule: Int[Tensor, " batch"]  # what it ended in, grandmodel.decision.rules.Rule

    def only(self, where: Bool[Tensor, " batch"], position: Int[Tensor, " batch"]) -> "Tally":
        """Return the tally where decisions are taken at all; elsewhere the position stays."""
        return replace(
            self,
            target=torch.where(where, self.target, position),
            at_market=self.at_market & where,
            rule=torch.where(where, self.rule, int(Rule.NO_SYNERGY)),
        )


class Aggregation:
    """Weighs votes by the synergy's type; a pure function with a threshold.

    Args:
        threshold: an entry's score must exceed it; one for all decisions, or float64 [batch].
        training: votes count whole (no confidences) and the threshold is off: what is sent
            depends on the votes and the context alone, as a policy ratio needs it.

    Raises:
        UserError: a threshold outside [0, 1].
    """

    def __init__(
        self, threshold: float | Tensor = LITERAL_THRESHOLD, *, training: bool = False
    ) -> None:
        if not isinstance(threshold, Tensor):
            require_between("agent.threshold", threshold, 0.0, 1.0, closed="both")
        self._weights = torch.tensor(SYNERGY_WEIGHTS, dtype=torch.float64)
        self.threshold = threshold
        self.training = training

    def __call__(
        self,
        votes: Int[Tensor, "batch 3"],
        probabilities: Float[Tensor, "batch 3 3"] | None,
        context: VoteContext,
    ) -> Tally:
        """Return the order that the votes come to.

        Args:
            votes: class of each agent (fvg, momentum, entry): sampled or most probable.
            probabilities: each agent's distribution; may be None in training.
            context: momentum, synergy and position of each decision.
        """
        self._weights = self._weights.to(votes.device)
        weights = self._weights[context.synergy_type]
        confidence = self._confidence(votes, probabilities)
        named = torch.stack(
            (votes[:, FVG] - 1, (votes[:, MOMENTUM] - 1) * context.momentum_sign), dim=1
        )
        pull = (weights[:, :ENTRY] * confidence[:, :ENTRY] * named).sum(dim=1)
        direction = torch.where(pull.abs() > ROUNDING, pull.sign(), 0.0).long()
        waits = votes[:, ENTRY] == WAIT
        agrees = torch.cat((named == direction[:, None], ~waits[:, None]), dim=1)
        agrees &= (direction != 0)[:, None]
        score = (weights * confidence * agrees).sum(dim=1) / weights.sum(dim=1)
        against = context.synergy_direction * direction < 0
        plain, score = score, torch.where(against, score * AGAINST_SYNERGY_FACTOR, score)
        refusal = self._refusal(waits, plain, score)
        return _tally(direction, score, refusal, votes[:, ENTRY] == AGGRESSIVE, context.position)

    def _confidence(
        self, votes: Int[Tensor, "batch 3"], probabilities: Float[Tensor, "batch 3 3"] | None
    ) -> Float[Tensor, "batch 3"]:
        """Return the probability of each voted class, for entry that of not waiting."""
        if self.training or probabilities is None:
            return torch.ones(votes.shape, dtype=torch.float64, device=votes.device)
        voted = probabilities.gather(2, votes[:, :, None])[:, :, 0].double()
        voted[:, ENTRY] = 1.0 - probabilities[:, ENTRY, WAIT].double()
        return voted

    def _refusal(
        self,
        waits: Bool[Tensor, " batch"],
        plain: Float[Tensor, " batch"],
        score: Float[Tensor, " batch"],
    ) -> Int[Tensor, " batch"]:
        """Return why an entry is refused, the first reason that holds; 0 where none does.

        Two of three votes always agree where the entry agent does not wait: its own, and at
        least one of those that made the direction.
        """
        refusal = torch.zeros_like(waits, dtype=torch.int64)
        if not self.training:
            low = score <= self.threshold
            refusal = refusal.masked_fill(low, Rule.VOTED_BELOW_THRESHOLD)
            refusal = refusal.masked_fill(
                low & (plain > self.threshold), Rule.VOTED_AGAINST_SYNERGY
            )
        return refusal.masked_fill(waits, Rule.VOTED_WAIT)


class Roles:
    """Puts the votes of a team into the order of the roles; nobody's are :data:`ABSENT`.

    Args:
        roles: of each agent, keys of :data:`ROLES`.
        device: where votes are counted.
    """

    def __init__(self, roles: Sequence[str], device: str | torch.device = "cpu") -> None:
        order = [*roles].index
        count = len(roles)
        pick = [order(role) if role in roles else count + k for k, role in enumerate(ROLES)]
        self._pick = torch.tensor(pick, device=device)
        self._absent = torch.tensor(ABSENT, device=device)
        self._sure = torch.nn.functional.one_hot(self._absent, len(ABSENT)).float()

    def __call__(
        self, votes: Int[Tensor, "batch agent"], probabilities: Tensor | None
    ) -> tuple[Int[Tensor, "batch 3"], Tensor | None]:
        """Return votes int64 [batch, 3] and distributions [batch, 3, 3], or None without any.

        Args:
            votes: class of each agent.
            probabilities: each agent's distribution, float32 [batch, agent, 3], or None.
        """
        count = len(votes)
        joined = torch.cat((votes, self._absent.expand(count, -1)), dim=1)
        if probabilities is None:
            return joined.index_select(1, self._pick), None
        odds = torch.cat((probabilities, self._sure.expand(count, -1, -1)), dim=1)
        return joined.index_select(1, self._pick), odds.index_select(1, self._pick)


def _tally(
    direction: Int[Tensor, " batch"],
    score: Float[Tensor, " batch"],
    refusal: Int[Tensor, " batch"],
    hurries: Bool[Tensor, " batch"],
    position: Int[Tensor, " batch"],
) -> Tally:
    """Enter, reverse, leave or keep: exits need neither the entry's vote nor the threshold."""
    wants = (direction != 0) & (direction != position)
    enters = wants & (refusal == 0)
    leaves = wants & ~enters & (position != 0)
    target = torch.where(enters, direction, position.masked_fill(leaves, 0))
    rule = torch.where(wants, refusal, int(Rule.VOTED_KEPT))
    rule = rule.masked_fill(direction == 0, Rule.VOTED_NO_DIRECTION)
    rule = rule.masked_fill(leaves, Rule.VOTED_LEFT)
    rule = rule.masked_fill(enters & hurries, Rule.VOTED_MARKET)
    rule = rule.masked_fill(enters & ~hurries, Rule.VOTED_LIMIT)
    return Tally(target, enters & hurries, direction, score, rule)


def quantity(
    confidence: Float[Tensor, " batch"], base: float, risk_multiplier: float = 1.0
) -> Float[Tensor, " batch"]:
    """Return contracts by confidence: floor(base x min(confidence / 0.8, 1.25) x risk + 0.5).

    Args:
        confidence: score of the decision, in [0, 1].
        base: contracts at a confidence of 0.8.
        risk_multiplier: what the risk agent allows, in units of the base.
    """
    share = (confidence.double() / FULL_CONFIDENCE).clamp_max(LARGEST_SHARE)
    return (base * share * risk_multiplier + 0.5).floor()
