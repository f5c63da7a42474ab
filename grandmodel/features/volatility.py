"""Volatility: the sd of 30 returns beside its own median, and the trailing sd."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.features.of_closes import OfCloses

RETURN_BARS = 30
MEDIAN_BARS = 1000
LEAST_SDS = 250
SMALLEST_RATIO, LARGEST_RATIO = 0.05, 20.0
TRAILING_ALPHA = 0.06

_RATIO, _SD, _TRAILING = range(3)
_PREVIOUS, _MEAN_SQUARE = range(2)
_COUNT, _SDS = range(2)


@njit(cache=True, nogil=True)
def _replace(ordered, size, leaving, entering):
    """Put ``entering`` into the ascending ``ordered[:size]``, taking ``leaving`` out.

    Without a leaving value (nan) the list grows by one.
    """
    if math.isnan(leaving):
        place = size
    else:
        place, stop = 0, size
        while place < stop:
            middle = (place + stop) // 2
            if ordered[middle] < leaving:
                place = middle + 1
            else:
                stop = middle
        while place < size - 1 and ordered[place + 1] < entering:
            ordered[place] = ordered[place + 1]
            place += 1
    while place > 0 and ordered[place - 1] > entering:
        ordered[place] = ordered[place - 1]
        place -= 1
    ordered[place] = entering


@njit(cache=True, nogil=True)
def _deviation(returns):
    """Standard deviation (ddof 0) of the returns."""
    total = 0.0
    for value in returns:
        total += value
    mean = total / returns.size
    square = 0.0
    for value in returns:
        square += (value - mean) * (value - mean)
    return math.sqrt(square / returns.size)


@njit(cache=True, nogil=True)
def _ratio(sd, sds, ordered):
    """Return ``sd`` over the median of the ``sds`` known ones, clipped; 1 while too few."""
    if sds < LEAST_SDS:
        return 1.0
    size = min(sds, MEDIAN_BARS)
    median = 0.5 * (ordered[(size - 1) // 2] + ordered[size // 2])
    if median > 0.0:
        return min(max(sd / median, SMALLEST_RATIO), LARGEST_RATIO)
    return LARGEST_RATIO if sd > 0.0 else 1.0


@njit(cache=True, nogil=True)
def _advance(close, numbers, counters, returns, sds, ordered, out):
    """Take bars one after another; ``returns`` is a ring written twice, so always in order."""
    for t in range(close.size):
        count = counters[_COUNT]
        counters[_COUNT] = count + 1
        out[:, t] = 0.0
        out[_RATIO, t] = 1.0
        if count > 0:
            change = close[t] / numbers[_PREVIOUS] - 1.0
            square = change * change
            if count == 1:
                numbers[_MEAN_SQUARE] = square
            numbers[_MEAN_SQUARE] += TRAILING_ALPHA * (square - numbers[_MEAN_SQUARE])
            out[_TRAILING, t] = math.sqrt(numbers[_MEAN_SQUARE])
            slot = count % RETURN_BARS
            returns[slot] = change
            returns[slot + RETURN_BARS] = change
            if count >= RETURN_BARS:
                sd = _deviation(returns[slot + 1 : slot + 1 + RETURN_BARS])
                known = counters[_SDS]
                place = known % MEDIAN_BARS
                leaving = sds[place] if known >= MEDIAN_BARS else np.nan
                _replace(ordered, min(known, MEDIAN_BARS), leaving, sd)
                sds[place] = sd
                counters[_SDS] = known + 1
                out[_SD, t] = sd
                out[_RATIO, t] = _ratio(sd, known + 1, ordered)
        numbers[_PREVIOUS] = close[t]


class Volatility(OfCloses):
    """How volatile the last 30 bars are against what has been normal.

    Columns (`docs/definitions.md`, section Volatility): ``volatility_30``, a ratio in
    [0.05, 20] that is 1 when normal and 1 until 250 sds are known; ``sd_30``, the sd of the
    last 30 simple returns, a fraction, 0 until known; ``trailing_sd``, the root of the EMA
    (0.06) of squared simple returns, a fraction, 0 on the first bar.
    """

    columns = ("volatility_30", "sd_30", "trailing_sd")
    memory_bars = RETURN_BARS + MEDIAN_BARS

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._state = (
            np.zeros(2),
            np.zeros(2, np.int64),
            np.zeros(2 * RETURN_BARS),
            np.zeros(MEDIAN_BARS),
            np.zeros(MEDIAN_BARS),
        )

    def _write(self, close: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        _advance(close, *self._state, out)
