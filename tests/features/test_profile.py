import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.features.profile import Profile


def naive(lows, highs, weights, close, tick):
    """The profile's columns of one window of 48 bars, from the definition."""
    lowest, span = min(lows), max(highs) - min(lows)
    size = max(tick, span / 50)
    count = math.ceil(span / size - 1e-9)
    volume = [0.0] * count
    for low, high, weight in zip(lows, highs, weights, strict=True):
        if low == high:
            volume[min(math.floor((low - lowest) / size), count - 1)] += weight
            continue
        for b in range(count):
            left, right = lowest + b * size, lowest + (b + 1) * size
            volume[b] += weight * max(0.0, min(high, right) - max(low, left)) / (high - low)
    smooth = volume.copy()
    for b in range(1, count - 1):
        smooth[b] = sum(volume[b - 1 : b + 2]) / 3
    peak = max(smooth)
    nodes, b = [], 0
    while b < count:
        end = b
        while end + 1 < count and abs(smooth[end + 1] - smooth[b]) <= 1e-9 * peak:
            end += 1
        beside = [b - 2, b - 1, end + 1, end + 2]
        inside = beside[0] >= 0 and beside[-1] < count and smooth[b] < 0.3 * peak
        if inside and all(smooth[k] > smooth[b] + 1e-9 * peak for k in beside):
            nodes.append((lowest + (b + end + 1) / 2 * size, smooth[b]))
        b = end + 1
    if not nodes:
        return [0.0, math.nan, 0.0, 0.0, 0.0]
    node, v = min(nodes, key=lambda pair: (round(abs(pair[0] - close) / size, 8), pair[0]))
    strength = ((1 - v / peak) - 0.7) / 0.3
    distance = abs(close - node) / close
    centres = lowest + (np.arange(count) + 0.5) * size
    share = np.array(volume) / sum(volume)
    mean = (share * centres).sum()
    sd = math.sqrt((share * (centres - mean) ** 2).sum())
    skew = (share * (centres - mean) ** 3).sum() / sd**3
    return [
        strength, distance, float(np.sign(node - close)),
        max(0.0, strength - min(1.0, distance / 0.01)), min(max(skew, -1.5), 1.5) / 1.5,
    ]  # fmt: skip


@pytest.mark.parametrize("tick", [0.25, 8.0, 0.0])
@pytest.mark.parametrize("kind", ["traded", "none"])
def test_columns_equal_the_definition(random_bars, tick, kind):
    bars = random_bars(400, 1, tick=tick, kind=kind)
    found = Profile(tick, kind).over(bars)
    weights = np.ones(400) if kind == "none" else bars.volume
    with_node = 0
    for t in range(47, 400, 3):
        window = slice(t - 47, t + 1)
        expected = naive(bars.low[window], bars.high[window], weights[window], bars.close[t], tick)
        with_node += not math.isnan(expected[1])
        got = [found[name][t] for name in Profile.columns]
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-8, equal_nan=True)
    assert with_node > 1


def test_node_by_hand(make_bars):
    # bins of 1 from 100 hold 7 7 7 0 0 0 0 0 8 19 (110, the highest price, joins 109)
    price = np.array([100, 101, 102] * 7 + [108, 109, 110] * 8 + [110] * 3, np.float64)
    found = Profile(1.0, "none").over(make_bars(price, price, price, price, tick=1.0))
    # smoothed: bins 4, 5, 6 of 0..9 are empty, centre (4 + 7) / 2 = 5.5 bins above 100
    assert found["lvn_strength"][47] == pytest.approx(1.0)
    assert found["lvn_distance"][47] == pytest.approx(4.5 / 110.0)
    assert found["lvn_side"][47] == -1.0
    assert found["support_strength"][47] == 0.0
    assert found["volume_profile_skew"][47] != 0.0


@pytest.mark.parametrize("tick", [0.25, 0.0])
def test_warm_up_and_flat_prices_are_undefined(make_bars, tick):
    flat = np.full(60, 50.0)
    found = Profile(tick, "traded").over(make_bars(flat, flat, flat, flat))
    for name in ("lvn_strength", "lvn_side", "support_strength", "volume_profile_skew"):
        assert (found[name] == 0.0).all()
    assert np.isnan(found["lvn_distance"]).all()


def test_of_equally_near_nodes_the_lower_price_speaks(make_bars):
    # empty bins 4..6 and 12..14 of 18: centres 5.5 and 13.5, four bins either side of 9.5
    spots = np.array([0, 1, 2] * 5 + [8, 9, 10] * 5 + [16, 17, 18] * 5 + [9.5] * 3) + 100.0
    found = Profile(1.0, "none").over(make_bars(spots, spots, spots, spots, tick=1.0))
    assert found["lvn_side"][47] == -1.0
    assert found["lvn_distance"][47] == pytest.approx(4.0 / 109.5)


def test_volume_none_ignores_volume(random_bars):
    bars = random_bars(200, 4)
    by_time = Profile(0.25, "none").over(bars)["lvn_strength"]
    by_volume = Profile(0.25, "traded").over(bars)["lvn_strength"]
    assert (by_time != by_volume).any()


def test_no_volume_at_all_is_no_node(random_bars):
    bars = random_bars(60, 4)
    bars.volume[:] = 0.0
    found = Profile(0.25, "traded").over(bars)
    assert np.isnan(found["lvn_distance"]).all()
    assert (found["volume_profile_skew"] == 0.0).all()


def test_update_equals_over_and_no_start_or_future_matters(random_bars):
    bars = random_bars(300, 2)
    batch, stream = Profile(0.25, "traded").over(bars), Profile(0.25, "traded")
    rows = [stream.update(bars.bar(t)) for t in range(len(bars))]
    cut = Profile(0.25, "traded").over(bars.slice(0, 200))
    late = Profile(0.25, "traded").over(bars.slice(100, 300))
    for name, values in batch.items():
        np.testing.assert_array_equal([row[name] for row in rows], values)
        np.testing.assert_array_equal(cut[name], values[:200])
        np.testing.assert_array_equal(late[name][Profile.memory_bars :], values[148:])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.25, 5.0]))
def test_columns_stay_in_their_ranges(random_bars, seed, tick):
    found = Profile(tick, "traded").over(random_bars(120, seed, tick=tick))
    assert (np.abs(found["volume_profile_skew"]) <= 1.0).all()
    assert ((found["lvn_strength"] >= 0.0) & (found["lvn_strength"] <= 1.0)).all()
    assert (found["support_strength"] <= found["lvn_strength"]).all()
    assert np.array_equal(np.isnan(found["lvn_distance"]), found["lvn_side"] == 0.0) or tick > 0.0
