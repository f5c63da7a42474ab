"""A team: several policies, one critic and the weights of their pool."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grandmodel.core.checks import require
from grandmodel.core.types import CLASS_NAMES, ObservationSpec, Stretch
from grandmodel.decision.aggregation import ROLES
from grandmodel.decision.pool import pool_logits
from grandmodel.systems.blocks import BLOCK, MarketViewLike, blocked_embed
from grandmodel.systems.config import (
    AgentConfig,
    ConvMemberConfig,
    CriticConfig,
    MemberConfig,
    NetworkConfig,
    TemporalMemberConfig,
)
from grandmodel.systems.convolution import ConvTrunk
from grandmodel.systems.critic import AnyCritic, build_critic
from grandmodel.systems.head import HeadStack
from grandmodel.systems.init import initialise
from grandmodel.systems.mlp import MlpTrunk
from grandmodel.systems.modifiers import Adjustment, modifier_columns
from grandmodel.systems.policy import Policy
from grandmodel.systems.temporal import TemporalTrunk
from grandmodel.systems.weights import PoolWeights, initial_shares

__all__ = ["BLOCK", "Team", "blocked_embed", "build_team", "member_spec"]


class Team(nn.Module):
    """Policies by name (agent ids are their positions), their critic and the pool's weights."""

    members: nn.ModuleDict

    def __init__(
        self,
        policies: Sequence[Policy],
        critic: AnyCritic,
        pool_weights: PoolWeights,
        pool: str = "log",
        dropout_rate: float = 0.0,
        roles: Sequence[str] = (),
        decide_on: str = "every_bar",
    ) -> None:
        """Join the parts.

        Args:
            policies: the members.
            critic: of all of them.
            pool_weights: of the members.
            pool: how members are pooled.
            dropout_rate: of the heads.
            roles: what members vote on, if they do.
            decide_on: when a team that votes decides.
        """
        super().__init__()
        self.names = tuple(policy.spec.agent for policy in policies)
        self.members = nn.ModuleDict({policy.spec.agent: policy for policy in policies})
        self.critic = critic
        self.pool_weights = pool_weights
        self.pool = pool
        self.dropout_rate = dropout_rate
        self.roles = tuple(roles)
        self.decide_on = decide_on

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The members in the order of their ids."""
        return tuple(self.members[name] for name in self.names)  # pyright: ignore

    @property
    def specs(self) -> tuple[ObservationSpec, ...]:
        """What each member sees."""
        return tuple(policy.spec for policy in self.policies)

    @property
    def class_names(self) -> tuple[tuple[str, ...], ...]:
        """Names of each member's three classes."""
        return tuple(ROLES[role] for role in self.roles) or (CLASS_NAMES,) * self.n_agents

    @property
    def n_agents(self) -> int:
        """Number of members; the executor id of the pool."""
        return len(self.names)

    @property
    def weights(self) -> Float[Tensor, " agent"]:
        """Present weights of the pool."""
        return self.pool_weights()

    @property
    def initial_weights(self) -> Float[Tensor, " agent"]:
        """Weights before training, with which executors are drawn."""
        return self.pool_weights.initial

    def actor_parameters(self) -> list[nn.Parameter]:
        """Parameters that the policy loss moves: members, and pool weights that learn by it."""
        return [*self.members.parameters(), *self.pool_weights.parameters()]

    def heads(self) -> HeadStack:
        """Return the heads stacked as they are now; make a new one after each optimiser step."""
        return HeadStack([policy.head for policy in self.policies])

    def embed_all(
        self, windows: Sequence[Tensor | Stretch], contexts: Sequence[Tensor]
    ) -> list[Float[Tensor, "batch embedding"]]:
        """Embed each member's own window and context."""
        inputs = zip(self.policies, windows, contexts, strict=True)
        return [policy.embed(window, context) for policy, window, context in inputs]

    def blocked_embed_all(
        self,
        views: Sequence[MarketViewLike],
        rows: int | Int[Tensor, " row"],
        block: int = BLOCK,
    ) -> Float[Tensor, "row agent embedding"]:
        """Embed tape rows for all members in aligned blocks (see :func:`blocked_embed`)."""
        parts = zip(self.policies, views, strict=True)
        return torch.stack([blocked_embed(p, view, rows, block) for p, view in parts], dim=1)

    def adjustment(self, modifiers: Sequence[Tensor]) -> Adjustment | None:
        """Return every member's logit modifiers as one, [batch, agent, ...]; None without any.

        Depends on the market alone: a judge computes it once for all bars.
        """
        if not any(len(policy.modifiers) for policy in self.policies):
            return None
        pairs = zip(self.policies, modifiers, strict=True)
        parts = [policy.modifiers.adjustment(values) for policy, values in pairs]
        return Adjustment(
            torch.stack([part.factor for part in parts], dim=1),
            torch.stack([part.offset for part in parts], dim=1),
        )

    def logits_all(
        self,
        embeddings: Sequence[Tensor] | Float[Tensor, "batch agent embedding"],
        account: Float[Tensor, "batch value"],
        modifiers: Sequence[Tensor] | Adjustment | None,
        dropout: Float[Tensor, "batch agent embedding"] | None = None,
        heads: HeadStack | None = None,
    ) -> Float[Tensor, "batch agent 3"]:
        """Return every member's logits after temperature and modifiers.

        Args:
            embeddings: one per member, or stacked along the agent axis.
            account: the account block.
            modifiers: each member's modifier columns at the last bar (may be of width 0), or
                what :meth:`adjustment` made of them.
            dropout: multipliers of the hidden layers, or None.
            heads: a stack made once for many calls; made anew where not given.
        """
        stacked = embeddings if isinstance(embeddings, Tensor) else torch.stack([*embeddings], 1)
        logits = (heads or self.heads())(stacked, account, dropout)
        if not isinstance(modifiers, Adjustment | None):
            modifiers = self.adjustment(modifiers)
        return logits if modifiers is None else modifiers.apply(logits)

    def pooled(self, logits: Float[Tensor, "batch agent 3"]) -> Float[Tensor, "batch 3"]:
        """Return the ensemble's probabilities under the present weights."""
        return pool_logits(logits, self.weights, self.pool)


