"""World `flips`: its law, its bytes, and what its filter knows."""

from dataclasses import replace

import numpy as np
import pytest

from grandmodel.core.checks import UserError
from grandmodel.evaluation.references.filters import FILTERS
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.market.synthetic.flips import (
    CONFIRMED,
    UNCONFIRMED,
    draw_flips,
    draw_kinds,
    flips_law,
    sign_of,
)
from grandmodel.market.synthetic.settings import FlipsConfig

CONFIG = SyntheticConfig(world="flips", flips=FlipsConfig(drift_bp=6.0))
BARS = 60_000


def log_returns(prices):
    return np.log(prices.close / prices.open)


def momentum_of(prices, law):
    """The momentum and what of it counts, written out."""
    found, momentum = [], 0.0
    for value in log_returns(prices):
        momentum = (1 - law.alpha) * momentum + law.alpha * value
        found.append(momentum)
    return np.clip(np.array(found) / law.width, -1, 1)


def test_drift_is_the_momentum_with_the_sign_of_the_regime():
    drawn, law = draw_flips(CONFIG, 3_000, "x"), flips_law(CONFIG)
    lean = momentum_of(drawn.prices, law)
    regime = draw_kinds(law, 3_001, CONFIG.seed, "x")
    np.testing.assert_array_equal(drawn.truth.regime, regime[:-1])
    expected = law.drift * lean * np.where(regime[1:] == CONFIRMED, 1, -1)
    np.testing.assert_allclose(drawn.truth.drift_next, expected, atol=1e-15)


def test_returns_are_on_average_what_the_truth_says():
    drawn = draw_flips(CONFIG, 200_000, "x")
    ahead = (drawn.prices.close / drawn.prices.open)[1:] - 1.0
    drift = drawn.truth.drift_next[:-1]
    slope = (ahead * drift).sum() / (drift**2).sum()
    error = ahead.std() / np.sqrt((drift**2).sum())
    assert abs(slope - 1.0) < 4 * error
    assert error < 0.02
    assert (ahead - drift).std() == pytest.approx(11e-4, rel=0.01)


def test_regimes_stay_as_long_as_the_law_says():
    law = flips_law(
        SyntheticConfig(flips=FlipsConfig(confirmed_bars=300.0, unconfirmed_bars=100.0))
    )
    regime = draw_kinds(law, 1_000_000, 0, "stays")
    assert (regime == UNCONFIRMED).mean() == pytest.approx(0.25, abs=0.01)
    assert law.first_unconfirmed == pytest.approx(0.25)
    leaves = np.diff(regime) != 0
    assert leaves[regime[:-1] == UNCONFIRMED].mean() == pytest.approx(0.01, rel=0.05)


def test_volume_swells_where_momentum_goes_on_and_dries_up_where_it_turns():
    drawn, law = draw_flips(CONFIG, BARS, "x"), flips_law(CONFIG)
    lean = np.abs(momentum_of(drawn.prices, law))[:-1]
    sign = sign_of(drawn.truth.regime)[1:]
    left = np.log(drawn.prices.volume[1:] / 1_000.0) - law.swell * sign * lean
    assert abs(left.mean()) < 0.01
    assert left.std() == pytest.approx(law.noise, rel=0.02)


def test_longer_path_begins_like_a_shorter_one_and_repeats_itself():
    short, again, long = (draw_flips(CONFIG, bars, "x") for bars in (9_000, 9_000, 20_000))
    for name in ("open", "high", "low", "close", "volume"):
        one = getattr(short.prices, name)
        assert one.tobytes() == getattr(again.prices, name).tobytes()
        np.testing.assert_array_equal(one, getattr(long.prices, name)[:9_000], name)
    np.testing.assert_array_equal(short.truth.drift_next, long.truth.drift_next[:9_000])
    assert not np.array_equal(draw_flips(CONFIG, 100, "y").prices.close, short.prices.close[:100])


def test_bars_are_honest():
    prices = draw_flips(CONFIG, 5_000, "x").prices
    np.testing.assert_array_equal(prices.open[1:], prices.close[:-1])
    assert (prices.high >= np.maximum(prices.open, prices.close)).all()
    assert (prices.low <= np.minimum(prices.open, prices.close)).all()


def test_filter_follows_the_truth_sees_no_future_and_beats_blind_momentum():
    dataset = make_dataset(
        SyntheticConfig(
            world="flips", train_bars=BARS, validation_paths=1, validation_bars=700, test_paths=1
        )
    )
    path, truth = dataset.paths[0], dataset.truth[0]
    found = FILTERS["flips"](path, truth)
    ahead = (path.bars.close / path.bars.open)[1:] - 1.0
    assert np.corrcoef(found, truth.drift_next)[0, 1] > 0.95
    blind = momentum_of(path.bars, truth.law)[:-1]
    gain = (np.sign(found[:-1]) * ahead).mean()
    assert gain > 3 * abs((np.sign(blind) * ahead).mean())
    assert gain > 4 * ahead.std() / np.sqrt(len(ahead))


def test_the_filter_goes_on_after_bars_without_volume():
    dataset = make_dataset(
        SyntheticConfig(
            world="flips", train_bars=3_000, validation_paths=1, validation_bars=700, test_paths=1
        )
    )
    path, truth = dataset.paths[0], dataset.truth[0]
    volume = path.bars.volume.copy()
    volume[1_000:1_010] = 0.0
    found = FILTERS["flips"](replace(path, bars=replace(path.bars, volume=volume)), truth)
    usual = FILTERS["flips"](path, truth)
    np.testing.assert_array_equal(found[:1_000], usual[:1_000])
    np.testing.assert_allclose(found[2_000:], usual[2_000:], atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"drift_bp": -1.0}, "drift_bp"),
        ({"momentum_bars": 1.0}, "momentum_bars"),
        ({"unconfirmed_bars": 0.0}, "unconfirmed_bars"),
        ({"swell": 0.0}, "swell"),
        ({"volume_noise": 0.0}, "volume_noise"),
    ],
)
def test_impossible_settings_are_refused(settings, key):
    with pytest.raises(UserError, match=rf"data\.flips\.{key}"):
        FlipsConfig(**settings)
