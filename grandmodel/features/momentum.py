"""Momentum: the simple return over the last 20 and the last 50 bars."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.features.of_closes import OfCloses

SHORT_BARS, LONG_BARS = 20, 50


@njit(cache=True, nogil=True)
def _advance(close, ring, counter, out):
    """Take bars one after another; write both returns, nan until known."""
    for t in range(close.size):
        count = counter[0]
        ring[count % ring.size] = close[t]
        counter[0] = count + 1
        for row, span in enumerate((SHORT_BARS, LONG_BARS)):
            known = count >= span
            out[row, t] = close[t] / ring[(count - span) % ring.size] - 1.0 if known else np.nan


class Momentum(OfCloses):
    """``momentum_20`` and ``momentum_50``: close over the close n bars ago - 1, a fraction.

    nan until n earlier bars are known (`docs/definitions.md`, section Momentum).
    """

    columns = ("momentum_20", "momentum_50")
    memory_bars = LONG_BARS + 1

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._state = (np.ones(LONG_BARS + 1), np.zeros(1, np.int64))

    def _write(self, close: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        _advance(close, *self._state, out)
