"""When a market is open: sessions, breaks and local time of every bar.

Source: `docs/definitions.md`, "Sessions".
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.core.clock import DAY_NS, HOUR_NS
from grandmodel.market.bars import Bars
from grandmodel.market.hours import FIRST_WEEKDAY, inside, regular_hours, session_dates
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
    """Sessions and local time of bars; every field has one entry per bar."""

    session: NDArray[np.int64]  # counts the sessions that have bars, from 0
    session_date: NDArray[np.int64]  # trading day of the session, days since 1970-01-01
    last_of_session: NDArray[np.bool_]
    break_hours: NDArray[np.float64]  # from the close of the bar before to this open
    regular: NDArray[np.bool_]  # inside the regular session
    spread_multiplier: NDArray[np.float64]  # on the half spread of fills at this open
    day: NDArray[np.int64]  # local date of the open, days since 1970-01-01
    hour: NDArray[np.float64]  # local hour + minute / 60 of the open
    weekday: NDArray[np.int64]  # Monday = 0, local


def session_table(bars: Bars) -> SessionTable:
    """Return sessions, breaks and local time of each bar.

    The bar after a break pays four times half the spread, a bar outside the regular session
    twice. The last bar of the data counts as the last of its session.
    """
    instrument, opens = bars.instrument, bars.open_time_ns
    local = local_time_ns(opens, instrument.timezone)
    dates = session_dates(opens, instrument.calendar)
    changes = np.diff(dates) != 0
    session = np.concatenate([[0], np.cumsum(changes)]) if len(bars) else dates
    ends = np.append(changes, True) if len(bars) else np.zeros(0, dtype=bool)
    breaks = np.zeros(len(bars))
    breaks[1:] = (opens[1:] - bars.close_time_ns[:-1]) / HOUR_NS
    regular = inside(opens, regular_hours(opens, instrument.calendar))
    spread = np.where(regular, 1.0, OUTSIDE)
    spread[breaks > 0.0] = AFTER_BREAK
    day = local // DAY_NS
    hour = (local - day * DAY_NS) / HOUR_NS
    weekday = (day + FIRST_WEEKDAY) % 7
    return SessionTable(
        session.astype(np.int64), dates, ends, breaks, regular, spread, day, hour, weekday
    )


def local_time_ns(time_ns: NDArray[np.int64], timezone: str) -> NDArray[np.int64]:
    """Return the readings of the wall clock of `timezone`, ns since 1970-01-01 00:00 there."""
    if timezone == "UTC":
        return time_ns
    utc = pd.DatetimeIndex(time_ns.view("datetime64[ns]")).tz_localize("UTC")
    return utc.tz_convert(timezone).tz_localize(None).as_unit("ns").asi8


def sessions_per_year(instrument: Instrument) -> float:
    """Return how many sessions a year has: as the instrument says, else as its calendar has it."""
    if instrument.sessions_per_year is not None:
        return float(instrument.sessions_per_year)
    return SESSIONS_PER_YEAR[instrument.calendar]
