"""Fair value gaps: how they are created, touched, filled, and how they expire."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.clock import as_of_index, close_time_ns
from grandmodel.features.inputs import Bar, BarArrays
from grandmodel.features.smooth import average_range

LIFE_BARS = 50
BODY_BARS = 20
BODY_FACTOR = 1.5
EVENT_NAMES = ("created", "touched", "mitigated", "expired")
CREATED, TOUCHED, MITIGATED, EXPIRED = range(4)

_RING = 32  # at least the 22 bars that creation looks back on
_EQUAL = 1e-12  # of the price: differences below this are rounding
_LOW, _HIGH, _BODY = range(3)
_BOTTOM, _TOP = range(2)
_DIRECTION, _BIRTH, _TOUCH = range(3)
(
    _BULLISH, _BEARISH, _LEVEL, _AGE, _PULSE, _MITIGATED_DIRECTION, _MITIGATED_SIZE, _WIDTH, _ATR,
) = range(9)  # fmt: skip


@njit(cache=True, nogil=True)
def _created_direction(ring, count, tick):
    """Return the direction of the gap that the newest bar completes, or 0."""
    newest, middle, oldest = count % _RING, (count - 1) % _RING, (count - 2) % _RING
    if count < BODY_BARS + 1:
        return 0
    direction = 0
    if ring[_LOW, newest] > ring[_HIGH, oldest]:
        direction = 1
    elif ring[_HIGH, newest] < ring[_LOW, oldest]:
        direction = -1
    if direction != 0:
        total = 0.0
        for back in range(BODY_BARS + 1, 1, -1):  # from the oldest, as all sums are
            total += ring[_BODY, (count - back) % _RING]
        if ring[_BODY, middle] <= BODY_FACTOR * max(total / BODY_BARS, tick):
            direction = 0
    return direction


@njit(cache=True, nogil=True)
def _emit(events, found, kind, direction, age, bottom, top):
    """Note one event in the bar's list; return how many it now holds."""
    events[found, 0] = kind
    events[found, 1] = direction
    events[found, 2] = age
    events[found, 3] = bottom
    events[found, 4] = top
    return found + 1


@njit(cache=True, nogil=True)
def _age_gaps(high, low, close, count, edges, tags, out, events):
    """Touch, fill and expire the gaps of earlier bars, oldest first; return their events."""
    found = 0
    for age in range(LIFE_BARS, 0, -1):
        slot = (count - age) % (LIFE_BARS + 1)
        direction = tags[_DIRECTION, slot]
        if direction == 0 or tags[_BIRTH, slot] != count - age:
            continue
        bottom, top = edges[_BOTTOM, slot], edges[_TOP, slot]
        size = top - bottom
        touched = low <= top if direction > 0 else high >= bottom
        filled = low <= bottom if direction > 0 else high >= top
        if touched and tags[_TOUCH, slot] == 0:
            tags[_TOUCH, slot] = 1
            found = _emit(events, found, TOUCHED, direction, age, bottom, top)
        if filled:
            found = _emit(events, found, MITIGATED, direction, age, bottom, top)
            out[_PULSE] = 1.0
            # of several the largest gap speaks, of equals the younger
            if size >= out[_MITIGATED_SIZE] - _EQUAL * close:
                out[_MITIGATED_DIRECTION] = direction
                out[_MITIGATED_SIZE] = size
        elif age == LIFE_BARS:
            found = _emit(events, found, EXPIRED, direction, age, bottom, top)
        if filled or age == LIFE_BARS:
            tags[_DIRECTION, slot] = 0
    return found


@njit(cache=True, nogil=True)
def _nearest(close, count, edges, tags, out):
    """Write flags, nearest edge, its gap's age and width; all stay 0 without an active gap."""
    best = np.inf
    for age in range(LIFE_BARS):
        slot = (count - age) % (LIFE_BARS + 1)
        direction = tags[_DIRECTION, slot]
        if direction == 0 or tags[_BIRTH, slot] != count - age:
            continue
        out[_BULLISH if direction > 0 else _BEARISH] = 1.0
        for edge in range(2):
            distance = abs(edges[edge, slot] - close)
            if distance < best - _EQUAL * close:
                best = distance
                out[_LEVEL] = edges[edge, slot]
                out[_AGE] = age
                out[_WIDTH] = edges[_TOP, slot] - edges[_BOTTOM, slot]


@njit(cache=True, nogil=True)
def _step(open_, high, low, close, tick, ring, ranges, counter, edges, tags, out, events):
    """Take one bar, write its columns into ``out``; return how many events it brought."""
    count = counter[0]
    newest, oldest = count % _RING, (count - 2) % _RING
    ring[_LOW, newest] = low
    ring[_HIGH, newest] = high
    ring[_BODY, newest] = abs(close - open_)
    out[:] = 0.0
    out[_ATR] = average_range(high, low, close, ranges)
    found = _age_gaps(high, low, close, count, edges, tags, out, events)
    direction = _created_direction(ring, count, tick)
    if direction != 0:
        slot = count % (LIFE_BARS + 1)
        edges[_BOTTOM, slot] = ring[_HIGH, oldest] if direction > 0 else high
        edges[_TOP, slot] = low if direction > 0 else ring[_LOW, oldest]
        tags[_DIRECTION, slot] = direction
        tags[_BIRTH, slot] = count
        tags[_TOUCH, slot] = 0
        bottom, top = edges[_BOTTOM, slot], edges[_TOP, slot]
        found = _emit(events, found, CREATED, direction, 0, bottom, top)
    _nearest(close, count, edges, tags, out)
    counter[0] = count + 1
    return found


