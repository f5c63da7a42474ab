"""Named numbers of one update, averaged on the device and read once."""

import torch
from torch import Tensor


class Statistics:
    """Means of named numbers over the steps of one update, read once at its end."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        """Take in one value per name, without waiting for the device."""
        for name, value in values.items():
            self._values.setdefault(name, []).append(value.detach())

    def means(self) -> dict[str, float]:
        """Return the mean of every name."""
        return {
            name: float(torch.stack([v.float() for v in values]).mean())
            for name, values in self._values.items()
        }
