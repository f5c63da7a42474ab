"""Trading hours: which UTC intervals a calendar is open, and to which day a bar belongs.

Holidays and early closes come from the `exchange_calendars` library. Source:
`docs/definitions.md`, "Sessions".
"""

from functools import lru_cache
from typing import NamedTuple

import exchange_calendars
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.core.clock import DAY_NS, HOUR_NS, MINUTE_NS

MARGIN_DAYS = 14  # room for holidays around the first and the last bar
LIBRARY_NAME = {"CMES": "CMES", "XNYS": "XNYS", "24/5": "24/5", "23/5": "CMES"}
EVENING_OPEN = {"CMES": 18, "23/5": 18, "24/5": 17}  # New York hour that begins the next session
NEW_YORK = "America/New_York"
CME_PAUSE_ENDED = "2021-06-26"  # until then 16:15 to 16:30 New York had no trading
CME_CLOSED_17_30 = "2012-11-17"  # until then Mondays to Thursdays; Fridays 16:15
CME_CLOSED_17_15 = "2015-09-19"  # until then, after the one above
CME_HOLIDAYS_11_30 = "2014-03-01"  # until then holidays of the stock exchange ended so early
GOLD_HOLIDAYS_13_00 = "2022-01-01"  # until then; 14:30 since, as half days, which were 14:00
MOURNING = ("2018-12-05", "2025-01-09")  # no stocks; index futures to 9:30, gold all day
PLANTED_HOURS = 23
APRIL = 3  # from January 0
FIRST_WEEKDAY, FRIDAY = 3, 4  # 1970-01-01 was a Thursday; Monday is 0


class Hours(NamedTuple):
    """Open intervals [open, close), sorted and disjoint; None stands for always open."""

    open_ns: NDArray[np.int64]  # UTC, [interval]
    close_ns: NDArray[np.int64]


class NextBars(NamedTuple):
    """The bar that the timetable has next after the close of each bar, [bar]."""

    open_ns: NDArray[np.int64]  # UTC
    date: NDArray[np.int64]  # trading day of its session, days since 1970-01-01
    ends_session: NDArray[np.bool_]  # its session has no bar scheduled after it


def session_dates(open_ns: NDArray[np.int64], calendar: str) -> NDArray[np.int64]:
    """Return the trading day of each bar, days since 1970-01-01, never decreasing.

    Markets that open in the evening (New York) count what follows as the next day. A bar at a
    weekend belongs to Monday. Bars on a holiday have a session of their own: where a file has
    them, there was trading, and no calendar may glue it to the next week.
    """
    if calendar not in LIBRARY_NAME:
        return open_ns // DAY_NS
    evening = EVENING_OPEN.get(calendar)
    shift = 0 if evening is None else 24 - evening
    day = (local_time_ns(open_ns, NEW_YORK) + shift * HOUR_NS) // DAY_NS
    after_friday = (day + FIRST_WEEKDAY) % 7 - FRIDAY
    return day + np.where(after_friday > 0, 3 - after_friday, 0)


def regular_hours(open_ns: NDArray[np.int64], calendar: str) -> Hours | None:
    """Return the regular session of the calendar around the bars, None for always.

    Exchanges in New York and index futures: the hours of the New York Stock Exchange, early
    closes included. All other calendars know no other hours than their own.
    """
    if calendar not in ("CMES", "XNYS") or not len(open_ns):
        return None
    schedule = _schedule("XNYS", *_span(open_ns))
    return Hours(schedule.open_ns, schedule.close_ns)


def trading_hours(open_ns: NDArray[np.int64], calendar: str) -> Hours | None:
    """Return when the market of the calendar trades around the bars; None: nobody knows.

    Raises:
        KeyError: the calendar is unknown.
    """
    if not known_hours(calendar) or not len(open_ns):
        return None
    first, last = _span(open_ns)
    if calendar == "24/7":
        edges = np.array([first, last], dtype="datetime64[ns]").astype(np.int64)
        return Hours(edges[:1], edges[1:])
    if calendar == "planted":
        days = np.arange(first, last, dtype="datetime64[D]").astype(np.int64)
        opens = days[(days + FIRST_WEEKDAY) % 7 <= FRIDAY] * DAY_NS
        return Hours(opens, opens + PLANTED_HOURS * HOUR_NS)
    schedule = _schedule(calendar, first, last)
    if calendar == "XNYS":
        return Hours(schedule.open_ns, schedule.close_ns)
    if calendar == "24/5":
        return Hours(*_evening_to(_currency_days(schedule.day), calendar, 17 * 60))
    stocks = _schedule("XNYS", first, last)
    return (_futures_hours if calendar == "CMES" else _gold_hours)(schedule.day, stocks)


