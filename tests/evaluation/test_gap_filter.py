"""The filter of world gaps, and scripted accounts on its five-minute tape."""

from dataclasses import replace

import numpy as np
import pytest
from torch import set_num_threads

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.measures.metrics import measure
from grandmodel.evaluation.references.gap_filter import gap_filter
from grandmodel.evaluation.references.tuned import ReferenceDesk, filter_signal
from grandmodel.features.build import build_tape
from grandmodel.features.config import FeatureConfig
from grandmodel.market.bars import Bars
from grandmodel.market.dataset import MarketPath
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset

SIZES = {"train_bars": 8_000, "validation_bars": 700, "test_paths": 1, "test_bars": 6_000}


@pytest.fixture(scope="module")
def dataset():
    set_num_threads(1)
    return make_dataset(SyntheticConfig(world="gaps", validation_paths=1, **SIZES))


def density(value, mean, sd):
    return np.exp(-0.5 * ((value - mean) / sd) ** 2)


def test_filter_equals_bayes_written_out(dataset):
    path, truth = dataset.paths[1], dataset.truth[1]
    law, hidden = truth.law, truth.hidden
    belief = {}
    expected = []
    for t, value in enumerate(np.log(path.bars.close / path.bars.open)):
        before = hidden["nearest"][t - 1] if t else -1
        if before >= 0:
            drift = -law.drift * hidden["direction"][before]
            still = -0.5 * law.sd**2
            drawn = belief[before] * density(value, np.log1p(drift) + still, law.sd)
            belief[before] = drawn / (drawn + (1 - belief[before]) * density(value, still, law.sd))
        for gap in np.flatnonzero(hidden["birth"] == t):
            belief[gap] = law.belief[int(hidden["told"][gap])]
        now = hidden["nearest"][t]
        expected.append(0.0 if now < 0 else -law.drift * hidden["direction"][now] * belief[now])
    np.testing.assert_allclose(gap_filter(path, truth), expected, atol=1e-15)


def test_filter_reads_no_state_and_sees_no_future(dataset):
    path, truth = dataset.paths[0], dataset.truth[0]
    found = gap_filter(path, truth)
    blind = replace(truth, hidden={**truth.hidden, "draws": ~truth.hidden["draws"]})
    np.testing.assert_array_equal(found, gap_filter(path, blind))
    close = path.bars.close.copy()
    close[5_000:] *= 1.001
    moved = MarketPath(bars_with(path.bars, close))
    other = gap_filter(moved, truth)
    np.testing.assert_array_equal(found[:5_000], other[:5_000])
    assert not np.array_equal(found, other)


def bars_with(bars: Bars, close) -> Bars:
    high = np.maximum(bars.high, close)
    return replace(bars, close=close, high=high)


def test_what_it_believes_is_how_often_it_is_true(dataset):
    truth = dataset.truth[0]
    belief = np.abs(gap_filter(dataset.paths[0], truth)) / truth.law.drift
    for low, high in ((0.2, 0.6), (0.6, 0.88), (0.88, 1.0)):
        here = (belief >= low) & (belief < high)
        gaps = len(np.unique(truth.hidden["nearest"][here]))
        error = 0.5 / np.sqrt(gaps)  # bars of one gap share its state
        assert abs(belief[here].mean() - (truth.drift_next[here] != 0).mean()) < 4 * error


def test_scripted_accounts_on_the_five_minute_tape(dataset):
    tape = build_tape(dataset, FeatureConfig(), workers=1)
    assert tape.minutes == 5
    events = sum(len(path.synergies.time_ns) for path in dataset.paths)
    assert int((tape.column("synergy_direction") != 0).sum()) == events
    train, test = Segment(600, 8_000, path=0), Segment(9_300, len(tape), path=2)
    desk = ReferenceDesk(tape, [train], [test], EnvConfig())
    signal = filter_signal(dataset)
    known = desk.run("filter", signal, desk.tune(signal))
    noise = np.random.default_rng(0).normal(size=len(tape))
    blind = desk.run("noise", noise, desk.tune(noise))
    sharpe = [
        measure(item.track, Market.of(tape), 252.0).scalars["sharpe"] for item in (known, blind)
    ]
    assert sharpe[0] > 10.0 > 5.0 > sharpe[1]
