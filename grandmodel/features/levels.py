"""What the temporal network reads about levels: prediction, gap, distance, balance, touches."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.features.inputs import Bar, BarArrays

TOUCH_BARS = 48
BALANCE_BARS = 20
LARGEST_PERCENT = 5.0

_LOW, _HIGH, _RISING, _FALLING, _VOLUME = range(5)
_PREDICTION, _GAP_SIZE, _DISTANCE, _BALANCE, _TOUCHES, _RAW_DISTANCE = range(6)


@njit(cache=True, nogil=True)
def _percent(value):
    """Return a fraction in per cent, clipped to +-5 and divided by 5."""
    return min(max(100.0 * value, -LARGEST_PERCENT), LARGEST_PERCENT) / LARGEST_PERCENT


@njit(cache=True, nogil=True)
def _step(
    open_, high, low, close, weight, prediction, level, width, active, ring, counter, out
):  # fmt: skip
    """Take one bar with what is known at its close; write its columns into ``out``."""
    slot = counter[0] % TOUCH_BARS
    ring[_LOW, slot] = low
    ring[_HIGH, slot] = high
    ring[_RISING, slot] = weight if close > open_ else 0.0
    ring[_FALLING, slot] = weight if close < open_ else 0.0
    ring[_VOLUME, slot] = weight
    counter[0] += 1
    count = counter[0]
    out[:] = 0.0
    if prediction > 0.0:
        out[_PREDICTION] = _percent((prediction - close) / close)
    if count >= BALANCE_BARS:
        rising = falling = total = 0.0
        for back in range(1, BALANCE_BARS + 1):
            k = (count - back) % TOUCH_BARS
            rising += ring[_RISING, k]
            falling += ring[_FALLING, k]
            total += ring[_VOLUME, k]
        if total > 0.0:
            out[_BALANCE] = (rising - falling) / total
    if active > 0.0:
        out[_GAP_SIZE] = width / close * 100.0
        out[_RAW_DISTANCE] = (level - close) / close
        out[_DISTANCE] = _percent(out[_RAW_DISTANCE])
        touches = 0
        for k in range(min(count, TOUCH_BARS)):
            if ring[_LOW, k] <= level <= ring[_HIGH, k]:
                touches += 1
        out[_TOUCHES] = touches / 10.0


@njit(cache=True, nogil=True)
def _run(
    open_, high, low, close, weight, prediction, level, width, active, ring, counter, out
):  # fmt: skip
    """Apply `_step` to every bar; return its columns [column, bar]."""
    result = np.empty((out.size, close.size))
    for t in range(close.size):
        _step(
            open_[t], high[t], low[t], close[t], weight[t],
            prediction[t], level[t], width[t], active[t], ring, counter, out,
        )  # fmt: skip
        for k in range(out.size):
            result[k, t] = out[k]
    return result


class LevelInputs(NamedTuple):
    """What else is known at each bar's close: arrays [bar] for `over`, numbers for `update`."""

    nwrqk_value: NDArray[np.float64] | float  # price units; nan or 0 while unknown
    gap_level: NDArray[np.float64] | float  # nearest edge of the active gaps, price units
    gap_width: NDArray[np.float64] | float  # width of that gap, price units
    gap_active: NDArray[np.float64] | float  # > 0 where any gap is active


class Levels:
    """Level inputs of the temporal network, beside ``lvn_strength`` (class Profile).

    Columns (`docs/definitions.md`, section Level inputs): ``nwrqk_pred`` and
    ``price_distance`` in -1..1 (5 per cent of the price = 1), ``fvg_size`` in per cent of the
    price, ``volume_imbalance`` -1..1, ``level_touches`` in tens of bars, and
    ``raw_price_distance`` as a fraction of the price. All 0 where undefined.

    Args:
        volume_kind: ``none`` counts bars instead of their volume.
    """

    columns = (
        "nwrqk_pred", "fvg_size", "price_distance", "volume_imbalance", "level_touches",
        "raw_price_distance",
    )  # fmt: skip
    memory_bars = TOUCH_BARS

    def __init__(self, volume_kind: str) -> None:
        self._by_count = volume_kind == "none"
        self._reset()

    def _reset(self) -> None:
        self._state = (
            np.zeros((5, TOUCH_BARS)), np.zeros(1, np.int64), np.zeros(len(self.columns)),
        )  # fmt: skip

    def over(self, bars: BarArrays, inputs: LevelInputs) -> dict[str, NDArray[np.float64]]:
        """Return the columns [bar], from nothing; `update` may go on from the last bar."""
        self._reset()
        weight = np.ones(len(bars)) if self._by_count else bars.volume
        prices = (bars.open, bars.high, bars.low, bars.close)
        result = _run(*prices, weight, *inputs, *self._state)
        return dict(zip(self.columns, result, strict=True))

    def update(self, bar: Bar, inputs: LevelInputs) -> dict[str, float]:
        """Take the next bar and what is known at its close; return its columns."""
        weight = 1.0 if self._by_count else float(bar.volume)
        _step(bar.open, bar.high, bar.low, bar.close, weight, *inputs, *self._state)
        return dict(zip(self.columns, self._state[-1].tolist(), strict=True))
