"""Planted leaks are caught, by column and cause; honest columns raise no alarm."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from clean_cases import CLEAN
from leak_cases import PLANTED, Indicator, slow_average
from leak_world import make_world

from grandmodel.evaluation.leaks import finding
from grandmodel.evaluation.leaks.audit import Subject, audit, training_path
from grandmodel.evaluation.leaks.columns import SAMPLE, Level
from grandmodel.evaluation.leaks.source import matrix_source
from grandmodel.features.config import FeatureConfig
from grandmodel.market.bars import resample
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.splits import Span

THOROUGH = Level(
    count=3, own_count=5, first=700, last=1400, start_bars=25_000, places=2, place_bars=1500,
    whole=True,
)  # fmt: skip
FIRST_BAD = {  # rows worked out by hand
    "centred_mean": 5,  # the first of eleven bars around it that are all there
    "range_of_the_bar_after": 0,
    "next_return": 0,
    "four_hours": 0,
    "z_of_all": 0,
    "shifted_back": 18,  # twenty bars back from two ahead
}


@pytest.fixture(scope="module")
def world():
    return make_world()


@pytest.mark.parametrize("make", PLANTED, ids=lambda make: make.__name__)
def test_a_planted_leak_is_caught_and_named_by_the_sample(make, world):
    (found,) = audit(world.subject("value", lambda: Indicator(make)), SAMPLE).findings
    assert (found.column, found.cause) == ("value", PLANTED[make])
    assert found.row == FIRST_BAD.get(make.__name__, found.row)
    stamp = world.dataset.paths[0].bars.open_time_ns[found.row]
    assert found.time == str(np.datetime64(int(stamp), "ns"))[:16].replace("T", " ") + " UTC"


def test_there_are_more_than_twenty_kinds_of_leak_and_fifty_clean_indicators():
    assert len(PLANTED) >= 20
    assert len(CLEAN) >= 50
    assert len(set(PLANTED.values())) >= 9


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_indicator_raises_no_alarm(name, world):
    subject = world.subject("value", lambda: deepcopy(CLEAN[name]))
    for level in (SAMPLE, THOROUGH):
        assert audit(subject, level).findings == ()


def test_a_memory_declared_too_short_is_an_alarm(world):
    subject = world.subject("value", lambda: Indicator(slow_average, 100))
    (found,) = audit(subject, SAMPLE).findings
    assert (found.column, found.cause) == ("value", finding.MEMORY)
    assert (
        audit(world.subject("value", lambda: Indicator(slow_average, 2200)), SAMPLE).findings == ()
    )


class Rare(Indicator):
    """Honest but for one bar in the sample: `update` shows where to cut."""

    def __init__(self):
        self.last = 0.0

    def over(self, bars):
        values = np.r_[0.0, np.diff(bars.close)] / 10.0
        values[977:978] = values[978:979] if len(values) > 978 else 0.0
        return {"rare": values}

    def update(self, bar):
        last, self.last = self.last or bar.close, bar.close
        return {"rare": (bar.close - last) / 10.0}


def test_a_single_bad_bar_is_found_where_update_disagrees(world):
    (found,) = audit(world.subject("rare", Rare), SAMPLE).findings
    assert found.column == "rare"
    assert found.row == 977


class Fails(Indicator):
    def over(self, bars):
        return {"value": np.zeros(len(bars)) + [0.0][len(bars) < 5000]}


def test_an_indicator_that_fails_on_fewer_bars_is_noted_and_not_raised(world):
    report = audit(world.subject("value", lambda: Fails(None)), SAMPLE)
    assert report.findings == ()
    assert "IndexError" in report.notes[0]


def test_the_shipped_columns_are_clean_and_a_changed_tape_is_not(world):
    source = matrix_source(FeatureConfig())
    subject = Subject(world.dataset, world.tape, [source])
    assert audit(subject, SAMPLE).findings == ()
    features = world.tape.features.clone()
    features[650, world.tape.columns.index("momentum_20")] += 1.0
    changed = replace(subject, tape=replace(world.tape, features=features))
    (found,) = audit(changed, SAMPLE).findings
    assert (found.column, found.cause, found.row) == ("momentum_20", finding.OTHER_TAPE, 650)
    silent = replace(changed, silent=("momentum_20",))
    assert audit(silent, SAMPLE).findings == ()


def test_a_column_that_the_data_bring_is_held_against_future_returns(world):
    opens = torch.from_numpy(world.dataset.paths[0].bars.open.copy())
    ahead = torch.zeros(len(opens))
    ahead[:-2] = (opens[2:] / opens[1:-1] - 1.0).float()
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(len(opens)))
    for values, causes in ((ahead, [finding.LABEL]), (noise, [])):
        tape = world.tape.with_column("brought", values)
        report = audit(Subject(world.dataset, tape, [matrix_source(FeatureConfig())]), SAMPLE)
        assert [item.cause for item in report.findings] == causes
        assert all(item.column == "brought" for item in report.findings)


def test_bars_must_hold_only_finer_bars_that_have_closed(world):
    bars = world.dataset.paths[0].bars
    fine = replace(
        bars, open_time_ns=bars.open_time_ns[0] + np.arange(len(bars)) * 300 * 10**9, minutes=5
    )
    right = resample(fine, 30)
    late = replace(fine, **{name: np.roll(getattr(fine, name), -1) for name in ("close",)},
                   high=np.maximum(fine.high, np.roll(fine.close, -1)),
                   low=np.minimum(fine.low, np.roll(fine.close, -1)))  # fmt: skip
    for path, causes in (
        (MarketPath(right, fine), []),
        (MarketPath(resample(late, 30), fine), [finding.UNCLOSED_BAR]),
    ):
        dataset = Dataset((path,), {})
        tape = replace(world.tape, columns=(), features=torch.zeros(len(right), 0))
        report = audit(Subject(dataset, tape, []), SAMPLE)
        assert [item.cause for item in report.findings] == causes


def test_training_may_know_the_purged_bars_and_no_more(world):
    assert training_path(world.dataset) == (0, world.dataset.splits["validation"][0].start)
    apart = replace(world.dataset, splits={"train": (Span(0, 600, 5000),)})
    assert training_path(apart) == (0, 5000)
    assert training_path(replace(world.dataset, splits={})) == (0, 5000)
