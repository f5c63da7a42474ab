"""Monte Carlo sources: the moments of their laws, bars that can be, the same bytes again."""

import numpy as np
import pytest
from scipy import stats

from grandmodel.core.checks import UserError
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.market.synthetic.monte_carlo_config import GarchConfig, JumpConfig
from grandmodel.market.synthetic.texture import BARS_PER_DAY
from grandmodel.market.synthetic.worlds import WORLDS

BP = 1e-4
SOURCES = ("gbm", "garch", "jumps")
BARS = 60_000


def prices_of(world, bars=BARS, **keys):
    config = SyntheticConfig(world=world, **{"drift_bp": 0.0, **keys})
    return WORLDS[world].draw(config, bars, f"{world}/train/0").prices


def log_returns(prices):
    return np.log(prices.close / prices.open)


def correlation(values, lag):
    return np.corrcoef(values[lag:], values[:-lag])[0, 1]


@pytest.mark.parametrize("world", SOURCES)
def test_bars_are_possible_and_open_where_the_last_one_closed(world):
    prices = prices_of(world, 5_000)
    assert (prices.low <= np.minimum(prices.open, prices.close)).all()
    assert (prices.high >= np.maximum(prices.open, prices.close)).all()
    np.testing.assert_array_equal(prices.open[1:], prices.close[:-1])
    assert prices.volume.min() >= 1.0


@pytest.mark.parametrize("world", SOURCES)
def test_a_longer_path_begins_like_a_shorter_one_and_the_seed_decides(world):
    short, long = prices_of(world, 1_000), prices_of(world, 1_500)
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[:1_000])
    assert (prices_of(world, 1_000, seed=1).close != short.close).mean() > 0.99


@pytest.mark.parametrize("world", SOURCES)
@pytest.mark.parametrize("drift_bp", [0.0, 2.0])
def test_the_expected_simple_return_is_the_drift(world, drift_bp):
    simple = np.expm1(log_returns(prices_of(world, drift_bp=drift_bp)))
    error = simple.std() / np.sqrt(BARS)
    assert abs(simple.mean() - drift_bp * BP) < 3.0 * error


def test_jumps_that_rise_on_average_leave_the_expected_return_at_the_drift():
    law = JumpConfig(every_bars=50.0, mean_bp=200.0, sd_bp=100.0)  # 4 bp a bar, taken off again
    simple = np.expm1(log_returns(prices_of("jumps", jumps=law)))
    assert abs(simple.mean()) < 3.0 * simple.std() / np.sqrt(BARS)


def test_gbm_is_normal_with_the_given_sd_and_no_memory():
    returns = log_returns(prices_of("gbm", sd_bp=20.0))
    assert returns.std() == pytest.approx(20.0 * BP, rel=0.01)
    assert abs(stats.kurtosis(returns)) < 0.1
    assert abs(correlation(np.abs(returns), 1)) < 0.015


def test_gbm_ranges_are_those_of_a_walk_of_thirty_steps():
    prices = prices_of("gbm")
    ranges = np.log(prices.high / prices.low) / (11.0 * BP)
    # the range of Brownian motion, sqrt(8 / pi) = 1.596, less what 30 steps do not see
    assert ranges.mean() == pytest.approx(1.40, abs=0.03)


def test_garch_returns_to_its_sd_and_clusters_as_its_parameters_say():
    law = GarchConfig(alpha=0.10, gamma=0.0, beta=0.80, degrees=None)
    returns = log_returns(prices_of("garch", garch=law))
    assert returns.std() == pytest.approx(11.0 * BP, rel=0.03)
    squares = returns**2
    # lag one of a GARCH(1,1): alpha (1 - b(a + b)) / (1 - 2ab - b^2)
    expected = 0.10 * (1.0 - 0.80 * 0.90) / (1.0 - 2.0 * 0.10 * 0.80 - 0.80**2)
    assert correlation(squares, 1) == pytest.approx(expected, abs=0.03)
    assert correlation(squares, 5) == pytest.approx(expected * 0.90**4, abs=0.03)
    # 3 (1 - (a + b)^2) / (1 - (a + b)^2 - 2 a^2)
    assert stats.kurtosis(returns, fisher=False) == pytest.approx(3.35, abs=0.25)


def test_garch_falls_raise_the_variance_more_than_rises_and_tails_are_heavier():
    law = GarchConfig(alpha=0.0, gamma=0.2, beta=0.85)
    returns = log_returns(prices_of("garch", garch=law))
    after = np.abs(returns[1:])
    assert after[returns[:-1] < 0.0].mean() > 1.05 * after[returns[:-1] > 0.0].mean()
    assert stats.kurtosis(returns, fisher=False) > 4.5


def test_jumps_come_as_often_and_as_far_as_the_law_says():
    law = JumpConfig(every_bars=100.0, mean_bp=-100.0, sd_bp=50.0)
    returns = log_returns(prices_of("jumps", jumps=law, sd_bp=5.0))
    jumped = np.abs(returns) > 25.0 * BP
    assert jumped.mean() == pytest.approx(0.01 * 0.93, rel=0.1)  # 7 % of the jumps are smaller
    assert np.median(returns[jumped]) == pytest.approx(-104.0 * BP, rel=0.06)
    assert returns[~jumped].std() == pytest.approx(5.0 * BP, rel=0.05)


def test_volume_has_the_shape_of_the_day():
    volume = prices_of("gbm").volume
    by_time = volume[: BARS // BARS_PER_DAY * BARS_PER_DAY].reshape(-1, BARS_PER_DAY).mean(0)
    assert by_time[29] > 3.0 * by_time[2]


def test_a_dataset_says_in_one_line_what_it_is():
    config = SyntheticConfig(world="jumps", train_bars=2_000, test_bars=2_000)
    assert "one jump in 460 bars" in make_dataset(config).about
    assert "\n" not in make_dataset(config).about


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: GarchConfig(alpha=0.1, gamma=0.2, beta=0.8), "data.garch.beta must be below 1"),
        (lambda: GarchConfig(alpha=-0.1), "data.garch.alpha"),
        (lambda: GarchConfig(degrees=3.0), "data.garch.degrees"),
        (lambda: JumpConfig(every_bars=0.5), "data.jumps.every_bars"),
        (lambda: JumpConfig(sd_bp=-1.0), "data.jumps.sd_bp"),
    ],
)
def test_impossible_laws_are_refused(make, named):
    with pytest.raises(UserError, match=named):
        make()
