"""Every event of a gap on bars drawn by hand, and all of them against a plain second form."""

import numpy as np
import pandas as pd
import pytest
from gap_oracle import SHOWN, gaps_of
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.features.gaps import EVENT_NAMES, Gaps
from grandmodel.features.inputs import BarArrays

FIVE_NS = 5 * 60 * 10**9


def make(rows, stamps=None, tick=0.25):
    """Five-minute bars from (open, high, low, close)."""
    prices = np.ascontiguousarray(np.array(rows, np.float64).T)
    count = prices.shape[1]
    stamps = np.arange(count) * FIVE_NS if stamps is None else stamps
    none = np.zeros(0)
    whole = none.astype(np.int64)
    return BarArrays(stamps, *prices, np.ones(count), whole, none, whole, 5, tick, "traded")


def found_events(bars, tick):
    """Columns and events, bars named by their rows."""
    columns, events = Gaps(tick).with_events(bars)
    closes = (bars.open_time_ns + FIVE_NS).tolist()
    row = dict(zip(closes, range(len(closes)), strict=True))
    parts = zip(
        events.time_ns.tolist(), events.event.tolist(), events.direction.tolist(),
        events.born_ns.tolist(), events.bottom.tolist(), events.top.tolist(), strict=True,
    )  # fmt: skip
    return columns, [(row[t], EVENT_NAMES[kind], side, row[born], *edges)
                     for t, kind, side, born, *edges in parts]  # fmt: skip


def agree(bars, tick):
    columns, events = found_events(bars, tick)
    expected, expected_events = gaps_of(bars, tick)
    assert events == expected_events
    for name in SHOWN:
        np.testing.assert_array_equal(columns[name], np.array(expected[name], float), err_msg=name)
    return expected_events


QUIET = [(100.0, 101.5, 99.5, 101.0)] * 22  # bodies of 1
UP = [(101.0, 104.0, 100.5, 103.5), (103.5, 106.0, 103.0, 105.0)]  # gap 101.5 to 103 on bar 23
DOWN = [(101.0, 101.5, 97.0, 98.0), (98.0, 98.5, 95.0, 96.0)]  # gap 98.5 to 99.5 on bar 23
ABOVE = (105.0, 105.5, 103.25, 105.0)  # one tick above the zone of UP


def story(*bars, first=UP):
    """What happens on bars 24, 25, ... as (bar, event)."""
    _, events = found_events(make([*QUIET, *first, *bars]), 0.25)
    return [(row, name) for row, name, *_ in events if row > 23]


@pytest.mark.parametrize(
    ("low", "events"),
    [
        (103.25, []),  # one tick short of the near edge
        (103.0, [(24, "touched")]),  # at it
        (102.0, [(24, "touched")]),  # inside the zone
        (101.75, [(24, "touched")]),  # one tick short of the far edge
        (101.5, [(24, "touched"), (24, "mitigated")]),  # at it
        (95.0, [(24, "touched"), (24, "mitigated")]),  # through it
    ],
)
def test_how_far_a_wick_reaches_into_a_bullish_gap(low, events):
    assert story((105.0, 105.5, low, 105.0)) == events


@pytest.mark.parametrize(
    ("high", "events"),
    [
        (98.25, []),
        (98.5, [(24, "touched")]),
        (99.25, [(24, "touched")]),
        (99.5, [(24, "touched"), (24, "mitigated")]),
        (103.0, [(24, "touched"), (24, "mitigated")]),
    ],
)
def test_how_far_a_wick_reaches_into_a_bearish_gap(high, events):
    assert story((96.0, high, 95.5, 96.0), first=DOWN) == events


def test_only_the_first_touch_is_told_and_a_filled_gap_is_silent():
    inside, filled = (105.0, 105.5, 102.0, 105.0), (105.0, 105.5, 101.0, 105.0)
    assert story(inside, ABOVE, inside, filled, filled) == [(24, "touched"), (27, "mitigated")]


def test_fifty_bars_after_its_birth_a_gap_expires_even_if_it_is_touched_there():
    touch, fill = (105.0, 105.5, 102.0, 105.0), (105.0, 105.5, 101.5, 105.0)
    assert story(*[ABOVE] * 49, touch) == [(73, "touched"), (73, "expired")]
    assert story(*[ABOVE] * 49, fill) == [(73, "touched"), (73, "mitigated")]
    assert story(*[ABOVE] * 50, fill) == [(73, "expired")]


def test_a_break_between_sessions_is_not_special():
    rows = [*QUIET, *UP, *[ABOVE] * 50]
    stamps = np.arange(len(rows)) * FIVE_NS
    stamps[23:] += 48 * 3600 * 10**9  # the gap is made over a weekend
    stamps[40:] += 48 * 3600 * 10**9  # and waits over the next
    _, events = found_events(make(rows, stamps), 0.25)
    assert [event[:2] for event in events] == [(23, "created"), (73, "expired")]


