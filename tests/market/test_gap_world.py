"""World gaps: its gaps are those of the features, and its drift is theirs."""

from dataclasses import replace

import numpy as np
import pytest

from grandmodel.core.clock import DAY_NS
from grandmodel.features.arrays import bar_arrays, path_arrays
from grandmodel.features.config import FeatureConfig
from grandmodel.features.gaps import TOUCHED, Gaps
from grandmodel.features.matrix import compute
from grandmodel.market.calendar import session_table
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.market.synthetic.effect_config import GapWorldConfig
from grandmodel.market.synthetic.gaps import draw_gap_world, law_of_gaps
from grandmodel.market.synthetic.law import BP

BARS = 9_000


@pytest.fixture(scope="module")
def dataset():
    return make_dataset(
        SyntheticConfig(
            world="gaps", train_bars=BARS, validation_bars=700, test_paths=1, test_bars=700
        )
    )


@pytest.fixture(scope="module")
def found(dataset):
    """Columns and events that the features see on the drawn bars."""
    bars = dataset.paths[0].bars
    columns, events = Gaps(0.0).with_events(bar_arrays(bars))
    return columns, events, bars.close_time_ns


def test_bars_are_decided_on_every_five_minutes(dataset):
    assert dataset.minutes == 5
    bars = dataset.paths[0].bars
    assert bars.open[0] == 100.0
    np.testing.assert_array_equal(bars.open[1:], bars.close[:-1])
    day = (bars.open_time_ns - bars.open_time_ns[0]) // DAY_NS
    assert np.bincount(day).max() == 276


def test_gaps_are_those_of_the_features_event_by_event(dataset, found):
    _, events, closes = found
    ours = dataset.truth[0].hidden["events"]
    kept = events.event != TOUCHED
    assert len(ours) > 1_000
    np.testing.assert_array_equal(closes[ours[:, 0].astype(int)], events.time_ns[kept])
    np.testing.assert_array_equal(ours[:, 1], events.event[kept])
    np.testing.assert_array_equal(ours[:, 2], events.direction[kept])
    np.testing.assert_array_equal(ours[:, 3], events.size[kept])


def test_the_nearest_gap_is_that_of_the_features(dataset, found):
    columns, _, _ = found
    hidden = dataset.truth[0].hidden
    near = hidden["nearest"]
    active = np.maximum(columns["fvg_bullish_active"], columns["fvg_bearish_active"]) > 0
    np.testing.assert_array_equal(near >= 0, active)
    age = np.arange(BARS)[active] - hidden["birth"][near[active]]
    np.testing.assert_array_equal(age, columns["fvg_age"][active])


def test_price_is_drawn_to_the_nearest_gap_that_draws_and_to_no_other(dataset):
    truth, bars = dataset.truth[0], dataset.paths[0].bars
    near, hidden = truth.hidden["nearest"], truth.hidden
    drawing = (near >= 0) & np.append(hidden["draws"], False)[near]
    side = -np.append(hidden["direction"], 0)[near]
    np.testing.assert_allclose(truth.drift_next, np.where(drawing, 2.0 * BP * side, 0.0))
    towards = side[:-1] * (bars.close[1:] / bars.open[1:] - 1.0)
    error = 11.0 * BP / np.sqrt(drawing[:-1].sum())
    assert abs(towards[drawing[:-1]].mean() - 2.0 * BP) < 4 * error
    idle = (near >= 0)[:-1] & ~drawing[:-1]
    assert abs(towards[idle].mean()) < 4 * 11.0 * BP / np.sqrt(idle.sum())


def test_synergies_come_with_the_birth_of_gaps_and_mostly_tell_the_truth(dataset):
    hidden, shown = dataset.truth[0].hidden, dataset.paths[0].synergies
    told = hidden["told"]
    closes = dataset.paths[0].bars.close_time_ns
    np.testing.assert_array_equal(shown.time_ns, closes[hidden["birth"][told]])
    np.testing.assert_array_equal(shown.direction, -hidden["direction"][told])
    assert (told == hidden["draws"]).mean() == pytest.approx(0.8, abs=0.04)
    assert hidden["draws"].mean() == pytest.approx(0.7, abs=0.04)
    law = law_of_gaps(SyntheticConfig())
    assert law.belief == pytest.approx((0.14 / 0.38, 0.56 / 0.62))
    assert set(shown.confidence) == {law.belief[1]}
    assert set(shown.type) == {1, 2, 3, 4}


def test_features_take_the_synergies_that_a_market_brings(dataset):
    path = dataset.paths[0]
    found = next(iter(compute([path_arrays(path, session_table(path.bars))], FeatureConfig())))
    assert len(found.synergies) == len(path.synergies.time_ns)
    rows = np.flatnonzero(found.scaled["synergy_direction"])
    np.testing.assert_array_equal(path.bars.close_time_ns[rows], path.synergies.time_ns)
    np.testing.assert_array_equal(found.scaled["synergy_direction"][rows], path.synergies.direction)
    without = replace(dataset, paths=(replace(path, synergies=None),))
    assert without.inputs_fingerprint != replace(dataset, paths=(path,)).inputs_fingerprint
    assert without.bars_fingerprint == replace(dataset, paths=(path,)).bars_fingerprint


def test_a_longer_path_begins_like_a_shorter_one():
    config = SyntheticConfig(world="gaps")
    short, long = (draw_gap_world(config, bars, "train/0") for bars in (8_300, 9_000))
    np.testing.assert_array_equal(short.prices.close, long.prices.close[:8_300])
    np.testing.assert_array_equal(short.truth.drift_next, long.truth.drift_next[:8_300])
    for name in ("bar", "type", "direction", "confidence"):
        values = getattr(short.shown, name)
        np.testing.assert_array_equal(values, getattr(long.shown, name)[: len(values)])


def test_without_drift_it_is_the_same_walk_without_it():
    still = SyntheticConfig(world="gaps", gaps=GapWorldConfig(drift_bp=0.0))
    drawn = draw_gap_world(still, 5_000, "train/0")
    returns = np.log(drawn.prices.close / drawn.prices.open)
    assert not drawn.truth.drift_next.any()
    assert returns.std() == pytest.approx(11.0 * BP, rel=0.05)
