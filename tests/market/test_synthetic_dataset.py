"""From configuration to dataset: paths, splits, calendar, leak."""

import numpy as np
import pytest

from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.synthetic.config import WORLD_NAMES, SyntheticConfig
from grandmodel.market.synthetic.dataset import leak_column, make_dataset, open_times, trailing_sd
from grandmodel.market.synthetic.worlds import WORLDS

SMALL = {
    "train_bars": 3_000,
    "validation_paths": 1,
    "validation_bars": 1_000,
    "test_paths": 2,
    "test_bars": 1_200,
}


def sees_nothing(*_):
    return 0


def test_paths_and_splits_are_those_asked_for():
    dataset = make_dataset(SyntheticConfig(**SMALL))
    assert [len(path.bars) for path in dataset.paths] == [3_000, 1_000, 1_200, 1_200]
    assert dataset.synthetic
    spans = {key: [(s.path, s.start, s.stop) for s in v] for key, v in dataset.splits.items()}
    assert spans == {
        "train": [(0, 600, 3_000)],
        "validation": [(1, 600, 1_000)],
        "test": [(2, 600, 1_200), (3, 600, 1_200)],
    }
    assert dataset.extra == {}
    assert len(dataset.truth) == 4
    assert len(dataset.truth[0].drift_next) == 3_000


def test_a_path_does_not_depend_on_the_other_paths():
    few = make_dataset(SyntheticConfig(**SMALL))
    more = make_dataset(SyntheticConfig(**{**SMALL, "train_bars": 5_000, "test_paths": 3}))
    for index in range(4):
        length = len(few.paths[index].bars)
        np.testing.assert_array_equal(
            few.paths[index].bars.close, more.paths[index].bars.close[:length]
        )


def test_fingerprints_repeat_and_tell_seeds_apart():
    prints = [
        make_dataset(SyntheticConfig(seed=seed, **SMALL)).paths[0].bars.fingerprint
        for seed in (0, 0, 1)
    ]
    assert prints[0] == prints[1] != prints[2]


def test_calendar_has_46_half_hours_on_weekdays_and_no_time_twice():
    dataset = make_dataset(SyntheticConfig(**SMALL))
    stamps = np.concatenate([path.bars.open_time_ns for path in dataset.paths])
    assert (np.diff(stamps) > 0).all()
    day = stamps // (24 * 60 * MINUTE_NS)
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
    assert weekday.max() == 4
    assert np.bincount(day - day[0]).max() == 46
    first = dataset.paths[1].bars.open_time_ns[0]
    assert (first // (24 * 60 * MINUTE_NS) + 3) % 7 == 0
    assert open_times(5, 1)[0] - open_times(0, 1)[0] == 7 * 24 * 60 * MINUTE_NS


def test_instrument_charges_the_fee_alone():
    instrument = make_dataset(SyntheticConfig(cost_bps=2.0, **SMALL)).paths[0].bars.instrument
    assert instrument.name == "planted"
    assert instrument.fee_bps == 2.0
    assert instrument.commission == 0.0
    assert instrument.half_spread_bps == instrument.slippage_bps == 0.0
    assert instrument.edge == "carry"
    assert not instrument.long_only


def test_trailing_sd_by_hand():
    close = np.array([100.0, 110.0, 99.0])
    first = 0.1**2
    second = first + 0.06 * (0.1**2 - first)
    np.testing.assert_allclose(trailing_sd(close, 0.06), [0.0, 0.1, np.sqrt(second)])


def test_leak_is_what_the_position_decided_now_will_earn():
    close = np.array([100.0, 101.0, 100.0, 102.0, 103.0])
    opens = np.array([99.0, 100.5, 101.5, 100.5, 101.0])
    sd = trailing_sd(close, 0.06)
    leak = leak_column(opens, close)
    assert leak[0] == 0.0
    assert leak[1] == pytest.approx((100.5 / 101.5 - 1) / sd[1])
    assert leak[2] == pytest.approx((101.0 / 100.5 - 1) / sd[2])
    assert leak[3] == leak[4] == 0.0


def test_leak_column_travels_with_the_dataset():
    dataset = make_dataset(SyntheticConfig(leak="all", **SMALL))
    assert [len(column) for column in dataset.extra["leak"]] == [3_000, 1_000, 1_200, 1_200]
    close = dataset.paths[2].bars.close
    ahead = close[1:-1] / close[:-2] - 1
    leak = dataset.extra["leak"][2]
    assert np.corrcoef(leak[:-2], ahead)[0, 1] > 0.8
    plain = make_dataset(SyntheticConfig(**SMALL))
    assert plain.paths[2].bars.fingerprint == dataset.paths[2].bars.fingerprint


def test_every_world_has_a_name_and_every_name_a_world():
    assert set(WORLDS) == set(WORLD_NAMES)
    for name in WORLD_NAMES:
        dataset = make_dataset(SyntheticConfig(world=name, **SMALL), lambda: sees_nothing)
        assert {truth.world for truth in dataset.truth} == {name}
        for path, truth in zip(dataset.paths, dataset.truth, strict=True):
            assert path.bars.minutes == (WORLDS[name].minutes or 30)
            assert len(truth.drift_next) == len(path.bars)
            np.testing.assert_array_equal(path.bars.open[1:], path.bars.close[:-1])


def test_worlds_without_a_clock_of_their_own_take_the_one_that_is_asked_for():
    sizes = {"train_bars": 900, "validation_bars": 700, "test_bars": 700, "warmup_bars": 100}
    for world, minutes in (("random_walk", 5), ("gbm", 5), ("regimes", 30)):
        dataset = make_dataset(SyntheticConfig(world=world, **sizes), minutes=5)
        assert dataset.minutes == minutes
        steps = np.diff(dataset.paths[0].bars.open_time_ns)
        assert steps.min() == minutes * 60_000_000_000
