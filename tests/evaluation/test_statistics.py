from dataclasses import replace

import numpy as np
import pytest
from fakes import fake_tape

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import run_positions
from grandmodel.evaluation.accounts.sessions import SUMS, SessionRows
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.measures.metrics import METRICS, measure, metrics_of, path_metrics
from grandmodel.evaluation.statistics.intervals import (
    BAND_LABEL,
    automatic_block,
    block_sessions,
    block_starts,
    intervals,
    resampled_metrics,
    sharpe_difference,
    sharpe_interval,
    with_intervals,
)


def rows_of(net, compounding=True):
    """Sessions of one path with the given net returns and nothing else."""
    n = len(net)
    sums = np.zeros((n, len(SUMS)))
    sums[:, 0] = 46.0
    return SessionRows(
        np.array([0, n]),
        (0,),
        np.arange(n),
        np.arange(n),
        net,
        np.minimum(net, 0.0),
        np.maximum(net, 0.0),
        np.zeros(n),
        sums,
        compounding,
    )


@pytest.fixture(scope="module")
def measured():
    tape = fake_tape(6_000)
    market = Market.of(tape)
    wanted = np.repeat(np.random.default_rng(5).integers(-1, 2, 600), 10).astype(np.int8)
    segments = [Segment(0, 6_000)]
    return measure(run_positions(tape, segments, wanted, EnvConfig()), market, 252.0), market


def test_resampled_metrics_equal_a_loop_over_draws(measured):
    found, _ = measured
    sessions = found.sessions
    values = resampled_metrics(sessions, 252.0, block=7, draws=5, seed=3)
    from grandmodel.core.random import numpy_stream

    starts = block_starts(numpy_stream(3, "bootstrap/7"), len(sessions), 7, 5)
    for draw in range(5):
        index = [(start + step) % len(sessions) for start in starts[draw] for step in range(7)]
        index = np.array(index[: len(sessions)])
        net = sessions.net[index]
        assert values[draw, 0] == pytest.approx(net.mean() / net.std() * np.sqrt(252.0))
        assert values[draw, 1] == pytest.approx(np.prod(1 + net) - 1)
        wins = sessions.sums[index, SUMS.index("wins")].sum()
        trips = sessions.sums[index, SUMS.index("trips")].sum()
        assert values[draw, METRICS.index("win_rate")] == pytest.approx(wins / trips)


def test_the_same_seed_gives_the_same_intervals(measured):
    found, _ = measured
    first = intervals(found, draws=200, seed=1)
    assert first == intervals(found, draws=200, seed=1)
    assert first != intervals(found, draws=200, seed=2)
    assert first["sharpe"].low < found.scalars["sharpe"] < first["sharpe"].high


def test_bands_are_labelled(measured):
    found, _ = measured
    flat = with_intervals(found.scalars, intervals(found, draws=200, seed=1))
    banded = {key.removesuffix("_band") for key in flat if key.endswith("_band")}
    told = {key.removesuffix("_ci_low") for key in flat if key.endswith("_ci_low")}
    assert told - banded == {"sharpe", "mean_session_return"}
    assert {"max_drawdown", "win_rate", "profit_factor", "exposure"} <= banded
    assert flat["max_drawdown_band"] == BAND_LABEL
    assert flat["sharpe_ci_low"] < flat["sharpe_ci_high"]


def test_blocks_are_at_least_ten_sessions_and_twice_the_holding(measured):
    found, _ = measured
    assert block_sessions(found.sessions, found.trips) >= 10
    slow = replace(found.trips, bars_held=np.full(len(found.trips), 46 * 10))
    assert block_sessions(found.sessions, slow) >= 20


def test_a_position_held_to_the_end_still_leaves_six_blocks(measured):
    found, _ = measured
    held = replace(found.trips, bars_held=np.full(len(found.trips), 5_999))
    assert block_sessions(found.sessions, held) == len(found.sessions) // 6
    one_trip = replace(found, trips=held)
    low, high = (getattr(sharpe_interval(one_trip, draws=300, seed=0), k) for k in ("low", "high"))
    assert high - low > 0.5


def test_too_few_sessions_have_no_interval(measured):
    found, _ = measured
    noise = np.random.default_rng(2).normal(0.0, 0.01, 60)
    few, enough = (replace(found, sessions=rows_of(noise[:n])) for n in (59, 60))
    assert intervals(few, draws=200, seed=0) == {}
    assert np.isnan(sharpe_interval(few, draws=200, seed=0).low)
    assert np.isnan(sharpe_difference(few, few, draws=200, seed=0).low)
    assert "sharpe" in intervals(enough, draws=200, seed=0)
    assert np.isfinite(sharpe_interval(enough, draws=200, seed=0).low)


def test_automatic_length_is_longer_where_returns_persist():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, 1_000)
    slow = np.convolve(noise, np.ones(30) / 30, mode="same")
    assert automatic_block(slow) > 3 * automatic_block(noise)
    assert automatic_block(np.zeros(100)) == 1.0


def test_a_track_does_not_differ_from_itself(measured):
    found, _ = measured
    same = sharpe_difference(found, found, draws=100, seed=0)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_one_path_has_the_same_interval_on_its_own_and_pooled(measured):
    found, _ = measured
    low, high = (getattr(sharpe_interval(found, draws=300, seed=0), k) for k in ("low", "high"))
    own = intervals(found, draws=300, seed=0)["sharpe"]
    assert (low, high) == pytest.approx((own.low, own.high))


def test_additive_sessions_add_up():
    net = np.array([0.01, -0.02, 0.03])
    rows = rows_of(net, compounding=False)
    values = path_metrics(rows, 252.0)[0]
    assert values[1] == pytest.approx(0.02)
    assert values[2] == pytest.approx(0.02 / 1.01)
    swapped = metrics_of(
        np.array([2, 1, 0]), rows.net, rows.low, rows.high, rows.fall, rows.sums, False, 252.0
    )
    assert swapped[2] == pytest.approx(0.02 / 1.03)
