"""Volume beside what is usual at the same time of day."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.checks import require_choice
from grandmodel.features.inputs import Bar, BarArrays
from grandmodel.features.time_of_day import MINUTES_PER_DAY

KEPT_BARS = 20
EMA_ALPHA = 2.0 / 21.0
VOLUME_KINDS = ("traded", "ticks", "none")
_PREVIOUS, _COUNT, _EMA = range(3)


@njit(cache=True, nogil=True)
def _ratio(amount, ring, seen):
    """Return the amount over the mean of the kept ones, nan where there is no such mean."""
    size = min(seen, KEPT_BARS)
    if size == 0:
        return np.nan
    total = 0.0
    for place in range(size):
        total += ring[place]
    if total > 0.0:
        return amount / (total / size)
    return np.nan if amount > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _advance(high, low, close, volume, minute, by_range, rings, seen, state, out):
    """Take bars one after another; ``rings`` [minute of the day, kept bar]."""
    for t in range(close.size):
        amount = volume[t]
        if by_range:
            amount = high[t] - low[t]
            if state[_COUNT] > 0.0:
                amount = max(high[t], state[_PREVIOUS]) - min(low[t], state[_PREVIOUS])
        slot = minute[t]
        out[0, t] = _ratio(amount, rings[slot], seen[slot])
        rings[slot, seen[slot] % KEPT_BARS] = amount
        seen[slot] += 1
        if state[_COUNT] == 0.0:
            state[_EMA] = amount
        state[_EMA] += EMA_ALPHA * (amount - state[_EMA])
        out[1, t] = amount / state[_EMA] if state[_EMA] > 0.0 else 1.0
        state[_PREVIOUS] = close[t]
        state[_COUNT] += 1.0


class RelativeVolume:
    """Volume over its mean on the 20 latest earlier bars of the same local hour and minute.

    Columns (`docs/definitions.md`, section Relative volume): ``volume_ratio``, 1 where usual,
    over fewer bars while there are fewer, nan where there is none or nothing was traded then;
    ``volume_ema_ratio``, over its EMA of 20 bars, present bar included, as the text's
    scaling reads it. Where bars have no volume their true range stands for it, in both.

    Args:
        volume_kind: ``traded``, ``ticks`` or ``none``.
    """

    columns = ("volume_ratio", "volume_ema_ratio")
    memory_bars = 7_200  # twenty sessions of five-minute bars, with holidays among them

    def __init__(self, volume_kind: str) -> None:
        require_choice("data.volume_kind", volume_kind, VOLUME_KINDS)
        self._by_range = volume_kind == "none"
        self._reset()

    def _reset(self) -> None:
        rings = np.zeros((MINUTES_PER_DAY, KEPT_BARS))
        self._state = (rings, np.zeros(MINUTES_PER_DAY, np.int64), np.zeros(3))

    def _take(self, *parts: NDArray[np.float64], hour: NDArray[np.float64]) -> NDArray[np.float64]:
        minute = np.rint(hour * 60.0).astype(np.int64) % MINUTES_PER_DAY
        out = np.empty((len(self.columns), minute.size))
        _advance(*parts, minute, self._by_range, *self._state, out)
        return out

    def over(self, bars: BarArrays) -> dict[str, NDArray[np.float64]]:
        """Return the columns [bar], from nothing; `update` may go on from the last bar."""
        self._reset()
        found = self._take(bars.high, bars.low, bars.close, bars.volume, hour=bars.hour)
        return dict(zip(self.columns, found, strict=True))

    def update(self, bar: Bar) -> dict[str, float]:
        """Take the next bar; return its columns."""
        parts = np.array([[bar.high], [bar.low], [bar.close], [bar.volume]])
        row = self._take(*parts, hour=np.array([bar.hour]))[:, 0]
        return dict(zip(self.columns, row.tolist(), strict=True))
