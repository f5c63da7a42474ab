"""Who executes: which agent's sampled action an environment obeys during training.

Agents are numbered 0 .. A-1 in the order of the team's active members; the pool is A.
Source: `docs/definitions.md`, The executor.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grandmodel.core.checks import require_choice

EXECUTOR_KINDS = ("episode", "step", "pool", "votes")
SHARED_KINDS = ("pool", "votes")  # every environment belongs to the whole team
POOL_EVERY = 8
REDRAW_PROBABILITY = 1.0 / 12.0


def draw_agents(
    weights: Float[Tensor, " agent"], count: int, generator: torch.Generator
) -> Int[Tensor, " count"]:
    """Draw ``count`` agent indices with probabilities ``weights`` (their sum need not be 1)."""
    edges = weights.to(torch.float64).cumsum(0)
    uniform = torch.rand(count, generator=generator, dtype=torch.float64, device=generator.device)
    return torch.searchsorted(edges[:-1] / edges[-1], uniform, right=True)


def pool_environments(n_envs: int, pool_every: int = POOL_EVERY) -> Bool[Tensor, " env"]:
    """Mark the environments that belong to the pool: the last of every ``pool_every``.

    A fixed set, so that the share is exact and costs no randomness; ``pool_every=0`` means none.
    """
    if pool_every == 0:
        return torch.zeros(n_envs, dtype=torch.bool)
    return torch.arange(n_envs) % pool_every == pool_every - 1


def closed_positions(
    before: Int[Tensor, " env"], after: Int[Tensor, " env"]
) -> Bool[Tensor, " env"]:
    """Mark environments whose position was closed or reversed between two observations."""
    return (before != 0) & (after != before)


class Executors:
    """The executor of each environment, drawn and redrawn with a generator of its own.

    ``episode``: an agent drawn with the initial weights keeps the environment until its episode
    ends; one environment in ``pool_every`` belongs to the pool. ``step``: an agent drawn with the
    present weights, redrawn with probability 1/12 per bar and when the position closes.
    ``pool``: the pooled distribution acts everywhere. ``votes``: everybody votes everywhere.
    """

    def __init__(
        self,
        kind: str,
        initial_weights: Float[Tensor, " agent"],
        n_envs: int,
        generator: torch.Generator,
        *,
        pool_every: int = POOL_EVERY,
        redraw_probability: float = REDRAW_PROBABILITY,
    ) -> None:
        """Draw the first executors.

        Args:
            kind: ``episode``, ``step``, ``pool`` or ``votes``.
            initial_weights: w0 of the active agents.
            n_envs: number of environments.
            generator: consumed by every draw, on the device of the environments.
            pool_every: one environment in this many belongs to the pool (``episode`` only).
            redraw_probability: per bar (``step`` only).
        """
        require_choice("agent.executor", kind, EXECUTOR_KINDS)
        self.kind = kind
        self.n_agents = int(initial_weights.shape[0])
        self.initial_weights = initial_weights.detach().clone().to(generator.device)
        self.generator = generator
        self.redraw_probability = redraw_probability
        shown = pool_environments(n_envs, pool_every if kind == "episode" else 0)
        self.is_pool = (shown | (kind in SHARED_KINDS)).to(generator.device)
        self.current = self._draw(self.initial_weights)

    def advance(
        self,
        done: Bool[Tensor, " env"],
        closed: Bool[Tensor, " env"],
        weights: Float[Tensor, " agent"],
    ) -> Int[Tensor, " env"]:
        """Return the executors of the next decision.

        The number of random draws does not depend on the arguments.

        Args:
            done: episodes that ended with the last step.
            closed: positions that closed or reversed with it (``step`` only).
            weights: the team's present weights (``step`` only).
        """
        if self.kind in SHARED_KINDS:
            return self.current
        if self.kind == "step":
            chance = torch.rand(
                done.shape[0], generator=self.generator, device=self.generator.device
            )
            done = done | closed | (chance < self.redraw_probability)
        else:
            weights = self.initial_weights
        self.current = torch.where(done, self._draw(weights.detach()), self.current)
        return self.current

    def state_dict(self) -> dict[str, Tensor]:
        """Return tensors from which :meth:`load_state_dict` continues exactly."""
        return {"current": self.current.clone(), "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from a :meth:`state_dict`."""
        self.current = state["current"].to(self.initial_weights.device)
        self.generator.set_state(state["generator"].cpu())

    def _draw(self, weights: Float[Tensor, " agent"]) -> Int[Tensor, " env"]:
        drawn = draw_agents(weights, self.is_pool.shape[0], self.generator)
        return drawn.masked_fill(self.is_pool, self.n_agents)
