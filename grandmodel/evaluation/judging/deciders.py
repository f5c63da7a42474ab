"""How the logits of a team become orders when it is judged: by its pool, or by its votes.

Source: ``docs/definitions.md``, Execution rules and The tactical vote.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from grandmodel.core.types import Observation
from grandmodel.decision.aggregation import Aggregation, Tally
from grandmodel.decision.challenger import EXECUTION_RULES
from grandmodel.decision.pool import pool_logits
from grandmodel.decision.rules import Rule
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.orders import Orders
from grandmodel.envs.voting import VotedOrders
from grandmodel.evaluation.judging.execution import RuleGroup
from grandmodel.features.tape import Tape
from grandmodel.systems.team import Team

ENTERED = (Rule.VOTED_LIMIT, Rule.VOTED_MARKET)


class Decided(NamedTuple):
    """One decision of all environments, before the hard limits."""

    orders: Tensor | Orders
    ensemble: Tensor  # float32 [env, 3], nan where the team votes
    score: Tensor  # float32 [env]: what is compared with the gate or threshold
    target: Tensor  # int64 [env]
    proceed: Tensor  # bool [env]: whether the comparison held
    rule: Tensor  # int64 [env], Rule


# (position, target, *details) -> (target, *details) of the orders that are sent now
Sending = Callable[..., tuple[Tensor, ...]]


def decider(
    tape: Tape, config: EnvConfig, team: Team, groups: tuple[RuleGroup, ...], sending: Sending
) -> "PoolDecider | VotesDecider":
    """Return how ``team`` decides under the rules of ``groups``, afresh for one judgement.

    Args:
        tape: what votes are about.
        config: distances of stops and targets.
        team: who decides.
        groups: neighbouring environments that share a rule.
        sending: holds orders back.
    """
    if team.roles:
        return VotesDecider(tape, config, team, groups, sending)
    return PoolDecider(team, groups, sending)


class PoolDecider:
    """The pooled probabilities under each group's execution rule.

    Args:
        team: weights and mode of the pool.
        groups: neighbouring environments that share a rule.
        sending: holds orders back.

    Attributes:
        low_confidence: int64 [env], decisions in a row without confidence, of rules that count.
    """

    def __init__(self, team: Team, groups: tuple[RuleGroup, ...], sending: Sending) -> None:
        self.weights, self.mode, self.groups = team.weights, team.pool, groups
        self._sending = sending
        last = groups[-1]
        self.low_confidence = torch.zeros(
            last.envs.stop, dtype=torch.int64, device=last.gate.device
        )

    def __call__(self, logits: Float[Tensor, "env agent 3"], seen: Observation) -> Decided:
        """Return targets, comparisons and rules of all environments."""
        pooled = pool_logits(logits, self.weights, self.mode)
        target, proceed, rule = self._sending(seen.position, *self._settle(pooled, seen.position))
        return Decided(target, pooled, pooled.amax(dim=-1), target, proceed, rule)

    def _settle(self, pooled: Tensor, position: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if len(self.groups) == 1:
            only = self.groups[0]
            *out, self.low_confidence = EXECUTION_RULES[only.execute](
                pooled, position, only.gate, self.low_confidence
            )
            return out[0], out[1], out[2]
        parts = []
        for group in self.groups:
            envs = group.envs
            *out, count = EXECUTION_RULES[group.execute](
                pooled[envs], position[envs], group.gate, self.low_confidence[envs]
            )
            self.low_confidence[envs] = count
            parts.append(out)
        target, proceed, rule = (torch.cat(column) for column in zip(*parts, strict=True))
        return target, proceed, rule


class VotesDecider:
    """The most probable class of each agent is its vote; thresholds differ between copies.

    Args:
        tape: what votes are about.
        config: distances of stops and targets.
        team: its roles, and when it decides.
        groups: the thresholds.
        sending: holds orders back.

    Attributes:
        low_confidence: as of :class:`PoolDecider`; votes leave it as it is.
    """

    def __init__(
        self,
        tape: Tape,
        config: EnvConfig,
        team: Team,
        groups: tuple[RuleGroup, ...],
        sending: Sending,
    ) -> None:
        threshold = torch.cat([group.gate for group in groups]).double()
        counted = Aggregation(threshold)
        self.voted = VotedOrders(tape, config, team.roles, counted, team.decide_on)
        self._sending = sending
        self.low_confidence = torch.zeros(len(threshold), dtype=torch.int64)

    def __call__(self, logits: Float[Tensor, "env agent 3"], seen: Observation) -> Decided:
        """Return orders, scores and rules of all environments."""
        probabilities = torch.softmax(logits, dim=-1)
        tally = self.voted.tally(
            probabilities.argmax(dim=-1), probabilities, seen.bar, seen.position
        )
        tally = self._sent(tally, seen.position)
        entered = (tally.rule == ENTERED[0]) | (tally.rule == ENTERED[1])
        return Decided(
            self.voted.orders(tally, seen.bar),
            torch.full_like(probabilities[:, 0], torch.nan),
            tally.score.float(),
            tally.target,
            entered,
            tally.rule,
        )

    def _sent(self, tally: Tally, position: Tensor) -> Tally:
        """Return the votes whose order is sent now; its prices are those of the present bar."""
        target, at_market, score, rule = self._sending(
            position, tally.target, tally.at_market, tally.score, tally.rule
        )
        return replace(tally, target=target, at_market=at_market, score=score, rule=rule)
