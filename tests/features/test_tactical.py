"""The five-minute matrix: literals worked by hand, a naive second form, streaming, causality."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from grandmodel.core.checks import UserError
from grandmodel.features.arrays import bar_arrays
from grandmodel.features.short_momentum import ShortMomentum
from grandmodel.features.tactical import INPUTS, MATRIX_5, TacticalMatrix
from grandmodel.market.bars import Bars
from grandmodel.market.calendar import session_table
from grandmodel.market.instruments import Instrument

FIVE = {"minutes": 5, "per_day": 276}


def flat_bars(make_bars, close, volume=None, **more):
    close = np.asarray(close, float)
    return make_bars(close, close, close, close, volume, **{**FIVE, **more})


def test_momentum_and_its_size_by_hand(make_bars):
    found = ShortMomentum().over(flat_bars(make_bars, [100, 100, 100, 100, 100, 102, 101, 120]))
    momentum, size = found["price_momentum_5"], found["price_momentum_5_size"]
    assert np.isnan(momentum[:5]).all()
    assert momentum[5:] == pytest.approx([0.02, 0.01, 0.10])  # 20 % is clipped to 10 %
    first = 0.02**2
    second = first + 0.06 * (0.01**2 - first)
    third = second + 0.06 * (0.10**2 - second)
    assert size[:5].tolist() == [0.0] * 5
    assert size[5:] == pytest.approx(np.sqrt([first, second, third]))


def scaled_once(**given):
    """Scale one hand-made row of raw values."""
    raw = dict.fromkeys(INPUTS, 0.0) | {"fvg_atr_14": 2.0, "close": 100.0, "volume_ratio": 1.0}
    row = np.array([[(raw | given)[name] for name in INPUTS]])
    matrix = TacticalMatrix(0.25, "traded")
    return dict(zip(MATRIX_5, matrix._scale(row)[0].tolist(), strict=True))


def test_scaling_by_hand():
    active = {"fvg_bullish_active": 1.0, "fvg_nearest_level": 103.0, "fvg_age": 5.0}
    found = scaled_once(**active)
    assert found["fvg_bullish_active"] == 1.0
    assert found["fvg_nearest_level"] == 3.0 / 8.0
    assert found["fvg_age"] == math.exp(-0.5)
    far = scaled_once(**(active | {"fvg_nearest_level": 60.0}))
    assert far["fvg_nearest_level"] == -1.0
    assert scaled_once(**active, fvg_atr_14=math.nan)["fvg_nearest_level"] == 0.0
    none = scaled_once(fvg_nearest_level=103.0, fvg_age=5.0)
    assert none["fvg_nearest_level"] == none["fvg_age"] == 0.0
    moved = scaled_once(price_momentum_5=0.01, price_momentum_5_size=0.005)
    assert moved["price_momentum_5"] == math.tanh(1.0)
    assert scaled_once(price_momentum_5=math.nan)["price_momentum_5"] == 0.0
    assert scaled_once(volume_ratio=math.e)["volume_ratio"] == pytest.approx(math.tanh(1.0))
    assert scaled_once(volume_ratio=0.0)["volume_ratio"] == -1.0
    assert scaled_once(volume_ratio=math.nan)["volume_ratio"] == 0.0


def naive(bars, columns):
    """Momentum and volume once more, bar by bar in plain Python."""
    close, size = bars.close, None
    by_minute = {}
    out = []
    for t in range(len(close)):
        momentum = 0.0
        if t >= 5:
            moved = float(np.clip(close[t] / close[t - 5] - 1.0, -0.10, 0.10))
            size = moved**2 if size is None else size
            size += 0.06 * (moved**2 - size)
            momentum = math.tanh(moved / (2.0 * math.sqrt(size))) if size > 0 else 0.0
        kept = by_minute.setdefault(round(bars.hour[t] * 60), [])
        usual = float(np.mean(kept[-20:])) if kept else None
        volume = 0.0
        if usual is not None and bars.volume[t] == 0.0:
            volume = -1.0
        elif usual:
            volume = math.tanh(math.log(bars.volume[t] / usual))
        kept.append(float(bars.volume[t]))
        out.append((momentum, volume))
    return dict(zip(columns, np.array(out).T, strict=True))


def test_the_compiled_form_equals_the_naive_one(random_bars):
    bars = random_bars(3_000, **FIVE)
    found = TacticalMatrix(0.25, "traded").over(bars)
    for name, values in naive(bars, ("price_momentum_5", "volume_ratio")).items():
        np.testing.assert_allclose(found[name], values, atol=1e-12)


@pytest.mark.parametrize("scaling", ["shipped", "text"])
@pytest.mark.parametrize("kind", ["traded", "none"])
def test_one_bar_at_a_time_gives_the_same_bits(random_bars, scaling, kind):
    bars = random_bars(1_500, kind=kind, **FIVE)
    whole = TacticalMatrix(0.25, kind, scaling).over(bars)
    stream = TacticalMatrix(0.25, kind, scaling)
    rows = [stream.update(bars.bar(t)) for t in range(len(bars))]
    for name in MATRIX_5:
        assert np.array_equal(whole[name], np.array([row[name] for row in rows])), name


@pytest.mark.real_bars
@pytest.mark.parametrize(
    ("name", "kind", "count"), [("ES_5m", "traded", 12_000), ("NQ_5m", "none", 6_000)]
)
def test_one_real_bar_at_a_time_gives_the_same_bits(real_bars, name, kind, count):
    frame = pd.read_parquet(real_bars(name)).iloc[:count]
    prices = {k: frame[k].to_numpy(np.float64) for k in ("open", "high", "low", "close", "volume")}
    stamps = pd.DatetimeIndex(frame["timestamp"]).as_unit("ns").asi8
    file = Bars(stamps, **prices, minutes=5, instrument=Instrument(name="X", tick=0.25),
                volume_kind=kind)  # fmt: skip
    bars = bar_arrays(file, session_table(file))
    whole = TacticalMatrix(0.25, kind).over(bars)
    stream = TacticalMatrix(0.25, kind)
    rows = [stream.update(bars.bar(t)) for t in range(len(bars))]
    for column in MATRIX_5:
        assert np.array_equal(whole[column], np.array([row[column] for row in rows])), column


@pytest.mark.parametrize("scaling", ["shipped", "text"])
def test_nothing_before_a_bar_changes_with_what_follows_it(random_bars, scaling):
    bars = random_bars(2_000, **FIVE)
    factor = np.where(np.arange(2_000) > 1_200, 1.02, 1.0)
    names = ("open", "high", "low", "close", "volume")
    shifted = replace(bars, **{name: getattr(bars, name) * factor for name in names})
    one, other = (TacticalMatrix(0.25, "traded", scaling).over(b) for b in (bars, shifted))
    for name in MATRIX_5:
        assert np.array_equal(one[name][:1_201], other[name][:1_201]), name
    assert any((one[name] != other[name]).any() for name in MATRIX_5)


def test_another_start_is_forgotten_after_the_declared_memory(random_bars):
    memory = TacticalMatrix(0.25, "traded").memory_bars
    bars = random_bars(memory + 2_000, **FIVE)
    whole = TacticalMatrix(0.25, "traded").over(bars)
    late = TacticalMatrix(0.25, "traded").over(bars.slice(552, len(bars)))
    for name in MATRIX_5:
        gap = np.abs(whole[name][552 + memory :] - late[name][memory:]).max()
        assert gap < 1e-6, name


def test_scaled_values_are_finite_and_bounded(random_bars):
    bars = random_bars(5_000, **FIVE)
    for scaling in ("shipped", "text"):
        for name, values in TacticalMatrix(0.25, "traded", scaling).over(bars).items():
            assert np.isfinite(values).all(), name
            assert np.abs(values).max() <= 3.0, name


def test_an_unknown_scaling_is_refused():
    with pytest.raises(UserError, match=r"features\.scaling"):
        TacticalMatrix(0.25, "traded", "best")
