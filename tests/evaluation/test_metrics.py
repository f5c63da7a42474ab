from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.core.types import Segment
from grandmodel.evaluation.accounts.track import Market, track_from_rows
from grandmodel.evaluation.measures.metrics import (
    bar_drawdown,
    chained_equity,
    directional_base,
    mean_decision_return,
    measure,
    path_metrics,
    pnl_over_breaks,
    session_sharpe,
)

HOUR = 3_600_000_000_000


def market_of(opens, closes, session):
    return Market(
        np.arange(len(opens)) * HOUR // 2,
        np.array(opens, float),
        np.array(closes, float),
        np.array(session),
        30,
        1.0,
    )


def walk(market, segment, position, *, units=10.0, unit_cost=0.5, capital=1_000.0):
    """The slow account: fixed units, one cost per unit traded; lists of row values."""
    held, equity, rows = 0, capital, []
    for step, bar in enumerate(range(segment.start, segment.stop - 1)):
        new = position[step]
        gap = held * units * (market.open[bar + 1] - market.close[bar])
        inside = new * units * (market.close[bar + 1] - market.open[bar + 1])
        cost = abs(new - held) * units * unit_cost
        equity += gap + inside - cost
        rows.append((equity, gap + inside, cost))
        held = new
    return (np.array(column) for column in zip(*rows, strict=True))


def track_of(market, segments, positions, *, compounding=False, capital=1_000.0):
    columns = [
        list(walk(market, s, p, capital=capital)) for s, p in zip(segments, positions, strict=True)
    ]
    return track_from_rows(
        market,
        segments,
        [np.arange(s.start, s.stop - 1) for s in segments],
        [c[0] for c in columns],
        [c[1] for c in columns],
        [c[2] for c in columns],
        [np.array(p, np.int8) for p in positions],
        [10.0 * np.array(p) for p in positions],
        capital=capital,
        compounding=compounding,
    )


@pytest.fixture
def golden():
    """Six bars in three sessions: long over bars 1-2, flipped short over 3-4, flat over 5."""
    market = market_of(
        [100, 100, 102, 101, 99, 97], [100, 102, 101, 99, 98, 97], [0, 0, 1, 1, 2, 2]
    )
    return market, track_of(market, [Segment(0, 6)], [[1, 1, -1, -1, 0]])


def test_golden_round_trips(golden):
    market, track = golden
    found = measure(track, market, 252.0)
    frame = found.trades(market)
    assert list(frame["side"]) == [1, -1]
    assert list(frame["entry_price"]) == [100, 101]
    assert list(frame["exit_price"]) == [101, 97]
    assert list(frame["pnl_gross"]) == pytest.approx([10.0, 40.0])
    assert list(frame["cost"]) == pytest.approx([10.0, 10.0])
    assert list(frame["pnl_net"]) == pytest.approx([0.0, 30.0])
    assert list(frame["bars_held"]) == [2, 2]
    assert list(frame["exit_reason"]) == ["reversed", "signal"]
    assert list(frame["quantity"]) == pytest.approx([10.0, 10.0])
    assert frame["entry_time"].iloc[1].value == market.open_time_ns[3]
    assert frame["exit_time"].iloc[0].value == market.open_time_ns[3]


def test_profit_over_breaks_is_that_of_the_reopening():
    """Three bars, a night, two, a pause, one: long over the night, short over the pause."""
    opens, closes = [100, 100, 101, 107, 106, 106], [100, 102, 103, 106, 104, 108]
    market = replace(
        market_of(opens, closes, [0, 0, 0, 1, 1, 1]),
        open_time_ns=np.array([0, 1, 2, 40, 41, 60]) * HOUR // 2,
    )
    track = track_of(market, [Segment(0, 6)], [[1, 1, -1, -1, 0]])
    np.testing.assert_allclose(track.quantity, [10, 10, -10, -10, 0], atol=1e-9)
    # Gaps of +4 (long 10) and of +2 (short 10); the step from 102 to 101 is no break.
    np.testing.assert_allclose(pnl_over_breaks(track, market), [0, 0, 40, 0, -20])
    found = measure(track, market, 252.0).scalars
    assert found["pnl_over_breaks"] == pytest.approx(20.0)
    assert found["pnl_in_sessions"] == pytest.approx(track.pnl_gross.sum() - 20.0)
    forced = replace(track, ended=np.array([0, 0, 0, 3, 0], np.int8))
    np.testing.assert_allclose(pnl_over_breaks(forced, market), [0, 0, 40, 0, 0])


