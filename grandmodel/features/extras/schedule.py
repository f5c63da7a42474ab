"""What the economic calendar says at a bar's close: hours to the next event and since the last.

Source: `docs/definitions.md`, "Economic calendar".
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.clock import HOUR_NS, MINUTE_NS, close_time_ns
from grandmodel.features.extras.base import Extra
from grandmodel.features.inputs import BarArrays
from grandmodel.market.events import IMPORTANCES, Events

FADE_HOURS = 24.0
KINDS = ("ahead", "since", "due")


@njit(cache=True, nogil=True)
def _advance(close_ns, length_ns, times, out):
    """Look up each close among the ``times`` of events, ascending."""
    for t in range(close_ns.size):
        after = np.searchsorted(times, close_ns[t])  # the first at or after the close
        out[0, :2, t] = np.nan
        out[0, 2, t] = 0.0
        if after < times.size:
            wait = times[after] - close_ns[t]
            out[0, 0, t] = wait / HOUR_NS
            out[0, 2, t] = 1.0 if wait < length_ns else 0.0
        if after > 0:
            out[0, 1, t] = (close_ns[t] - times[after - 1]) / HOUR_NS
        for row in range(2):
            hours = out[0, row, t]
            out[1, row, t] = 0.0 if math.isnan(hours) else math.exp(-hours / FADE_HOURS)
        out[1, 2, t] = out[0, 2, t]


class Schedule(Extra):
    """Events of one importance: ``event_ahead_*``, ``event_since_*`` (hours), ``event_due_*``.

    An event at the very close is ahead by 0 hours. ``event_due_*`` is 1 where one falls within
    the coming bar. Only times are read, and those are known beforehand.

    Args:
        events: the calendar.
        importance: ``high``, ``medium`` or ``low``.
    """

    memory_bars = 0

    def __init__(self, events: Events, importance: str) -> None:
        self.columns = tuple(f"event_{kind}_{importance}" for kind in KINDS)
        self._times = events.times_ns(importance)
        super().__init__()

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        out = np.empty((2, len(KINDS), len(bars)))
        closes = close_time_ns(bars.open_time_ns, bars.minutes)
        _advance(closes, bars.minutes * MINUTE_NS, self._times, out)
        return out


EVENT_COLUMNS = tuple(f"event_{kind}_{one}" for one in IMPORTANCES for kind in KINDS)
