"""When the bars of planted worlds begin: 23 hours a day, Monday to Friday, path after path."""

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import DAY_NS, MINUTE_NS
from grandmodel.market.synthetic.texture import BARS_PER_DAY

MINUTES = 30  # of a bar in most worlds; finer bars of a world divide it
TRADING_DAYS_PER_WEEK = 5
FIRST_MONDAY_NS = int(np.datetime64("1990-01-01", "ns").astype(np.int64))


def open_times(first_day: int, bars: int, minutes: int = MINUTES) -> NDArray[np.int64]:
    """Return UTC open stamps of ``bars`` bars from 00:00 to 23:00, Monday to Friday, int64 [bar].

    Args:
        first_day: trading days since the first Monday of the calendar; a multiple of five.
        bars: how many.
        minutes: length of a bar; divides 30.
    """
    index = np.arange(bars, dtype=np.int64)
    per_day = BARS_PER_DAY * (MINUTES // minutes)
    day = first_day + index // per_day
    calendar_day = day // TRADING_DAYS_PER_WEEK * 7 + day % TRADING_DAYS_PER_WEEK
    within = index % per_day * (minutes * MINUTE_NS)
    return FIRST_MONDAY_NS + calendar_day * DAY_NS + within


def trading_days(bars: int, minutes: int) -> int:
    """Return whole weeks of trading days that hold ``bars``: each path begins on a Monday."""
    weeks = -(-bars * minutes // (MINUTES * BARS_PER_DAY * TRADING_DAYS_PER_WEEK))
    return weeks * TRADING_DAYS_PER_WEEK