def test_a_segment_begins_flat_and_paths_are_averaged_in_profit_over_breaks():
    market = replace(
        market_of([100] * 8, [101] * 8, [0, 0, 1, 1, 2, 2, 3, 3]),
        open_time_ns=np.arange(8) * HOUR,
    )
    segments = [Segment(0, 4, path=0), Segment(4, 8, path=1)]
    held = track_of(market, segments, [[1, 1, 1], [1, 0, 0]])
    np.testing.assert_allclose(pnl_over_breaks(held, market), [0, -10, -10, 0, -10, 0])
    track = track_of(market, segments, [[1, 1, 0], [1, 0, 0]])
    assert measure(track, market, 252.0).scalars["pnl_over_breaks"] == pytest.approx(-15.0)


def test_golden_metrics(golden):
    market, track = golden
    found = measure(track, market, 252.0).scalars
    # Profits by session: bar 1: 20 - 5; bars 2-3: -10, then 0 + 20 - 10; bars 4-5: 10, 10 - 5.
    net = np.array([15.0, 0.0, 15.0]) / 1_000.0
    assert found["sharpe"] == pytest.approx(net.mean() / net.std() * np.sqrt(252))
    assert found["total_return"] == pytest.approx(0.030)
    assert found["max_drawdown"] == pytest.approx(10.0 / 1_015.0)
    assert found["trades"] == 2
    assert found["win_rate"] == 0.5
    assert found["profit_factor"] is None  # nothing was lost
    assert found["turnover"] == pytest.approx(4 / 5)
    assert found["exposure"] == pytest.approx(4 / 5)
    assert found["directional_accuracy"] == 1.0
    assert found["directional_accuracy_base"] == pytest.approx(0.5)
    assert found["cost_paid"] == pytest.approx(20.0)


def test_a_flat_track_has_no_sharpe_and_no_trades(golden):
    market, _ = golden
    found = measure(track_of(market, [Segment(0, 6)], [[0] * 5]), market, 252.0).scalars
    assert found["sharpe"] == 0.0
    assert found["trades"] == 0
    assert found["max_drawdown"] == 0.0
    assert found["win_rate"] is None
    assert found["profit_factor"] is None
    assert found["directional_accuracy_base"] is None


