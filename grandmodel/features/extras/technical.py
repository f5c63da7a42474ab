"""RSI, MACD, ATR and Bollinger bands, checked against TA-Lib.

Source: `docs/definitions.md`, "Technical indicators".
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.features.extras.base import LIMIT, LOG_GAIN, Extra, clip, log_over_usual
from grandmodel.features.inputs import BarArrays
from grandmodel.features.smooth import average_range, rsi

RSI_BARS = 14
FAST, SLOW, SIGNAL = 12, 26, 9
BAND_BARS, BAND_SDS = 20, 2.0
RSI_UNIT, MACD_ATRS, HIST_ATRS, BAND_ATRS = 25.0, 2.0, 0.5, 4.0

_PREVIOUS, _COUNT = range(2)
_FAST, _SLOW, _SIGNAL_LINE, _BARS = range(4)


@njit(cache=True, nogil=True)
def _advance_rsi(close, averages, state, out):
    for t in range(close.size):
        value = np.nan
        if state[_COUNT] > 0.0:
            change = close[t] - state[_PREVIOUS]
            value = rsi(change, int(state[_COUNT]) - 1, RSI_BARS, averages)
        state[_PREVIOUS] = close[t]
        state[_COUNT] += 1.0
        out[0, 0, t] = value
        out[1, 0, t] = clip((value - 50.0) / RSI_UNIT, LIMIT)


class Rsi(Extra):
    """``rsi_14``: Wilder's relative strength index, 0 to 100, nan for the first 14 bars."""

    columns = ("rsi_14",)
    memory_bars = 600

    def _fresh(self) -> tuple:
        return np.zeros(2), np.zeros(2)

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, 1, len(bars)))
        self._walk(_advance_rsi, bars.close, out=out)
        return out


@njit(cache=True, nogil=True)
def _seeded(mean, value, count, bars):
    """Move an exponential mean of ``bars`` on; the mean of the first ``bars`` values begins it.

    ``count`` values came before; until the mean is known it holds their sum.
    """
    if count < bars - 1:
        return mean + value
    if count == bars - 1:
        return (mean + value) / bars
    return mean + 2.0 / (bars + 1.0) * (value - mean)


@njit(cache=True, nogil=True)
def _advance_macd(high, low, close, means, ranges, out):
    """As TA-Lib: the fast mean begins with the slow one, from the 12 closes before that."""
    late = SLOW - FAST
    for t in range(close.size):
        atr = average_range(high[t], low[t], close[t], ranges)
        count = int(means[_BARS])
        means[_BARS] += 1.0
        if count >= late:
            means[_FAST] = _seeded(means[_FAST], close[t], count - late, FAST)
        means[_SLOW] = _seeded(means[_SLOW], close[t], count, SLOW)
        out[0, :, t] = np.nan
        if count >= SLOW - 1:
            line = means[_FAST] - means[_SLOW]
            means[_SIGNAL_LINE] = _seeded(means[_SIGNAL_LINE], line, count - SLOW + 1, SIGNAL)
            if count >= SLOW + SIGNAL - 2:
                out[0, 0, t] = line
                out[0, 1, t] = means[_SIGNAL_LINE]
                out[0, 2, t] = line - means[_SIGNAL_LINE]
        unit = atr if atr > 0.0 else np.nan
        out[1, 0, t] = clip(out[0, 0, t] / (MACD_ATRS * unit), LIMIT)
        out[1, 1, t] = clip(out[0, 1, t] / (MACD_ATRS * unit), LIMIT)
        out[1, 2, t] = clip(out[0, 2, t] / (HIST_ATRS * unit), LIMIT)


class Macd(Extra):
    """``macd``, ``macd_signal``, ``macd_hist`` (12, 26, 9) in price units, nan for 33 bars."""

    columns = ("macd", "macd_signal", "macd_hist")
    memory_bars = 600

    def _fresh(self) -> tuple:
        return np.zeros(4), np.zeros(3)

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, 3, len(bars)))
        self._walk(_advance_macd, bars.high, bars.low, bars.close, out=out)
        return out


@njit(cache=True, nogil=True)
def _advance_natr(high, low, close, ranges, usual, out):
    for t in range(close.size):
        value = 100.0 * average_range(high[t], low[t], close[t], ranges) / close[t]
        out[0, 0, t] = value
        out[1, 0, t] = clip(LOG_GAIN * log_over_usual(value, usual), LIMIT)


class Natr(Extra):
    """``natr_14``: the average true range over 14 bars in per cent of the close."""

    columns = ("natr_14",)
    memory_bars = 2100

    def _fresh(self) -> tuple:
        return np.zeros(3), np.zeros(2)

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, 1, len(bars)))
        self._walk(_advance_natr, bars.high, bars.low, bars.close, out=out)
        return out


@njit(cache=True, nogil=True)
def _mean_and_sd(ring, count):
    """Return mean and deviation (ddof 0) of a full ring, summed from the oldest value on."""
    n = ring.size
    total = 0.0
    for back in range(n):
        total += ring[(count + back) % n]
    mean = total / n
    square = 0.0
    for back in range(n):
        step = ring[(count + back) % n] - mean
        square += step * step
    return mean, math.sqrt(square / n)


@njit(cache=True, nogil=True)
def _advance_bands(high, low, close, ring, counter, ranges, usual, out):
    for t in range(close.size):
        atr = average_range(high[t], low[t], close[t], ranges)
        ring[counter[0] % BAND_BARS] = close[t]
        counter[0] += 1
        out[:, :, t] = 0.0
        out[0, :, t] = np.nan
        if counter[0] < BAND_BARS:
            continue
        mean, sd = _mean_and_sd(ring, counter[0])
        upper, lower = mean + BAND_SDS * sd, mean - BAND_SDS * sd
        out[0, 0, t], out[0, 1, t] = upper, lower
        out[0, 3, t] = (upper - lower) / mean
        if sd > 0.0:
            out[0, 2, t] = (close[t] - mean) / (BAND_SDS * sd)
        unit = BAND_ATRS * atr if atr > 0.0 else np.nan
        out[1, 0, t] = clip((upper - close[t]) / unit, LIMIT)
        out[1, 1, t] = clip((lower - close[t]) / unit, LIMIT)
        out[1, 2, t] = clip(out[0, 2, t], LIMIT)
        out[1, 3, t] = clip(log_over_usual(out[0, 3, t], usual), LIMIT)


class Bollinger(Extra):
    """Bands two deviations from the mean of 20 closes, nan for the first 19 bars.

    ``bb_upper`` and ``bb_lower`` in price units; ``bb_position``, how many half widths the close
    lies above their middle; ``bb_width``, their distance as a fraction of it.
    """

    columns = ("bb_upper", "bb_lower", "bb_position", "bb_width")
    memory_bars = 2100

    def _fresh(self) -> tuple:
        return np.zeros(BAND_BARS), np.zeros(1, np.int64), np.zeros(3), np.zeros(2)

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, 4, len(bars)))
        self._walk(_advance_bands, bars.high, bars.low, bars.close, out=out)
        return out
