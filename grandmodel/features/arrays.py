"""From a market path to what indicators read."""

import numpy as np

from grandmodel.features.inputs import BarArrays
from grandmodel.features.path import PathArrays
from grandmodel.features.synergy import KINDS, Synergies
from grandmodel.market.bars import Bars, resample
from grandmodel.market.calendar import SessionTable, session_table
from grandmodel.market.dataset import DECISION_MINUTES, MarketPath, SynergyEvents
from grandmodel.market.events import Events

GAP_MINUTES = 5


def bar_arrays(bars: Bars, table: SessionTable | None = None) -> BarArrays:
    """Return the arrays of ``bars`` with the local calendar of their opens.

    Compiled code is made once per kind of array, so these are copies that may be written to.

    Args:
        bars: bars of one path.
        table: their sessions; without it day, hour and weekday are empty, which serves what
            reads prices alone.
    """
    none = np.zeros(0, np.int64)
    return BarArrays(
        open_time_ns=bars.open_time_ns.copy(),
        open=bars.open.copy(),
        high=bars.high.copy(),
        low=bars.low.copy(),
        close=bars.close.copy(),
        volume=bars.volume.copy(),
        day=none if table is None else table.day,
        hour=none.astype(np.float64) if table is None else table.hour,
        weekday=none if table is None else table.weekday,
        minutes=bars.minutes,
        tick=bars.instrument.tick or 0.0,
        volume_kind=bars.volume_kind,
        additive=bars.adjustment == "additive",
    )


def gap_bars(path: MarketPath) -> Bars | None:
    """Return the bars on which gaps are found: 5 minutes, or as little longer as the file allows.

    Of the lengths that the file's bars add up to and that divide the decision clock, the shortest
    of at least 5 minutes: 5 for files of 1 and 5 minutes, 6 for those of 2, 3 and 6, else the
    file's own. None where the path has no bars finer than its decision clock.
    """
    fine = path.finest
    if fine is None or fine.minutes >= path.bars.minutes:
        return None
    lengths = range(fine.minutes, path.bars.minutes, fine.minutes)
    fit = [length for length in lengths if path.bars.minutes % length == 0]
    return resample(fine, next((length for length in fit if length >= GAP_MINUTES), fine.minutes))


def path_arrays(path: MarketPath, table: SessionTable, events: Events | None = None) -> PathArrays:
    """Return what the indicators of one path read, with the economic calendar if there is one."""
    fine, fast = gap_bars(path), path.bars.minutes < DECISION_MINUTES
    slow = resample(path.bars, DECISION_MINUTES) if fast else None
    return PathArrays(
        bar_arrays(path.bars, table),
        None if fine is None or fast else bar_arrays(fine),
        None if path.synergies is None else _brought(path.synergies),
        events,
        None if slow is None else bar_arrays(slow, session_table(slow)),
    )


def _brought(events: SynergyEvents) -> Synergies:
    """Return a market's own synergies; their signals are not known apart from them."""
    tied = np.zeros(len(events.time_ns), np.bool_)
    signals = np.repeat(events.time_ns[:, None], len(KINDS), axis=1)
    columns = (events.time_ns, events.type, events.direction, events.confidence)
    return Synergies(*columns, tied, signals)