def test_segments_of_a_path_chain_and_paths_are_averaged():
    rng = np.random.default_rng(3)
    closes = 100 + np.cumsum(rng.normal(0, 1, 40))
    market = market_of(np.concatenate([[100], closes[:-1]]), closes, np.arange(40) // 4)
    segments = [Segment(0, 12, 0, 0), Segment(12, 20, 0, 1), Segment(20, 40, 1, 0)]
    positions = [list(rng.integers(-1, 2, s.stop - s.start - 1)) for s in segments]
    both = track_of(market, segments, positions, compounding=True)
    found = measure(both, market, 252.0)
    ends = [both.equity[both.rows_of(k)][-1] / 1_000.0 for k in range(3)]
    chained = chained_equity(both)
    assert chained[both.rows_of(1)][-1] == pytest.approx(ends[0] * ends[1])
    assert found.scalars["total_return"] == pytest.approx((ends[0] * ends[1] + ends[2]) / 2 - 1)
    parts = [
        measure(track_of(market, s, p, compounding=True), market, 252.0).scalars["sharpe"]
        for s, p in ((segments[:2], positions[:2]), (segments[2:], positions[2:]))
    ]
    assert found.scalars["sharpe"] == pytest.approx(np.mean(parts))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_session_rows_keep_profit_trades_and_drawdown(seed, compounding):
    rng = np.random.default_rng(seed)
    bars = int(rng.integers(8, 60))
    closes = 100 + np.cumsum(rng.normal(0, 1, bars))
    opens = closes + rng.normal(0, 0.3, bars)
    market = market_of(opens, closes, np.cumsum(rng.random(bars) < 0.2))
    cut = int(rng.integers(3, bars - 3))
    segments = [Segment(0, cut), Segment(cut, bars, 0, 1)]
    positions = [list(rng.integers(-1, 2, s.stop - s.start - 1)) for s in segments]
    track = track_of(market, segments, positions, compounding=compounding, capital=10_000.0)
    found = measure(track, market, 252.0)
    earned = (track.pnl_gross - track.cost).sum()
    assert found.trips.pnl_net.sum() == pytest.approx(earned, abs=1e-6)
    assert found.trips.cost.sum() == pytest.approx(track.cost.sum())
    assert found.sessions.sums[:, 3].sum() == pytest.approx(track.cost.sum())
    level = chained_equity(track)[-1]
    assert found.scalars["total_return"] == pytest.approx(level - 1.0)
    if compounding:
        by_session = path_metrics(found.sessions, 252.0)[0, 2]
        assert by_session == pytest.approx(bar_drawdown(track)[0], abs=1e-12)


def test_liquidation_closes_a_round_trip_inside_its_bar(golden):
    market, _ = golden
    one = Segment(0, 6)
    equity, gross, cost = walk(market, one, [1, 1, 0, 0, 0])
    track = track_from_rows(
        market, [one], [np.arange(5)], [equity], [gross], [cost],
        [np.array([1, 1, 0, 0, 0], np.int8)], [np.array([10.0, 10.0, 0.0, 0.0, 0.0])],
        capital=1_000.0, compounding=False,
        ended=[np.array([0, 3, 0, 0, 0], np.int8)],
    )  # fmt: skip
    trades = measure(track, market, 252.0).trades(market)
    assert list(trades["exit_reason"]) == ["liquidated"]
    assert trades["exit_time"].iloc[0].value == market.open_time_ns[2] + HOUR // 2
    assert list(trades["bars_held"]) == [2]


def test_the_cost_of_a_reversal_is_split_by_the_units_of_each_side():
    market = market_of([100.0] * 4, [100.0] * 4, [0] * 4)
    one, cost = Segment(0, 4), np.array([1.0, 4.0, 3.0])
    track = track_from_rows(
        market, [one], [np.arange(3)], [1_000.0 - np.cumsum(cost)], [np.zeros(3)], [cost],
        [np.array([1, -1, 0], np.int8)], [np.array([10.0, -30.0, 0.0])],
        capital=1_000.0, compounding=False,
    )  # fmt: skip
    assert list(measure(track, market, 252.0).trips.cost) == pytest.approx([2.0, 6.0])


def test_chance_accuracy_follows_sides_and_rises(golden):
    market, track = golden
    trips = measure(track, market, 252.0).trips
    assert directional_base(trips) == pytest.approx(0.5)
    always = measure(track_of(market, [Segment(0, 6)], [[1, 1, 1, 1, 0]]), market, 252.0)
    assert always.scalars["directional_accuracy_base"] == 0.0  # long, and the price fell


def test_sharpe_against_a_loop():
    rng = np.random.default_rng(0)
    net = rng.normal(0.001, 0.01, (3, 50))
    for row, value in zip(net, session_sharpe(net, 252.0), strict=True):
        mean = sum(row) / 50
        sd = (sum((x - mean) ** 2 for x in row) / 50) ** 0.5
        assert value == pytest.approx(mean / sd * 252**0.5)


def test_mean_decision_return_starts_every_segment_at_the_capital() -> None:
    track = SimpleNamespace(
        equity=np.array([110.0, 99.0, 50.0, 100.0]), first=np.array([0, 2, 4]), capital=100.0
    )
    expected = np.mean([0.1, -0.1, -0.5, 1.0])
    assert mean_decision_return(track) == pytest.approx(expected)