def member_spec(
    name: str,
    member: MemberConfig,
    network: NetworkConfig,
    context: Sequence[str],
    account: Sequence[str],
) -> ObservationSpec:
    """Return what member ``name`` sees, by column name."""
    inputs = member.inputs
    if network.kind == "temporal" and name in network.temporal.members:
        inputs = network.temporal.members[name].inputs or inputs
    require(
        len(inputs) > 0,
        f"agent.members.{name}.inputs must name at least one column of the matrix, was empty",
    )
    for column in inputs:
        key = f"agent.members.{name}.inputs"
        require(inputs.count(column) == 1, f"{key} must name each column once, was {column} twice")
    shown = tuple(dict.fromkeys([*context, *member.context]))
    adjusted = modifier_columns(member.modifiers)
    bars = member.window_bars
    return ObservationSpec(name, tuple(inputs), shown, adjusted, bars, tuple(account))


def build_team(
    agent: AgentConfig,
    network: NetworkConfig,
    critic: CriticConfig | None,
    context: Sequence[str],
    generator: torch.Generator,
    n_heads: int = 1,
) -> Team:
    """Build a team with freshly initialised networks.

    Args:
        agent: members and how they are pooled.
        network: sizes of policies and, where ``critic`` is None, of the critic.
        critic: the critic's configuration.
        context: context columns that every member sees.
        generator: all weights are drawn from it; the global random state does not move.
        n_heads: values of the critic: one, and one for each reward of a single member.

    Raises:
        UserError: the configuration names no member, no inputs or impossible weights.
    """
    names = agent.active_names
    require(len(names) > 0, "agent.members must name at least one agent, was empty")
    configs = [agent.members[name] for name in names]
    specs = [
        member_spec(name, member, network, context, agent.account)
        for name, member in zip(names, configs, strict=True)
    ]
    with torch.random.fork_rng(devices=[]):
        policies = [
            _build_policy(spec, member, network)
            for spec, member in zip(specs, configs, strict=True)
        ]
        sees = network.critic if critic is None else critic
        value = build_critic(specs, sees, n_heads, apart=agent.voting)
        shares = initial_shares(names, [member.initial_weight for member in configs])
        weights = PoolWeights(agent.ensemble_learn, shares)
        roles = [str(member.votes) for member in configs] if agent.voting else []
        team = Team(policies, value, weights, agent.pool, network.dropout, roles, agent.decide_on)
    initialise(team, generator)
    return team


def _build_policy(spec: ObservationSpec, member: MemberConfig, network: NetworkConfig) -> Policy:
    trunk: MlpTrunk | TemporalTrunk | ConvTrunk
    if network.kind == "temporal":
        own = network.temporal.members.get(spec.agent, TemporalMemberConfig())
        trunk = TemporalTrunk(
            spec, network.temporal, own, network.trunk, layer_norm=network.layer_norm
        )
    elif network.kind == "conv":
        view = network.conv.members.get(spec.agent, ConvMemberConfig())
        trunk = ConvTrunk(spec, network.conv, view, network.trunk, layer_norm=network.layer_norm)
    else:
        trunk = MlpTrunk(spec, network.trunk, layer_norm=network.layer_norm)
    return Policy(
        spec,
        trunk,
        head=network.head,
        layer_norm=network.layer_norm,
        learn_temperature=network.learn_temperature,
        modifiers=member.modifiers,
        temperature=member.temperature,
    )
