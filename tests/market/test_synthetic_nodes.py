"""World `nodes`: its levels, its bytes, and what its filter knows."""

import numpy as np
import pytest

from grandmodel.core.checks import UserError
from grandmodel.evaluation.filters import FILTERS
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.market.synthetic.nodes import VOLUME, draw_nodes, nodes_law
from grandmodel.market.synthetic.settings import NodesConfig

CONFIG = SyntheticConfig(world="nodes")


def expected_slowly(prices, law):
    """The drift after each bar, told from the page: levels, sides and the mean, one by one."""
    low, high, close = np.log(prices.low), np.log(prices.high), np.log(prices.close)
    size = len(law.shift)
    lowest = int(np.floor(low.min() / law.spacing)) - 3
    highest = int(np.ceil(high.max() / law.spacing)) + 3
    levels = np.array([(k + law.shift[k % size]) * law.spacing for k in range(lowest, highest)])
    below, above = np.full(len(levels), -(10**9)), np.full(len(levels), -(10**9))
    mean, out, thin = float(np.log(prices.open[0])), [], []
    for t in range(len(close)):
        mean += law.alpha * (close[t] - mean)
        near = (levels > low[t] - law.thin) & (levels < high[t] + law.thin)
        thin.append(near.any())
        if not near.any():
            above[levels < low[t]] = t
            below[levels > high[t]] = t
        k = int(np.argmin(np.abs(levels - close[t])))
        known = t - min(below[k], above[k]) < law.memory_bars
        works = known and abs(levels[k] - close[t]) < law.reach
        lean = float(np.clip((close[t] - mean) / law.width, -1, 1))
        out.append(-law.drift * lean if works else law.away * lean)
    return np.array(out), np.array(thin)


def test_drift_and_volume_are_those_of_the_page():
    drawn, law = draw_nodes(CONFIG, 4_000, "x"), nodes_law(CONFIG, "x")
    drift, thin = expected_slowly(drawn.prices, law)
    np.testing.assert_allclose(drawn.truth.drift_next, drift, atol=1e-12)
    expected = np.where(thin, law.thin_share * VOLUME, VOLUME)
    np.testing.assert_allclose(drawn.prices.volume, expected)
    assert 0.1 < thin.mean() < 0.6
    turning = np.abs(drift) > law.away * 1.001
    assert 0.1 < turning.mean() < 0.9


def test_returns_are_on_average_what_the_truth_says():
    config = SyntheticConfig(world="nodes", nodes=NodesConfig(drift_bp=6.0, away_bp=3.0))
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


def test_filter_is_the_truth_and_beats_blind_reversion():
    config = SyntheticConfig(
        world="nodes", train_bars=60_000, validation_paths=1, validation_bars=700, test_paths=1
    )
    dataset = make_dataset(config)
    path, truth = dataset.paths[0], dataset.truth[0]
    found = FILTERS["nodes"](path, truth)
    assert (np.abs(found - truth.drift_next) > 1e-9).mean() < 1e-3  # rounding at a level's edge
    ahead = (path.bars.close / path.bars.open)[1:] - 1.0
    close, law = np.log(path.bars.close), truth.law
    mean = np.empty(len(close))
    value = float(np.log(path.bars.open[0]))
    for t in range(len(close)):
        value += law.alpha * (close[t] - value)
        mean[t] = value
    gain = (np.sign(found[:-1]) * ahead).mean()
    blind = (np.sign(mean - close)[:-1] * ahead).mean()
    assert gain > 1.3 * abs(blind)
    assert gain > 4 * ahead.std() / np.sqrt(len(ahead))


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"drift_bp": -1.0}, "drift_bp"),
        ({"away_bp": -1.0}, "away_bp"),
        ({"spacing_bp": 0.0}, "spacing_bp"),
        ({"thin_share": 0.0}, "thin_share"),
        ({"jitter": 1.5}, "jitter"),
        ({"memory_bars": 0}, "memory_bars"),
        ({"mean_bars": 1.0}, "mean_bars"),
    ],
)
def test_impossible_settings_are_refused(settings, key):
    with pytest.raises(UserError, match=rf"data\.nodes\.{key}"):
        NodesConfig(**settings)
