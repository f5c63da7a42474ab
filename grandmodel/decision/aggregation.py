"""From the votes of a tactical team to one order: direction, kind, size and the reason.

Three agents vote: one for a direction, one for or against the momentum, one for the moment.
Source: `docs/definitions.md`, The tactical vote.
"""

from dataclasses import dataclass
from enum import IntEnum

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grandmodel.core.checks import require_between

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
LITERAL_THRESHOLD = 0.65
FULL_CONFIDENCE, LARGEST_SHARE = 0.8, 1.25
ROUNDING = 1e-9  # votes whose weighted sum is closer to zero cancel out


class Vote(IntEnum):
    """What an aggregation ended in; stored as an integer, written as its name."""

    NO_DIRECTION = 0
    KEPT = 1
    ENTERED_LIMIT = 2
    ENTERED_MARKET = 3
    LEFT = 4
    REFUSED_WAIT = 5
    REFUSED_THRESHOLD = 6
    REFUSED_AGAINST_SYNERGY = 7


VOTE_NAMES: tuple[str, ...] = tuple(vote.name.lower() for vote in Vote)
VOTE_TEXTS: dict[Vote, str] = {
    Vote.NO_DIRECTION: "the votes name no direction",
    Vote.KEPT: "the position has the direction of the votes already",
    Vote.ENTERED_LIMIT: "enough votes agree: a limit order at the close of the decision",
    Vote.ENTERED_MARKET: "enough votes agree and the entry agent is in a hurry: a market order",
    Vote.LEFT: "the votes turned against the position, and an entry the other way was refused",
    Vote.REFUSED_WAIT: "the entry agent waits",
    Vote.REFUSED_THRESHOLD: "the score does not exceed the threshold",
    Vote.REFUSED_AGAINST_SYNERGY: "the score would pass, but not against the synergy's direction",
}


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
    vote: Int[Tensor, " batch"]  # the Vote it ended in


class Aggregation:
    """Weighs votes by the synergy's type; a pure function with a threshold.

    Args:
        threshold: an entry's score must exceed it.
        training: votes count whole (no confidences) and the threshold is off: what is sent
            depends on the votes and the context alone, as a policy ratio needs it.

    Raises:
        UserError: a threshold outside [0, 1].
    """

    def __init__(self, threshold: float = LITERAL_THRESHOLD, *, training: bool = False) -> None:
        require_between("agent.threshold", threshold, 0.0, 1.0, closed="both")
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
        weights = torch.tensor(SYNERGY_WEIGHTS, dtype=torch.float64, device=votes.device)
        weights = weights[context.synergy_type]
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
            refusal = refusal.masked_fill(low, Vote.REFUSED_THRESHOLD)
            refusal = refusal.masked_fill(
                low & (plain > self.threshold), Vote.REFUSED_AGAINST_SYNERGY
            )
        return refusal.masked_fill(waits, Vote.REFUSED_WAIT)


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
    vote = torch.where(wants, refusal, int(Vote.KEPT))
    vote = vote.masked_fill(direction == 0, Vote.NO_DIRECTION)
    vote = vote.masked_fill(leaves, Vote.LEFT)
    vote = vote.masked_fill(enters & hurries, Vote.ENTERED_MARKET)
    vote = vote.masked_fill(enters & ~hurries, Vote.ENTERED_LIMIT)
    return Tally(target, enters & hurries, direction, score, vote)


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
