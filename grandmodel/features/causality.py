"""Does a value know more than its bar: cut the data, change what comes later, start elsewhere.

Source: `docs/definitions.md`, "The leak audit".
"""

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import HOUR_NS, close_time_ns
from grandmodel.features.inputs import BarArrays
from grandmodel.features.matrix import Columns, PathArrays
from grandmodel.features.synergy import Synergies
from grandmodel.market.bars import joined_bars

Compute = Callable[[PathArrays], Columns]
Rows = dict[str, NDArray[np.int64]]  # rows by column

LEVEL = 1.37  # prices of changed bars move by about this factor
WAVE = 0.01  # and by up to so much more from bar to bar
WIDTH = 1.5  # their range grows by this factor, around its middle and upside down


def part_of(path: PathArrays, start: int, stop: int) -> PathArrays:
    """Return bars [start, stop) of a path with what is known at the last one's close.

    Finer bars are those closed by then, half hours are made anew of these bars alone, and
    synergies that the data bring are those completed by then.
    """
    bars = path.bars.slice(start, stop)
    if not len(bars):
        return replace(path, bars=bars)
    edges = [bars.open_time_ns[0], close_time_ns(bars.open_time_ns[-1:], bars.minutes)[0]]
    fine, brought = path.fine, path.synergies
    if fine is not None:
        first, last = np.searchsorted(fine.open_time_ns, edges)
        fine = fine.slice(int(first), int(last))
    if brought is not None:
        first, last = np.searchsorted(brought.time_ns, edges, side="right")
        brought = _these(brought, slice(int(first), int(last)))
    return replace(path, bars=bars, fine=fine, synergies=brought, slow=_slower(path, bars))


def slower_bars(bars: BarArrays, minutes: int) -> BarArrays:
    """Return bars of ``minutes`` made of shorter ones, with the local calendar of their opens."""
    parts, first = joined_bars(bars, minutes)
    early = (bars.open_time_ns[first] - parts["open_time_ns"]) / HOUR_NS
    local = {"day": bars.day[first], "weekday": bars.weekday[first]}
    return replace(bars, **parts, **local, hour=bars.hour[first] - early)


def _slower(path: PathArrays, bars: BarArrays) -> BarArrays | None:
    return None if path.slow is None else slower_bars(bars, path.slow.minutes)


def _these(synergies: Synergies, rows: slice) -> Synergies:
    return Synergies(*(getattr(synergies, item.name)[rows] for item in fields(Synergies)))


def perturbed(
    path: PathArrays, start: int, stop: int | None = None, *, up: bool = True
) -> PathArrays:
    """Return a path whose bars [start, stop) are other ones: level, shape, range and volume.

    Times stay, so what a timetable says stays too. Finer bars of that time change likewise, half
    hours are made anew, and synergies that the data bring in that time change sides.
    """
    stop = len(path.bars) if stop is None else stop
    fine, brought, opens = path.fine, path.synergies, path.bars.open_time_ns
    if start < len(path.bars):
        edges = [opens[start], close_time_ns(opens[stop - 1 : stop], path.bars.minutes)[0]]
        if fine is not None:
            first, end = np.searchsorted(fine.open_time_ns, edges)
            fine = _other_bars(fine, int(first), int(end), up=up)
        if brought is not None:
            changed = (brought.time_ns > edges[0]) & (brought.time_ns <= edges[1])
            side = np.where(changed, -brought.direction, brought.direction)
            brought = replace(brought, direction=side)
    bars = _other_bars(path.bars, start, stop, up=up)
    return replace(path, bars=bars, fine=fine, synergies=brought, slow=_slower(path, bars))


def _other_bars(bars: BarArrays, start: int, stop: int, *, up: bool) -> BarArrays:
    part = slice(start, stop)
    count = len(bars.close[part])
    factor = (LEVEL if up else 1.0 / LEVEL) * (1.0 + WAVE * np.cos(np.arange(count)))
    old = np.stack([bars.open[part], bars.high[part], bars.low[part], bars.close[part]])
    middle = 0.5 * (old[1] + old[2])
    width = np.where(WIDTH * (old[1] - old[2]) < middle, WIDTH, 1.0)
    new = factor * (middle - width * (old - middle))
    prices = {"open": new[0], "high": new.max(0), "low": new.min(0), "close": new[3]}
    found = {name: getattr(bars, name).copy() for name in (*prices, "volume")}
    for name, values in prices.items():
        found[name][part] = values
    found["volume"][part] = bars.volume[part] * factor + 1.0
    return replace(bars, **found)


def moved(left: Columns, right: Columns, stop: int, tolerance: float = 0.0) -> Rows:
    """Return the rows before ``stop`` at which two sets of columns differ, without those of none.

    Args:
        left: columns [bar].
        right: the same columns; it may be longer or shorter than ``left``, not than ``stop``.
        stop: rows from here on are not compared.
        tolerance: largest difference that does not count, in units of max(1, |value|); 0
            compares bit for bit. Undefined equals undefined.
    """
    found = {}
    for name, values in left.items():
        one, other = values[:stop], right[name][:stop]
        same = (one == other) | (np.isnan(one) & np.isnan(other))
        if tolerance > 0.0:
            unit = np.maximum(1.0, np.abs(other))
            same |= np.abs(one - other) <= tolerance * unit
        if not same.all():
            found[name] = np.flatnonzero(~same)
    return found


def moved_by_cut(
    compute: Compute, path: PathArrays, whole: Columns, cut: int, tolerance: float = 0.0
) -> Rows:
    """Return the rows before ``cut`` whose values change when the data end there."""
    return moved(whole, compute(part_of(path, 0, cut)), cut, tolerance)


def moved_by_change(
    compute: Compute,
    path: PathArrays,
    whole: Columns,
    cut: int,
    tolerance: float = 0.0,
    *,
    stop: int | None = None,
    up: bool = True,
) -> Rows:
    """Return the rows before ``cut`` whose values change with the bars [cut, stop)."""
    return moved(whole, compute(perturbed(path, cut, stop, up=up)), cut, tolerance)


def moved_by_start(
    compute: Compute,
    path: PathArrays,
    whole: Columns,
    shift: int,
    memory: int,
    tolerance: float = 1e-6,
) -> Rows:
    """Return the rows that another start, ``shift`` bars later, still changes after ``memory``.

    Rows count from the path's first bar; only those from shift + memory on are compared.
    """
    later = compute(part_of(path, shift, len(path.bars)))
    first = shift + memory
    right = {name: values[first:] for name, values in whole.items()}
    left = {name: later[name][memory:] for name in whole}
    rows = moved(left, right, len(path.bars), tolerance)
    return {name: first + found for name, found in rows.items()}