@njit(cache=True, nogil=True)
def _run(open_, high, low, close, tick, ring, ranges, counter, edges, tags, out, events):
    """Apply `_step` to every bar; return columns [column, bar] and events [event, 6]."""
    result = np.empty((out.size, close.size))
    log = np.empty((1024, 1 + events.shape[1]))
    logged = 0
    for t in range(close.size):
        found = _step(
            open_[t], high[t], low[t], close[t], tick,
            ring, ranges, counter, edges, tags, out, events,
        )  # fmt: skip
        for k in range(out.size):
            result[k, t] = out[k]
        if logged + found > log.shape[0]:
            larger = np.empty((2 * log.shape[0], log.shape[1]))
            larger[:logged] = log[:logged]
            log = larger
        for k in range(found):
            log[logged, 0] = t
            for part in range(events.shape[1]):
                log[logged, part + 1] = events[k, part]
            logged += 1
    return result, log[:logged].copy()


@dataclass(frozen=True)
class GapEvents:
    """What happened to gaps, in order; a mitigation that is the first touch is both."""

    time_ns: NDArray[np.int64]  # [event], close of the bar
    event: NDArray[np.int64]  # [event], index into EVENT_NAMES
    direction: NDArray[np.int64]  # [event], -1 bearish, +1 bullish
    born_ns: NDArray[np.int64]  # [event], close of the bar that created the gap, as no other did
    bottom: NDArray[np.float64]  # [event], lower edge of the gap, price
    top: NDArray[np.float64]  # [event], upper edge, price

    @property
    def size(self) -> NDArray[np.float64]:
        """Width of the gap in price units, [event]."""
        return self.top - self.bottom

    def __len__(self) -> int:
        return len(self.time_ns)


class Gaps:
    """Fair value gaps on the bars it is given (5 minutes, or the next longer that a file has).

    Columns (`docs/definitions.md`, section Fair value gaps): ``fvg_bullish_active``,
    ``fvg_bearish_active`` and ``fvg_mitigation_signal`` 0/1; ``fvg_nearest_level`` in price
    units, ``fvg_age`` in bars and ``fvg_width`` (of that level's gap) in price units, 0 without
    an active gap; ``fvg_mitigated_direction`` and ``fvg_mitigated_size`` of the gap filled on
    the bar, else 0; ``fvg_atr_14`` in price units, nan until known.

    Args:
        tick: price step of the instrument, 0 where it has none: the least mean body.
    """

    columns = (
        "fvg_bullish_active", "fvg_bearish_active", "fvg_nearest_level", "fvg_age",
        "fvg_mitigation_signal", "fvg_mitigated_direction", "fvg_mitigated_size",
        "fvg_width", "fvg_atr_14",
    )  # fmt: skip
    memory_bars = 600

    def __init__(self, tick: float) -> None:
        self._tick = float(tick)
        self._reset()

    def _reset(self) -> None:
        self._state = (
            np.zeros((3, _RING)),
            np.zeros(3),
            np.zeros(1, np.int64),
            np.zeros((2, LIFE_BARS + 1)),
            np.zeros((3, LIFE_BARS + 1), np.int64),
            np.zeros(len(self.columns)),
            np.zeros((2 * LIFE_BARS + 1, 5)),
        )

    def with_events(self, bars: BarArrays) -> tuple[dict[str, NDArray[np.float64]], GapEvents]:
        """Return the columns [bar] and the events; `update` may go on from the last bar."""
        self._reset()
        prices = (bars.open, bars.high, bars.low, bars.close)
        result, log = _run(*prices, self._tick, *self._state)
        closes = close_time_ns(bars.open_time_ns, bars.minutes)
        rows, kinds, directions, ages = log[:, :4].astype(np.int64).T
        events = GapEvents(
            closes[rows], kinds, directions, closes[rows - ages], *log[:, 4:].T.copy()
        )
        return dict(zip(self.columns, result, strict=True)), events

    def over(self, bars: BarArrays) -> dict[str, NDArray[np.float64]]:
        """Return the columns [bar], from nothing; `update` may go on from the last bar."""
        return self.with_events(bars)[0]

    def following(
        self,
        opens: NDArray[np.float64],
        high: NDArray[np.float64],
        low: NDArray[np.float64],
        close: NDArray[np.float64],
    ) -> dict[str, NDArray[np.float64]]:
        """Take the next bars, prices [bar] each; return their columns, as `update` would."""
        result, _ = _run(opens, high, low, close, self._tick, *self._state)
        return dict(zip(self.columns, result, strict=True))

    def update(self, bar: Bar) -> dict[str, float]:
        """Take the next bar; return its columns."""
        _step(bar.open, bar.high, bar.low, bar.close, self._tick, *self._state)
        return dict(zip(self.columns, self._state[-2].tolist(), strict=True))


def as_of(
    columns: dict[str, NDArray[np.float64]],
    known_from_ns: NDArray[np.int64],
    decision_time_ns: NDArray[np.int64],
) -> dict[str, NDArray[np.float64]]:
    """Return each column as it was last known at each decision, 0 before the first value.

    Args:
        columns: values on the finer clock, each [bar].
        known_from_ns: closes of those bars, sorted, int64 [bar].
        decision_time_ns: times of the decisions, int64 [decision].
    """
    index = as_of_index(decision_time_ns, known_from_ns)
    seen = index >= 0
    return {
        name: np.where(seen, values[np.maximum(index, 0)], 0.0) for name, values in columns.items()
    }