def test_an_old_gap_is_filled_before_a_new_one_is_created():
    fall = [(105.0, 105.5, 103.5, 105.0), (105.0, 105.25, 102.0, 102.5),
            (102.5, 102.75, 101.0, 101.5)]  # fmt: skip
    _, events = found_events(make([*QUIET, *UP, *fall]), 0.25)
    assert [event[:3] for event in events] == [
        (23, "created", 1), (25, "touched", 1), (26, "mitigated", 1), (26, "created", -1),
    ]  # fmt: skip


TWO = [*QUIET, *UP, (105.0, 108.5, 104.5, 108.25), (108.25, 110.5, 108.0, 109.5)]


def test_two_gaps_and_the_edge_nearest_to_the_close():
    rows = [*TWO, (109.5, 110.0, 107.0, 107.25)]
    columns, events = found_events(make(rows), 0.25)
    created = [(row, bottom, top) for row, name, _, _, bottom, top in events if name == "created"]
    assert created == [(23, 101.5, 103.0), (25, 106.0, 108.0)]
    assert columns["fvg_nearest_level"][25:].tolist() == [108.0, 108.0]  # 0.75 beats 1.25
    assert columns["fvg_age"][25:].tolist() == [0.0, 1.0]
    assert columns["fvg_width"][25:].tolist() == [2.0, 2.0]


def test_of_equally_near_edges_the_younger_gap_and_of_one_gap_the_lower():
    climb = [(c, c + 1.25, c - 0.25, c + 1.0) for c in np.arange(105.0, 110.0)]
    fall = [(110.0, 110.25, 106.0, 106.5), (106.5, 106.75, 104.5, 104.875)]
    columns, events = found_events(make([*QUIET, *UP, *climb, *fall]), 0.25)
    assert events[-1] == (30, "created", -1, 30, 106.75, 108.75)  # and 103 is as far away
    assert columns["fvg_nearest_level"][-1] == 106.75
    assert columns["fvg_age"][-1] == 0.0
    one = make([*QUIET, *UP, (105.0, 105.5, 102.0, 102.25)])  # in the middle of the zone
    columns, _ = found_events(one, 0.25)
    assert columns["fvg_nearest_level"][-1] == 101.5


def test_of_several_gaps_filled_on_one_bar_the_widest_speaks():
    columns, events = found_events(make([*TWO, (109.5, 110.0, 101.0, 102.0)]), 0.25)
    last = [event[1:4] for event in events if event[0] == 26]
    assert last == [
        ("touched", 1, 23), ("mitigated", 1, 23), ("touched", 1, 25), ("mitigated", 1, 25),
    ]  # fmt: skip
    assert columns["fvg_mitigation_signal"][-1] == 1.0
    assert columns["fvg_mitigated_size"][-1] == 2.0
    wide_first = [*QUIET, (101.0, 104.0, 100.5, 103.5), (103.5, 106.0, 104.0, 105.0), *TWO[24:]]
    columns, events = found_events(make([*wide_first, (109.5, 110.0, 101.0, 102.0)]), 0.25)
    assert columns["fvg_mitigated_size"][-1] == 2.5  # the elder, which is wider


def test_the_hand_drawn_bars_agree_with_the_second_form():
    for rows in (TWO, [*TWO, (109.5, 110.0, 101.0, 102.0)], [*QUIET, *DOWN, *[ABOVE] * 3]):
        agree(make(rows), 0.25)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_walk_agrees_with_the_second_form(random_bars, seed):
    events = agree(random_bars(3000, seed, minutes=5, per_day=276), 0.25)
    assert {event[1] for event in events} == set(EVENT_NAMES)


@pytest.mark.real_bars
@pytest.mark.parametrize(("name", "tick"), [("ES_5m", 0.25), ("BTCUSDT_5m", 0.01)])
def test_every_event_and_column_of_real_bars_agrees_with_the_second_form(real_bars, name, tick):
    frame = pd.read_parquet(real_bars(name))
    rows = frame[["open", "high", "low", "close"]].to_numpy()
    stamps = pd.DatetimeIndex(frame["timestamp"]).tz_localize(None).as_unit("ns").asi8
    events = agree(make(rows, stamps, tick), tick)
    kinds = pd.Series([event[1] for event in events]).value_counts()
    assert (kinds > 400).all()
    assert set(kinds.index) == set(EVENT_NAMES)


STEPS = st.tuples(*[st.integers(-4, 4)] * 2, *[st.integers(0, 4)] * 2)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(STEPS, min_size=30, max_size=150), st.sampled_from([0.0, 0.25, 1.0]), st.integers(0, 9)
)
def test_any_bars_agree_with_the_second_form(steps, tick, stretch):
    close, rows = 400, []
    for number, (gap, body, up, down) in enumerate(steps):
        wide = 4 if number % 10 == stretch else 1  # large bodies now and then
        opened = close + gap // 2
        close = max(opened + wide * body, 50)
        rows.append((opened, max(opened, close) + up // 3, min(opened, close) - down // 3, close))
    agree(make(np.array(rows, float) * 0.1, tick=tick), tick)
