"""The running scale of a reward, moved once per rollout.

Source: `docs/definitions.md`, "Rewards".
"""

import torch
from torch import Tensor


class RunningScale:
    """Running sd of a reward over all environments, moved once per rollout, no mean taken off."""

    def __init__(self, decay: float, device: str | torch.device = "cpu") -> None:
        self.decay = decay
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)  # count, sum, squares
        self._variance = torch.zeros((), dtype=torch.float64, device=device)  # 0: unknown yet

    def add(self, reward: Tensor) -> None:
        """Take in the unscaled rewards of one step."""
        values = reward.double()
        count = torch.full_like(self._variance, float(values.numel()))
        self._sums += torch.stack([count, values.sum(), values.square().sum()])

    def end_rollout(self) -> None:
        """Move the variance towards that of the rollout; the first rollout sets it."""
        count, total, squares = self._sums / self._sums[0].clamp_min(1.0)
        seen = squares - total.square()
        moved = self.decay * self._variance + (1.0 - self.decay) * seen
        new = torch.where(self._variance > 0.0, moved, seen)
        self._variance = torch.where(count > 0.0, new, self._variance)
        self._sums.zero_()

    @property
    def sd(self) -> Tensor:
        """Running sd, float64 []; 1 until it is known."""
        return torch.where(self._variance > 0.0, self._variance.sqrt(), 1.0)

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of all state."""
        return {"sums": self._sums.clone(), "variance": self._variance.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`."""
        self._sums.copy_(state["sums"])
        self._variance.copy_(state["variance"])
