"""When a market is open: sessions, breaks and local time of every bar.

Source: `docs/definitions.md`, "Sessions".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import DAY_NS, HOUR_NS
from grandmodel.market.bars import Bars
from grandmodel.market.hours import (
    FIRST_WEEKDAY,
    NextBars,
    inside,
    local_time_ns,
    next_bars,
    regular_hours,
    scheduled,
    session_dates,
)
from grandmodel.market.instruments import Instrument

OUTSIDE, AFTER_BREAK = 2.0, 4.0  # factors on half the spread
SESSIONS_PER_YEAR = {
    "CMES": 258.0,
    "XNYS": 252.0,
    "24/7": 365.25,
    "24/5": 260.0,
    "23/5": 258.0,
    "planted": 252.0,
    "days": 365.25,
}


@dataclass(frozen=True)
class SessionTable:
    """Sessions and local time of bars; every field has one entry per bar.

    Nothing of a bar depends on a later bar: what lies ahead of it is the timetable's word.
    """

    session: NDArray[np.int64]  # counts the sessions that have bars, from 0
    session_date: NDArray[np.int64]  # trading day of the session, days since 1970-01-01
    scheduled: NDArray[np.bool_]  # inside the timetable
    last_of_session: NDArray[np.bool_]  # its session has no bar scheduled after it
    edge_ahead: NDArray[np.bool_]  # where sessions end flat, this close sends the exit
    break_ahead_hours: NDArray[np.float64]  # from this close to the next scheduled open
    break_hours: NDArray[np.float64]  # from the close of the bar before to this open
    regular: NDArray[np.bool_]  # inside the regular session
    spread_multiplier: NDArray[np.float64]  # on the half spread of fills at this open
    day: NDArray[np.int64]  # local date of the open, days since 1970-01-01
    hour: NDArray[np.float64]  # local hour + minute / 60 of the open
    weekday: NDArray[np.int64]  # Monday = 0, local


def session_table(bars: Bars) -> SessionTable:
    """Return sessions, breaks and local time of each bar.

    The bar after a break pays four times half the spread, a bar outside the regular session
    twice.
    """
    instrument, opens = bars.instrument, bars.open_time_ns
    local = local_time_ns(opens, instrument.timezone)
    dates = session_dates(opens, instrument.calendar)
    following = next_bars(opens, bars.minutes, instrument.calendar)
    breaks = np.zeros(len(bars))
    breaks[1:] = (opens[1:] - bars.close_time_ns[:-1]) / HOUR_NS
    regular = inside(opens, regular_hours(opens, instrument.calendar))
    spread = np.where(regular, 1.0, OUTSIDE)
    spread[breaks > 0.0] = AFTER_BREAK
    day = local // DAY_NS
    return SessionTable(
        session=np.cumsum(np.diff(dates, prepend=dates[:1]) != 0),
        session_date=dates,
        scheduled=scheduled(opens, bars.minutes, instrument.calendar),
        last_of_session=following.date != dates,
        edge_ahead=_edge_ahead(following),
        break_ahead_hours=(following.open_ns - bars.close_time_ns) / HOUR_NS,
        break_hours=breaks,
        regular=regular,
        spread_multiplier=spread,
        day=day,
        hour=(local - day * DAY_NS) / HOUR_NS,
        weekday=(day + FIRST_WEEKDAY) % 7,
    )


def _edge_ahead(following: NextBars) -> NDArray[np.bool_]:
    """Return after which bars a position must go where none may outlive its session.

    That is where the next scheduled bar is the last of its session: the exit fills at its open.
    Where the bar that should have sent it is missing, the first close that shows so sends it.
    """
    ahead = following.ends_session.copy()
    passed = following.date[1:] > following.date[:-1]
    ahead[1:] |= passed & ~following.ends_session[:-1]
    return ahead


def sessions_per_year(instrument: Instrument) -> float:
    """Return how many sessions a year has: as the instrument says, else as its calendar has it."""
    if instrument.sessions_per_year is not None:
        return float(instrument.sessions_per_year)
    return SESSIONS_PER_YEAR[instrument.calendar]
