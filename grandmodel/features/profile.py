"""Volume profile of the last 48 bars: low-volume nodes, support and skew."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.features.inputs import Bar, BarArrays

PROFILE_BARS = 48
MOST_BINS = 50
EQUAL_SHARE = 1e-9  # bins this close, in volumes of the point of control, count as equal
NODE_SHARE = 0.3  # a node holds less than this share of the point of control
SUPPORT_REACH = 0.01  # a node this far away, as a fraction of the price, supports nothing
LARGEST_SKEW = 1.5

_STRENGTH, _DISTANCE, _SIDE, _SUPPORT, _SKEW = range(5)
_LOW, _HIGH, _WEIGHT = range(3)


@njit(cache=True, nogil=True)
def _fill(ring, oldest, lowest, bin_size, count, profile):
    """Spread each bar's weight over the bins in proportion to the length inside each."""
    profile[:count] = 0.0
    for i in range(PROFILE_BARS):
        # oldest first, so that no sum depends on where the file starts
        k = (oldest + i) % PROFILE_BARS
        low = (ring[_LOW, k] - lowest) / bin_size
        high = (ring[_HIGH, k] - lowest) / bin_size
        weight = ring[_WEIGHT, k]
        first = min(int(low), count - 1)
        last = min(int(high), count - 1)
        if first == last:
            profile[first] += weight
            continue
        density = weight / (high - low)
        profile[first] += density * (first + 1 - low)
        for b in range(first + 1, last):
            profile[b] += density
        profile[last] += density * (high - last)


@njit(cache=True, nogil=True)
def _skew(profile, count):
    """Weighted skewness of the bin positions, clipped to +-1.5 and divided by 1.5."""
    total = first = 0.0
    for b in range(count):
        total += profile[b]
        first += profile[b] * b
    if total <= 0.0:
        return 0.0
    mean = first / total
    second = third = 0.0
    for b in range(count):
        step = b - mean
        second += profile[b] * step * step
        third += profile[b] * step * step * step
    second /= total
    third /= total
    if second <= 0.0:
        return 0.0
    skew = third / (second * math.sqrt(second))
    return min(max(skew, -LARGEST_SKEW), LARGEST_SKEW) / LARGEST_SKEW


@njit(cache=True, nogil=True)
def _nearest_node(smooth, count, peak, close_position):
    """Return position (in bins from the lowest low) and volume of the nearest node, or -1, 0."""
    slack = EQUAL_SHARE * peak
    best, best_distance, best_volume = -1.0, np.inf, 0.0
    start = 0
    while start < count:
        stop = start + 1
        volume = smooth[start]
        while stop < count and abs(smooth[stop] - volume) <= slack:
            stop += 1
        if (
            start >= 2
            and stop + 1 < count
            and volume < NODE_SHARE * peak
            and smooth[start - 1] > volume + slack
            and smooth[start - 2] > volume + slack
            and smooth[stop] > volume + slack
            and smooth[stop + 1] > volume + slack
        ):
            centre = 0.5 * (start + stop)
            distance = abs(close_position - centre)
            # equally near means equal but for rounding, and then the lower price stays
            if distance < best_distance - EQUAL_SHARE:
                best, best_distance, best_volume = centre, distance, volume
        start = stop
    return best, best_volume


@njit(cache=True, nogil=True)
def _step(high, low, close, weight, tick, ring, counter, profile, smooth, out):
    """Take one bar and write its five columns into ``out``."""
    slot = counter[0] % PROFILE_BARS
    ring[_LOW, slot] = low
    ring[_HIGH, slot] = high
    ring[_WEIGHT, slot] = weight
    counter[0] += 1
    out[:] = 0.0
    out[_DISTANCE] = np.nan
    if counter[0] < PROFILE_BARS:
        return
    lowest, highest = low, high
    for k in range(PROFILE_BARS):
        lowest = min(lowest, ring[_LOW, k])
        highest = max(highest, ring[_HIGH, k])
    span = highest - lowest
    if span <= 0.0:
        return
    bin_size = max(tick, span / MOST_BINS)
    count = math.ceil(span / bin_size - 1e-9)
    _fill(ring, counter[0], lowest, bin_size, count, profile)
    peak = 0.0
    for b in range(count):
        inside = 0 < b < count - 1
        smooth[b] = (profile[b - 1] + profile[b] + profile[b + 1]) / 3.0 if inside else profile[b]
        peak = max(peak, smooth[b])
    position, volume = _nearest_node(smooth, count, peak, (close - lowest) / bin_size)
    if position < 0.0:
        return
    node = lowest + bin_size * position
    strength = ((1.0 - volume / peak) - (1.0 - NODE_SHARE)) / NODE_SHARE
    out[_STRENGTH] = min(max(strength, 0.0), 1.0)
    out[_DISTANCE] = abs(close - node) / close
    out[_SIDE] = (node > close) * 1.0 - (node < close) * 1.0
    out[_SUPPORT] = max(0.0, out[_STRENGTH] - min(1.0, out[_DISTANCE] / SUPPORT_REACH))
    out[_SKEW] = _skew(profile, count)


@njit(cache=True, nogil=True)
def _run(high, low, close, weight, tick, ring, counter, profile, smooth, out):
    """Apply `_step` to every bar; return its columns [column, bar]."""
    result = np.empty((out.size, close.size))
    for t in range(close.size):
        _step(high[t], low[t], close[t], weight[t], tick, ring, counter, profile, smooth, out)
        for k in range(out.size):
            result[k, t] = out[k]
    return result


class Profile:
    """Low-volume nodes and skew of the price histogram of the last 48 bars.

    Columns, all 0 where there is no node (`docs/definitions.md`, section Volume profile):
    ``lvn_strength`` 0..1, ``lvn_distance`` as a fraction of the price (nan without a node),
    ``lvn_side`` -1 below and +1 above, ``support_strength`` 0..1, ``volume_profile_skew`` -1..1.

    Args:
        tick: price step of the instrument, 0 where it has none.
        volume_kind: ``none`` weighs every bar 1 (time at price) instead of by its volume.
    """

    columns = (
        "lvn_strength", "lvn_distance", "lvn_side", "support_strength", "volume_profile_skew",
    )  # fmt: skip
    memory_bars = PROFILE_BARS

    def __init__(self, tick: float, volume_kind: str) -> None:
        self._tick = float(tick)
        self._by_time = volume_kind == "none"
        self._reset()

    def _reset(self) -> None:
        self._state = (
            np.zeros((3, PROFILE_BARS)),
            np.zeros(1, np.int64),
            np.zeros(MOST_BINS + 1),
            np.zeros(MOST_BINS + 1),
            np.zeros(len(self.columns)),
        )

    def over(self, bars: BarArrays) -> dict[str, NDArray[np.float64]]:
        """Return the columns [bar], from nothing; `update` may go on from the last bar."""
        self._reset()
        weight = np.ones(len(bars)) if self._by_time else bars.volume
        result = _run(bars.high, bars.low, bars.close, weight, self._tick, *self._state)
        return dict(zip(self.columns, result, strict=True))

    def update(self, bar: Bar) -> dict[str, float]:
        """Take the next bar; return its columns."""
        weight = 1.0 if self._by_time else float(bar.volume)
        _step(bar.high, bar.low, bar.close, weight, self._tick, *self._state)
        return dict(zip(self.columns, self._state[-1].tolist(), strict=True))
