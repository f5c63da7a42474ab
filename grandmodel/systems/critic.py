"""Value functions: one over the whole team's state, one per agent on its own inputs, or none.

All of them read the union, by name, of the agents' pooled inputs and contexts, so that a learner
keeps a single view for them. Values are in the normalised units of the learner. No dropout.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from grandmodel.core.types import CLASS_NAMES, ObservationSpec
from grandmodel.systems.config import CriticConfig
from grandmodel.systems.init import VALUE_GAIN, ScaledLinear
from grandmodel.systems.policy import mlp_layers


def union_spec(specs: Sequence[ObservationSpec]) -> ObservationSpec:
    """Return the spec that reads every column of ``specs`` once, in order of first use."""
    window = dict.fromkeys(column for spec in specs for column in spec.window)
    context = dict.fromkeys(column for spec in specs for column in spec.context)
    bars = max(spec.window_bars for spec in specs)
    account = specs[0].account
    return ObservationSpec("critic", tuple(window), tuple(context), (), bars, account)


class ResidualBlock(nn.Module):
    """x -> LayerNorm(skip(x) + second(ReLU(LayerNorm(first(x))))), skip linear if widths differ."""

    def __init__(self, wide: int, narrow: int) -> None:
        super().__init__()
        self.first = nn.Linear(wide, narrow)
        self.inner = nn.LayerNorm(narrow)
        self.second = ScaledLinear(narrow, narrow, 1.0)
        same = wide == narrow
        self.skip = nn.Identity() if same else ScaledLinear(wide, narrow, 1.0, bias=False)
        self.norm = nn.LayerNorm(narrow)

    def forward(self, x: Float[Tensor, "batch wide"]) -> Float[Tensor, "batch narrow"]:
        """Return the block's output."""
        return self.norm(self.skip(x) + self.second(torch.relu(self.inner(self.first(x)))))


class Critic(nn.Module):
    """Value of the team's state and of who executes, [batch, heads].

    `sees=state`: market union, context, account and executor one-hot; `sees=state_action` adds
    the agents' action probabilities, as the strategic text has it.
    """

    reads = "pooled"
    apart = False

    def __init__(
        self,
        specs: Sequence[ObservationSpec],
        n_executors: int,
        config: CriticConfig,
        *,
        n_agents: int = 0,
        n_heads: int = 1,
    ) -> None:
        """Derive the input width.

        Args:
            specs: the specs whose union is seen.
            n_executors: width of the executor one-hot (agents and the pool), 0 for none.
            config: kind and widths of the layers.
            n_agents: agents whose action probabilities are seen (`state_action` only).
            n_heads: one value for each reward of its own.
        """
        super().__init__()
        self.spec = union_spec(specs)
        self.n_executors = n_executors
        self.sees_actions = config.sees == "state_action"
        inputs = 2 * len(self.spec.window) + len(self.spec.context) + len(self.spec.account)
        inputs += n_executors + (n_agents * len(CLASS_NAMES) if self.sees_actions else 0)
        widths = [inputs, *config.hidden]
        if config.kind == "residual":
            blocks = [ResidualBlock(*pair) for pair in pairwise(widths)]
            self.layers = nn.Sequential(*blocks)
        else:
            self.layers = mlp_layers(widths, layer_norm=config.layer_norm)
        self.out = ScaledLinear(widths[-1], n_heads, VALUE_GAIN)

    def forward(
        self,
        window: Float[Tensor, "batch pooled"],
        context: Float[Tensor, "batch context"],
        account: Float[Tensor, "batch value"],
        executor_onehot: Float[Tensor, "batch executor"],
        action_probabilities: Float[Tensor, "batch agent 3"] | None = None,
    ) -> Float[Tensor, "batch head"]:
        """Return values in normalised units.

        Args:
            window: pooled window of :attr:`spec`.
            context: context of :attr:`spec`.
            account: the account block.
            executor_onehot: who executes; the last place is the pool.
            action_probabilities: each agent's probabilities (`state_action` only).
        """
        parts = [window, context, account]
        if self.n_executors:
            parts.append(executor_onehot)
        if self.sees_actions:
            if action_probabilities is None:
                raise TypeError("a state_action critic needs action_probabilities")
            parts.append(action_probabilities.flatten(1))
        return self.out(self.layers(torch.cat(parts, dim=-1)))


