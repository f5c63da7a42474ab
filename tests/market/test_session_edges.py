"""What lies ahead of a bar is the timetable's word, never that of the bars that follow."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_makers import flat_bars, grid, utc_ns

from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.calendar import SessionTable, session_table
from grandmodel.market.hours import inside, known_hours, next_bars, session_dates, trading_hours
from grandmodel.market.instruments import CALENDARS, Instrument

# Thanksgiving 2024 and the Friday after it, when stocks and index futures stop early
WEEK = ("2024-11-25", "2024-12-04")


def at(calendar: str, minutes: int, *opens: str) -> SessionTable:
    instrument = Instrument(name="x", calendar=calendar)
    return session_table(flat_bars([utc_ns(text) for text in opens], minutes, instrument))


def week_of(calendar: str, minutes: int) -> np.ndarray:
    """Opens of the scheduled bars around Thanksgiving, and of a few that nobody announced."""
    opens = grid(*WEEK, minutes)
    table = session_table(flat_bars(opens, minutes, Instrument(name="x", calendar=calendar)))
    stray = np.random.default_rng(0).random(len(opens)) < 0.05
    return opens[table.scheduled | stray]


def test_futures_end_before_a_weekend_and_after_it() -> None:
    table = at(
        "CMES",
        30,
        "2024-03-08 20:30",  # Friday 15:30 New York, winter
        "2024-03-08 21:00",
        "2024-03-08 21:30",  # to 17:00: the last one
        "2024-03-10 22:00",  # Sunday 18:00, summer
    )
    assert list(table.edge_ahead) == [False, True, False, False]
    assert list(table.last_of_session) == [False, False, True, False]
    assert list(table.break_ahead_hours) == [0, 0, 48, 0]
    assert list(table.break_hours) == [0, 0, 0, 48]


def test_half_days_are_known_before() -> None:
    futures = at("CMES", 30, "2024-11-29 17:00", "2024-11-29 17:30", "2024-11-29 18:00")
    assert list(futures.edge_ahead) == [False, True, False]  # they stop at 13:15 New York
    assert list(futures.break_ahead_hours) == [0, 0, 52.5]
    holiday = at("CMES", 5, "2025-06-19 16:50", "2025-06-19 16:55")  # Juneteenth, 13:00
    assert list(holiday.last_of_session) == [False, True]
    assert list(holiday.break_ahead_hours) == [0, 5]
    stocks = at("XNYS", 5, "2024-11-29 17:45", "2024-11-29 17:50", "2024-11-29 17:55")
    assert list(stocks.edge_ahead) == [False, True, False]  # 13:00
    assert list(stocks.break_ahead_hours) == [0, 0, 68.5]


@pytest.mark.parametrize(
    ("last_open", "minutes", "hours"),
    [
        ("2010-06-09 21:25", 5, 0.5),  # a Wednesday to 17:30 New York
        ("2010-06-11 20:10", 5, 49.75),  # a Friday to 16:15
        ("2010-07-05 15:25", 5, 6.5),  # a holiday to 11:30
        ("2014-06-11 21:10", 5, 0.75),  # to 17:15
        ("2014-06-11 21:00", 30, 0.5),  # half an hour that holds a quarter of trading
        ("2018-06-13 20:55", 5, 1.0),
    ],
)
def test_futures_closed_later_in_former_years(last_open: str, minutes: int, hours: float) -> None:
    table = at("CMES", minutes, last_open)
    assert table.scheduled.all()
    assert table.last_of_session.all()
    assert list(table.break_ahead_hours) == [hours]


def test_the_pause_of_futures_is_no_session_edge() -> None:
    table = at("CMES", 5, "2015-03-05 21:05", "2015-03-05 21:10", "2015-03-05 21:30")
    assert not table.last_of_session.any()
    assert not table.edge_ahead.any()
    assert list(table.break_ahead_hours) == [0, 0.25, 0]


@pytest.mark.parametrize("calendar", ["days", "24/7"])
def test_markets_without_hours_end_their_days_at_midnight(calendar: str) -> None:
    table = at(calendar, 30, "2024-03-08 22:30", "2024-03-08 23:00", "2024-03-08 23:30")
    assert list(table.edge_ahead) == [False, True, False]
    assert list(table.last_of_session) == [False, False, True]
    assert not table.break_ahead_hours.any()
    assert table.scheduled.all()


def test_currencies_do_not_pause_over_the_night() -> None:
    table = at("24/5", 30, "2024-07-04 20:00", "2024-07-04 20:30")
    assert list(table.edge_ahead) == [True, False]
    assert not table.break_ahead_hours.any()
    assert list(at("24/5", 30, "2024-07-05 20:30").break_ahead_hours) == [48]
    assert list(at("23/5", 30, "2024-07-09 20:30").break_ahead_hours) == [1]


@pytest.mark.parametrize(
    ("calendar", "last_open", "hours"),
    [
        ("23/5", "2024-03-28 20:30", 73.0),  # Good Friday is closed
        ("23/5", "2024-11-28 19:00", 3.5),  # Thanksgiving, to 14:30
        ("23/5", "2019-11-28 17:30", 5.0),  # to 13:00
        ("23/5", "2024-12-24 19:00", 27.5),  # Christmas
        ("23/5", "2025-01-09 21:30", 1.0),  # a day of mourning of the stock exchange
        ("24/5", "2024-12-24 21:30", 24.0),
        ("24/5", "2024-12-31 21:30", 24.0),
        ("24/5", "2021-12-24 21:30", 48.0),  # Christmas is a Saturday: nothing more is closed
        ("CMES", "2021-04-02 13:00", 56.5),  # a Good Friday with payrolls, to 9:15
        ("CMES", "2024-03-28 20:30", 73.0),  # one without
        ("CMES", "2025-01-09 14:00", 8.5),  # to 9:30
        ("CMES", "2018-12-05 14:00", 8.5),
    ],
)
def test_holidays_are_known_before(calendar: str, last_open: str, hours: float) -> None:
    table = at(calendar, 30, last_open)
    assert table.scheduled.all()
    assert table.last_of_session.all()
    assert list(table.break_ahead_hours) == [hours]


def test_a_missed_exit_is_made_up_for_at_the_first_close_that_shows_it() -> None:
    # 15:30 is the last half hour of New York; the bar that sends the exit is 15:00
    last_but_one = at("XNYS", 30, "2024-03-07 19:30", "2024-03-07 20:30", "2024-03-08 14:30")
    assert list(last_but_one.edge_ahead) == [False, True, False]
    both = at("XNYS", 30, "2024-03-07 19:30", "2024-03-08 14:30", "2024-03-08 15:00")
    assert list(both.edge_ahead) == [False, True, False]
    last = at("XNYS", 30, "2024-03-07 20:00", "2024-03-08 14:30", "2024-03-08 15:00")
    assert list(last.edge_ahead) == [True, False, False]  # fills where the next session opens
    week = at("XNYS", 30, "2024-03-07 20:30", "2024-03-11 19:30", "2024-03-11 20:00")
    assert list(week.edge_ahead) == [False, True, False]


def test_bars_outside_the_timetable_end_their_session() -> None:
    table = at("XNYS", 30, "2024-07-03 16:30", "2024-07-03 17:00", "2024-07-03 17:30")
    assert list(table.scheduled) == [True, False, False]
    assert table.last_of_session.all()
    assert not table.edge_ahead.any()  # nothing was opened there, so nothing is closed
    assert table.break_ahead_hours.min() > 24.0


@pytest.mark.parametrize("minutes", [5, 30])
@pytest.mark.parametrize("calendar", ["CMES", "XNYS", "24/5", "23/5", "planted"])
def test_next_bars_equal_a_plain_loop(calendar: str, minutes: int) -> None:
    opens = np.sort(np.random.default_rng(1).choice(grid(*WEEK, minutes), 60, replace=False))
    hours = trading_hours(opens, calendar)
    found = next_bars(opens, minutes, calendar)
    length = minutes * MINUTE_NS

    def scheduled_from(time_ns: int) -> int:
        while not inside(time_ns + np.arange(minutes) * MINUTE_NS, hours).any():
            time_ns += length
        return time_ns

    for index, open_ns in enumerate(opens):
        first = scheduled_from(open_ns + length)
        second = scheduled_from(first + length)
        today, later = (
            session_dates(np.array([t + length - MINUTE_NS]), calendar)[0] for t in (first, second)
        )
        assert found.open_ns[index] == first
        assert found.date[index] == today
        assert found.ends_session[index] == (later > today)


def test_days_foresee_no_night_so_nobody_may_be_flat_by_them() -> None:
    assert [name for name in CALENDARS if not known_hours(name)] == ["days"]
    opens = [f"2024-03-{day} {hour}:30" for day in ("07", "08") for hour in range(14, 20)]
    table = at("days", 60, *opens)
    assert not table.break_ahead_hours.any()
    assert table.break_hours.max() > 17.0
    assert not table.edge_ahead[5]  # the last bar of the day has nothing to tell


@settings(max_examples=60, deadline=None)
@given(
    calendar=st.sampled_from(CALENDARS),
    minutes=st.sampled_from([15, 30]),
    cut=st.floats(0.02, 1.0),
    kept=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_later_bar_changes_anything_before(
    calendar: str, minutes: int, cut: float, kept: float, seed: int
) -> None:
    opens = week_of(calendar, minutes)
    draw = np.random.default_rng(seed)
    opens = opens[draw.random(len(opens)) < 0.9]
    count = max(1, int(cut * len(opens)))
    later = opens[count:][draw.random(len(opens) - count) < kept]
    instrument = Instrument(name="x", calendar=calendar)
    whole = session_table(flat_bars(opens, minutes, instrument))
    other = session_table(flat_bars(np.append(opens[:count], later), minutes, instrument))
    for field in fields(SessionTable):
        now, then = (getattr(table, field.name)[:count] for table in (whole, other))
        np.testing.assert_array_equal(now, then, err_msg=field.name)


@pytest.mark.parametrize("calendar", [name for name in CALENDARS if known_hours(name)])
def test_every_session_ends_flat_where_no_bar_is_missing(calendar: str) -> None:
    opens = week_of(calendar, 30)
    table = session_table(flat_bars(opens, 30, Instrument(name="x", calendar=calendar)))
    held = np.zeros(len(opens), dtype=bool)
    for bar in range(1, len(opens)):  # somebody who always wants to be long
        held[bar] = not table.edge_ahead[bar - 1] and (held[bar - 1] or table.scheduled[bar])
    ends = np.flatnonzero(np.diff(table.session))
    assert len(ends) >= 4
    assert not held[ends].any()
    nights = np.flatnonzero(table.break_hours > 1.0) - 1
    assert calendar in ("24/7", "24/5", "23/5", "planted") or len(nights) >= 4
    assert not held[nights].any()
    begins = np.flatnonzero(table.scheduled[1:] & (np.diff(table.session) != 0)) + 1
    assert held[begins].all()
