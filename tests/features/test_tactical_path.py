"""Columns of the five-minute clock: what the slower clock tells is known at its close."""

import numpy as np
import pytest

from grandmodel.features.arrays import bar_arrays
from grandmodel.features.config import FeatureConfig
from grandmodel.features.path import PathArrays
from grandmodel.features.tactical_path import TACTICAL_COLUMNS, tactical_features
from grandmodel.market.bars import Bars, resample
from grandmodel.market.calendar import session_table
from grandmodel.market.instruments import Instrument

MINUTE_NS = 60 * 10**9
BARS = 60_000


def walk(seed=0):
    """Five-minute bars round the clock, with swings that make crosses, turns and gaps."""
    draw = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(draw.standard_t(3, BARS) * 8e-4))
    opened = np.r_[100.0, close[:-1]]
    high = np.maximum(opened, close) * (1.0 + 1e-4 * np.abs(draw.standard_normal(BARS)))
    low = np.minimum(opened, close) * (1.0 - 1e-4 * np.abs(draw.standard_normal(BARS)))
    return Bars(
        open_time_ns=np.arange(BARS) * 5 * MINUTE_NS,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=draw.integers(1, 900, BARS).astype(np.float64),
        minutes=5,
        instrument=Instrument(name="walk", tick=0.01, calendar="24/7"),
    )


def features(bars):
    thirty = resample(bars, 30)
    five, slow = (bar_arrays(each, session_table(each)) for each in (bars, thirty))
    return tactical_features(PathArrays(five, slow=slow), FeatureConfig(minutes=5))


@pytest.fixture(scope="module")
def bars():
    return walk()


@pytest.fixture(scope="module")
def whole(bars):
    return features(bars)


def test_every_column_is_there_finite_and_bounded(whole):
    assert tuple(whole.scaled) == TACTICAL_COLUMNS
    for name, values in whole.scaled.items():
        assert len(values) == BARS, name
        assert np.isfinite(values).all(), name
    assert len(whole.synergies) > 5
    assert whole.scaled["synergy_direction"].any()


def test_a_bar_knows_nothing_of_what_follows_it(bars, whole):
    rows = np.searchsorted(bars.close_time_ns, whole.synergies.time_ns)[:8]
    for cut in (rows[:, None] + np.array([0, 1, 3])).ravel():
        found = features(bars.slice(0, int(cut)))
        for name in TACTICAL_COLUMNS:
            assert np.array_equal(found.scaled[name], whole.scaled[name][:cut]), name


def test_a_synergy_of_the_slow_clock_is_seen_from_its_close_on(bars, whole):
    closes = bars.close_time_ns
    types = np.stack([whole.scaled[f"synergy_type_{k}"] for k in range(1, 5)])
    for time in whole.synergies.time_ns:
        row = int(np.searchsorted(closes, time))
        assert closes[row] == time
        assert types[:, row].sum() == 1.0
        assert whole.scaled["synergy_age"][row] == 0.0
        assert whole.scaled["synergy_age"][row - 1] > 0.0 or types[:, row - 1].sum() == 0.0
