from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from grandmodel.features import build
from grandmodel.features.build import build_tape, load_or_build_tape
from grandmodel.features.cache import cache_key, source_hash
from grandmodel.features.config import FeatureConfig, MlmiConfig
from grandmodel.features.evidence import (
    constant_columns,
    count_synergies,
    has_evidence,
    without_synergies,
)
from grandmodel.market.bars import Bars, resample
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.instruments import Instrument
from grandmodel.market.splits import Span

INSTRUMENT = Instrument(name="generic", tick=0.25)


def market_path(arrays, start_ns=0):
    stamps = start_ns + 1_600_000_200 * 10**9 + np.arange(len(arrays)) * 1800 * 10**9
    stamps -= stamps[0] % (1800 * 10**9)
    prices = (arrays.open, arrays.high, arrays.low, arrays.close, arrays.volume)
    return MarketPath(Bars(stamps, *prices, 30, INSTRUMENT, adjustment="none"))


@pytest.fixture(scope="module")
def dataset(random_bars):
    paths = tuple(market_path(random_bars(count, count)) for count in (900, 750))
    leak = [np.arange(900.0), 1000.0 + np.arange(750.0)]
    return Dataset(paths, {}, extra={"leak": leak})


def same(left, right):
    for field in fields(left):
        a, b = getattr(left, field.name), getattr(right, field.name)
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b, field.name


def test_each_path_is_computed_afresh(dataset):
    tape = build_tape(dataset, FeatureConfig())
    assert len(tape) == 1650
    assert tape.path_start(1) == 900
    assert torch.isfinite(tape.features).all()
    second = Dataset(dataset.paths[1:], {}, extra={"leak": dataset.extra["leak"][1:]})
    alone = build_tape(second, FeatureConfig())
    assert torch.equal(tape.features[900:], alone.features)
    assert torch.equal(tape.trailing_sd[900:], alone.trailing_sd)
    assert torch.equal(tape.column("leak")[900:], 1000.0 + torch.arange(750.0))
    assert tape.session[900] == tape.session[899] + 1
    assert (tape.session.diff() >= 0).all()


def test_no_value_depends_on_the_number_of_workers(dataset):
    same(build_tape(dataset, FeatureConfig(), 1), build_tape(dataset, FeatureConfig(), 4))


def test_prices_and_scales_stand_in_their_own_units(dataset):
    tape = build_tape(dataset, FeatureConfig())
    bars = dataset.paths[0].bars
    np.testing.assert_array_equal(tape.close[:900], bars.close)
    assert tape.trailing_sd[0] == 0.0
    assert tape.trailing_sd[1] == abs(bars.close[1] / bars.close[0] - 1.0)
    assert (tape.atr14[:14] == 0.0).all()
    assert (tape.atr14[14:900] > 0.0).all()
    assert tape.column("raw_volatility_30")[0] == 1.0


