"""The team at its places on a tape: policies and critic joined to what each of them sees."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from grandmodel.core.types import Observation, Stretch
from grandmodel.decision.pool import pool_log_probs
from grandmodel.systems.dropout import draw_masks, unpack_masks
from grandmodel.systems.team import Team


class View(Protocol):
    """The market inputs of one observation spec, read by tape row."""

    def window(self, bar: Tensor, reads: str) -> Tensor | Stretch:
        """Return the windows that end at rows ``bar``."""
        ...

    def context(self, bar: Tensor) -> Tensor:
        """Return the context at rows ``bar``."""
        ...

    def modifiers(self, bar: Tensor) -> Tensor:
        """Return the columns that adjust the logits, at rows ``bar``."""
        ...


class Seats:
    """A team with its views.

    Args:
        team: policies, critic, pool weights.
        views: one per policy, in the order of the team.
        critic_view: the view of ``team.critic.spec``.
    """

    def __init__(self, team: Team, views: Sequence[View], critic_view: View) -> None:
        self.team = team
        self.views = tuple(views)
        self.critic_view = critic_view

    def draw_dropout(
        self, n_envs: int, generator: torch.Generator
    ) -> UInt8[Tensor, "env agent byte"] | None:
        """Draw the masks of one rollout; None where the team has no dropout."""
        rate = self.team.dropout_rate
        if rate == 0.0:
            return None
        width = self.team.policies[0].embedding_width
        return draw_masks(n_envs, self.team.n_agents, width, rate, generator)

    def acting(self, masks: Tensor | None) -> Callable[[Observation], Tensor]:
        """Return the function from an observation to every agent's logits [env, agent, 3].

        It holds the heads as they are now: ask for a new one after each optimiser step.
        """
        heads = self.team.heads()
        dropout = None if masks is None else self._multipliers(masks)

        def logits(seen: Observation) -> Tensor:
            windows = [
                view.window(seen.bar, policy.reads_apart)
                for policy, view in zip(self.team.policies, self.views, strict=True)
            ]
            contexts = [view.context(seen.bar) for view in self.views]
            modifiers = [view.modifiers(seen.bar) for view in self.views]
            embeddings = self.team.embed_all(windows, contexts)
            return self.team.logits_all(embeddings, seen.account, modifiers, dropout, heads).float()

        return logits

    def log_probs(
        self,
        agent: int,
        bar: Int[Tensor, " row"],
        account: Float[Tensor, "row value"],
        masks: UInt8[Tensor, "row byte"] | None,
    ) -> Float[Tensor, "row 3"]:
        """Return one agent's log probabilities, with gradient."""
        return torch.log_softmax(self.logits(agent, bar, account, masks), dim=-1)

    def logits(
        self, agent: int, bar: Tensor, account: Tensor, masks: Tensor | None
    ) -> Float[Tensor, "row 3"]:
        """Return one agent's logits after temperature and modifiers, float32."""
        policy, view = self.team.policies[agent], self.views[agent]
        embedding = policy.embed(view.window(bar, policy.reads), view.context(bar))
        dropout = None if masks is None else self._multipliers(masks)
        modifiers = view.modifiers(bar) if len(policy.modifiers) else None
        return policy.logits(embedding, account, modifiers, dropout).float()

    def pooled_log_probs(
        self, bar: Tensor, account: Tensor, masks: UInt8[Tensor, "row agent byte"] | None
    ) -> Float[Tensor, "row 3"]:
        """Return the ensemble's log probabilities, with gradient to all agents and weights."""
        logits = [
            self.logits(agent, bar, account, None if masks is None else masks[:, agent])
            for agent in range(self.team.n_agents)
        ]
        return pool_log_probs(torch.stack(logits, dim=1), self.team.weights, self.team.pool)

    def values(
        self,
        bar: Int[Tensor, " row"],
        account: Float[Tensor, "row value"],
        executor: Int[Tensor, " row"],
    ) -> Float[Tensor, " row *head"]:
        """Return the critic's values in normalised units, with gradient; of one head [row]."""
        critic, view = self.team.critic, self.critic_view
        onehot = functional.one_hot(executor, self.team.n_agents + 1).float()
        actions = self._action_probabilities(bar, account) if critic.sees_actions else None
        value = critic(view.window(bar, critic.reads), view.context(bar), account, onehot, actions)
        return value.squeeze(-1).float()

    @torch.no_grad()
    def _action_probabilities(self, bar: Tensor, account: Tensor) -> Tensor:
        agents = range(self.team.n_agents)
        rows = [self.log_probs(agent, bar, account, None) for agent in agents]
        return torch.stack(rows, dim=1).exp()

    def _multipliers(self, masks: Tensor) -> Tensor:
        width = self.team.policies[0].embedding_width
        return unpack_masks(masks, width, self.team.dropout_rate)
