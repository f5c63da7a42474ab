import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.core.checks import UserError
from grandmodel.features.scaling import INPUTS, MATRIX_30, Scaling

RAW = {
    "mlmi_value": 75.0, "mlmi_signal": -1.0, "nwrqk_value": 103.0, "nwrqk_slope": 2.0,
    "lvn_distance": 0.01, "lvn_strength": 0.4, "hour_sin": 0.5, "hour_cos": -0.5,
    "momentum_20": 0.02, "momentum_50": -0.03, "mmd_score": 0.1, "volatility_30": 2.0,
    "volume_profile_skew": -0.25, "close": 100.0, "atr_14": 2.0,
}  # fmt: skip


def after_warmup(kind="shipped"):
    scaling = Scaling(kind)
    for _ in range(60):
        scaling.update(RAW)
    return scaling


def test_each_column_by_hand():
    found = after_warmup().update(RAW)
    assert found["mlmi_value"] == 0.5
    assert found["mlmi_signal"] == -1.0
    assert found["nwrqk_value"] == (103 - 100) / 2 / 5
    assert found["lvn_distance"] == math.exp(-1.0)
    assert found["lvn_strength"] == 0.4
    assert (found["hour_sin"], found["hour_cos"]) == (0.5, -0.5)
    assert found["mmd_score"] == 0.25
    assert found["volatility_30"] == math.log(2.0) == found["log_volatility_ratio"]
    assert found["volume_profile_skew"] == -0.25
    assert found["nwrqk_slope"] == found["momentum_20"] == found["momentum_50"] == 0.0


def test_rolling_columns_are_a_third_of_the_clipped_score():
    scaling = after_warmup()
    scaling.update(RAW)
    found = scaling.update({**RAW, "nwrqk_slope": 3.0, "momentum_20": 0.01})
    # one step of d after a constant: v = 0.99 x 0.01 d^2, so z = 10.05 whatever d is
    assert found["slope_z"] == 3.0
    assert found["nwrqk_slope"] == 1.0
    assert found["momentum_20"] == -1.0


def test_limits():
    scaling = after_warmup()
    found = scaling.update({**RAW, "nwrqk_value": 50.0, "mmd_score": 3.0, "volatility_30": 0.05})
    assert found["nwrqk_value"] == -1.0
    assert found["mmd_score"] == 2.0
    assert found["volatility_30"] == math.log(0.05)


def test_what_is_unknown_is_0_and_counts_nothing():
    unknown = {
        **RAW, "nwrqk_value": 0.0, "nwrqk_slope": 0.0, "momentum_20": math.nan,
        "momentum_50": math.nan, "lvn_distance": math.nan, "atr_14": 0.0, "mlmi_value": 50.0,
    }  # fmt: skip
    scaling = Scaling()
    for _ in range(27):
        found = scaling.update(unknown)
    for name in ("nwrqk_value", "slope_z", "momentum_20", "lvn_distance", "mlmi_value"):
        assert found[name] == 0.0
    # the first known slope is the mean itself; zeros before it were no data
    assert scaling.update({**RAW, "nwrqk_slope": 9.0})["slope_z"] == 0.0


def test_text_scaling_is_the_running_score_of_unbounded_columns():
    scaling = after_warmup("text")
    found = scaling.update({**RAW, "mlmi_value": 80.0, "mmd_score": 0.0})
    assert found["mlmi_value"] == 3.0
    assert found["mmd_score"] == -3.0
    assert found["hour_sin"] == 0.5
    with pytest.raises(UserError, match=r"features\.scaling must be one of shipped, text"):
        Scaling("minmax")


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_all_columns_are_finite_and_within_3(seed):
    draw = np.random.default_rng(seed)
    raw = {name: draw.standard_cauchy(80) for name in INPUTS}
    raw["volatility_30"] = np.clip(np.abs(raw["volatility_30"]), 0.05, 20.0)
    raw["lvn_distance"] = np.abs(raw["lvn_distance"])
    raw["mlmi_value"] = 100.0 * draw.random(80)
    for column in ("lvn_distance", "momentum_20"):
        raw[column][draw.random(80) < 0.3] = np.nan
    for kind in ("shipped", "text"):
        found = np.stack([Scaling(kind).over(raw)[name] for name in MATRIX_30])
        assert np.isfinite(found).all()
        assert np.abs(found).max() <= 3.0
