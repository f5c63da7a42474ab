"""The highest equity of the last bars, from which drawdowns are measured.

Source: `docs/definitions.md`, "Drawdown in observations".
"""

from typing import Protocol

import torch
from torch import Tensor


class Peak(Protocol):
    """Remembers the highest of the last values."""

    def push(self, value: Tensor) -> Tensor:
        """Take in the newest value, float64 [env], and return the highest, float64 [env]."""
        ...

    def restart(self, where: Tensor, value: float) -> None:
        """Forget what was, where `where` holds, bool [env]; `value` is the first one there."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of all state."""
        ...

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`."""
        ...


class RunningPeak:
    """Highest value since the start: exact while episodes are no longer than the window."""

    def __init__(self, n_envs: int, device: str | torch.device = "cpu") -> None:
        self._peak = torch.full((n_envs,), -torch.inf, dtype=torch.float64, device=device)

    def push(self, value: Tensor) -> Tensor:
        """Take in the newest value and return the highest, float64 [env]."""
        return torch.maximum(self._peak, value, out=self._peak)

    def restart(self, where: Tensor, value: float) -> None:
        """Begin at `value` where `where` holds, bool [env]."""
        self._peak.masked_fill_(where, value)

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of all state."""
        return {"peak": self._peak.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`."""
        self._peak.copy_(state["peak"])


class WindowPeak:
    """Highest of the last `window` values of environments that step together.

    Block maxima (van Herk): the window is the end of the last block and the beginning of this
    one, so a step costs two maxima however long the window is.
    """

    def __init__(self, n_envs: int, window: int, device: str | torch.device = "cpu") -> None:
        self.window = window
        shape = (window, n_envs)
        self._block = torch.full(shape, -torch.inf, dtype=torch.float64, device=device)
        self._tail = torch.full_like(self._block, -torch.inf)  # maxima to the end of last block
        self._head = torch.full_like(self._block[0], -torch.inf)  # maximum of this block
        self._offset = 0

    def push(self, value: Tensor) -> Tensor:
        """Take in the newest value and return the highest of the window, float64 [env]."""
        offset = self._offset
        self._block[offset] = value
        torch.maximum(self._head, value, out=self._head)
        if offset + 1 < self.window:
            self._offset = offset + 1
            return torch.maximum(self._head, self._tail[offset + 1])
        highest = self._head.clone()
        self._tail = self._block.flip(0).cummax(0).values.flip(0)
        self._head.fill_(-torch.inf)
        self._offset = 0
        return highest

    def restart(self, where: Tensor, value: float) -> None:
        """Begin at `value` where `where` holds, bool [env]: as if it were the newest of all."""
        fresh = self._offset == 0  # the newest value ended a block: it lives in the tail
        self._block[:, where] = -torch.inf
        self._block[self._offset - 1, where] = value
        self._tail[:, where] = value if fresh else -torch.inf
        self._head[where] = -torch.inf if fresh else value

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of all state."""
        return {
            "block": self._block.clone(),
            "tail": self._tail.clone(),
            "head": self._head.clone(),
            "offset": torch.tensor(self._offset),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`."""
        self._block.copy_(state["block"])
        self._tail = state["tail"].to(self._tail).clone()
        self._head.copy_(state["head"])
        self._offset = int(state["offset"])
