"""Bars for feature tests: a seeded random walk on a tick grid, and short hand-made stretches."""

import numpy as np
import pytest

from grandmodel.features.inputs import BarArrays

DAY_NS = 86_400 * 10**9
MINUTE_NS = 60 * 10**9


def _bars(
    open_, high, low, close, volume=None, *, minutes=30, tick=0.25, kind="traded", per_day=46
):
    count = len(close)
    index = np.arange(count)
    day, place = index // per_day, index % per_day
    volume = np.ones(count) if volume is None else volume
    prices = [np.ascontiguousarray(part, np.float64) for part in (open_, high, low, close, volume)]
    return BarArrays(
        day * DAY_NS + place * minutes * MINUTE_NS, *prices, day,
        place * minutes / 60.0, day % 5, minutes, tick, kind,
    )  # fmt: skip


def _random_bars(count, seed=0, *, tick=0.25, kind="traded", minutes=30, per_day=46):
    draw = np.random.default_rng(seed)
    swing = 0.001 * np.exp(0.5 * np.sin(np.arange(count) / 300.0))
    close = 4000.0 * np.exp(np.cumsum(draw.standard_t(4, count) * swing))
    open_ = np.r_[4000.0, close[:-1]] * (1.0 + 0.0001 * draw.standard_normal(count))
    high = np.maximum(open_, close) * (1.0 + 0.0005 * np.abs(draw.standard_normal(count)))
    low = np.minimum(open_, close) * (1.0 - 0.0005 * np.abs(draw.standard_normal(count)))
    prices = [np.round(part / tick) * tick if tick else part for part in (open_, high, low, close)]
    volume = draw.integers(0, 1000, count).astype(np.float64)
    return _bars(*prices, volume, minutes=minutes, tick=tick, kind=kind, per_day=per_day)


@pytest.fixture(scope="session")
def make_bars():
    """Return the builder of bars from given prices."""
    return _bars


@pytest.fixture(scope="session")
def random_bars():
    """Return the builder of a seeded random walk on a tick grid."""
    return _random_bars
