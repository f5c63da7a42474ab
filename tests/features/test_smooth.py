import numpy as np
import talib

from grandmodel.features import gaps, smooth, synergy
from grandmodel.features.smooth import Atr, rolling_sd, rolling_step, rolling_z, rsi, wma


def rsi_of(close, n):
    averages = np.zeros(2)
    changes = np.diff(close)
    return np.array([rsi(change, t, n, averages) for t, change in enumerate(changes)])


def test_weighted_mean_weighs_the_newest_most():
    assert wma(np.array([1.0, 2.0, 4.0])) == (1 * 1 + 2 * 2 + 3 * 4) / 6


def test_rsi_is_wilders(random_bars):
    close = random_bars(500, 1).close
    for n in (5, 20):
        expected = talib.RSI(close, n)[1:]
        assert np.isnan(rsi_of(close, n)[: n - 1]).all()
        np.testing.assert_allclose(rsi_of(close, n)[n - 1 :], expected[n - 1 :], rtol=1e-10)


def test_rsi_by_hand():
    # changes +2, -1, +1 with n = 2: seeds 1 and 1/2, then (1+1)/2 and 1/4
    values = rsi_of(np.array([10.0, 12.0, 11.0, 12.0]), 2)
    np.testing.assert_allclose(values[1:], [100 * 1 / 1.5, 100 * 1 / 1.25])


def test_rsi_of_a_price_that_never_moved_is_50():
    assert rsi_of(np.full(8, 3.0), 5)[-1] == 50.0


def test_rolling_z_by_hand():
    state = np.zeros(3)
    assert rolling_z(1.0, state) == 0.0
    # d = 1, m = 1.01, v = 0.99 * 0.01
    assert rolling_z(2.0, state) == 1.0 / np.sqrt(0.99 * 0.01)
    d = 0.0 - 1.01
    v = 0.99 * (0.99 * 0.01 + 0.01 * d * d)
    assert np.isclose(rolling_z(0.0, state), d / np.sqrt(v), rtol=1e-14)


def test_a_rolling_z_is_a_step_over_its_sd():
    state, apart = np.zeros(3), np.zeros(4)
    for value in np.random.default_rng(3).normal(size=50):
        z, step = rolling_z(value, state), rolling_step(value, apart)
        assert z == (step / rolling_sd(apart) if rolling_sd(apart) > 0.0 else 0.0)
    assert (state == apart[:3]).all()


def test_averages_have_one_definition():
    assert gaps.average_range is smooth.average_range
    assert synergy.rolling_step is smooth.rolling_step


def test_the_gaps_range_is_that_of_the_bars(random_bars):
    bars = random_bars(400, 2)
    found = gaps.Gaps(0.25).over(bars)["fvg_atr_14"]
    assert np.isnan(found[:14]).all()
    assert (found[14:] == Atr().over(bars)["atr_14"][14:]).all()


def test_rolling_z_without_variance_is_0():
    state = np.zeros(3)
    assert [rolling_z(7.0, state) for _ in range(3)] == [0.0, 0.0, 0.0]


def test_atr_equals_the_library(random_bars):
    bars = random_bars(400, 2)
    expected = talib.ATR(bars.high, bars.low, bars.close, 14)
    found = Atr().over(bars)["atr_14"]
    assert (found[:14] == 0.0).all()
    np.testing.assert_allclose(found[14:], expected[14:], rtol=1e-12)
