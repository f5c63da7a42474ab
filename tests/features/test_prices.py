"""Indicators of prices alone, against their definitions."""

from dataclasses import replace

import numpy as np
import pytest

from grandmodel.features.momentum import Momentum
from grandmodel.features.nwrqk import Nwrqk, kernel_weights
from grandmodel.features.time_of_day import TimeOfDay
from grandmodel.features.volatility import Volatility


def walk(make_bars, close):
    return make_bars(close, close, close, close)


def test_kernel_weights_by_hand():
    weights = kernel_weights()
    assert weights.shape == (27,)
    assert weights[0] == 1.0
    assert weights[8] == (1 + 64 / 1024) ** -8.0


def test_regression_equals_the_definition(random_bars):
    close = random_bars(300, 4).close
    weights = kernel_weights()
    value = np.array(
        [(weights * close[t - 26 : t + 1][::-1]).sum() / weights.sum() for t in range(26, 300)]
    )
    found = Nwrqk().over(random_bars(300, 4))
    np.testing.assert_allclose(found["nwrqk_value"][26:], value, rtol=1e-14)
    np.testing.assert_allclose(
        found["nwrqk_slope"][27:], 1e4 * (value[1:] / value[:-1] - 1), atol=1e-9
    )
    step = np.sign(np.diff(value))
    turn = np.where(step[1:] == -step[:-1], step[1:], 0.0)
    np.testing.assert_array_equal(found["nwrqk_signal"][28:], turn)


def test_regression_is_0_until_27_bars_are_known(random_bars):
    found = Nwrqk().over(random_bars(60, 4))
    assert all((values[:26] == 0.0).all() for values in found.values())
    assert found["nwrqk_value"][26] > 0.0
    assert found["nwrqk_slope"][26] == 0.0
    assert found["nwrqk_slope"][27] != 0.0


def test_a_constant_price_has_no_slope_and_never_turns(make_bars):
    found = Nwrqk().over(walk(make_bars, np.full(80, 1.1)))
    assert not found["nwrqk_slope"].any()
    assert not found["nwrqk_signal"].any()


def test_momentum_by_hand(make_bars):
    close = 100.0 + np.arange(60.0)
    found = Momentum().over(walk(make_bars, close))
    assert np.isnan(found["momentum_20"][:20]).all()
    assert np.isnan(found["momentum_50"][:50]).all()
    assert found["momentum_20"][20] == 120.0 / 100.0 - 1.0
    assert found["momentum_50"][59] == 159.0 / 109.0 - 1.0
    assert found["momentum_20"][59] == 159.0 / 139.0 - 1.0


def test_volatility_equals_the_definition(random_bars):
    bars = random_bars(1800, 6)
    change = np.diff(bars.close) / bars.close[:-1]
    sd = np.array([change[t - 30 : t].std() for t in range(30, 1800)])
    ratio = np.ones(1800)
    for t in range(30, 1800):
        known = sd[max(0, t - 30 - 999) : t - 30 + 1]
        if len(known) >= 250:
            ratio[t] = np.clip(sd[t - 30] / np.median(known), 0.05, 20.0)
    found = Volatility().over(bars)
    np.testing.assert_allclose(found["sd_30"][30:], sd, rtol=1e-11)
    np.testing.assert_allclose(found["volatility_30"], ratio, rtol=1e-10)
    assert (found["volatility_30"][:279] == 1.0).all()
    assert found["volatility_30"][279] != 1.0


def test_trailing_sd_by_hand(make_bars):
    found = Volatility().over(walk(make_bars, np.array([100.0, 110.0, 99.0])))["trailing_sd"]
    np.testing.assert_allclose(found, [0.0, 0.1, 0.1], atol=1e-15)
    found = Volatility().over(walk(make_bars, np.array([100.0, 110.0, 110.0])))["trailing_sd"]
    np.testing.assert_allclose(found[2], np.sqrt(0.94 * 0.01))


@pytest.mark.parametrize(("jump", "ratio"), [(0.0, 1.0), (0.01, 20.0)])
def test_a_price_that_never_moved_is_normal_and_any_move_the_largest_ratio(make_bars, jump, ratio):
    close = np.full(400, 50.0)
    close[-1] *= 1.0 + jump
    assert Volatility().over(walk(make_bars, close))["volatility_30"][-1] == ratio


def test_ratio_is_clipped(make_bars):
    quiet = 100.0 * np.cumprod(1.0 + 1e-4 * np.where(np.arange(400) % 2, 1.0, -1.0))
    wild = quiet[-1] * np.cumprod(1.0 + 0.05 * np.where(np.arange(40) % 2, 1.0, -1.0))
    still = np.full(40, wild[-1])
    found = Volatility().over(walk(make_bars, np.r_[quiet, wild, still]))["volatility_30"]
    assert found[439] == 20.0
    assert found[-1] == 0.05


def test_time_of_day_by_hand(make_bars):
    close = np.full(48, 1.0)
    bars = make_bars(close, close, close, close, per_day=48)
    found = TimeOfDay().over(bars)
    np.testing.assert_allclose(found["hour_sin"][[0, 12, 36]], [0.0, 1.0, -1.0], atol=1e-15)
    np.testing.assert_allclose(found["hour_cos"][[0, 24, 1]], [1.0, -1.0, np.cos(np.pi / 24)])
    assert TimeOfDay().over(replace(bars, weekday=np.full(48, 3)))["weekday"][0] == 0.5
