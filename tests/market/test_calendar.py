from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from market_makers import flat_bars, grid, utc_ns

from grandmodel.core.clock import MINUTE_NS
from grandmodel.market import calendar, hours
from grandmodel.market.calendar import session_table, sessions_per_year
from grandmodel.market.instruments import Instrument

ES = Instrument(name="ES", tick=0.25, calendar="CMES", timezone="America/Chicago")
SPY = Instrument(name="SPY", tick=0.01, calendar="XNYS", timezone="America/New_York")
FX = Instrument(name="EURUSD", calendar="24/5", timezone="America/New_York")


def at(text: str) -> int:
    return utc_ns(text)


def day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(int))


def table_of(instrument: Instrument, *opens: str, minutes: int = 30):
    return session_table(flat_bars([at(text) for text in opens], minutes, instrument))


def test_futures_begin_the_next_session_in_the_evening() -> None:
    table = table_of(
        ES,
        "2024-03-07 21:30",  # Thursday 15:30 Chicago, winter
        "2024-03-07 23:00",  # Thursday 17:00 Chicago: Friday's session
        "2024-03-08 21:30",
        "2024-03-10 22:00",  # Sunday 17:00 Chicago, summer time begins: Monday's session
        "2024-03-11 20:30",
        "2024-03-11 22:00",  # Tuesday's
    )
    assert list(table.session) == [0, 1, 1, 2, 2, 3]
    assert list(table.last_of_session) == [True, False, True, False, True, False]
    dates = ["2024-03-07", "2024-03-08", "2024-03-08", "2024-03-11", "2024-03-11", "2024-03-12"]
    assert list(table.session_date) == [day(text) for text in dates]
    np.testing.assert_allclose(table.break_hours, [0, 1, 22, 48, 22, 1])
    assert list(table.hour) == [15.5, 17, 15.5, 17, 15.5, 17]
    assert list(table.weekday) == [3, 3, 4, 6, 0, 0]
    assert table.day[1] == day("2024-03-07")


def test_stock_sessions_are_local_dates() -> None:
    table = table_of(
        SPY, "2024-07-02 19:30", "2024-07-02 20:00", "2024-07-03 13:30", "2024-07-03 17:00"
    )
    assert list(table.session) == [0, 0, 1, 1]
    # the bar of the closing auction and an early close lie outside the regular session
    assert list(table.regular) == [True, False, True, False]
    assert list(table.spread_multiplier) == [1, 2, 4, 4]


def test_bars_at_a_weekend_belong_to_monday_and_holidays_stand_alone() -> None:
    days = ["03", "04", "06", "07", "08"]
    table = table_of(SPY, *(f"2024-07-{day} 14:00" for day in days))
    dates = ["2024-07-03", "2024-07-04", "2024-07-08", "2024-07-08", "2024-07-08"]
    assert list(table.session_date) == [day(text) for text in dates]


def test_spread_is_wide_after_breaks_and_outside_the_regular_session() -> None:
    table = table_of(
        ES, "2024-03-07 13:30", "2024-03-07 14:00", "2024-03-07 14:30", "2024-03-07 15:30"
    )
    assert list(table.regular) == [False, False, True, True]
    assert list(table.spread_multiplier) == [2, 2, 1, 4]
    assert list(table.break_hours) == [0, 0, 0, 0.5]


def test_currency_weeks_begin_on_sunday_evening() -> None:
    table = table_of(
        FX, "2024-07-05 20:30", "2024-07-07 21:00", "2024-07-08 20:30", "2024-07-08 21:00"
    )
    assert list(table.session) == [0, 1, 1, 2]
    assert table.regular.all()
    assert table.session_date[1] == day("2024-07-08")


@pytest.mark.parametrize("calendar", ["days", "24/7", "planted"])
def test_other_calendars_count_utc_days(calendar: str) -> None:
    instrument = Instrument(name="x", calendar=calendar)
    table = session_table(flat_bars(grid("2024-01-05", "2024-01-08", 30), 30, instrument))
    assert list(np.bincount(table.session)) == [48, 48, 48]
    assert table.regular.all()
    assert list(np.unique(table.spread_multiplier)) == [1]


@pytest.mark.parametrize("zone", ["America/Chicago", "Europe/London", "Asia/Kolkata", "UTC"])
def test_local_time_equals_a_plain_loop(zone: str) -> None:
    instrument = Instrument(name="x", timezone=zone)
    opens = np.concatenate(
        [
            grid("2024-03-08", "2024-03-12", 30),
            grid("2024-03-30", "2024-04-01", 30),
            grid("2024-11-02", "2024-11-04", 30),
        ]
    )
    table = session_table(flat_bars(opens, 30, instrument))
    for index, time_ns in enumerate(opens):
        local = datetime.fromtimestamp(time_ns / 1e9, UTC).astimezone(ZoneInfo(zone))
        assert table.hour[index] == local.hour + local.minute / 60
        assert table.weekday[index] == local.weekday()
        assert table.day[index] == day(local.date().isoformat())


def test_no_session_goes_back_and_every_scheduled_one_ends() -> None:
    opens = grid("2020-01-01", "2020-03-01", 30)
    table = session_table(flat_bars(opens, 30, ES))
    steps = np.diff(table.session)
    assert set(steps) <= {0, 1}
    ends = table.scheduled & table.last_of_session
    held = np.unique(table.session[table.scheduled])  # Saturdays count as Monday's
    assert list(table.session[ends]) == list(held)


def test_sessions_per_year() -> None:
    assert sessions_per_year(SPY) == 252
    assert sessions_per_year(Instrument(name="x", calendar="24/7")) == 365.25
    assert sessions_per_year(Instrument(name="x", calendar="planted")) == 252
    assert sessions_per_year(Instrument(name="x", sessions_per_year=200)) == 200


def test_empty_bars_have_an_empty_table() -> None:
    table = session_table(flat_bars(np.zeros(0, dtype=np.int64), 30, ES))
    assert len(table.session) == len(table.hour) == len(table.last_of_session) == 0


def test_break_hours_of_a_missing_bar() -> None:
    opens = utc_ns("2024-03-07 15:00") + np.array([0, 1, 3]) * 5 * MINUTE_NS
    table = session_table(flat_bars(opens, 5, SPY))
    np.testing.assert_allclose(table.break_hours, [0, 0, 1 / 12])


def test_the_wall_clock_has_one_definition() -> None:
    assert calendar.local_time_ns is hours.local_time_ns
