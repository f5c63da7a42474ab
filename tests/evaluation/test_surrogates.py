"""Bars with random phases: what is kept of the real ones, and what is not."""

from dataclasses import replace

import numpy as np
import pytest

from grandmodel.core.random import numpy_stream
from grandmodel.core.types import Segment
from grandmodel.evaluation.controls import surrogates
from grandmodel.evaluation.controls.surrogates import (
    Stretch,
    judged_segments,
    phase_randomised,
    stretch_of,
    surrogate_bars,
    surrogate_dataset,
    surrogate_record,
)
from grandmodel.features.build import build_tape
from grandmodel.features.config import FeatureConfig
from grandmodel.market.bars import resample
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset

PRICES = ("open", "high", "low", "close")


@pytest.fixture(scope="module")
def dataset():
    small = SyntheticConfig(train_bars=1_400, validation_bars=700, test_bars=700)
    return make_dataset(small)


@pytest.mark.parametrize("length", [400, 401])
def test_spectrum_and_mean_stay_and_the_order_goes(length):
    values = np.cumsum(np.random.default_rng(0).normal(1.0, 2.0, length)) * 0.1
    found = phase_randomised(values, numpy_stream(0, "test"))
    np.testing.assert_allclose(np.abs(np.fft.rfft(found)), np.abs(np.fft.rfft(values)), atol=1e-8)
    assert found.mean() == pytest.approx(values.mean())
    assert found.var() == pytest.approx(values.var())
    assert abs(np.corrcoef(found, values)[0, 1]) < 0.9
    other = phase_randomised(values, numpy_stream(1, "test"))
    assert not np.allclose(found, other)


def test_phases_are_random_over_the_whole_circle():
    values = np.random.default_rng(1).normal(size=64)
    before = np.angle(np.fft.rfft(values))[3]
    found = [
        np.angle(np.fft.rfft(phase_randomised(values, numpy_stream(0, str(draw))))[3]) - before
        for draw in range(300)
    ]
    assert abs(np.exp(1j * np.array(found)).mean()) < 0.15


def test_bars_keep_their_gaps_wicks_times_and_volume(dataset):
    bars, start = dataset.paths[0].bars, 500
    found = surrogate_bars(bars, start, numpy_stream(0, "test"))
    for name in PRICES:
        np.testing.assert_array_equal(getattr(found, name)[:start], getattr(bars, name)[:start])
    np.testing.assert_array_equal(found.open_time_ns, bars.open_time_ns)
    np.testing.assert_array_equal(found.volume, bars.volume)

    def shape(given):
        body = np.maximum(given.open, given.close), np.minimum(given.open, given.close)
        gaps = given.open[1:] / given.close[:-1]
        return np.array([gaps, given.high[1:] / body[0][1:], given.low[1:] / body[1][1:]])

    np.testing.assert_allclose(shape(found), shape(bars), rtol=1e-9)
    returns = [np.diff(np.log(given.close[start - 1 :])) for given in (found, bars)]
    spectra = [np.abs(np.fft.rfft(values)) for values in returns]
    np.testing.assert_allclose(*spectra, atol=1e-8)
    assert abs(np.corrcoef(*returns)[0, 1]) < 0.3


def test_real_stretch_first_then_draws_of_it(dataset):
    tape = build_tape(dataset, FeatureConfig())
    offset = tape.path_start(1)
    stretch = stretch_of(tape, [Segment(offset + 620, offset + 690, path=1, segment=0)])
    assert stretch == Stretch(path=1, history=0, start=620, stop=690)
    found = surrogate_dataset(dataset, stretch, draws=2, seed=0)
    drawn = build_tape(found, FeatureConfig())
    segments = judged_segments(drawn, stretch)
    assert [(s.start, s.stop, s.path) for s in segments] == [
        (620, 690, 0),
        (690 + 620, 1380, 1),
        (1380 + 620, 2070, 2),
    ]
    close = drawn.close.numpy().reshape(3, 690)
    np.testing.assert_array_equal(close[0], dataset.paths[1].bars.close[:690])
    np.testing.assert_array_equal(close[1, :620], close[0, :620])
    assert not np.isclose(close[1, 620:], close[0, 620:]).all()
    assert not np.isclose(close[1, 620:], close[2, 620:]).all()


def test_a_long_stretch_ends_with_a_session(dataset, monkeypatch):
    tape = build_tape(dataset, FeatureConfig())
    monkeypatch.setattr(surrogates, "STRETCH_DECISIONS", 100)
    monkeypatch.setattr(surrogates, "HISTORY_HALF_HOURS", 50)
    stretch = stretch_of(tape, [Segment(640, 900, path=0, segment=0)])
    assert (stretch.history, stretch.start) == (590, 640)
    assert 640 < stretch.stop <= 740
    assert tape.session[stretch.stop] != tape.session[stretch.stop - 1]


def in_quarters(bars):
    """Bars of 15 minutes of which the given half hours are made."""
    half = 15 * 60_000_000_000
    times = np.stack([bars.open_time_ns, bars.open_time_ns + half], axis=1).ravel()
    middle = np.sqrt(bars.open * bars.close)
    columns = {
        "open": np.stack([bars.open, middle], axis=1).ravel(),
        "close": np.stack([middle, bars.close], axis=1).ravel(),
    }
    top, low = np.maximum(*columns.values()), np.minimum(*columns.values())
    volume = np.repeat(bars.volume, 2)
    return replace(
        bars, open_time_ns=times, high=top * 1.001, low=low * 0.999, volume=volume, minutes=15,
        **columns,
    )  # fmt: skip


def test_finer_bars_are_drawn_and_the_longer_made_of_them(dataset):
    bars = dataset.paths[0].bars
    fine = in_quarters(bars)
    whole = Dataset((MarketPath(resample(fine, 30), fine),), {})
    found = surrogate_dataset(whole, Stretch(0, 100, 600, 700), draws=1, seed=0).paths[1]
    assert len(found.bars) == 600
    assert len(found.finest) == 1_200
    np.testing.assert_array_equal(found.bars.close, found.finest.close[1::2])
    np.testing.assert_array_equal(found.bars.close[:500], bars.close[100:600])
    assert not np.isclose(found.bars.close[500:], bars.close[600:700]).all()


def test_a_stretch_that_ends_in_half_a_bar_keeps_it_in_every_draw(dataset):
    fine = in_quarters(dataset.paths[0].bars)
    rows = np.delete(np.arange(len(fine)), 1_399)  # the market closed in the half hour of bar 699
    columns = {name: getattr(fine, name)[rows] for name in (*PRICES, "volume", "open_time_ns")}
    fine = replace(fine, **columns)
    whole = Dataset((MarketPath(resample(fine, 30), fine),), {})
    found = surrogate_dataset(whole, Stretch(0, 100, 600, 700), draws=2, seed=0)
    assert [len(path.bars) for path in found.paths] == [600, 600, 600]
    assert [len(path.finest) for path in found.paths] == [1_199, 1_199, 1_199]
    for path in found.paths[1:]:
        np.testing.assert_array_equal(path.bars.open_time_ns, found.paths[0].bars.open_time_ns)


def test_the_record_tells_the_real_one_among_the_draws():
    found = surrogate_record(np.array([2.0, 1.0, 3.0, 2.0, 0.0]))
    assert (found["draws"], found["real_sharpe"], found["sharpe_median"]) == (4, 2.0, 1.5)
    assert found["p_value"] == pytest.approx(3 / 5)
