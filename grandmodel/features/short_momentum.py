"""Momentum of the last five bars and the size that it usually has."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.features.of_closes import OfCloses

SPAN_BARS = 5
LIMIT = 0.10
ALPHA = 0.06
_MEAN_SQUARE, _SEEN = range(2)


@njit(cache=True, nogil=True)
def _advance(close, ring, counter, state, out):
    """Take bars one after another; write the momentum and its trailing size."""
    for t in range(close.size):
        count = counter[0]
        counter[0] = count + 1
        ring[count % ring.size] = close[t]
        out[0, t] = np.nan
        out[1, t] = 0.0
        if count < SPAN_BARS:
            continue
        moved = close[t] / ring[(count - SPAN_BARS) % ring.size] - 1.0
        moved = min(max(moved, -LIMIT), LIMIT)
        square = moved * moved
        if state[_SEEN] == 0.0:
            state[_SEEN] = 1.0
            state[_MEAN_SQUARE] = square
        state[_MEAN_SQUARE] += ALPHA * (square - state[_MEAN_SQUARE])
        out[0, t] = moved
        out[1, t] = math.sqrt(state[_MEAN_SQUARE])


class ShortMomentum(OfCloses):
    """The return over five bars, and the root of the EMA (0.06) of its square.

    Columns (`docs/definitions.md`, section Short momentum): ``price_momentum_5``, close over the
    close five bars before - 1, a fraction clipped to +-0.10, nan until known;
    ``price_momentum_5_size``, a fraction, the present bar included, 0 until known.
    """

    columns = ("price_momentum_5", "price_momentum_5_size")
    memory_bars = 600

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._state = (np.ones(SPAN_BARS + 1), np.zeros(1, np.int64), np.zeros(2))

    def _write(self, close: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        _advance(close, *self._state, out)
