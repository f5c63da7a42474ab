"""Stress: each act does what it says, where it says, on every clock, and nothing before it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from market_makers import PLAIN, bars_of, random_frame

from grandmodel.core.checks import UserError
from grandmodel.features.build import build_tape
from grandmodel.features.config import FeatureConfig
from grandmodel.market.bars import COLUMNS, PRICES, resample
from grandmodel.market.config import DataConfig
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.splits import Span
from grandmodel.market.stress.config import KINDS, parse_stress
from grandmodel.market.stress.lay import lay_stress
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset

START, STOP = 700, 1_100  # of the test part
ROW = START + int(0.45 * (STOP - START))


def dataset_of(minutes=30, bars=1_200):
    path = MarketPath(bars_of(random_frame("2024-01-02", bars, 30), 30))
    if minutes < 30:
        fine = bars_of(random_frame("2024-01-02", bars * 30 // minutes, minutes), minutes)
        path = MarketPath(resample(fine, 30), fine)
    splits = {
        "train": (Span(0, 600, 650),),
        "validation": (Span(0, 650, START),),
        "test": (Span(0, START, STOP),),
    }
    return Dataset(paths=(path,), splits=splits)


def stressed(given, dataset=None, **settings):
    before = dataset_of() if dataset is None else dataset
    after = lay_stress(before, parse_stress(given), **settings)
    return before.paths[0].bars, after.paths[0].bars, after


def returns(bars):
    return np.log(bars.close[1:] / bars.close[:-1])


POSSIBLE = [kind for kind in KINDS if kind != "negative_prices"]
SHORT = {kind: kind for kind in POSSIBLE}
SHORT["correlation_break"] = {"kind": "correlation_break", "bars": 50}


@pytest.mark.parametrize("kind", POSSIBLE)
@pytest.mark.parametrize("minutes", [5, 30])
def test_nothing_before_the_event_changes_and_moves_after_it_stay(kind, minutes):
    dataset = dataset_of(minutes)
    before, after, found = stressed(SHORT[kind], dataset)
    for name in ("open_time_ns", *COLUMNS):
        np.testing.assert_array_equal(getattr(before, name)[:ROW], getattr(after, name)[:ROW])
    # from the end on: the halt's bars are absent
    np.testing.assert_allclose(returns(before)[-150:], returns(after)[-150:], atol=1e-12)
    np.testing.assert_array_equal(before.volume[-150:], after.volume[-150:])
    assert found.origin is dataset
    assert found.splits["train"] == dataset.splits["train"]


@pytest.mark.parametrize("kind", POSSIBLE)
def test_the_clocks_agree(kind):
    dataset = dataset_of(5)
    _, after, found = stressed(SHORT[kind], dataset)
    again = resample(found.paths[0].finest, 30)
    for name in ("open_time_ns", *COLUMNS):
        np.testing.assert_array_equal(getattr(again, name), getattr(after, name))
    assert len(found.paths[0].spread) == len(after)


def test_finer_bars_after_the_last_close_change_nothing():
    fine = bars_of(random_frame("2024-01-02", 1_200 * 6 + 2, 5), 5)
    bars = resample(fine, 30)
    assert len(bars) == 1_200  # the last two finer bars fill no half hour
    splits = {**dataset_of().splits, "test": (Span(0, START, 1_200),)}
    _, after, found = stressed(
        "liquidity_drought", Dataset(paths=(MarketPath(bars, fine),), splits=splits)
    )
    for name in PRICES:
        np.testing.assert_array_equal(getattr(bars, name), getattr(after, name))
    assert bars.volume[-1] == after.volume[-1]
    assert len(found.paths[0].finest) == 1_200 * 6


def test_synergies_that_a_market_brings_stay():
    config = SyntheticConfig(
        world="gaps", warmup_bars=600, train_bars=1_000, validation_paths=1,
        validation_bars=1_000, test_paths=1, test_bars=2_000,
    )  # fmt: skip
    dataset = make_dataset(config)
    assert len(dataset.paths[-1].synergies.time_ns) > 0
    after = lay_stress(dataset, parse_stress("flash_crash"))
    assert after.paths[-1].synergies is dataset.paths[-1].synergies


def test_a_flash_crash_falls_and_recovers_within_its_bar():
    before, after, _ = stressed({"kind": "flash_crash", "size": -0.2})
    assert after.low[ROW] == pytest.approx(0.8 * before.low[ROW])
    for name in ("open", "high", "close", "volume"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    np.testing.assert_array_equal(before.low[ROW + 1 :], after.low[ROW + 1 :])


def test_a_longer_flash_crash_is_deepest_in_the_middle_and_back_at_the_end():
    before, after, _ = stressed({"kind": "flash_crash", "size": -0.19, "bars": 4})
    ratio = after.close / before.close
    np.testing.assert_allclose(ratio[ROW : ROW + 4], [0.9, 0.81, 0.9, 1.0])
    np.testing.assert_allclose(after.open[ROW + 1 : ROW + 5], after.close[ROW : ROW + 4])
    np.testing.assert_array_equal(before.close[ROW + 4 :], after.close[ROW + 4 :])


def test_a_gap_stands_at_the_open_of_a_session_and_stays():
    before, after, _ = stressed({"kind": "gap_open", "size": 0.05})
    ratio = after.open / before.open
    row = int(np.argmax(ratio != 1.0))
    assert row >= ROW
    assert row - ROW < 48
    assert after.open_time_ns[row] % (24 * 3_600 * 10**9) == 0  # the plain calendar has UTC days
    for name in PRICES:
        np.testing.assert_allclose(getattr(after, name)[row:], 1.05 * getattr(before, name)[row:])
    assert after.open[row] / after.close[row - 1] == pytest.approx(1.05)


def test_a_volatility_spike_multiplies_moves_and_ranges():
    before, after, _ = stressed({"kind": "volatility_spike", "size": 3.0, "bars": 20})
    np.testing.assert_allclose(
        returns(after)[ROW - 1 : ROW + 19], 3.0 * returns(before)[ROW - 1 : ROW + 19], atol=1e-12
    )
    window = slice(ROW, ROW + 20)
    np.testing.assert_allclose(
        np.log(after.high / after.low)[window],
        3.0 * np.log(before.high / before.low)[window],
        atol=1e-12,
    )


def test_a_drought_thins_volume_and_widens_the_spread_of_its_fills():
    dataset = dataset_of()
    before, after, found = stressed({"kind": "liquidity_drought", "bars": 10}, dataset)
    window = slice(ROW, ROW + 10)
    np.testing.assert_allclose(after.volume[window], 0.05 * before.volume[window])
    np.testing.assert_array_equal(before.close, after.close)
    plain, dry = (build_tape(it, FeatureConfig()).spread_multiplier for it in (dataset, found))
    factor = torch.ones(len(plain), dtype=torch.float64)
    factor[window] = 10.0
    torch.testing.assert_close(dry, plain * factor)
    assert dataset.fingerprint != replace(dataset, paths=found.paths).fingerprint


def test_a_drought_on_an_instrument_without_a_spread_says_so():
    _, _, found = stressed("liquidity_drought")
    assert any("no spread" in note for note in found.notes)
    priced = replace(dataset_of().paths[0].bars, instrument=replace(PLAIN, half_spread_ticks=1.0))
    _, _, found = stressed("liquidity_drought", replace(dataset_of(), paths=(MarketPath(priced),)))
    assert not any("no spread" in note for note in found.notes)


def test_a_halt_leaves_no_bars_and_goes_on_from_the_limit():
    before, after, found = stressed({"kind": "limit_halt", "size": -0.1, "bars": 7})
    assert len(after) == len(before) - 7
    assert found.splits["test"] == (Span(0, START, STOP - 7),)
    assert found.splits["train"] == (Span(0, 600, 650),)
    kept = np.delete(before.open_time_ns, np.s_[ROW : ROW + 7])
    np.testing.assert_array_equal(after.open_time_ns, kept)
    limit = 0.9 * before.close[ROW - 1]
    gap = before.open[ROW + 7] / before.close[ROW + 6]
    assert after.open[ROW] == pytest.approx(limit * gap)


def test_a_halt_may_show_bars_at_the_limit_without_volume():
    act = {"kind": "limit_halt", "size": -0.1, "bars": 7, "absent": False}
    before, after, _ = stressed(act)
    window = slice(ROW, ROW + 7)
    limit = 0.9 * before.close[ROW - 1]
    for name in PRICES:
        assert (getattr(after, name)[window] == limit).all()
    assert (after.volume[window] == 0.0).all()


def persistent(bars=1_200, sign=0.5):
    """Bars whose returns follow one another with correlation `sign`."""
    rng = np.random.default_rng(3)
    moves = np.zeros(bars + 1)
    for t in range(1, bars + 1):
        moves[t] = sign * moves[t - 1] + 1e-3 * rng.standard_normal()
    price = 100.0 * np.exp(np.cumsum(moves))
    frame = random_frame("2024-01-02", bars, 30)
    frame["open"], frame["close"] = price[:-1], price[1:]
    frame["high"] = frame[["open", "close"]].max(axis=1) * 1.001
    frame["low"] = frame[["open", "close"]].min(axis=1) * 0.9995
    return bars_of(frame, 30)


def test_a_correlation_break_turns_the_sign_of_what_follows_and_leaves_sizes():
    dataset = replace(dataset_of(), paths=(MarketPath(persistent()),))
    before, after, _ = stressed({"kind": "correlation_break", "bars": 200}, dataset)
    window = slice(ROW - 1, ROW + 199)
    old, new = returns(before)[window], returns(after)[window]
    np.testing.assert_allclose(np.abs(new), np.abs(old), rtol=1e-9)
    np.testing.assert_allclose(
        np.log(after.high / after.low), np.log(before.high / before.low), atol=1e-12
    )
    assert np.corrcoef(old[1:], old[:-1])[0, 1] > 0.3
    assert np.corrcoef(new[1:], new[:-1])[0, 1] < -0.3
    np.testing.assert_array_equal(np.sign(new[::2]), -np.sign(old[::2]))
    np.testing.assert_array_equal(np.sign(new[1::2]), np.sign(old[1::2]))


def test_periods_of_a_correlation_break_are_mirrored_whole():
    dataset = replace(dataset_of(), paths=(MarketPath(persistent()),))
    act = {"kind": "correlation_break", "bars": 20, "period_bars": 5}
    before, after, _ = stressed(act, dataset)
    window = slice(ROW - 1, ROW + 19)
    signs = np.sign(returns(after)[window]) * np.sign(returns(before)[window])
    np.testing.assert_array_equal(signs, np.repeat([-1, 1, -1, 1], 5))


@pytest.mark.parametrize("on_defect", ["refuse", "keep"])
def test_negative_prices_are_refused_in_one_sentence(on_defect):
    with pytest.raises(UserError, match=r"price is -.* need prices above 0.*on_defect=drop"):
        stressed("negative_prices", on_defect=on_defect)


def test_negative_prices_may_be_left_out():
    before, after, _ = stressed({"kind": "negative_prices", "bars": 8}, on_defect="drop")
    assert 0 < len(before) - len(after) < 8
    gone = ~np.isin(before.open_time_ns, after.open_time_ns)
    assert gone[ROW : ROW + 8].sum() == gone.sum()
    assert after.low.min() < 0.5 * before.low.min()


def test_every_stretch_has_its_own_events_and_planted_truth_loses_the_same_bars():
    config = SyntheticConfig(train_bars=700, test_paths=2, test_bars=1_500, validation_bars=700)
    market = make_dataset(config)
    found = lay_stress(market, parse_stress({"kind": "limit_halt", "times": 3, "bars": 4}))
    for index, (path, truth) in enumerate(zip(found.paths, found.truth, strict=True)):
        lost = 12 if index > 4 else 0
        assert len(market.paths[index].bars) - len(path.bars) == lost
        assert len(truth.drift_next) == len(truth.regime) == len(path.bars)
    assert [span.stop for span in found.splits["test"]] == [1_488, 1_488]
    assert "laid 6 times" in found.notes[0]


def test_acts_add_up_in_the_order_given():
    act = {"kind": "gap_open", "size": 0.1}
    before, after, found = stressed([act, {"kind": "liquidity_drought", "spread": 1.0}, act])
    assert after.close[-1] == pytest.approx(1.21 * before.close[-1])
    assert len(found.notes) == 3


def test_no_stress_changes_nothing():
    dataset = dataset_of()
    assert lay_stress(dataset, parse_stress(None)) is dataset


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("crash", "data.stress must be one of flash_crash"),
        (3, "data.stress must be a kind"),
        ({"size": 0.1}, "data.stress must be a kind"),
        ({"kind": "gap_open", "bars": 3}, "gap_open reads no bars: its keys are at, size"),
        ({"kind": "gap_open", "size": -1.0}, "gap_open: size"),
        ({"kind": "gap_open", "size": 0.0}, "moves nothing"),
        ({"kind": "gap_open", "at": 1.5}, "gap_open: at"),
        ({"kind": "flash_crash", "bars": 1.5}, "bars must be a whole number"),
        ({"kind": "flash_crash", "bars": 0}, "bars must be at least 1"),
        ({"kind": "flash_crash", "times": float("inf")}, "times must be a whole number"),
        ({"kind": "flash_crash", "size": "big"}, "size must be a number"),
        ({"kind": "limit_halt", "absent": 1}, "absent must be true or false"),
        ({"kind": "liquidity_drought", "spread": -1.0}, "liquidity_drought: spread"),
        ({"kind": "volatility_spike", "size": -2.0}, "volatility_spike: size"),
    ],
)
def test_what_cannot_be_laid_is_named(given, named):
    with pytest.raises(UserError, match=named):
        DataConfig(stress=given)


def test_what_does_not_fit_the_judged_part_is_refused():
    with pytest.raises(UserError, match="volatility_spike needs 300 bars"):
        stressed({"kind": "volatility_spike", "bars": 300})
    with pytest.raises(UserError, match="there is none"):
        stressed("gap_open", replace(dataset_of(), splits={"test": ()}))
    leaked = replace(dataset_of(), extra={"leak": [np.zeros(1_200)]})
    with pytest.raises(UserError, match=r"leave out data\.leak"):
        stressed("gap_open", leaked)
