"""The team's memory of who knows: the pool's weights and how they learn.

Source: `docs/definitions.md`, Weights of the pool.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from grandmodel.core.checks import require

RECORD_RATE = 0.1
RECORD_SCALE = 0.02
PERFORMANCE_SHARPNESS = 2.0
PERFORMANCE_RATE = 1e-3


def pool_floor(n_agents: int) -> float:
    """Return the least weight an agent keeps: 0.1, and never more than 0.3 for all together."""
    return min(0.1, 0.3 / n_agents)


def record_weights(
    initial: Float[Tensor, " agent"], record: Float[Tensor, " agent"]
) -> Float[Tensor, " agent"]:
    """Return floor + (1 - A floor) softmax(log((w0 - floor) / (1 - A floor)) + m / 0.02).

    For three agents: 0.1 + 0.7 softmax(log((w0 - 0.1) / 0.7) + m / 0.02). A record of equal
    entries gives back the initial weights; a single agent has weight 1.
    """
    floor = pool_floor(initial.shape[0])
    free = 1.0 - initial.shape[0] * floor
    return floor + free * torch.softmax(
        torch.log((initial - floor) / free) + record / RECORD_SCALE, 0
    )


def initial_shares(names: tuple[str, ...], given: list[float | None]) -> Float[Tensor, " agent"]:
    """Scale the configured shares of the active members to sum 1 (equal where none is given).

    Raises:
        UserError: some but not all are given, or a share is not above the floor.
    """
    missing = [name for name, weight in zip(names, given, strict=True) if weight is None]
    if len(missing) == len(names):
        return torch.full((len(names),), 1.0 / len(names))
    require(
        not missing,
        f"agent.members.{missing[0] if missing else ''}.initial_weight must be given, "
        "because other active members give theirs",
    )
    shares = torch.tensor([float(weight or 0.0) for weight in given])
    shares = shares / shares.sum()
    floor = pool_floor(len(names))
    for name, share in zip(names, shares.tolist(), strict=True):
        require(
            share > floor,
            f"agent.members.{name}.initial_weight must be more than {floor:.3g} of the sum over "
            f"active members, was {share:.3g} of it",
        )
    return shares


class PoolWeights(nn.Module):
    """Weights of the pool; all that they have learned is in the ``state_dict``.

    ``record``: from each agent's own reward record; ``performance``: softmax of a vector moved
    towards softmax(2 x outcomes weighted with confidence) by Adam steps of 1e-3; ``gradient``:
    softmax of a parameter that the learner's optimiser moves; ``fixed``: the initial ones.
    """

    initial: Tensor
    record: Tensor
    current: Tensor
    raw: Tensor
    moments: Tensor
    steps: Tensor

    def __init__(self, kind: str, initial: Float[Tensor, " agent"]) -> None:
        """Start at ``initial`` (performance: at equal weights, as its text has it)."""
        super().__init__()
        self.kind = kind
        n_agents = initial.shape[0]
        self.register_buffer("initial", initial.clone())
        self.register_buffer("record", torch.zeros(n_agents))
        self.register_buffer("current", initial.clone())
        self.register_buffer("moments", torch.zeros(2, n_agents))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        if kind == "gradient":
            self.raw = nn.Parameter(initial.log())
        else:
            self.register_buffer("raw", torch.zeros(n_agents))
        if kind == "performance":
            self.current.copy_(torch.softmax(self.raw, 0))

    def forward(self) -> Float[Tensor, " agent"]:
        """Return the present weights; they sum to 1 and carry a gradient only in ``gradient``."""
        return torch.softmax(self.raw, 0) if self.kind == "gradient" else self.current

    @torch.no_grad()
    def update(
        self,
        reward: Float[Tensor, " agent"],
        seen: Bool[Tensor, " agent"],
        performance: Float[Tensor, " agent"] | None = None,
    ) -> None:
        """Learn from one rollout.

        The record is kept whatever the kind, so that reports can show it.

        Args:
            reward: mean learner's reward per bar in each agent's own environments.
            seen: agents that had an environment; the record of the others stays.
            performance: mean over environments of outcome x the agent's confidence
                (``performance`` only; there ``reward`` stands in where it is not given).
        """
        step = RECORD_RATE * (reward.to(self.record) - self.record)
        self.record.add_(step.masked_fill(~seen, 0.0))
        if self.kind == "record":
            self.current.copy_(record_weights(self.initial, self.record))
        elif self.kind == "performance":
            self._step_performance(reward if performance is None else performance)

    def _step_performance(self, performance: Tensor) -> None:
        target = torch.softmax(PERFORMANCE_SHARPNESS * performance.to(self.raw), 0)
        with torch.enable_grad():
            raw = self.raw.clone().requires_grad_()
            (grad,) = torch.autograd.grad(F.mse_loss(torch.softmax(raw, 0), target), raw)
        self.steps.add_(1)
        first, second = self.moments
        first.mul_(0.9).add_(0.1 * grad)
        second.mul_(0.999).add_(0.001 * grad.square())
        count = int(self.steps)
        root = (second / (1.0 - 0.999**count)).sqrt() + 1e-8
        self.raw.sub_(PERFORMANCE_RATE * first / (1.0 - 0.9**count) / root)
        self.current.copy_(torch.softmax(self.raw, 0))
