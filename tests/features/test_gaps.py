import numpy as np
import pytest
import talib

from grandmodel.features.gaps import EVENT_NAMES, Gaps, as_of

MINUTE_NS = 60 * 10**9


def quiet_then(*bars):
    """22 bars with body 1 around 100, then bars given as (open, high, low, close)."""
    return np.array([(100.0, 101.5, 99.5, 101.0)] * 22 + list(bars))


def run(make_bars, rows, tick=0.25):
    bars = make_bars(*np.array(rows).T, minutes=5, tick=tick, per_day=276)
    columns, events = Gaps(tick).with_events(bars)
    rows_of = ((events.time_ns - bars.open_time_ns[0]) // (5 * MINUTE_NS) - 1).tolist()
    names = [EVENT_NAMES[kind] for kind in events.event]
    sides, sizes = events.direction.tolist(), events.size.tolist()
    return columns, list(zip(rows_of, names, sides, sizes, strict=True))


# bar 22 has a body of 2.5; bar 23 opens above bar 21's high of 101.5
IMPULSE = (101.0, 104.0, 100.5, 103.5)
ABOVE = (103.5, 106.0, 103.0, 105.0)


def test_bullish_gap_by_hand(make_bars):
    columns, events = run(make_bars, quiet_then(IMPULSE, ABOVE))
    assert events == [(23, "created", 1, 1.5)]
    assert columns["fvg_bullish_active"][22:].tolist() == [0.0, 1.0]
    assert columns["fvg_nearest_level"][23] == 103.0
    assert columns["fvg_age"][23] == 0.0
    assert columns["fvg_width"][23] == 1.5
    assert (columns["fvg_bearish_active"] == 0.0).all()


def test_bearish_gap_is_the_mirror(make_bars):
    rows = 200.0 - quiet_then(IMPULSE, ABOVE)[:, [0, 2, 1, 3]]
    columns, events = run(make_bars, rows)
    assert events == [(23, "created", -1, 1.5)]
    assert columns["fvg_bearish_active"][23] == 1.0
    assert columns["fvg_nearest_level"][23] == 97.0


@pytest.mark.parametrize(("close", "created"), [(102.5, 0), (102.5 + 1e-6, 1)])
def test_body_must_exceed_one_and_a_half_mean_bodies(make_bars, close, created):
    _, events = run(make_bars, quiet_then((101.0, 104.0, 100.5, close), ABOVE))
    assert len(events) == created


def test_tick_is_the_least_mean_body(make_bars):
    rows = quiet_then((101.0, 104.0, 100.5, 103.5), ABOVE)
    rows[:22, 3] = rows[:22, 0]  # bodies of nothing: the mean is raised to the tick
    assert len(run(make_bars, rows, tick=1.6)[1]) == 1  # 2.5 > 2.4
    assert len(run(make_bars, rows, tick=1.7)[1]) == 0  # 2.5 < 2.55


def test_no_gap_before_twenty_bodies_are_known(make_bars):
    assert run(make_bars, quiet_then(IMPULSE, ABOVE)[2:])[1] == [(21, "created", 1, 1.5)]
    assert run(make_bars, quiet_then(IMPULSE, ABOVE)[3:])[1] == []


def test_touch_and_fill_are_apart(make_bars):
    touch = (105.0, 105.5, 103.0, 105.0)  # reaches the near edge exactly
    fill = (105.0, 105.5, 101.5, 105.0)  # a wick to the far edge exactly
    columns, events = run(make_bars, quiet_then(IMPULSE, ABOVE, touch, fill))
    assert [event[:2] for event in events] == [(23, "created"), (24, "touched"), (25, "mitigated")]
    assert columns["fvg_mitigation_signal"][22:].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert columns["fvg_mitigated_direction"][25] == 1.0
    assert columns["fvg_mitigated_size"][25] == 1.5
    assert columns["fvg_bullish_active"][24:].tolist() == [1.0, 0.0]
    assert columns["fvg_nearest_level"][25] == 0.0


def test_a_fill_without_an_earlier_touch_is_both(make_bars):
    _, events = run(make_bars, quiet_then(IMPULSE, ABOVE, (105.0, 105.5, 101.0, 105.0)))
    assert [event[1] for event in events] == ["created", "touched", "mitigated"]


@pytest.mark.parametrize(("waiting", "end"), [(49, "mitigated"), (50, "expired")])
def test_the_last_bar_to_fill_is_the_fiftieth(make_bars, waiting, end):
    still = (105.0, 105.5, 104.5, 105.0)
    fill = (105.0, 105.5, 101.0, 105.0)
    columns, events = run(make_bars, quiet_then(IMPULSE, ABOVE, *[still] * waiting, fill))
    last = [event for event in events if event[1] in ("mitigated", "expired")]
    assert last == [(73, end, 1, 1.5)]
    assert columns["fvg_bullish_active"][72:74].tolist() == [1.0, 0.0]
    assert columns["fvg_age"][72] == 49.0


def test_of_equal_gaps_filled_at_once_the_younger_speaks(make_bars):
    climb = [(c, c + 1.25, c - 0.25, c + 1.0) for c in np.arange(105.0, 116.0)]
    fall = [(116.0, 116.25, 112.0, 112.5), (112.5, 113.25, 112.0, 113.0)]
    both = (113.0, 115.0, 101.0, 113.0)
    columns, events = run(make_bars, quiet_then(IMPULSE, ABOVE, *climb, *fall, both))
    assert [e[1:] for e in events if e[1] == "mitigated"] == [
        ("mitigated", 1, 1.5),
        ("mitigated", -1, 1.5),
    ]
    assert columns["fvg_mitigated_direction"][-1] == -1.0


def test_true_range_matches_the_library(random_bars):
    bars = random_bars(500, 7)
    found = Gaps(0.25).over(bars)["fvg_atr_14"]
    np.testing.assert_allclose(found, talib.ATR(bars.high, bars.low, bars.close, 14), rtol=1e-12)


def test_update_equals_over_and_the_future_does_not_matter(random_bars):
    bars = random_bars(1500, 3, minutes=5)
    batch, stream = Gaps(0.25).over(bars), Gaps(0.25)
    rows = [stream.update(bars.bar(t)) for t in range(len(bars))]
    cut = Gaps(0.25).over(bars.slice(0, 777))
    late = Gaps(0.25).over(bars.slice(400, 1500))
    for name, values in batch.items():
        np.testing.assert_array_equal([row[name] for row in rows], values)
        np.testing.assert_array_equal(cut[name], values[:777])
        np.testing.assert_allclose(late[name][Gaps.memory_bars :], values[1000:], rtol=1e-9)


def test_as_of_shows_a_value_only_from_its_close_on():
    values = {"x": np.array([1.0, 2.0, 3.0])}
    seen = as_of(values, np.array([10, 20, 30]), np.array([9, 10, 19, 20, 100]))
    assert seen["x"].tolist() == [0.0, 1.0, 1.0, 2.0, 3.0]
