"""The tactical vote for one decision in plain numbers: the rules of `Aggregation`, without batches.

A service decides once in five minutes: there the overhead of some forty operations on one number
each is thirty times the arithmetic. Source: `docs/definitions.md`, The tactical vote.
"""

from collections.abc import Sequence
from typing import NamedTuple

from grandmodel.decision.aggregation import (
    ABSENT,
    AGAINST_SYNERGY_FACTOR,
    AGGRESSIVE,
    ENTRY,
    FULL_CONFIDENCE,
    LARGEST_SHARE,
    ROLES,
    ROUNDING,
    SYNERGY_WEIGHTS,
    WAIT,
)
from grandmodel.decision.rules import Rule

Odds = Sequence[Sequence[float]]


class VoteFacts(NamedTuple):
    """What one vote is about."""

    momentum_sign: int  # sign of price_momentum_5
    synergy_type: int  # 1 to 4, 0 where none is visible
    synergy_direction: int  # -1, 0, 1
    position: int  # -1, 0, 1


class Counted(NamedTuple):
    """What one vote comes to."""

    target: int  # position wanted, -1, 0, 1
    direction: int  # of the votes, 0 where they name none
    score: float  # in [0, 1], 0 without a direction
    rule: Rule  # what it ended in


class SingleVote:
    """Counts one vote of a team; equal to `Aggregation` in evaluation, to the last bit.

    Args:
        roles: what each agent votes on, keys of ``ROLES``.
        threshold: an entry's score must exceed it.
    """

    def __init__(self, roles: Sequence[str], threshold: float) -> None:
        self.threshold = threshold
        self._places = [roles.index(role) if role in roles else None for role in ROLES]

    def __call__(self, votes: Sequence[int], odds: Odds, facts: VoteFacts) -> Counted:
        """Return the order that the votes come to.

        Args:
            votes: class of each agent.
            odds: each agent's distribution over its classes.
            facts: momentum, synergy and position.
        """
        cast, sure = self._by_role(votes, odds)
        weights = SYNERGY_WEIGHTS[facts.synergy_type]
        named = (cast[0] - 1, (cast[1] - 1) * facts.momentum_sign)
        pull = weights[0] * sure[0] * named[0] + weights[1] * sure[1] * named[1]
        direction = (pull > ROUNDING) - (pull < -ROUNDING)
        waits = cast[ENTRY] == WAIT
        plain = 0.0
        if direction:
            agrees = (named[0] == direction, named[1] == direction, not waits)
            shares = [w * c * a for w, c, a in zip(weights, sure, agrees, strict=True)]
            plain = (shares[0] + shares[1] + shares[2]) / (weights[0] + weights[1] + weights[2])
        against = facts.synergy_direction * direction < 0
        score = plain * AGAINST_SYNERGY_FACTOR if against else plain
        refusal = Rule.NONE
        if waits:
            refusal = Rule.VOTED_WAIT
        elif score <= self.threshold:
            passed = plain > self.threshold
            refusal = Rule.VOTED_AGAINST_SYNERGY if passed else Rule.VOTED_BELOW_THRESHOLD
        rule, target = _settled(direction, facts.position, refusal, cast[ENTRY] == AGGRESSIVE)
        return Counted(target, direction, score, rule)

    def _by_role(self, votes: Sequence[int], odds: Odds) -> tuple[list[int], list[float]]:
        """Return class and confidence by role; roles that nobody has are absent."""
        cast, sure = [], []
        for role, (place, absent) in enumerate(zip(self._places, ABSENT, strict=True)):
            vote = absent if place is None else votes[place]
            shares = [float(k == absent) for k in range(3)] if place is None else odds[place]
            cast.append(vote)
            sure.append(1.0 - shares[WAIT] if role == ENTRY else shares[vote])
        return cast, sure


def _settled(direction: int, position: int, refusal: Rule, hurries: bool) -> tuple[Rule, int]:
    """Enter, reverse, leave or keep: exits need neither the entry's vote nor the threshold."""
    if direction == 0:
        return Rule.VOTED_NO_DIRECTION, position
    if direction == position:
        return Rule.VOTED_KEPT, position
    if refusal is Rule.NONE:
        return (Rule.VOTED_MARKET if hurries else Rule.VOTED_LIMIT), direction
    return (Rule.VOTED_LEFT, 0) if position else (refusal, position)


def contracts(confidence: float, base: float, risk_multiplier: float = 1.0) -> int:
    """Return contracts by confidence, as `quantity` does for batches."""
    share = min(confidence / FULL_CONFIDENCE, LARGEST_SHARE)
    return int(base * share * risk_multiplier + 0.5)
