"""MLMI: crosses of two moving averages, judged by how the most similar past crosses ended."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.checks import require_choice
from grandmodel.features.of_closes import OfCloses
from grandmodel.features.smooth import rsi, wma

LABEL_MODES = ("literal", "predictive")
FAST_BARS, SLOW_BARS = 5, 20
SHORT_RSI, LONG_RSI = 5, 20
FIRST_STORED_BAR = LONG_RSI + SLOW_BARS - 1
LEAST_EVENTS = 200
LARGEST_STORE = 10_000
FEW = 16  # so many candidates are searched one by one instead of bisected further
_EQUAL = 1e-12  # of the price: closer averages have not crossed

_VALUE, _SIGNAL = range(2)
_CLOSE, _RSI_SHORT, _RSI_LONG = range(3)
_LAST_CLOSE, _EVENT_CLOSE, _EVENT_1, _EVENT_2, _REACH = range(5)
_BARS, _SIDE, _EVENTS, _STORED = range(4)
_FEATURE_1, _FEATURE_2, _LABEL, _DISTANCE = range(4)


@njit(cache=True, nogil=True)
def _search(values, low, k):
    """Return the k-th smallest of the values above ``low``, one distinct value after another."""
    while k > 0:
        smallest, ties = np.inf, 0
        for value in values:
            if low < value < smallest:
                smallest, ties = value, 1
            elif value == smallest:
                ties += 1
        low = smallest
        k -= ties
    return low


@njit(cache=True, nogil=True)
def _kth_smallest(values, k, guess, few):
    """Return the k-th smallest value (from 1): bisection by counting, then the smallest left.

    ``guess`` is where to look first; it moves the work, not the result.
    """
    low, high = -1.0, np.inf
    below, up_to = 0, values.size
    trial = guess
    for _ in range(40):
        if up_to - below <= few.size:
            break
        count = 0
        for value in values:
            count += value <= trial
        if count >= k:
            high, up_to = trial, count
        else:
            low, below = trial, count
        if high == np.inf:
            trial = 2.0 * trial + 1e-3
        else:
            share = (k - below) / (up_to - below)
            trial = low + (high - low) * min(max(share, 0.1), 0.9)
    left = values
    if up_to - below <= few.size:
        size = 0
        for value in values:
            if low < value <= high:
                few[size] = value
                size += 1
        left = few[:size]
    return _search(left, low, k - below)


@njit(cache=True, nogil=True)
def _net(p1, p2, store, size, newest, k, reach, few):
    """Return the mean label of the k nearest events and the k-th squared distance."""
    distance = store[_DISTANCE, :size]
    for i in range(size):
        d1 = store[_FEATURE_1, i] - p1
        d2 = store[_FEATURE_2, i] - p2
        distance[i] = d1 * d1 + d2 * d2
    limit = _kth_smallest(distance, k, reach, few)
    inside = rising = falling = 0
    for i in range(size):
        near = distance[i] < limit
        inside += near
        rising += near & (store[_LABEL, i] > 0.0)
        falling += near & (store[_LABEL, i] < 0.0)
    total = float(rising - falling)
    slot = newest
    while inside < k:
        if distance[slot] == limit:
            total += store[_LABEL, slot]
            inside += 1
        slot = slot - 1 if slot > 0 else size - 1
    return total / k, limit


@njit(cache=True, nogil=True)
def _remember(p1, p2, close, predictive, numbers, counters, store):
    """Store the event on this bar with its label, then make it the previous event."""
    label = 0.0
    if counters[_EVENTS] > 0:
        label = 1.0 if close >= numbers[_EVENT_CLOSE] else -1.0
    f1, f2 = (numbers[_EVENT_1], numbers[_EVENT_2]) if predictive else (p1, p2)
    if not np.isnan(f1):
        slot = counters[_STORED] % store.shape[1]
        store[_FEATURE_1, slot] = f1
        store[_FEATURE_2, slot] = f2
        store[_LABEL, slot] = label
        counters[_STORED] += 1
    counters[_EVENTS] += 1
    numbers[_EVENT_CLOSE] = close
    numbers[_EVENT_1] = p1
    numbers[_EVENT_2] = p2


@njit(cache=True, nogil=True)
def _advance(close, fixed_k, predictive, rings, averages, numbers, counters, store, few, out):
    """Take bars one after another; ``rings`` are written twice, so always in order."""
    for t in range(close.size):
        bar = counters[_BARS]
        counters[_BARS] = bar + 1
        slot = bar % SLOW_BARS
        start, stop = slot + 1, slot + 1 + SLOW_BARS
        for row, span in enumerate((0, SHORT_RSI, LONG_RSI)):
            value = close[t] if row == _CLOSE else np.nan
            if bar > 0 and row != _CLOSE:
                value = rsi(close[t] - numbers[_LAST_CLOSE], bar - 1, span, averages[row])
            rings[row, slot] = value
            rings[row, slot + SLOW_BARS] = value
        numbers[_LAST_CLOSE] = close[t]
        out[_VALUE, t] = 50.0
        out[_SIGNAL, t] = 0.0
        if bar < SLOW_BARS - 1:
            continue
        p1 = p2 = np.nan
        if bar >= FIRST_STORED_BAR:
            p1 = wma(rings[_RSI_LONG, start:stop])
            p2 = wma(rings[_RSI_SHORT, start:stop])
        stored = counters[_STORED]
        if stored >= LEAST_EVENTS:
            size = min(stored, store.shape[1])
            k = fixed_k if fixed_k > 0 else min(max(size // 10, 20), 100)
            newest = (stored - 1) % store.shape[1]
            net, numbers[_REACH] = _net(p1, p2, store, size, newest, k, numbers[_REACH], few)
            out[_VALUE, t] = 50.0 * (1.0 + net)
        fast_start = stop - FAST_BARS
        difference = wma(rings[_CLOSE, fast_start:stop]) - wma(rings[_CLOSE, start:stop])
        if abs(difference) > _EQUAL * close[t]:
            side = 1 if difference > 0.0 else -1
            if counters[_SIDE] == -side:
                out[_SIGNAL, t] = side
                _remember(p1, p2, close[t], predictive, numbers, counters, store)
            counters[_SIDE] = side


class Memory(NamedTuple):
    """Which past events are remembered, and how many neighbours are asked."""

    events: int
    neighbours: int  # 0: a tenth of the stored events, 20 to 100


LAST_1000 = Memory(1000, 0)
TEXT_MEMORY = Memory(10_000, 200)


class Mlmi(OfCloses):
    """Nearest-neighbour momentum on crosses of WMA(5) and WMA(20) of the close.

    Columns (`docs/definitions.md`, section MLMI): ``mlmi_value`` 0..100, 50 until 200 events
    are stored; ``mlmi_signal`` -1, 0, +1, a pulse on the bar of a cross.

    Args:
        memory: how many events are kept and asked; the first in is the first out.
        label_mode: ``literal`` stores an event with the direction of the leg that it ends,
            ``predictive`` stores the event before with the outcome that is known now.
    """

    columns = ("mlmi_value", "mlmi_signal")
    memory_bars = 600  # of its averages; the value depends on the events stored
    memory = "store"

    def __init__(self, memory: Memory = LAST_1000, label_mode: str = "literal") -> None:
        require_choice("features.mlmi.label_mode", label_mode, LABEL_MODES)
        self.store_events = memory.events
        self._rules = (memory.neighbours, label_mode == "predictive")
        self._reset()

    def _reset(self) -> None:
        numbers = np.zeros(5)
        numbers[[_EVENT_1, _EVENT_2]] = np.nan
        numbers[_REACH] = 1.0
        self._state = (
            np.full((3, 2 * SLOW_BARS), np.nan),
            np.zeros((3, 2)),
            numbers,
            np.zeros(4, np.int64),
            np.zeros((4, self.store_events)),
            np.zeros(FEW),
        )

    @property
    def stored(self) -> int:
        """How many events were stored since the start, those forgotten included."""
        return int(self._state[3][_STORED])

    def _write(self, close: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        _advance(close, *self._rules, *self._state, out)
