"""Nadaraya-Watson regression of the close on time, with a rational quadratic kernel."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.features.of_closes import OfCloses

TAPS = 27
BANDWIDTH = 8.0
RELATIVE_WEIGHT = 8.0
FIRST_SLOPE_BAR = TAPS  # the first bar whose value has a predecessor

_VALUE, _SLOPE, _SIGNAL = range(3)


def kernel_weights() -> NDArray[np.float64]:
    """Return (1 + i^2 / (2 r h^2))^-r for ages i = 0..26, h = 8, r = 8, [tap]."""
    age = np.arange(TAPS)
    return (1.0 + age**2 / (2.0 * RELATIVE_WEIGHT * BANDWIDTH**2)) ** -RELATIVE_WEIGHT


@njit(cache=True, nogil=True)
def _advance(close, weights, ring, counter, past, out):
    """Take bars one after another; ``past`` holds the values one and two bars ago."""
    for t in range(close.size):
        count = counter[0]
        ring[count % TAPS] = close[t]
        counter[0] = count + 1
        out[:, t] = 0.0
        if count < TAPS - 1:
            continue
        total = weight = 0.0
        for age in range(TAPS):
            total += weights[age] * ring[(count - age) % TAPS]
            weight += weights[age]
        value = total / weight
        out[_VALUE, t] = value
        if count >= TAPS:
            out[_SLOPE, t] = 1e4 * (value / past[0] - 1.0)
        if count > TAPS:
            turned_up = value > past[0] and past[0] < past[1]
            turned_down = value < past[0] and past[0] > past[1]
            out[_SIGNAL, t] = turned_up * 1.0 - turned_down * 1.0
        past[1] = past[0]
        past[0] = value


class Nwrqk(OfCloses):
    """Kernel regression of the close over the last 27 bars, its slope and its turns.

    Columns (`docs/definitions.md`, section Kernel regression (NW-RQK)), 0 until 27 bars are
    known: ``nwrqk_value`` in price units, ``nwrqk_slope`` in basis points per bar,
    ``nwrqk_signal`` +1 on the bar on which the value turns up, -1 where it turns down.
    """

    columns = ("nwrqk_value", "nwrqk_slope", "nwrqk_signal")
    memory_bars = TAPS + 2

    def __init__(self) -> None:
        self._weights = kernel_weights()
        self._reset()

    def _reset(self) -> None:
        self._state = (np.zeros(TAPS), np.zeros(1, np.int64), np.zeros(2))

    def _write(self, close: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        _advance(close, self._weights, *self._state, out)
