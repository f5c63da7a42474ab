"""Averages that indicators share: weighted, Wilder's, exponential, and the rolling z-score."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.features.inputs import Bar, BarArrays

Z_ALPHA = 0.01
ATR_BARS = 14
_MEAN, _VARIANCE, _SEEN = range(3)
_PREVIOUS, _RANGE, _COUNT = range(3)


@njit(cache=True, nogil=True)
def wma(values):
    """Weighted mean with weights 1..n, the newest value last and heaviest."""
    n = values.size
    total = 0.0
    for i in range(n):
        total += (i + 1) * values[i]
    return total / (n * (n + 1) // 2)


@njit(cache=True, nogil=True)
def rsi(change, count, n, averages):
    """Move Wilder's averages of gains and losses on by ``change``; return the RSI.

    ``count`` is how many changes came before; the averages are seeded by the mean of the first
    ``n``. nan before that, 50 where both averages are 0.
    """
    gain, loss = max(change, 0.0), max(-change, 0.0)
    if count < n:
        averages[0] += gain
        averages[1] += loss
        if count < n - 1:
            return np.nan
        averages[0] /= n
        averages[1] /= n
    else:
        averages[0] = (averages[0] * (n - 1) + gain) / n
        averages[1] = (averages[1] * (n - 1) + loss) / n
    total = averages[0] + averages[1]
    return 100.0 * averages[0] / total if total > 0.0 else 50.0


@njit(cache=True, nogil=True)
def rolling_step(value, state):
    """Move mean and variance (EMA 0.01) on by ``value``; return how far it lay from the mean.

    ``state`` holds mean, variance and whether a value was seen; the mean starts at the first.
    """
    if state[_SEEN] == 0.0:
        state[_SEEN] = 1.0
        state[_MEAN] = value
    step = value - state[_MEAN]
    state[_MEAN] += Z_ALPHA * step
    state[_VARIANCE] = (1.0 - Z_ALPHA) * (state[_VARIANCE] + Z_ALPHA * step * step)
    return step


@njit(cache=True, nogil=True)
def rolling_sd(state):
    """Return the deviation of the values that `rolling_step` has seen."""
    return math.sqrt(state[_VARIANCE])


@njit(cache=True, nogil=True)
def rolling_z(value, state):
    """Move mean and variance on by ``value`` and return its z-score, 0 without sd.

    The deviation is taken from the mean before the update, the variance from after it.
    """
    step = rolling_step(value, state)
    sd = rolling_sd(state)
    return step / sd if sd > 0.0 else 0.0


@njit(cache=True, nogil=True)
def average_range(high, low, close, state):
    """Move Wilder's average true range on by one bar and return it, nan until it is known.

    ``state`` holds the previous close, the average (the sum of the first 14 ranges before that
    seeds it) and how many bars were seen.
    """
    count = state[_COUNT]
    if count > 0.0:
        wide = max(high, state[_PREVIOUS]) - min(low, state[_PREVIOUS])
        if count <= ATR_BARS:
            state[_RANGE] += wide
            if count == ATR_BARS:
                state[_RANGE] /= ATR_BARS
        else:
            state[_RANGE] = (state[_RANGE] * (ATR_BARS - 1) + wide) / ATR_BARS
    state[_PREVIOUS] = close
    state[_COUNT] = count + 1.0
    return state[_RANGE] if count >= ATR_BARS else np.nan


@njit(cache=True, nogil=True)
def _advance_atr(high, low, close, state, out):
    """Take bars one after another; write the average true range."""
    for t in range(close.size):
        found = average_range(high[t], low[t], close[t], state)
        out[0, t] = 0.0 if math.isnan(found) else found


class Atr:
    """Wilder's average true range over 14 bars: ``atr_14`` in price units, 0 until known.

    Not restarted at breaks (`docs/definitions.md`, section Average true range).
    """

    columns = ("atr_14",)
    memory_bars = 600

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._state = np.zeros(3)

    def over(self, bars: BarArrays) -> dict[str, NDArray[np.float64]]:
        """Return ``atr_14`` [bar], from nothing; `update` may go on from the last bar."""
        self._reset()
        out = np.empty((1, len(bars)))
        _advance_atr(bars.high, bars.low, bars.close, self._state, out)
        return {"atr_14": out[0]}

    def update(self, bar: Bar) -> dict[str, float]:
        """Take the next bar; return its columns."""
        out = np.empty((1, 1))
        high, low, close = np.array([[bar.high], [bar.low], [bar.close]])
        _advance_atr(high, low, close, self._state, out)
        return {"atr_14": float(out[0, 0])}
