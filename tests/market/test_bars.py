from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_makers import PLAIN, bars_of, random_frame, utc_ns

from grandmodel.core.checks import UserError
from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.bars import Bars, resample


def six_bars() -> Bars:
    """Seven five-minute bars from 10:05 on: 10:30 begins the second half hour."""
    return Bars(
        open_time_ns=utc_ns("2024-01-02 10:05") + np.array([0, 1, 3, 5, 6, 9, 11]) * 5 * MINUTE_NS,
        open=np.array([10.0, 11, 12, 13, 14, 15, 16]),
        high=np.array([20.0, 25, 21, 22, 30, 24, 40]),
        low=np.array([9.0, 8, 7, 6, 5, 4, 3]),
        close=np.array([11.0, 12, 13, 14, 15, 16, 17]),
        volume=np.array([1.0, 2, 4, 8, 16, 32, 64]),
        minutes=5,
        instrument=PLAIN,
    )


def test_resample_by_hand() -> None:
    half_hours = resample(six_bars(), 30)
    # the bar of 11:00 is known up to 11:05 only
    assert list(half_hours.open_time_ns) == [
        utc_ns("2024-01-02 10:00"),
        utc_ns("2024-01-02 10:30"),
    ]
    assert list(half_hours.open) == [10, 13]
    assert list(half_hours.high) == [25, 30]
    assert list(half_hours.low) == [7, 4]
    assert list(half_hours.close) == [13, 16]
    assert list(half_hours.volume) == [7, 56]
    assert half_hours.minutes == 30


def test_a_bar_that_reaches_its_close_is_kept() -> None:
    bars = six_bars()
    last_open = utc_ns("2024-01-02 11:25")
    longer = replace(bars, open_time_ns=np.append(bars.open_time_ns[:-1], last_open))
    assert len(resample(longer, 30)) == 3


@settings(max_examples=30, deadline=None)
@given(
    keep=st.lists(st.booleans(), min_size=40, max_size=200),
    offset=st.integers(0, 40),
    minutes=st.sampled_from([1, 5, 15]),
)
def test_resample_equals_pandas(keep: list[bool], offset: int, minutes: int) -> None:
    frame = random_frame("2024-03-08 20:00", len(keep) + offset, minutes)[offset:]
    frame = frame[np.array(keep)].reset_index(drop=True)
    if not len(frame):
        return
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    expected = frame.set_index("timestamp").resample("30min").agg(rules).dropna(subset=["open"])
    known_until = frame.timestamp.iloc[-1] + pd.Timedelta(minutes=minutes)
    expected = expected[expected.index + pd.Timedelta(minutes=30) <= known_until]
    found = resample(bars_of(frame, minutes), 30)
    assert list(found.open_time_ns) == list(expected.index.as_unit("ns").asi8)
    for name in rules:
        np.testing.assert_array_equal(getattr(found, name), expected[name])


def test_cutting_the_data_changes_no_earlier_bar() -> None:
    frame = random_frame("2024-03-08 20:00", 400, 5)
    whole = resample(bars_of(frame, 5), 30)
    for stop in (399, 397, 300, 7):
        part = resample(bars_of(frame[:stop], 5), 30)
        assert len(part) == (stop * 5) // 30
        assert part.fingerprint == whole.slice(0, len(part)).fingerprint


def test_one_and_five_minute_bars_give_the_same_half_hours() -> None:
    minute = bars_of(random_frame("2024-03-08 20:00", 3000, 1), 1)
    assert resample(resample(minute, 5), 30).fingerprint == resample(minute, 30).fingerprint


def test_longer_and_odd_bars_are_refused() -> None:
    with pytest.raises(UserError, match="60 minutes are coarser than the 30"):
        resample(bars_of(random_frame("2024-01-02", 5, 60), 60), 30)
    with pytest.raises(UserError, match="20 minutes do not add up to 30"):
        resample(bars_of(random_frame("2024-01-02", 5, 20), 20), 30)


def test_bars_are_read_only_and_independent() -> None:
    frame = random_frame("2024-01-02", 10, 5)
    prices = frame.close.to_numpy(copy=True)
    frame["close"] = prices
    bars = bars_of(frame, 5)
    with pytest.raises(ValueError, match="read-only"):
        bars.close[0] = 1.0
    before = bars.close[3]
    prices[3] = 1.0
    frame.loc[3, "close"] = 1.0
    assert bars.close[3] == before


def test_fingerprint_sees_every_value() -> None:
    frame = random_frame("2024-01-02", 10, 5)
    first = bars_of(frame, 5).fingerprint
    assert first == bars_of(frame.copy(), 5).fingerprint
    assert first != bars_of(frame, 1).fingerprint
    for name in ("open", "high", "low", "close", "volume"):
        other = frame.copy()
        other.loc[4, name] += 1e-9 * (1 if name in ("high", "volume") else 0)
        other.loc[4, name] -= 1e-9 * (1 if name == "low" else 0)
        if name in ("open", "close"):
            other.loc[4, name] = (other.loc[4, "high"] + other.loc[4, "low"]) / 2 + 1e-9
        assert bars_of(other, 5).fingerprint != first, name
    later = frame.assign(timestamp=frame.timestamp + pd.Timedelta(minutes=5))
    assert bars_of(later, 5).fingerprint != first


def test_between_and_slice() -> None:
    bars = six_bars()
    start, end = utc_ns("2024-01-02 10:10"), utc_ns("2024-01-02 10:30")
    assert list(bars.between(start, end).open) == [11, 12]
    assert len(bars.between(None, None)) == 7
    assert len(bars.between(end, start)) == 0
    assert list(bars.slice(2, 4).close) == [13, 14]
    assert bars.close_time_ns[0] == utc_ns("2024-01-02 10:10")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("open", np.nan, "row 4, column open: nan is not a finite number"),
        ("close", np.inf, "row 4, column close: inf is not a finite number"),
        ("low", 0.0, "row 4, column low: 0 is not above 0"),
        ("high", -1.0, "row 4, column high: -1 is not above 0"),
        ("volume", -1.0, "row 4, column volume: -1 is negative"),
        ("high", 1.0, "row 4, column high: 1 lies below the low"),
        ("close", 9999.0, "row 4, column close: 9999 lies outside"),
        ("open", 1.0, "row 4, column open: 1 lies outside"),
    ],
)
def test_defects_are_refused_by_row_and_column(column: str, value: float, words: str) -> None:
    frame = random_frame("2024-01-02", 10, 5)
    frame.loc[3, column] = value
    with pytest.raises(UserError, match=words):
        bars_of(frame, 5, source="file.csv")


def test_disorder_is_refused() -> None:
    frame = random_frame("2024-01-02", 10, 5)
    with pytest.raises(UserError, match="row 4, column time: 2024-01-02 00:10:00 UTC stands there"):
        bars_of(frame.iloc[[0, 1, 2, 2, 3]], 5)
    with pytest.raises(UserError, match="row 4, column time: 2024-01-02 00:05:00 UTC comes after"):
        bars_of(frame.iloc[[0, 2, 3, 1, 4]], 5)
