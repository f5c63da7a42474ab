"""Prices adjusted by addition: what the level of prices may change, and what it may not."""

from dataclasses import replace

import numpy as np
import pytest
from feature_cases import fine_bars, matrix_over, matrix_stream

from grandmodel.features.additive import levels_in_ranges, nodes_in_ranges
from grandmodel.features.config import FeatureConfig
from grandmodel.features.matrix import MATRIX_30

CONFIG = FeatureConfig(temporal=True)


def lifted(bars, by):
    prices = {name: getattr(bars, name) + by for name in ("open", "high", "low", "close")}
    return replace(bars, additive=True, **prices)


def test_both_forms_agree_bit_for_bit(random_bars):
    bars = lifted(random_bars(4000, 3), 0.0)
    whole = matrix_over(bars, CONFIG, finer=True)
    rows = matrix_stream(bars, CONFIG, finer=True)
    for name, values in whole.items():
        assert np.array_equal(values, rows[name]), name


def test_the_level_of_prices_tells_the_features_nothing(random_bars):
    plain = random_bars(6000, 5)
    bars, high = lifted(plain, 0.0), lifted(plain, float(plain.close.mean()) / 2)
    here, there = matrix_over(bars, CONFIG, finer=True), matrix_over(high, CONFIG, finer=True)
    for name in (*MATRIX_30, "support_strength", "nwrqk_pred", "fvg_size", "price_distance"):
        apart = np.abs(here[name][2000:] - there[name][2000:])
        assert apart.mean() < 0.02, name
    exact = ("lvn_distance", "support_strength", "nwrqk_pred", "fvg_size", "price_distance")
    for name in exact:
        np.testing.assert_allclose(here[name][2000:], there[name][2000:], atol=1e-5, err_msg=name)
    # without the rule the same columns move with the level
    raised = replace(high, additive=False)
    loose = matrix_over(raised, CONFIG, finer=True)["lvn_distance"]
    assert np.abs(loose - matrix_over(plain, CONFIG, finer=True)["lvn_distance"]).mean() > 0.02


def test_nodes_by_hand():
    raw = {
        "close": np.array([4000.0, 4000.0, 4000.0]),
        "atr_14": np.array([4.0, 4.0, 0.0]),
        "lvn_distance": np.array([0.002, np.nan, 0.002]),  # 8 points, which are 2 ATR
        "lvn_strength": np.array([0.9, 0.0, 0.9]),
    }
    found = nodes_in_ranges(raw)
    np.testing.assert_allclose(found["lvn_distance"], [0.004, np.nan, 0.002])
    np.testing.assert_allclose(found["support_strength"], [0.5, 0.0, 0.7])


def test_levels_by_hand():
    raw = {"close": 4000.0, "atr_14": 4.0, "nwrqk_value": 4010.0}
    levels = {"fvg_size": 0.1, "raw_price_distance": -0.005, "level_touches": 0.3}
    found = levels_in_ranges(levels, raw)
    assert found["nwrqk_pred"] == pytest.approx(0.5 / 5)  # 10 points of 2000
    assert found["fvg_size"] == pytest.approx(0.2)
    assert found["price_distance"] == pytest.approx(-1.0 / 5)
    assert found["level_touches"] == 0.3
    unknown = levels_in_ranges(levels, raw | {"nwrqk_value": np.nan})
    assert unknown["nwrqk_pred"] == 0.0


def test_the_path_says_whether_prices_are_additive(random_bars):
    bars = lifted(random_bars(50, 1), 0.0)
    assert bars.slice(10, 20).additive
    assert not fine_bars(bars).additive