def known_hours(calendar: str) -> bool:
    """Tell whether the calendar says when its market trades; `days` counts days, no more."""
    return calendar != "days"


def inside(time_ns: NDArray[np.int64], hours: Hours | None) -> NDArray[np.bool_]:
    """Tell which times lie in an open interval, [time]."""
    if hours is None:
        return np.ones(len(time_ns), dtype=bool)
    which = np.searchsorted(hours.open_ns, time_ns, side="right") - 1
    return (which >= 0) & (time_ns < hours.close_ns[np.maximum(which, 0)])


def next_bars(open_ns: NDArray[np.int64], minutes: int, calendar: str) -> NextBars:
    """Return what the timetable announces at the close of each bar.

    It reads the bar's own time and the calendar, never another bar. A bar is scheduled where it
    holds any trading hours. Markets that never close have the next bar at once and sessions that
    end at midnight UTC. So have those whose hours nobody knows (`days`), but there it is a guess:
    no position may be closed by it (`envs.action.session_edge`).

    Args:
        open_ns: opens of the bars, UTC, sorted.
        minutes: their length.
        calendar: one of `instruments.CALENDARS`.
    """
    length = minutes * MINUTE_NS
    close_ns = open_ns + length
    hours = trading_hours(open_ns, calendar)
    if hours is None or calendar == "24/7":
        date = close_ns // DAY_NS
        return NextBars(close_ns, date, close_ns + length >= (date + 1) * DAY_NS)
    dates = session_dates(hours.open_ns, calendar)
    session_ends = hours.close_ns[np.searchsorted(dates, dates, side="right") - 1]
    which = np.searchsorted(hours.close_ns, close_ns, side="right")
    first = hours.open_ns // length * length
    following = np.maximum(close_ns, first[which])
    return NextBars(following, dates[which], following + length >= session_ends[which])


def scheduled(open_ns: NDArray[np.int64], minutes: int, calendar: str) -> NDArray[np.bool_]:
    """Tell which bars hold any trading hours of the calendar, [bar]; all where nobody knows."""
    hours = trading_hours(open_ns, calendar)
    if hours is None:
        return np.ones(len(open_ns), dtype=bool)
    which = np.searchsorted(hours.close_ns, open_ns, side="right")
    return hours.open_ns[which] < open_ns + minutes * MINUTE_NS


def open_time_before(time_ns: NDArray[np.int64], hours: Hours) -> NDArray[np.int64]:
    """Return how long the market has been open until each time, ns, [time]."""
    lengths = hours.close_ns - hours.open_ns
    before = np.concatenate([[0], np.cumsum(lengths)])
    which = np.searchsorted(hours.open_ns, time_ns, side="right") - 1
    known = np.maximum(which, 0)
    within = np.clip(time_ns - hours.open_ns[known], 0, lengths[known])
    return np.where(which >= 0, before[known] + within, 0)


def local_time_ns(time_ns: NDArray[np.int64], timezone: str) -> NDArray[np.int64]:
    """Return the readings of the wall clock of `timezone`, ns since 1970-01-01 00:00 there."""
    if timezone == "UTC":
        return time_ns
    utc = pd.DatetimeIndex(time_ns.view("datetime64[ns]")).tz_localize("UTC")
    return utc.tz_convert(timezone).tz_localize(None).as_unit("ns").asi8


class _Schedule(NamedTuple):
    day: NDArray[np.int64]  # days since 1970-01-01, [session]
    open_ns: NDArray[np.int64]
    close_ns: NDArray[np.int64]


def _span(open_ns: NDArray[np.int64]) -> tuple[str, str]:
    """Return ISO dates of whole years around the bars, so that few calendars are built."""
    first, last = (int(t) for t in (open_ns[0], open_ns[-1]))
    edges = np.array([first - MARGIN_DAYS * DAY_NS, last + MARGIN_DAYS * DAY_NS])
    years = edges.astype("datetime64[ns]").astype("datetime64[Y]")
    return f"{years[0]}-01-01", f"{years[1] + 1}-01-31"


@lru_cache(maxsize=32)
def _schedule(calendar: str, first: str, last: str) -> _Schedule:
    """Return the sessions of a library calendar between two dates."""
    library = exchange_calendars.get_calendar(LIBRARY_NAME[calendar], start=first, end=last)
    table = library.schedule
    day = pd.DatetimeIndex(table.index).as_unit("ns").asi8 // DAY_NS
    opens = pd.DatetimeIndex(table["open"]).as_unit("ns").asi8
    closes = pd.DatetimeIndex(table["close"]).as_unit("ns").asi8
    for array in (day, opens, closes):
        array.flags.writeable = False
    return _Schedule(day, opens, closes)


