"""Swaps, funding and rolls: what each open charges, against a plain walk through the moments."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_makers import flat_bars, grid, utc_ns

from grandmodel.core.checks import UserError
from grandmodel.core.clock import HOUR_NS
from grandmodel.market.calendar import session_table
from grandmodel.market.carry import carry_of
from grandmodel.market.hours import scheduled
from grandmodel.market.instruments import Instrument
from grandmodel.market.rolls import roll_dates

GOLD = Instrument(
    name="gold", tick=0.01, multiplier=10.0, calendar="23/5", swap_long_ticks=30.0,
    swap_short_ticks=-20.0,
)  # fmt: skip
PERPETUAL = Instrument(name="perp", tick=0.1, multiplier=2.0, calendar="24/7", funding_bps=1.0)
NEW_YORK = ZoneInfo("America/New_York")


def carry(opens: np.ndarray, instrument: Instrument, minutes: int = 30):
    bars = flat_bars(opens, minutes, instrument)
    return carry_of(bars, session_table(bars))


def at(*texts: str) -> np.ndarray:
    return np.array([utc_ns(text) for text in texts])


def test_a_day_of_swaps_falls_to_the_first_open_after_17_new_york() -> None:
    # summer: 17:00 New York is 21:00 UTC, and gold pauses from there to 22:00
    opens = at("2024-07-09 20:00", "2024-07-09 20:30", "2024-07-09 22:00", "2024-07-09 22:30")
    found = carry(opens, GOLD)
    assert list(found.long) == [0, 0, 30 * 0.01 * 10, 0]
    assert list(found.short) == [0, 0, -20 * 0.01 * 10, 0]
    assert found.rolls is None


@pytest.mark.parametrize(
    ("before", "after", "days"),
    [
        ("2024-07-09 20:30", "2024-07-09 22:00", 1),  # Tuesday
        ("2024-07-10 20:30", "2024-07-10 22:00", 3),  # Wednesday
        ("2024-07-12 20:30", "2024-07-14 22:00", 1),  # Friday to Sunday
        ("2024-07-10 20:30", "2024-07-17 22:00", 7 + 3),  # a week is missing
        ("2024-11-01 20:30", "2024-11-03 22:30", 1),  # over the end of summer time
    ],
)
def test_wednesdays_count_three_days(before: str, after: str, days: int) -> None:
    found = carry(at(before, after), GOLD)
    assert found.long[1] == pytest.approx(3.0 * days)
    assert found.short[1] == pytest.approx(-2.0 * days)


def test_the_triple_day_can_be_a_friday() -> None:
    friday = replace(GOLD, swap_triple="friday")
    assert carry(at("2024-07-12 20:30", "2024-07-14 22:00"), friday).long[1] == pytest.approx(9.0)
    assert carry(at("2024-07-10 20:30", "2024-07-10 22:00"), friday).long[1] == pytest.approx(3.0)


def test_funding_is_paid_by_longs_and_received_by_shorts() -> None:
    found = carry(grid("2024-07-09 07:00", "2024-07-09 09:00", 30), PERPETUAL)
    assert list(found.long) == [0, 0, 1e-4 * 100.0 * 2.0, 0]  # at 08:00
    assert list(found.short) == [0, 0, -1e-4 * 100.0 * 2.0, 0]
    negative = replace(PERPETUAL, funding_bps=-1.0)
    assert carry(grid("2024-07-09 07:00", "2024-07-09 09:00", 30), negative).short[2] == 0.02
    hole = carry(at("2024-07-09 07:30", "2024-07-10 07:30"), PERPETUAL)
    assert hole.long[1] == pytest.approx(3 * 0.02)
    hourly = replace(PERPETUAL, funding_hours=1)
    assert (carry(grid("2024-07-09", "2024-07-10", 60), hourly, 60).long[1:] == 0.02).all()


def test_the_figures_of_the_day_hold() -> None:
    dated = replace(GOLD, costs=({"valid_from": "2024-07-10", "swap_long_ticks": 10.0},))
    found = carry(at("2024-07-08 22:00", "2024-07-09 22:00", "2024-07-11 22:00"), dated)
    assert list(found.long) == pytest.approx([0.0, 3.0, 4 * 1.0])
    assert list(found.short) == pytest.approx([0.0, -2.0, -8.0])


def test_figures_hold_from_midnight_on() -> None:
    dated = replace(PERPETUAL, costs=({"valid_from": "2024-07-10", "funding_bps": 3.0},))
    found = carry(at("2024-07-09 15:30", "2024-07-09 16:00", "2024-07-10 00:00"), dated)
    assert list(found.long) == pytest.approx([0.0, 0.02, 0.06])


def test_an_instrument_without_carry_has_none() -> None:
    found = carry(grid("2024-07-09", "2024-07-12", 30), Instrument(name="x"))
    assert found == (None, None, None)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), minutes=st.sampled_from([5, 30, 240]))
def test_charges_equal_a_plain_walk(seed: int, minutes: int) -> None:
    rng = np.random.default_rng(seed)
    start = utc_ns("2024-10-20") + int(rng.integers(0, 40)) * 24 * HOUR_NS
    opens = start + np.unique(rng.integers(0, 9 * 24 * 60 // minutes, 60)) * minutes * 60 * 10**9
    both = replace(GOLD, funding_bps=2.0, funding_hours=4, calendar="days")
    found = carry(opens, both, minutes)
    for bar in range(1, len(opens)):
        days = fundings = 0
        moment = datetime.fromtimestamp(opens[bar - 1] / 1e9, ZoneInfo("UTC"))
        end = datetime.fromtimestamp(opens[bar] / 1e9, ZoneInfo("UTC"))
        moment = moment.replace(minute=0, second=0) + timedelta(hours=1)
        while moment <= end:
            local = moment.astimezone(NEW_YORK)
            if local.hour == 17 and local.weekday() < 5:
                days += 3 if local.weekday() == 2 else 1
            fundings += moment.hour % 4 == 0
            moment += timedelta(hours=1)
        funding = fundings * 2e-4 * 100.0 * 10.0
        assert found.long[bar] == pytest.approx(days * 3.0 + funding)
        assert found.short[bar] == pytest.approx(days * -2.0 - funding)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(1, 400), seed=st.integers(0, 2**32 - 1))
def test_no_later_bar_changes_a_charge(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    opens = grid("2024-03-11", "2024-03-20", 30)
    opens = opens[rng.random(len(opens)) < 0.9]
    instrument = replace(GOLD, funding_bps=1.0, roll_months="HMUZ")
    whole, part = carry(opens, instrument), carry(opens[:cut], instrument)
    for left, right in zip(whole, part, strict=True):
        np.testing.assert_array_equal(left[:cut], right)


def test_contracts_change_at_the_first_bar_of_their_session() -> None:
    future = Instrument(name="ES", tick=0.25, calendar="CMES", roll_months="HMUZ", roll_days=4)
    opens = grid("2024-03-01", "2024-07-01", 30)
    opens = opens[scheduled(opens, 30, "CMES")]
    bars = flat_bars(opens, 30, future)
    table = session_table(bars)
    rolls = carry_of(bars, table).rolls
    # third Fridays are 15 March and 21 June; the sessions of the Mondays begin Sunday 18:00 there
    assert list(opens[rolls]) == list(at("2024-03-10 22:00", "2024-06-16 22:00"))
    assert (table.session[rolls] > table.session[np.flatnonzero(rolls) - 1]).all()


def test_a_roll_within_a_hole_falls_to_the_first_bar_after_it() -> None:
    future = Instrument(name="ES", tick=0.25, calendar="CMES", roll_months="HMUZ", roll_days=4)
    assert list(carry(at("2024-03-01 15:00", "2024-09-01 23:00"), future).rolls) == [False, True]


@pytest.mark.parametrize(
    ("expiry", "days", "dates"),
    [
        ("third_friday", 4, ["2024-03-11", "2024-06-17", "2024-09-16", "2024-12-16"]),
        ("third_friday", 6, ["2024-03-07", "2024-06-13", "2024-09-12", "2024-12-12"]),
        ("third_wednesday", 2, ["2024-03-18", "2024-06-17", "2024-09-16", "2024-12-16"]),
        ("month_end", 1, ["2024-03-28", "2024-06-27", "2024-09-27", "2024-12-30"]),
    ],
)
def test_roll_dates_of_a_year(expiry: str, days: int, dates: list[str]) -> None:
    first, last = (int(np.datetime64(day, "D").astype(int)) for day in ("2024-01-01", "2024-12-31"))
    found = roll_dates(first, last, "HMUZ", expiry, days)
    assert [str(day) for day in found.astype("M8[D]")] == dates


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"roll_months": "HMUA"}, "instrument.roll_months must list month codes"),
        ({"roll_months": "ZH"}, "in their order, e.g. HMUZ, was ZH"),
        ({"roll_months": ""}, "instrument.roll_months"),
        ({"roll_expiry": "friday"}, "instrument.roll_expiry must be one of third_friday"),
        ({"roll_days": 0}, r"instrument.roll_days must lie in \[1, 20\], was 0"),
        ({"funding_hours": 5}, "instrument.funding_hours must divide 24, was 5"),
        ({"swap_triple": "sunday"}, "instrument.swap_triple must be one of wednesday"),
        ({"swap_long_ticks": 1.0}, "counted in ticks: set instrument.tick"),
        ({"funding_bps": float("nan")}, "instrument.funding_bps must be a number"),
        ({"maker_fee_bps": -1.0}, "instrument.maker_fee_bps must be a number of at least 0"),
    ],
)
def test_impossible_rules_are_refused(facts: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Instrument(name="x", **facts)


def test_a_maker_fee_that_is_not_set_is_the_fee() -> None:
    dated = Instrument(name="x", fee_bps=5.0, costs=({"valid_from": "2020-01-01", "fee_bps": 4.0},))
    assert [entry.figures[-1] for entry in dated.cost_schedule] == [5.0, 4.0]
    maker = replace(dated, maker_fee_bps=2.0)
    assert [entry.figures[-1] for entry in maker.cost_schedule] == [2.0, 2.0]
    assert [entry.figures[1] for entry in maker.cost_schedule] == [5.0, 4.0]
