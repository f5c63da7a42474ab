"""Stylised facts: figures that are known by hand or by the law that the bars were drawn from."""

import numpy as np
import pytest
from market_makers import PLAIN, bars_of, random_frame, utc_ns

from grandmodel.market.bars import Bars
from grandmodel.market.stylised import EDGES, autocorrelation, by_half_hour, stylised


def bars_with_returns(returns, volume=None, minutes=30):
    """Bars around the clock; each opens at 100, so that nothing but its own return counts."""
    opens = np.full(len(returns), 100.0)
    close = opens * np.exp(returns)
    times = utc_ns("2024-01-01") + np.arange(len(returns), dtype=np.int64) * minutes * 60 * 10**9
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    volume = np.ones(len(returns)) if volume is None else volume
    return Bars(times, opens, high, low, close, volume, minutes, PLAIN)


def test_autocorrelation_by_hand():
    values = np.array([1.0, -1.0, 1.0, -1.0])
    np.testing.assert_allclose(autocorrelation(values, 3), [-0.75, 0.5, -0.25])
    np.testing.assert_array_equal(autocorrelation(np.ones(5), 2), [0.0, 0.0])
    assert len(autocorrelation(values, 10)) == 10


def test_half_hours_are_means_over_the_mean():
    values, hour = np.array([1.0, 3.0, 4.0]), np.array([0.0, 0.4, 23.5])
    found = by_half_hour(values, hour)
    assert found[0] == pytest.approx(2.0 / (8.0 / 3.0))
    assert found[47] == pytest.approx(1.5)
    assert np.isnan(found[1:47]).all()


def test_facts_of_returns_that_alternate():
    returns = np.tile([0.01, -0.01], 500)
    found = stylised(bars_with_returns(returns))
    assert found.facts["sd, bp"] == pytest.approx(100.0)
    assert found.facts["kurtosis"] == pytest.approx(1.0)
    assert found.facts["ACF r(1)"] == pytest.approx(-0.999)
    assert found.facts["ACF |r|(1)"] == pytest.approx(0.0, abs=0.01)
    assert found.facts["range/sd"] == pytest.approx(1.0)
    assert found.facts["volume~|r|"] is None  # volume never varies


def test_bars_without_range_and_volume_that_follows_size_are_told():
    returns = np.array([0.01, 0.0, -0.03, 0.0] * 100)
    volume = np.abs(returns) * 1e4 + 1.0
    found = stylised(bars_with_returns(returns, volume))
    assert found.facts["no range, %"] == pytest.approx(50.0)
    assert found.facts["volume~|r|"] == pytest.approx(1.0)


def test_the_density_holds_all_returns_and_gaps_between_bars_are_left_out():
    found = stylised(bars_with_returns(np.random.default_rng(0).normal(0.0, 1e-3, 2_000)))
    assert (found.density * np.diff(EDGES)).sum() == pytest.approx(1.0)
    gapped = random_frame("2024-01-02", 500, 30)
    half = gapped.index >= 250
    gapped.loc[half, ["open", "high", "low", "close"]] *= 1.5
    before = stylised(bars_of(random_frame("2024-01-02", 500, 30), 30))
    after = stylised(bars_of(gapped, 30))
    assert after.facts["kurtosis"] == pytest.approx(before.facts["kurtosis"])


def test_volume_that_is_none_is_not_described():
    returns = np.random.default_rng(0).normal(0.0, 1e-3, 200)
    bars = bars_with_returns(returns)
    silent = Bars(
        bars.open_time_ns, bars.open, bars.high, bars.low, bars.close, bars.volume * 0.0, 30, PLAIN,
        volume_kind="none",
    )  # fmt: skip
    found = stylised(silent)
    assert found.day_volume is None
    assert found.facts["volume~|r|"] is None