def _evening_to(
    day: NDArray[np.int64], calendar: str, close_minutes: NDArray[np.int64] | int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return open on the evening before and close of each day's session, UTC.

    24/5 closes when the next day begins, 17:00 New York; 23/5 pauses from then to 18:00.
    """
    evening = EVENING_OPEN[calendar]
    opens = _utc(day * DAY_NS - (24 - evening) * HOUR_NS, NEW_YORK)
    return opens, _utc(day * DAY_NS + close_minutes * MINUTE_NS, NEW_YORK)


def _currency_days(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the weekdays on which currencies trade: all but Christmas and New Year's Day."""
    text = np.datetime_as_string(days.astype("M8[D]"))
    return days[[day[5:] not in ("12-25", "01-01") for day in text]]


def _gold_hours(days: NDArray[np.int64], stocks: _Schedule) -> Hours:
    """Return the hours of spot gold: the days of the futures, shorter on holidays of stocks."""
    days = np.union1d(days, _mourning(days))
    minutes = np.full(len(days), 17 * 60)
    holiday = ~np.isin(days, stocks.day) & ~np.isin(days, _mourning(days))
    minutes[holiday] = 13 * 60
    minutes[_half_days(days, stocks)] = 14 * 60
    minutes[(minutes < 17 * 60) & (days >= _day(GOLD_HOLIDAYS_13_00))] = 14 * 60 + 30
    return Hours(*_evening_to(days, "23/5", minutes))


def _futures_hours(days: NDArray[np.int64], stocks: _Schedule) -> Hours:
    """Return the hours of stock index futures, with the pause that they had until June 2021.

    The library knows the days on which they trade, but for Good Fridays on which the payrolls
    come out and days of mourning. They stop early on the days on which the New York Stock
    Exchange does, 15 minutes after it, and on its holidays.
    """
    payrolls = _payroll_good_fridays(days)
    day = np.union1d(days, np.concatenate([payrolls, _mourning(days)]))
    minutes = np.full(len(day), 17 * 60)
    minutes[day < _day(CME_CLOSED_17_15)] = 17 * 60 + 15
    evenings = day < _day(CME_CLOSED_17_30)
    minutes[evenings] = 17 * 60 + 30
    minutes[evenings & ((day + FIRST_WEEKDAY) % 7 == FRIDAY)] = 16 * 60 + 15
    minutes[_half_days(day, stocks)] = 13 * 60 + 15
    holiday = ~np.isin(day, stocks.day)
    minutes[holiday] = 13 * 60
    minutes[holiday & (day < _day(CME_HOLIDAYS_11_30))] = 11 * 60 + 30
    minutes[np.isin(day, payrolls)] = 9 * 60 + 15
    minutes[np.isin(day, _mourning(days))] = 9 * 60 + 30
    opens, closes = _evening_to(day, "CMES", minutes)
    pause = _utc(day * DAY_NS + 16 * HOUR_NS + 15 * MINUTE_NS, NEW_YORK)
    paused = (day < _day(CME_PAUSE_ENDED)) & (closes > pause + 15 * MINUTE_NS)
    return Hours(
        np.sort(np.concatenate([opens, pause[paused] + 15 * MINUTE_NS])),
        np.sort(np.concatenate([closes, pause[paused]])),
    )


def _half_days(days: NDArray[np.int64], stocks: _Schedule) -> NDArray[np.bool_]:
    """Tell the days on which stocks stop before 16:00 New York."""
    early = stocks.close_ns < _utc(stocks.day * DAY_NS + 16 * HOUR_NS, NEW_YORK)
    return np.isin(days, stocks.day[early])


def _mourning(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the days of mourning among and between some days."""
    found = np.array([_day(date) for date in MOURNING])
    return found[(found >= days[0]) & (found <= days[-1])]


def _payroll_good_fridays(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the Good Fridays that are the first Friday of April, when the payrolls come out."""
    missing = np.setdiff1d(np.arange(days[0], days[-1]), days)
    dates = missing.astype("M8[D]")
    april = dates.astype("M8[M]").astype(np.int64) % 12 == APRIL
    first_week = (dates - dates.astype("M8[M]")).astype(np.int64) < 7
    return missing[((missing + FIRST_WEEKDAY) % 7 == FRIDAY) & april & first_week]


def _day(date: str) -> int:
    return int(np.datetime64(date, "D").astype(np.int64))


def _utc(wall_ns: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    wall = pd.DatetimeIndex(wall_ns.view("datetime64[ns]")).tz_localize(zone)
    return wall.tz_convert("UTC").as_unit("ns").asi8
