"""World synergies: what a watch says moves the bars after, and nothing else does."""

import numpy as np
import pytest

from grandmodel.core.clock import MINUTE_NS
from grandmodel.features.build import build_tape
from grandmodel.features.config import FeatureConfig
from grandmodel.features.watch import SynergyWatch
from grandmodel.market.bars import resample
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.market.synthetic.effect_config import SynergyWorldConfig
from grandmodel.market.synthetic.law import BP
from grandmodel.market.synthetic.synergies import (
    SynergyLaw,
    draw_synergy_world,
    drift_left,
    recent_synergies,
)

EFFECT = SynergyWorldConfig(drift_bp=5.0, bars=3)


def config_of(train_bars=1_000, **settings):
    sizes = {"validation_paths": 1, "validation_bars": 700, "test_paths": 1, "test_bars": 700}
    return SyntheticConfig(world="synergies", train_bars=train_bars, **sizes, **settings)


def script(directions):
    """A watch that says what it is told, and keeps what it is shown."""
    seen = []

    def watch(open_time_ns, opens, high, low, close):
        seen.append((open_time_ns, opens.copy(), high.copy(), low.copy(), close.copy()))
        return directions.get(len(seen) - 1, 0)

    watch.seen = seen
    return watch


def draw(directions, bars=60, config=None):
    return draw_synergy_world(
        config or config_of(synergies=EFFECT), bars, "train/0", script(directions)
    )


def test_drift_begins_after_the_bar_that_shows_it_and_adds_up():
    told = draw({0: 1, 10: 1, 12: 1, 30: -1})
    active = np.zeros(60)
    active[[1, 2, 3]] = 1.0
    active[[11, 12]] = 1.0
    active[13] = 2.0
    active[[14, 15]] = 1.0
    active[[31, 32, 33]] = -1.0
    np.testing.assert_allclose(told.truth.drift_next[:-1], 5.0 * BP * active[1:], atol=1e-15)
    np.testing.assert_array_equal(told.extra["recent_synergies"][:-1], active[1:])
    moved = np.log(told.prices.close / draw({}).prices.close)
    np.testing.assert_allclose(moved, np.cumsum(6 * np.log1p(5.0 * BP * active / 6)), atol=1e-12)


def test_what_is_left_falls_to_nothing():
    law = SynergyLaw(2.0, 3, 1.0)
    direction = np.array([0, 1, 0, 0, 0, -1, 1, 0, 0], np.int8)
    assert drift_left(direction, law).tolist() == [0, 6, 4, 2, 0, -6, 2, 2, 2]
    assert recent_synergies(direction, 3).tolist() == [0, 1, 1, 1, 0, -1, 0, 0, 1]


def test_the_watch_sees_each_bar_as_it_closes_on_the_timetable():
    watch = script({})
    drawn = draw_synergy_world(config_of(), 240, "train/0", watch)
    times = np.array([row[0] for row in watch.seen])
    bars = make_dataset(config_of(), lambda: script({})).paths[0].bars
    np.testing.assert_array_equal(times, bars.open_time_ns[:240])
    assert (np.diff(times) > 30 * MINUTE_NS).sum() == 5  # four nights and a weekend
    np.testing.assert_array_equal(
        np.concatenate([row[4] for row in watch.seen]), drawn.finest.close
    )


def test_finer_bars_add_up_to_those_that_are_decided_on():
    path = make_dataset(config_of(), lambda: script({})).paths[0]
    joined = resample(path.finest, 30)
    assert path.finest.minutes == 5
    for name in ("open_time_ns", "open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(path.bars, name), name)
    assert path.bars.open[0] == 100.0
    np.testing.assert_array_equal(path.finest.open[1:], path.finest.close[:-1])


def test_moves_as_much_as_the_law_says():
    drawn = draw({}, bars=20_000)
    returns = np.log(drawn.prices.close / drawn.prices.open)
    assert returns.std() == pytest.approx(11.0 * BP, rel=0.02)
    assert abs(returns.mean() + 0.5 * (11.0 * BP) ** 2) < 4 * 11.0 * BP / np.sqrt(20_000)


def test_a_longer_path_begins_like_a_shorter_one():
    short, long = draw({5: 1}, bars=8_200), draw({5: 1}, bars=8_500)
    np.testing.assert_array_equal(short.prices.close, long.prices.close[:8_200])


def test_without_a_watch_there_is_no_such_world():
    with pytest.raises(ValueError, match="watch"):
        make_dataset(config_of())


def test_every_planted_synergy_is_found_again_and_no_other():
    config = config_of(12_000, synergies=SynergyWorldConfig(drift_bp=1.5))
    dataset = make_dataset(config, SynergyWatch)
    planted = np.concatenate([truth.hidden["synergy"] for truth in dataset.truth])
    tape = build_tape(dataset, FeatureConfig(), workers=1)
    assert (planted != 0).sum() > 20
    np.testing.assert_array_equal(tape.column("synergy_direction").numpy(), planted)
    recent = tape.column("recent_synergies").numpy()
    drift = np.concatenate([truth.drift_next for truth in dataset.truth])
    np.testing.assert_allclose(drift, 1.5 * BP * recent)
