"""What prices inside and between bars say: volatility, spread, place of the close, gaps.

Source: `docs/definitions.md`, "Range and spread columns".
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.features.extras.base import LIMIT, LOG_GAIN, Extra, clip, log_over_usual
from grandmodel.features.extras.flow import location
from grandmodel.features.inputs import BarArrays
from grandmodel.features.smooth import average_range, rolling_z

BARS = 20
SHADOW = 3.0 - 2.0 * math.sqrt(2.0)


@njit(cache=True, nogil=True)
def _ring_mean(ring, counter):
    """Return the mean of a ring, summed from the oldest value on; nan until it is full."""
    n = ring.size
    if counter[0] < n:
        return np.nan
    total = 0.0
    for back in range(n):
        total += ring[(counter[0] + back) % n]
    return total / n


@njit(cache=True, nogil=True)
def _push(ring, counter, value):
    ring[counter[0] % ring.size] = value
    counter[0] += 1


@njit(cache=True, nogil=True)
def _advance_parkinson(high, low, ring, counter, usual, out):
    for t in range(high.size):
        span = math.log(high[t] / low[t])
        _push(ring, counter, span * span)
        value = math.sqrt(_ring_mean(ring, counter) / (4.0 * math.log(2.0)))
        out[0, 0, t] = value
        out[1, 0, t] = clip(LOG_GAIN * log_over_usual(value, usual), LIMIT)


class Parkinson(Extra):
    """``parkinson_20``: volatility per bar from the ranges of 20 bars, a fraction."""

    columns = ("parkinson_20",)
    memory_bars = 2100

    def _fresh(self) -> tuple:
        return np.zeros(BARS), np.zeros(1, np.int64), np.zeros(2)

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, 1, len(bars)))
        self._walk(_advance_parkinson, bars.high, bars.low, out=out)
        return out


@njit(cache=True, nogil=True)
def _two_bar_spread(high, low, last):
    """Return Corwin and Schultz's spread of two bars, not below 0.

    ``last`` holds high, low and close of the first; a bar that opens away from that close is
    moved to it, so that a gap is no range.
    """
    shift = max(last[2] - high, 0.0) - max(low - last[2], 0.0)
    high, low = high + shift, low + shift
    one, two = math.log(last[0] / last[1]), math.log(high / low)
    both = math.log(max(last[0], high) / min(last[1], low))
    beta = one * one + two * two
    alpha = (math.sqrt(2.0 * beta) - math.sqrt(beta)) / SHADOW - math.sqrt(both * both / SHADOW)
    return max(2.0 * (math.exp(alpha) - 1.0) / (1.0 + math.exp(alpha)), 0.0)


@njit(cache=True, nogil=True)
def _advance_high_low(high, low, close, last, ring, counter, score, out):
    for t in range(close.size):
        if last[0] > 0.0:
            _push(ring, counter, _two_bar_spread(high[t], low[t], last))
        last[0], last[1], last[2] = high[t], low[t], close[t]
        value = _ring_mean(ring, counter)
        out[0, 0, t] = value
        out[1, 0, t] = 0.0
        if not math.isnan(value):
            out[1, 0, t] = clip(rolling_z(value, score), LIMIT) / LIMIT


class CorwinSchultz(Extra):
    """``corwin_schultz_20``: spread as a fraction of the price, from highs and lows of 20 pairs."""

    columns = ("corwin_schultz_20",)
    memory_bars = 2100

    def _fresh(self) -> tuple:
        return np.zeros(3), np.zeros(BARS), np.zeros(1, np.int64), np.zeros(3)

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, 1, len(bars)))
        self._walk(_advance_high_low, bars.high, bars.low, bars.close, out=out)
        return out


@njit(cache=True, nogil=True)
def _variance_and_covariance(ring, counter):
    """Return variance of the ring's values and covariance of neighbours, around one mean."""
    n = ring.size
    mean = _ring_mean(ring, counter)
    variance, covariance, before = 0.0, 0.0, 0.0
    for back in range(n):
        step = ring[(counter[0] + back) % n] - mean
        variance += step * step
        if back > 0:
            covariance += step * before
        before = step
    return variance / n, covariance / n


@njit(cache=True, nogil=True)
def _advance_roll(close, previous, ring, counter, out):
    for t in range(close.size):
        if previous[0] > 0.0:
            _push(ring, counter, close[t] / previous[0] - 1.0)
        previous[0] = close[t]
        out[:, 0, t] = np.nan, 0.0
        if counter[0] < BARS:
            continue
        variance, covariance = _variance_and_covariance(ring, counter)
        out[0, 0, t] = 2.0 * math.sqrt(max(-covariance, 0.0))
        if variance > 0.0:
            out[1, 0, t] = clip(out[0, 0, t] / math.sqrt(variance), LIMIT)


class Roll(Extra):
    """``roll_spread_20``: spread from the returns that turn back, 20 of them, a fraction."""

    columns = ("roll_spread_20",)
    memory_bars = BARS + 1

    def _fresh(self) -> tuple:
        return np.zeros(1), np.zeros(BARS), np.zeros(1, np.int64)

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, 1, len(bars)))
        self._walk(_advance_roll, bars.close, out=out)
        return out


@njit(cache=True, nogil=True)
def _advance_place(high, low, close, out):
    for t in range(close.size):
        out[:, 0, t] = location(high[t], low[t], close[t])


class CloseInRange(Extra):
    """``close_in_range``: where the close lies within its bar, -1 (low) to 1 (high)."""

    columns = ("close_in_range",)
    memory_bars = 0

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, 1, len(bars)))
        _advance_place(bars.high, bars.low, bars.close, out)
        return out


@njit(cache=True, nogil=True)
def _advance_gap(open_, high, low, close, previous, ranges, out):
    for t in range(close.size):
        out[:, 0, t] = np.nan, 0.0
        if previous[0] > 0.0:
            out[0, 0, t] = open_[t] / previous[0] - 1.0
            if previous[1] > 0.0:
                out[1, 0, t] = clip((open_[t] - previous[0]) / previous[1], LIMIT)
        previous[0] = close[t]
        previous[1] = average_range(high[t], low[t], close[t], ranges)


class OpeningGap(Extra):
    """``opening_gap``: open over the close before - 1, a fraction; mostly 0, large after breaks."""

    columns = ("opening_gap",)
    memory_bars = 600

    def _fresh(self) -> tuple:
        return np.zeros(2), np.zeros(3)

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, 1, len(bars)))
        self._walk(_advance_gap, bars.open, bars.high, bars.low, bars.close, out=out)
        return out
