"""What volume says: against its usual amount, on which side, and how it moves prices.

Source: `docs/definitions.md`, "Volume columns".
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.features.extras.base import LIMIT, Extra, clip, log_over_usual
from grandmodel.features.inputs import BarArrays

SLOT_BARS = 20
SLOT_DAYS = 45  # older bars of a slot are forgotten: memory has an end where slots are rare
SLOTS = 1440
FLOW_BARS = 20
FLOW_GAIN, AMIHUD_GAIN = 3.0, 1.5
MILLION, BP = 1e6, 1e4


@njit(cache=True, nogil=True)
def true_range(high, low, previous):
    """Return the range of a bar with the close before it; nan before the first."""
    if math.isnan(previous):
        return high - low
    return max(high, previous) - min(low, previous)


@njit(cache=True, nogil=True)
def _advance_ratio(amount, slot, day, values, days, counts, out):
    """Divide each bar's amount by the mean of the bars before it of the same local minute."""
    for t in range(amount.size):
        row = slot[t]
        total, known = 0.0, 0
        for back in range(1, min(counts[row], SLOT_BARS) + 1):
            place = (counts[row] - back) % SLOT_BARS
            if day[t] - days[row, place] > SLOT_DAYS:
                break
            total += values[row, place]
            known += 1
        place = counts[row] % SLOT_BARS
        values[row, place], days[row, place] = amount[t], day[t]
        counts[row] += 1
        out[:, 0, t] = np.nan, 0.0
        if total > 0.0:
            ratio = amount[t] / (total / known)
            out[0, 0, t] = ratio
            out[1, 0, t] = math.tanh(math.log(ratio)) if ratio > 0.0 else -1.0


@njit(cache=True, nogil=True)
def _ranges(high, low, close, previous, out):
    for t in range(close.size):
        out[t] = true_range(high[t], low[t], previous[0])
        previous[0] = close[t]


class VolumeRatio(Extra):
    """``volume_ratio``: volume over the mean of the 20 bars before of the same local time.

    Without volume the true range stands for it, above and below the line.

    Args:
        volume_kind: ``traded``, ``ticks`` or ``none``.
        minutes: length of the bars.
    """

    columns = ("volume_ratio",)

    def __init__(self, volume_kind: str, minutes: int = 30) -> None:
        self._by_range = volume_kind == "none"
        self.memory_bars = (SLOT_DAYS + 1) * SLOTS // minutes
        super().__init__()

    def _fresh(self) -> tuple:
        return (
            np.full(1, np.nan),
            np.zeros((SLOTS, SLOT_BARS)),
            np.zeros((SLOTS, SLOT_BARS), np.int64),
            np.zeros(SLOTS, np.int64),
        )

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, 1, len(bars)))
        previous, values, days, counts = self._state
        amount = bars.volume
        if self._by_range:
            amount = np.empty(len(bars))
            _ranges(bars.high, bars.low, bars.close, previous, amount)
        minute = np.rint(bars.hour * 60.0).astype(np.int64) % SLOTS
        _advance_ratio(amount, minute, bars.day, values, days, counts, out)
        return out


@njit(cache=True, nogil=True)
def location(high, low, close):
    """Return where the close lies within its bar, -1 (low) to 1 (high); 0 without a range."""
    span = high - low
    return (2.0 * close - high - low) / span if span > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _advance_flow(high, low, close, weight, ring, counter, out):
    for t in range(close.size):
        place = counter[0] % FLOW_BARS
        ring[0, place] = weight[t] * location(high[t], low[t], close[t])
        ring[1, place] = weight[t]
        counter[0] += 1
        out[:, 0, t] = np.nan, 0.0
        if counter[0] < FLOW_BARS:
            continue
        signed, total = 0.0, 0.0
        for back in range(FLOW_BARS):
            place = (counter[0] + back) % FLOW_BARS
            signed += ring[0, place]
            total += ring[1, place]
        if total > 0.0:
            out[0, 0, t] = signed / total
            out[1, 0, t] = clip(FLOW_GAIN * out[0, 0, t], LIMIT)


class SignedVolume(Extra):
    """``signed_volume_20``: share of 20 bars' volume that closed high less that which closed low.

    Each bar's volume is weighed by where its close lies within it (Chaikin's money flow); without
    volume bars weigh the same.

    Args:
        volume_kind: ``traded``, ``ticks`` or ``none``.
    """

    columns = ("signed_volume_20",)
    memory_bars = FLOW_BARS

    def __init__(self, volume_kind: str) -> None:
        self._counted = volume_kind == "none"
        super().__init__()

    def _fresh(self) -> tuple:
        return np.zeros((2, FLOW_BARS)), np.zeros(1, np.int64)

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, 1, len(bars)))
        weight = np.ones(len(bars)) if self._counted else bars.volume
        self._walk(_advance_flow, bars.high, bars.low, bars.close, weight, out=out)
        return out


@njit(cache=True, nogil=True)
def _advance_amihud(close, volume, counted, previous, ring, counter, usual, out):
    for t in range(close.size):
        value = np.nan
        if not math.isnan(previous[0]):
            move = BP * abs(close[t] / previous[0] - 1.0)
            if counted:
                value = move
            elif volume[t] > 0.0:
                value = move / (volume[t] * close[t] / MILLION)
        previous[0] = close[t]
        ring[counter[0] % FLOW_BARS] = value
        counter[0] += 1
        total, known = 0.0, 0
        for back in range(FLOW_BARS):
            one = ring[(counter[0] + back) % FLOW_BARS]
            if not math.isnan(one):
                total += one
                known += 1
        full = counter[0] > FLOW_BARS and known > 0
        out[0, 0, t] = total / known if full else np.nan
        out[1, 0, t] = clip(AMIHUD_GAIN * log_over_usual(out[0, 0, t], usual), LIMIT)


class Amihud(Extra):
    """``amihud_20``: how far prices move per amount traded, mean of the last 20 bars.

    Basis points per million of price x volume, bars without any left out; without volume it is
    the mean absolute return in basis points.

    Args:
        volume_kind: ``traded``, ``ticks`` or ``none``.
    """

    columns = ("amihud_20",)
    memory_bars = 2100

    def __init__(self, volume_kind: str) -> None:
        self._counted = volume_kind == "none"
        super().__init__()

    def _fresh(self) -> tuple:
        nan = np.nan
        return np.full(1, nan), np.full(FLOW_BARS, nan), np.zeros(1, np.int64), np.zeros(2)

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, 1, len(bars)))
        self._walk(_advance_amihud, bars.close, bars.volume, self._counted, out=out)
        return out
