"""How the logits of a team become orders when it is judged: by its pool, or by its votes.

Source: ``docs/definitions.md``, Execution rules and The tactical vote.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from grandmodel.core.types import CLASS_NAMES, Observation
from grandmodel.decision.aggregation import Aggregation, Tally
from grandmodel.decision.challenger import EXECUTION_RULES
from grandmodel.decision.pool import pool_logits
from grandmodel.decision.rules import Rule
from grandmodel.decision.single_vote import SingleVote, VoteFacts, contracts
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.orders import Orders
from grandmodel.envs.voting import VotedOrders
from grandmodel.evaluation.delay import Delay
from grandmodel.evaluation.execution import RuleGroup
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


Decide = Callable[[Float[Tensor, "env agent 3"], Observation], Decided]


def decider(tape: Tape, config: EnvConfig, team: Team, groups: tuple[RuleGroup, ...]) -> Decide:
    """Return how ``team`` decides under the rules of ``groups``, afresh for one judgement."""
    if team.roles:
        plain = team.decide_on == "every_bar" and tape.close.device.type == "cpu"
        single = plain and groups[-1].envs.stop == 1 and not bool(groups[0].delay)
        return (SingleVotesDecider if single else VotesDecider)(tape, config, team, groups)
    return PoolDecider(team, groups)


class PoolDecider:
    """The pooled probabilities under each group's execution rule.

    Args:
        team: weights and mode of the pool.
        groups: neighbouring environments that share a rule.
    """

    def __init__(self, team: Team, groups: tuple[RuleGroup, ...]) -> None:
        self.weights, self.mode, self.groups = team.weights, team.pool, groups
        last = groups[-1]
        self.low_confidence = torch.zeros(
            last.envs.stop, dtype=torch.int64, device=last.gate.device
        )
        self._delay = Delay(torch.cat([group.delay for group in groups]))

    def __call__(self, logits: Float[Tensor, "env agent 3"], seen: Observation) -> Decided:
        """Return targets, comparisons and rules of all environments."""
        pooled = pool_logits(logits, self.weights, self.mode)
        target, proceed, rule = self._delay(seen.position, *self._settle(pooled, seen.position))
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
    """

    def __init__(
        self, tape: Tape, config: EnvConfig, team: Team, groups: tuple[RuleGroup, ...]
    ) -> None:
        threshold = torch.cat([group.gate for group in groups]).double()
        counted = Aggregation(threshold)
        self.voted = VotedOrders(tape, config, team.roles, counted, team.decide_on)
        self._delay = Delay(torch.cat([group.delay for group in groups]))

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
        target, at_market, score, rule = self._delay(
            position, tally.target, tally.at_market, tally.score, tally.rule
        )
        return replace(tally, target=target, at_market=at_market, score=score, rule=rule)


class SingleVotesDecider:
    """:class:`VotesDecider` for one environment, the same values without its many operations.

    Of a team that decides on every bar.

    Args:
        tape: what votes are about.
        config: distances of stops and targets.
        team: its roles.
        groups: the threshold.
    """

    def __init__(
        self, tape: Tape, config: EnvConfig, team: Team, groups: tuple[RuleGroup, ...]
    ) -> None:
        (threshold,) = groups[0].gate.double().tolist()
        voted = VotedOrders(tape, config, team.roles, Aggregation(threshold))
        self._base = voted.base
        self._facts, self._count = voted.facts.numpy(), SingleVote(team.roles, threshold)
        self._close, self._atr = tape.close.numpy(), tape.atr14.numpy()
        self._stop, self._target = config.stop_atr, config.target_atr
        self._nothing = torch.full((1, len(CLASS_NAMES)), torch.nan)

    def __call__(self, logits: Float[Tensor, "1 agent 3"], seen: Observation) -> Decided:
        """Return order, score and rule of the environment."""
        odds = torch.softmax(logits, dim=-1)[0].tolist()
        votes = [shares.index(max(shares)) for shares in odds]
        bar, position = int(seen.bar), int(seen.position)
        sign, kind, toward = self._facts[bar].tolist()
        tally = self._count(votes, odds, VoteFacts(sign, kind, toward, position))
        close, atr = float(self._close[bar]), float(self._atr[bar])
        reach = (atr if atr > 0.0 else math.nan) * tally.target
        size = contracts(tally.score, self._base) / self._base
        limit = math.nan if tally.rule is Rule.VOTED_MARKET else close
        stop = math.nan if self._stop is None else close - self._stop * reach
        profit = math.nan if self._target is None else close + self._target * reach
        prices = torch.from_numpy(np.array([size, limit, stop, profit])).split(1)
        target, rule = torch.from_numpy(np.array([tally.target, tally.rule])).split(1)
        return Decided(
            Orders(
                target,
                size=prices[0],
                limit=prices[1],
                stop=None if self._stop is None else prices[2],
                take_profit=None if self._target is None else prices[3],
            ),
            self._nothing,
            torch.from_numpy(np.array([tally.score], np.float32)),
            target,
            torch.from_numpy(np.array([tally.rule in ENTERED])),
            rule,
        )
