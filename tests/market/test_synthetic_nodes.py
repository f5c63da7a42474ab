"""World `nodes`: its levels, its bytes, and what its filter knows."""

import numpy as np
import pytest

from grandmodel.core.checks import UserError
from grandmodel.evaluation.references.filters import FILTERS
from grandmodel.features.arrays import bar_arrays
from grandmodel.features.profile import Profile
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.market.synthetic.nodes import VOLUME, draw_nodes, nodes_law
from grandmodel.market.synthetic.settings import NodesConfig

CONFIG = SyntheticConfig(world="nodes")


def expected_slowly(prices, law):
    """The drift after each bar, told from the page: levels, their sides and which work, in turn."""
    low, high, close = np.log(prices.low), np.log(prices.high), np.log(prices.close)
    size = len(law.shift)
    lowest = int(np.floor(low.min() / law.spacing)) - 3
    highest = int(np.ceil(high.max() / law.spacing)) + 3
    levels = np.array([(k + law.shift[k % size]) * law.spacing for k in range(lowest, highest)])
    below, above = np.full(len(levels), -(10**9)), np.full(len(levels), -(10**9))
    out, thin = [], []
    for t in range(len(close)):
        near = (levels > low[t] - law.thin) & (levels < high[t] + law.thin)
        thin.append(near.any())
        if not near.any():
            above[levels < low[t]] = t
            below[levels > high[t]] = t
        works = t - np.minimum(below, above) < law.memory_bars
        middle = int(np.floor(close[t] / law.spacing + 0.5)) - lowest
        works[: middle - 1] = works[middle + 2 :] = False
        if not works.any():
            out.append(0.0)
            continue
        level = min(levels[works], key=lambda one: abs(one - close[t]))
        push = law.drift if abs(close[t] - level) < law.reach else -law.back
        out.append(push if close[t] >= level else -push)
    return np.array(out), np.array(thin)


def test_drift_and_volume_are_those_of_the_page():
    drawn, law = draw_nodes(CONFIG, 4_000, "x"), nodes_law(CONFIG, "x")
    drift, thin = expected_slowly(drawn.prices, law)
    np.testing.assert_allclose(drawn.truth.drift_next, drift, atol=1e-12)
    ranges = np.log(drawn.prices.high) - np.log(drawn.prices.low)
    expected = np.where(thin, law.thin_share, 1.0) * VOLUME * (ranges / law.sd) ** 2
    np.testing.assert_allclose(drawn.prices.volume, expected, rtol=1e-6)
    assert 0.1 < thin.mean() < 0.6
    for push in (law.drift, law.back, 0.0):
        assert 0.1 < np.isclose(np.abs(drift), push).mean() < 0.6


def test_the_profile_sees_on_which_side_the_level_lies():
    config = SyntheticConfig(
        world="nodes", train_bars=20_000, validation_bars=700, test_bars=700, test_paths=1
    )
    dataset = make_dataset(config)
    side = Profile(0.0, "traded").over(bar_arrays(dataset.paths[0].bars))["lvn_side"]
    drift = dataset.truth[0].drift_next
    pushed = np.isclose(np.abs(drift), dataset.truth[0].law.drift)
    assert (side == -np.sign(drift))[pushed].mean() > 0.85


def test_pull_from_farther_off_leaves_momentum_little_to_tell():
    told = {}
    for back in (0.0, CONFIG.nodes.back_bp):
        config = SyntheticConfig(world="nodes", nodes=NodesConfig(back_bp=back))
        drawn = draw_nodes(config, 200_000, "x")
        close = np.log(drawn.prices.close)
        told[back] = np.corrcoef(close[50:] - close[:-50], drawn.truth.drift_next[50:])[0, 1]
    assert told[0.0] > 0.2
    assert told[CONFIG.nodes.back_bp] < 0.6 * told[0.0]


def test_returns_are_on_average_what_the_truth_says():
    config = SyntheticConfig(world="nodes", nodes=NodesConfig(drift_bp=4.0, back_bp=1.5))
    drawn = draw_nodes(config, 200_000, "x")
    ahead = (drawn.prices.close / drawn.prices.open)[1:] - 1.0
    drift = drawn.truth.drift_next[:-1]
    slope = (ahead * drift).sum() / (drift**2).sum()
    error = ahead.std() / np.sqrt((drift**2).sum())
    assert abs(slope - 1.0) < 4 * error
    assert error < 0.02
    assert (ahead - drift).std() == pytest.approx(11e-4, rel=0.01)


def test_longer_path_begins_like_a_shorter_one_and_repeats_itself():
    short, again, long = (draw_nodes(CONFIG, bars, "x") for bars in (9_000, 9_000, 20_000))
    for name in ("open", "high", "low", "close", "volume"):
        one = getattr(short.prices, name)
        assert one.tobytes() == getattr(again.prices, name).tobytes()
        np.testing.assert_array_equal(one, getattr(long.prices, name)[:9_000], name)
    np.testing.assert_array_equal(short.truth.drift_next, long.truth.drift_next[:9_000])


def test_each_path_has_levels_of_its_own():
    one, other = nodes_law(CONFIG, "nodes/train/0"), nodes_law(CONFIG, "nodes/test/0")
    assert not np.array_equal(one.shift, other.shift)
    assert np.abs(one.shift).max() <= CONFIG.nodes.jitter / 2


def test_bars_are_honest():
    prices = draw_nodes(CONFIG, 5_000, "x").prices
    np.testing.assert_array_equal(prices.open[1:], prices.close[:-1])
    assert (prices.high >= np.maximum(prices.open, prices.close)).all()
    assert (prices.low <= np.minimum(prices.open, prices.close)).all()


def test_filter_is_the_truth_and_earns():
    config = SyntheticConfig(
        world="nodes", train_bars=60_000, validation_paths=1, validation_bars=700, test_paths=1
    )
    dataset = make_dataset(config)
    path, truth = dataset.paths[0], dataset.truth[0]
    found = FILTERS["nodes"](path, truth)
    assert (np.abs(found - truth.drift_next) > 1e-9).mean() < 1e-3  # rounding at a level's edge
    ahead = (path.bars.close / path.bars.open)[1:] - 1.0
    gain = (np.sign(found[:-1]) * ahead).mean()
    assert gain > 4 * ahead.std() / np.sqrt(len(ahead))


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"drift_bp": -1.0}, "drift_bp"),
        ({"back_bp": -1.0}, "back_bp"),
        ({"spacing_bp": 0.0}, "spacing_bp"),
        ({"thin_share": 0.0}, "thin_share"),
        ({"jitter": 1.5}, "jitter"),
        ({"memory_bars": 0}, "memory_bars"),
    ],
)
def test_impossible_settings_are_refused(settings, key):
    with pytest.raises(UserError, match=rf"data\.nodes\.{key}"):
        NodesConfig(**settings)