class OwnCritics(nn.Module):
    """One critic per agent on that agent's own inputs (independent PPO), behind one interface.

    The value of an environment is that of its executor's critic; of the pool, the mean of all.
    Where all agents act in all environments every agent has a value of its own.
    """

    reads = "pooled"
    sees_actions = False

    def __init__(
        self, specs: Sequence[ObservationSpec], config: CriticConfig, *, apart: bool = False
    ) -> None:
        """Build a critic for each of ``specs``.

        Args:
            specs: what each agent sees.
            config: kind and widths of the layers.
            apart: return every agent's value, not that of the executor.
        """
        super().__init__()
        self.apart = apart
        self.spec = union_spec(specs)
        self.n_executors = len(specs) + 1
        self.critics = nn.ModuleList(Critic([spec], 0, config) for spec in specs)
        width = len(self.spec.window)
        own = [[self.spec.window.index(column) for column in spec.window] for spec in specs]
        self._window = [[*columns, *(width + c for c in columns)] for columns in own]
        self._context = [[self.spec.context.index(c) for c in spec.context] for spec in specs]

    def forward(
        self,
        window: Float[Tensor, "batch pooled"],
        context: Float[Tensor, "batch context"],
        account: Float[Tensor, "batch value"],
        executor_onehot: Float[Tensor, "batch executor"],
        action_probabilities: Float[Tensor, "batch agent 3"] | None = None,
    ) -> Float[Tensor, "batch head"]:
        """Return values in normalised units; arguments as in :meth:`Critic.forward`."""
        del action_probabilities
        columns = zip(self.critics, self._window, self._context, strict=True)
        values = torch.cat(
            [critic(window[:, w], context[:, c], account, account) for critic, w, c in columns],
            dim=-1,
        )
        if self.apart:
            return values
        pool = executor_onehot[:, -1:] / len(self.critics)
        return (values * (executor_onehot[:, :-1] + pool)).sum(-1, keepdim=True)


class NoCritic(nn.Module):
    """Every state is worth the mean return: 0 in normalised units, without a parameter.

    What is left to a policy is its own returns. It still tells the union of the agents' inputs.
    """

    reads = "pooled"
    sees_actions = False
    apart = False

    def __init__(self, specs: Sequence[ObservationSpec], n_heads: int = 1) -> None:
        """Note the inputs of ``specs`` and how many values are asked for."""
        super().__init__()
        self.spec = union_spec(specs)
        self.n_heads = n_heads

    def forward(
        self,
        window: Float[Tensor, "batch pooled"],
        context: Float[Tensor, "batch context"],
        account: Float[Tensor, "batch value"],
        executor_onehot: Float[Tensor, "batch executor"],
        action_probabilities: Float[Tensor, "batch agent 3"] | None = None,
    ) -> Float[Tensor, "batch head"]:
        """Return zeros; arguments as in :meth:`Critic.forward`."""
        del window, context, executor_onehot, action_probabilities
        return account.new_zeros(len(account), self.n_heads)


AnyCritic = Critic | OwnCritics | NoCritic


def build_critic(
    specs: Sequence[ObservationSpec],
    config: CriticConfig,
    n_heads: int = 1,
    *,
    apart: bool = False,
) -> AnyCritic:
    """Return the critic that ``config.sees`` asks for.

    Args:
        specs: what each agent sees.
        config: kind and widths.
        n_heads: one value for each reward of its own.
        apart: whether all agents act in all environments; read by own critics.
    """
    if config.sees == "none":
        return NoCritic(specs, n_heads)
    if config.sees == "own":
        return OwnCritics(specs, config, apart=apart)
    return Critic(specs, len(specs) + 1, config, n_agents=len(specs), n_heads=n_heads)
