"""Running scale of returns, so that the critic learns numbers of size one."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ValueNorm(nn.Module):
    """Mean and standard deviation of returns by a debiased moving average.

    Per rollout, with rate b: m <- (1-b) m + b mean(G), q <- (1-b) q + b mean(G^2),
    n <- (1-b) n + b; mean = m/n, variance = max(q/n - mean^2, floor)
    (`docs/definitions.md`, Value normalisation). Switched off it is the identity.

    Args:
        rate: weight of a new rollout, in (0, 1].
        variance_floor: smallest variance; it must lie below that of the returns, or they
            are not normalised at all.
        enabled: False makes both directions the identity and ``update`` do nothing.
    """

    moment1: Tensor
    moment2: Tensor
    weight: Tensor

    def __init__(
        self, *, rate: float = 0.05, variance_floor: float = 0.01, enabled: bool = True
    ) -> None:
        super().__init__()
        self.rate = rate
        self.variance_floor = variance_floor
        self.enabled = enabled
        self.register_buffer("moment1", torch.zeros((), dtype=torch.float64))
        self.register_buffer("moment2", torch.zeros((), dtype=torch.float64))
        self.register_buffer("weight", torch.zeros((), dtype=torch.float64))

    def scale(self) -> tuple[float, float]:
        """Return the mean and the standard deviation in use; (0, 1) before the first update."""
        weight = float(self.weight)
        if not self.enabled or weight == 0.0:
            return 0.0, 1.0
        mean = float(self.moment1) / weight
        variance = max(float(self.moment2) / weight - mean * mean, self.variance_floor)
        return mean, variance**0.5

    @torch.no_grad()
    def update(self, returns: Float[Tensor, "..."]) -> None:
        """Take in the returns of one rollout."""
        if not self.enabled:
            return
        values = returns.double()
        self.moment1.mul_(1.0 - self.rate).add_(self.rate * values.mean())
        self.moment2.mul_(1.0 - self.rate).add_(self.rate * values.square().mean())
        self.weight.mul_(1.0 - self.rate).add_(self.rate)

    def normalise(self, values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return (values - mean) / sd."""
        mean, deviation = self.scale()
        return (values - mean) / deviation

    def denormalise(self, values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return values * sd + mean."""
        mean, deviation = self.scale()
        return values * deviation + mean
