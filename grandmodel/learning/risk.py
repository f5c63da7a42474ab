"""The learner's aversion to risk: x - c x^2, with c following the Sharpe ratio's gradient."""

from dataclasses import dataclass
from math import inf

from jaxtyping import Float
from torch import Tensor

from grandmodel.core.checks import require, require_between


@dataclass(kw_only=True)
class RiskConfig:
    """How c follows the Sharpe ratio and how it grows (which of the two: ``reward.risk``).

    Attributes:
        low: smallest coefficient once the ramp is over.
        high: largest coefficient.
        ramp: share of training over which the coefficient grows from 0 to its full value.
        rate: weight of a new rollout in the moving averages A and B.
        floor: B counts as at least this much; null switches it off.
    """

    low: float = 0.01
    high: float = 0.06
    ramp: float = 0.3
    rate: float = 0.1
    floor: float | None = None

    def __post_init__(self) -> None:
        """Refuse values outside their ranges."""
        require_between("algorithm.risk.high", self.high, 0.0, inf, closed="low")
        require(
            0.0 <= self.low <= self.high,
            "algorithm.risk.low must lie between 0 and algorithm.risk.high "
            f"({self.high}), was {self.low}",
        )
        require_between("algorithm.risk.ramp", self.ramp, 0.0, 1.0, closed="both")
        require_between("algorithm.risk.rate", self.rate, 0.0, 1.0, closed="high")
        if self.floor is not None:
            require_between("algorithm.risk.floor", self.floor, 0.0, inf)


class RiskTerm:
    """Coefficient c of the learner's reward x - c x^2 (`docs/definitions.md`, Risk term).

    A and B are moving averages, per rollout, of the mean of x and of x^2 at full costs in the
    environments that the pool drives. c = ramp * clip(1.5 A / (2 B), low, high): along that
    line the gradient of the reward is the gradient of A / sqrt(B), the Sharpe ratio.

    Args:
        config: clips, ramp and rates.
        fixed: a constant in place of the clip term (0: no aversion); None follows the Sharpe
            ratio.
    """

    def __init__(self, config: RiskConfig, fixed: float | None = None) -> None:
        self.config = config
        self.fixed = fixed
        self.mean = 0.0
        self.square = 0.0
        self.weight = 0.0

    def coefficient(self, progress: float) -> float:
        """Return c at ``progress``, the share of training done, in [0, 1]."""
        config = self.config
        ramp = 1.0 if config.ramp == 0.0 else min(1.0, progress / config.ramp)
        if self.fixed is not None:
            return ramp * self.fixed
        if self.weight == 0.0 or self.square <= 0.0:
            return ramp * config.low
        square = self.square / self.weight
        if config.floor is not None:
            square = max(square, config.floor)
        wanted = 1.5 * (self.mean / self.weight) / (2.0 * square)
        return ramp * min(max(wanted, config.low), config.high)

    def update(self, full_cost_reward: Float[Tensor, " row"]) -> None:
        """Take in x at full costs of one rollout's pool environments; none changes nothing."""
        if full_cost_reward.numel() == 0:
            return
        rate = self.config.rate
        values = full_cost_reward.double()
        self.mean += rate * (float(values.mean()) - self.mean)
        self.square += rate * (float(values.square().mean()) - self.square)
        self.weight += rate * (1.0 - self.weight)

    def state_dict(self) -> dict[str, float]:
        """Return the moving averages."""
        return {"mean": self.mean, "square": self.square, "weight": self.weight}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Restore the moving averages."""
        self.mean, self.square = float(state["mean"]), float(state["square"])
        self.weight = float(state["weight"])


def learner_reward(x: Float[Tensor, "..."], coefficient: float) -> Float[Tensor, "..."]:
    """Return x - c x^2."""
    return x if coefficient == 0.0 else x - coefficient * x.square()
