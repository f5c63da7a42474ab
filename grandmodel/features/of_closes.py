"""What indicators of the close alone share: arrays and single bars go through one loop."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from grandmodel.features.inputs import Bar, BarArrays


class OfCloses(ABC):
    """An indicator whose columns are made of the closes so far; a subclass keeps the state."""

    columns: tuple[str, ...]

    @abstractmethod
    def _reset(self) -> None:
        """Forget all bars."""

    @abstractmethod
    def _write(self, close: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        """Take closes [bar] one after another; write the columns [column, bar]."""

    def over(self, bars: BarArrays) -> dict[str, NDArray[np.float64]]:
        """Return the columns [bar], from nothing; `update` may go on from the last bar."""
        self._reset()
        return dict(zip(self.columns, self._take(bars.close), strict=True))

    def update(self, bar: Bar) -> dict[str, float]:
        """Take the next bar; return its columns."""
        row = self._take(np.array([bar.close]))[:, 0]
        return dict(zip(self.columns, row.tolist(), strict=True))

    def _take(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.empty((len(self.columns), close.size))
        self._write(close, out)
        return out
