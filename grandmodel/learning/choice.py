"""From everybody's logits to what the environments are sent and what the update must know."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grandmodel.core.types import Observation
from grandmodel.decision.executor import Executors
from grandmodel.decision.pool import pool_log_probs, pool_logits
from grandmodel.systems.team import Team

Orders = Any  # what the environments' step takes
SendVotes = Callable[[Int[Tensor, "env agent"], Observation], Orders]


class Choice(NamedTuple):
    """One decision of all environments."""

    orders: Orders
    action: Tensor  # int64 [env], or [env, agent] where every agent acts
    log_prob: Tensor  # float32, as `action`


class Chooser(Protocol):
    """How logits become actions."""

    def __call__(
        self, logits: Float[Tensor, "env agent 3"], seen: Observation, generator: torch.Generator
    ) -> Choice:
        """Draw the actions of one decision."""
        ...


class ExecutorChooser:
    """One agent acts in each environment: its sampled class is the position wanted.

    The pool's own environments take the ensemble's likeliest class.

    Args:
        team: weights and mode of the pool.
        executors: who acts where.
    """

    def __init__(self, team: Team, executors: Executors) -> None:
        self.team = team
        self.executors = executors
        self._pool_rows = executors.is_pool.nonzero()[:, 0]

    def __call__(
        self, logits: Float[Tensor, "env agent 3"], seen: Observation, generator: torch.Generator
    ) -> Choice:
        """Draw one action for each environment."""
        del seen
        executor = self.executors.current
        weights, mode = self.team.weights, self.team.pool
        uniform = torch.rand(executor.shape[0], generator=generator, device=executor.device)
        if self.executors.kind == "pool":
            action, log_prob = sample(pool_log_probs(logits, weights, mode), uniform)
            return Choice(action - 1, action, log_prob)
        owner = executor.clamp_max(logits.shape[1] - 1)
        own = logits.gather(1, owner[:, None, None].expand(-1, 1, logits.shape[2]))[:, 0]
        action, log_prob = sample(torch.log_softmax(own, dim=-1), uniform)
        if self._pool_rows.numel() > 0:
            pooled = pool_logits(logits[self._pool_rows], weights, mode)
            action[self._pool_rows] = pooled.argmax(dim=-1)
            log_prob[self._pool_rows] = 0.0
        return Choice(action - 1, action, log_prob)


class VotesChooser:
    """Every agent acts in every environment: the order is a function of the sampled votes.

    Args:
        send: makes the orders of votes [env, agent]; may read the observation and nothing else.
    """

    def __init__(self, send: SendVotes) -> None:
        self.send = send

    def __call__(
        self, logits: Float[Tensor, "env agent 3"], seen: Observation, generator: torch.Generator
    ) -> Choice:
        """Draw a vote of every agent in each environment."""
        count, agents, classes = logits.shape
        log_probs = torch.log_softmax(logits, dim=-1).reshape(-1, classes)
        uniform = torch.rand(count * agents, generator=generator, device=logits.device)
        votes, log_prob = sample(log_probs, uniform)
        votes, log_prob = votes.view(count, agents), log_prob.view(count, agents)
        return Choice(self.send(votes, seen), votes, log_prob)


def sample(
    log_probs: Float[Tensor, "row action"], uniform: Float[Tensor, " row"]
) -> tuple[Int[Tensor, " row"], Float[Tensor, " row"]]:
    """Draw from three classes by inversion; one uniform number per row."""
    edges = log_probs[:, :2].exp().cumsum(dim=-1)
    action = (uniform[:, None] >= edges).sum(dim=-1)
    return action, log_probs.gather(1, action[:, None])[:, 0]
