import numpy as np
import pytest

from grandmodel.features.levels import LevelInputs, Levels


def constant(count, value=100.0, level=0.0, width=0.0, active=0.0):
    return LevelInputs(*(np.full(count, part) for part in (value, level, width, active)))


def test_prediction_is_clipped_at_five_per_cent(make_bars):
    close = np.array([100.0, 100.0, 50.0, 400.0])
    bars = make_bars(close, close, close, close)
    inputs = LevelInputs(np.array([np.nan, 101.0, 101.0, 101.0]), *constant(4)[1:])
    found = Levels("traded").over(bars, inputs)["nwrqk_pred"]
    np.testing.assert_allclose(found, [0.0, 0.2, 1.0, -1.0])


def test_gap_columns_by_hand(make_bars):
    close = np.full(60, 100.0)
    high, low = close + 1.0, close - 1.0
    high[57:] = [102.0, 103.0, 103.0]  # the edge itself is a touch, from either side
    low[58] = 102.0
    bars = make_bars(close, high, low, close)
    found = Levels("traded").over(bars, constant(60, level=102.0, width=0.5, active=1.0))
    np.testing.assert_allclose(found["fvg_size"], 0.5)
    np.testing.assert_allclose(found["raw_price_distance"], 0.02)
    np.testing.assert_allclose(found["price_distance"], 0.4)
    np.testing.assert_allclose(found["level_touches"][56:], [0.0, 0.1, 0.2, 0.3])


def test_without_a_gap_its_columns_are_zero(make_bars):
    close = np.full(60, 100.0)
    found = Levels("traded").over(make_bars(close, close, close, close), constant(60))
    for name in ("fvg_size", "price_distance", "raw_price_distance", "level_touches"):
        assert (found[name] == 0.0).all()


@pytest.mark.parametrize(("kind", "expected"), [("traded", 5 / 23), ("none", -2 / 20)])
def test_balance_by_volume_or_by_count(make_bars, kind, expected):
    open_ = np.full(21, 100.0)
    close = open_ + np.array([0.0] + [1.0] * 7 + [-1.0] * 9 + [0.0] * 4)
    volume = np.array([9.0] + [2.0] * 7 + [1.0] * 9 + [0.0] * 4)
    found = Levels(kind).over(make_bars(open_, open_ + 1, open_ - 1, close, volume), constant(21))
    balance = found["volume_imbalance"]
    assert (balance[:19] == 0.0).all()
    assert balance[20] == pytest.approx(expected)


def test_touches_forget_after_48_bars(make_bars):
    close = np.full(60, 100.0)
    high = close.copy()
    high[5] = 105.0
    found = Levels("traded").over(
        make_bars(close, high, close, close), constant(60, level=102.0, active=1.0)
    )
    assert found["level_touches"][52] == 0.1
    assert found["level_touches"][53] == 0.0


def test_update_equals_over_and_memory_holds(random_bars):
    bars = random_bars(300, 1)
    draw = np.random.default_rng(0)
    inputs = LevelInputs(
        bars.close * 1.001, bars.close + draw.normal(0, 20, 300), draw.uniform(0, 9, 300),
        draw.integers(0, 2, 300).astype(float),
    )  # fmt: skip
    batch, stream = Levels("traded").over(bars, inputs), Levels("traded")
    rows = [
        stream.update(bars.bar(t), LevelInputs(*(float(part[t]) for part in inputs)))
        for t in range(300)
    ]
    late = Levels("traded").over(bars.slice(100, 300), LevelInputs(*(p[100:] for p in inputs)))
    for name, values in batch.items():
        np.testing.assert_array_equal([row[name] for row in rows], values)
        np.testing.assert_array_equal(late[name][Levels.memory_bars :], values[148:])
