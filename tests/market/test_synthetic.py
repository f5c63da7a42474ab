"""Planted worlds: their law, their bytes, their prices."""

import numpy as np
import pytest

from grandmodel.core.checks import UserError
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.law import BP, drift_of_half_cost, law_of
from grandmodel.market.synthetic.path import draw_path, draw_regimes
from grandmodel.market.synthetic.texture import BARS_PER_DAY, Texture

BARS = 60_000


def path_of(world="regimes", bars=BARS, seed=0, name="train/0", **settings):
    config = SyntheticConfig(world=world, **settings)
    texture = Texture() if world == "textured" else None
    return draw_path(law_of(config), bars, seed, name, start_price=100.0, texture=texture)


def simple_returns(path):
    return path.close / path.open - 1.0


def test_same_seed_and_name_give_the_same_bytes_and_others_do_not():
    first, again = path_of(bars=2_000), path_of(bars=2_000)
    assert first.close.tobytes() == again.close.tobytes()
    assert first.regime.tobytes() == again.regime.tobytes()
    for other in (path_of(bars=2_000, seed=1), path_of(bars=2_000, name="test/0")):
        assert not np.array_equal(first.close, other.close)


@pytest.mark.parametrize("world", ["regimes", "textured", "random_walk"])
def test_longer_path_begins_like_a_shorter_one(world):
    short, long = path_of(world, bars=9_000), path_of(world, bars=20_000)
    for name in ("open", "high", "low", "close", "volume", "regime", "drift_next"):
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[:9_000], name)


def test_prices_are_honest_bars():
    path = path_of(bars=5_000)
    np.testing.assert_array_equal(path.open[1:], path.close[:-1])
    assert path.open[0] == 100.0
    assert (path.high >= np.maximum(path.open, path.close)).all()
    assert (path.low <= np.minimum(path.open, path.close)).all()
    assert (path.low > 0).all()
    assert (path.volume == path.volume[0]).all()


def test_range_is_that_of_thirty_sub_steps():
    # E[max - min] of a driftless walk of n normal steps is sum_k sqrt(2 / (pi k)) sd_step
    path = path_of("random_walk")
    spread = np.log(path.high / path.low).mean()
    expected = 11.0 * BP / np.sqrt(30) * np.sqrt(2 / np.pi) * (np.arange(1, 31) ** -0.5).sum()
    assert spread == pytest.approx(expected, rel=0.01)


def test_each_regime_moves_as_the_law_says():
    path = path_of(bars=400_000)
    law = law_of(SyntheticConfig())
    np.testing.assert_allclose(law.drift / BP, [1.5, -1.5, 0.0, 0.0])
    np.testing.assert_allclose(law.sd / BP, [11.0, 11.0, 8.8, 22.0])
    returns = simple_returns(path)
    for regime in range(4):
        own = returns[path.regime == regime]
        error = law.sd[regime] / np.sqrt(len(own))
        assert abs(own.mean() - law.drift[regime]) < 4 * error
        assert own.std() == pytest.approx(law.sd[regime], rel=0.01)


def test_truth_is_the_drift_of_the_next_bar():
    path = path_of(bars=3_000)
    law = law_of(SyntheticConfig())
    np.testing.assert_array_equal(path.drift_next[:-1], law.drift[path.regime[1:]])


def test_stays_are_geometric_and_leave_for_any_other_regime():
    regime = draw_regimes(law_of(SyntheticConfig()), 1_000_000, 3, "stays")
    changes = np.flatnonzero(np.diff(regime))
    stays = np.diff(changes)
    assert stays.mean() == pytest.approx(200.0, rel=0.05)
    assert stays.std() == pytest.approx(200.0, rel=0.07)
    step = (regime[changes + 1] - regime[changes]) % 4
    shares = np.bincount(step, minlength=4) / len(step)
    np.testing.assert_allclose(shares, [0, 1 / 3, 1 / 3, 1 / 3], atol=0.03)


def test_transition_rows_are_probabilities():
    table = law_of(SyntheticConfig()).transition
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.diag(table), 0.995)
    assert law_of(SyntheticConfig(world="random_walk")).transition.tolist() == [[1.0]]


def test_half_cost_earns_half_a_round_trip_over_a_mean_stay():
    config = SyntheticConfig(world="half_cost")
    drift = law_of(config).drift[0]
    assert drift * 200 == pytest.approx(0.5 * 2 * 1.0 * BP)
    assert drift == pytest.approx(0.005 * BP)
    assert drift_of_half_cost(SyntheticConfig(edge_share=1.0)) == pytest.approx(2 * drift)


def test_half_cost_pays_nobody_not_even_who_knows_the_regime():
    # value iteration over (regime, position) with the true transition: staying flat is best
    config = SyntheticConfig(world="half_cost")
    law, cost = law_of(config), config.cost_bps * BP
    value = np.zeros((4, 3))
    positions = np.arange(-1, 2)
    for _ in range(20_000):
        ahead = law.transition @ value  # entered now, held over the next bar
        worth = (
            (law.transition @ law.drift)[:, None, None] * positions[None, None, :]
            - cost * np.abs(positions[None, None, :] - positions[None, :, None])
            + ahead[:, None, :]
        )
        value = worth.max(axis=2) * (1.0 - 1e-5)
    assert value[:, 1].max() <= 1e-12
    law = law_of(SyntheticConfig())
    assert law.drift[0] * 200 > 2 * cost


def test_prices_without_drift_are_a_martingale():
    law = law_of(SyntheticConfig(world="random_walk", sd_bp=300.0))
    assert np.exp(law.log_mean[0] + law.sd[0] ** 2 / 2) == pytest.approx(1.0, abs=1e-15)
    returns = simple_returns(path_of("random_walk", bars=400_000, sd_bp=300.0))
    assert abs(returns.mean()) < 3 * returns.std() / np.sqrt(len(returns))


def test_textured_world_clusters_breathes_and_trades():
    path, texture = path_of("textured"), Texture()
    size = np.abs(simple_returns(path))
    days = size[: len(size) // BARS_PER_DAY * BARS_PER_DAY].reshape(-1, BARS_PER_DAY)
    daily = days.mean(axis=1)
    assert np.corrcoef(daily[:-1], daily[1:])[0, 1] > 0.4
    plain = np.abs(simple_returns(path_of(bars=BARS)))
    plain = plain[: days.size].reshape(-1, BARS_PER_DAY).mean(axis=0)
    assert np.corrcoef(days.mean(axis=0), texture.day_shape())[0, 1] > 0.95
    assert days.mean(axis=0).std() > 5 * plain.std()
    assert np.corrcoef(np.log(path.volume), np.log(path.high / path.low))[0, 1] > 0.4
    assert (path.volume >= 1).all()
    assert np.mean(path.sd_factor**2) == pytest.approx(1.0, rel=0.15)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"world": "sunny"}, "data.world"),
        ({"leak": ""}, "data.leak"),
        ({"train_bars": 600}, "data.train_bars"),
        ({"test_paths": 0}, "data.test_paths"),
        ({"train_bars": 3_000_000}, "data asks for"),
        ({"sd_bp": 0.0}, "data.sd_bp"),
        ({"mean_duration_bars": 1.0}, "data.mean_duration_bars"),
        ({"cost_bps": -1.0}, "data.cost_bps"),
        ({"warmup_bars": 47}, "data.warmup_bars"),
    ],
)
def test_impossible_settings_are_refused_by_name(settings, key):
    with pytest.raises(UserError, match=key.replace(".", r"\.")):
        SyntheticConfig(**settings)