def test_a_kept_tape_is_the_built_one(dataset, tmp_path, monkeypatch):
    built = load_or_build_tape(dataset, FeatureConfig(), tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(build, "build_tape", lambda *_: pytest.fail("built again"))
    same(load_or_build_tape(dataset, FeatureConfig(), tmp_path), built)


def test_what_only_some_markets_have_is_kept_too(random_bars, tmp_path, monkeypatch):
    facts = {"swap_long_ticks": 3.0, "swap_short_ticks": -1.0, "roll_months": "FGHJKMNQUVXZ"}
    instrument = replace(INSTRUMENT, **facts)
    arrays = random_bars(9000, 1)
    stamps = np.arange(9000) * 60 * 10**9 + 1_600_000_200 * 10**9 // 1800 * 1800
    prices = (arrays.open, arrays.high, arrays.low, arrays.close, arrays.volume)
    fine = Bars(stamps, *prices, 1, instrument, "ticks", "none")
    made = Dataset((MarketPath(resample(fine, 30), fine),), {})
    tape = load_or_build_tape(made, FeatureConfig(), tmp_path)
    names = ("volume", "carry_long", "carry_short", "rolls", "late_open", "late_high", "late_low")
    assert all(len(getattr(tape, name)) == len(tape) for name in names)
    assert tape.volume_kind == "ticks"
    assert tape.rolls.dtype == torch.bool
    assert tape.carry_long.sum() == -3.0 * tape.carry_short.sum() > 0.0
    assert (tape.late_low <= tape.late_open).all()
    monkeypatch.setattr(build, "build_tape", lambda *_: pytest.fail("built again"))
    same(load_or_build_tape(made, FeatureConfig(), tmp_path), tape)


def test_markets_without_carry_or_volume_carry_no_column_of_it(dataset):
    tape = build_tape(dataset, FeatureConfig())
    assert tape.carry_long is tape.carry_short is tape.rolls is tape.late_open is None
    assert torch.equal(tape.volume[:900], torch.tensor(dataset.paths[0].bars.volume))
    silent = [replace(path.bars, volume_kind="none") for path in dataset.paths]
    dumb = replace(dataset, paths=tuple(MarketPath(bars) for bars in silent))
    tape = build_tape(dumb, FeatureConfig())
    assert tape.volume is None
    assert tape.volume_kind == "none"


def test_a_tape_cut_short_is_built_again(dataset, tmp_path):
    built = load_or_build_tape(dataset, FeatureConfig(), tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"not a tape"):
        file.write_bytes(content)
        same(load_or_build_tape(dataset, FeatureConfig(), tmp_path), built)
        assert file.read_bytes() == whole


def test_without_a_folder_nothing_is_kept(dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load_or_build_tape(dataset, FeatureConfig(), None)
    assert list(tmp_path.iterdir()) == []


def test_key_follows_data_configuration_and_sources(dataset, monkeypatch):
    key = cache_key(dataset, FeatureConfig())
    assert key == cache_key(dataset, FeatureConfig())
    others = [
        cache_key(dataset, FeatureConfig(mlmi=MlmiConfig(store="500"))),
        cache_key(replace(dataset, extra={}), FeatureConfig()),
        cache_key(replace(dataset, paths=dataset.paths[::-1]), FeatureConfig()),
    ]
    monkeypatch.setattr("grandmodel.features.cache.source_hash", lambda: "other sources")
    others.append(cache_key(dataset, FeatureConfig()))
    assert len({key, *others}) == 5
    assert len(source_hash()) == 64


def test_synergies_are_counted_in_the_spans_and_can_be_taken_out(dataset):
    tape = build_tape(dataset, FeatureConfig())
    features = tape.features.clone()
    features[[100, 200, 1000, 1050, 1100], tape.columns.index("synergy_direction")] = -1.0
    tape = replace(tape, features=features)
    spans = [Span(0, 50, 200), Span(1, 100, 201)]
    assert count_synergies(tape, spans) == 1 + 3
    assert not has_evidence(tape, spans)
    silent = without_synergies(tape)
    assert count_synergies(silent, [Span(0, 0, 900), Span(1, 0, 750)]) == 0
    assert torch.equal(silent.column("mmd_score"), tape.column("mmd_score"))


def test_columns_that_never_move_are_named(dataset):
    tape = build_tape(dataset, FeatureConfig())
    for name in ("still", "late"):
        tape = tape.with_column(name, torch.full((len(tape),), 3.0))
    tape.features[1600, tape.columns.index("late")] = 4.0  # row 700 of the second path
    asked = ("still", "momentum_20", "late")
    spans = [Span(0, 600, 900), Span(1, 600, 700)]
    assert constant_columns(tape, spans, asked) == ["still", "late"]
    assert constant_columns(tape, [*spans, Span(1, 700, 750)], asked) == ["still"]
    assert constant_columns(tape, [], asked) == []
