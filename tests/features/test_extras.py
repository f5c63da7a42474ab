"""Extra columns by hand, against TA-Lib, and in the size that agents read."""

import math
from dataclasses import replace

import numpy as np
import pytest
import talib

from grandmodel.core.checks import UserError
from grandmodel.features.arrays import path_arrays
from grandmodel.features.config import FeatureConfig
from grandmodel.features.extras.catalogue import (
    EVENT_COLUMNS,
    EXTRAS,
    GROUPS,
    PULSES,
    Circumstances,
    make_extras,
    near_matches,
)
from grandmodel.features.extras.flow import Amihud, SignedVolume, VolumeRatio
from grandmodel.features.extras.ranges import (
    CloseInRange,
    CorwinSchultz,
    OpeningGap,
    Parkinson,
    Roll,
)
from grandmodel.features.extras.schedule import Schedule
from grandmodel.features.extras.states import RegimeStates, Sessions
from grandmodel.features.extras.technical import Bollinger, Macd, Natr, Rsi
from grandmodel.features.matrix import PathArrays, compute, tape_columns
from grandmodel.features.momentum import Momentum
from grandmodel.features.regimes import Regimes
from grandmodel.features.volatility import Volatility
from grandmodel.market.calendar import session_table
from grandmodel.market.config import DataConfig
from grandmodel.market.events import Events
from grandmodel.market.instruments import Instrument
from grandmodel.market.load import load_dataset

MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS
CLIPPED_AT = {"corwin_schultz_20": 1.0}  # others at 3; bounded ones are never clipped


def test_technical_indicators_are_those_of_talib(random_bars):
    bars = random_bars(1500, 2)
    np.testing.assert_allclose(
        Rsi().over(bars).raw["rsi_14"], talib.RSI(bars.close, 14), rtol=1e-10
    )
    found = Macd().over(bars).raw
    for name, expected in zip(found, talib.MACD(bars.close, 12, 26, 9), strict=True):
        np.testing.assert_allclose(found[name], expected, rtol=1e-9, atol=1e-9)
    natr = talib.NATR(bars.high, bars.low, bars.close, 14)
    np.testing.assert_allclose(Natr().over(bars).raw["natr_14"], natr, rtol=1e-10)
    found = Bollinger().over(bars).raw
    upper, middle, lower = talib.BBANDS(bars.close, 20, 2.0, 2.0)
    np.testing.assert_allclose(found["bb_upper"], upper, rtol=1e-8)
    np.testing.assert_allclose(found["bb_lower"], lower, rtol=1e-8)
    np.testing.assert_allclose(found["bb_width"], (upper - lower) / middle, rtol=1e-5)
    place = (bars.close - middle) / (upper - middle)
    np.testing.assert_allclose(found["bb_position"], place, rtol=1e-5, atol=1e-6)


def test_scaled_technical_indicators_by_hand(random_bars):
    bars = random_bars(300, 2)
    atr = talib.ATR(bars.high, bars.low, bars.close, 14)
    rsi, macd, bands = Rsi().over(bars), Macd().over(bars), Bollinger().over(bars)
    known = slice(40, None)

    def same(found, expected):
        np.testing.assert_allclose(found[known], expected[known], rtol=1e-9, atol=1e-12)

    same(rsi.scaled["rsi_14"], (rsi.raw["rsi_14"] - 50.0) / 25.0)
    same(macd.scaled["macd"], macd.raw["macd"] / (2.0 * atr))
    same(macd.scaled["macd_hist"], macd.raw["macd_hist"] / (0.5 * atr))
    same(bands.scaled["bb_upper"], (bands.raw["bb_upper"] - bars.close) / (4.0 * atr))
    for forms in (rsi, macd, bands):
        for name, values in forms.scaled.items():
            assert np.isnan(forms.raw[name][0])
            assert values[0] == 0.0


def test_logarithms_stand_beside_their_own_mean(random_bars):
    bars = random_bars(400, 4)
    forms = Natr().over(bars)
    level, usual = np.log(forms.raw["natr_14"]), None
    for t in range(14, 400):
        usual = level[t] if usual is None else usual
        assert forms.scaled["natr_14"][t] == pytest.approx(2.0 * (level[t] - usual), abs=1e-12)
        usual += 0.01 * (level[t] - usual)


def one_price(make_bars, volume, **more):
    price = np.full(len(volume), 100.0)
    return make_bars(price, price + 1.0, price - 1.0, price, np.array(volume, float), **more)


def test_volume_is_held_against_earlier_bars_of_the_same_local_time(make_bars):
    volume = [10.0, 99.0, 20.0, 99.0, 60.0, 0.0, 45.0, 66.0]
    forms = VolumeRatio("traded").over(one_price(make_bars, volume, per_day=2))
    expected = [np.nan, np.nan, 2.0, 1.0, 4.0, 0.0, 1.5, 1.0]
    np.testing.assert_allclose(forms.raw["volume_ratio"], expected)
    scaled = [0.0, 0.0, math.tanh(math.log(2)), 0.0, math.tanh(math.log(4)), -1.0]
    np.testing.assert_allclose(forms.scaled["volume_ratio"][:6], scaled)


def test_the_twenty_latest_bars_of_a_slot_count_and_none_older_than_45_days(make_bars):
    volume = [1000.0] * 5 + [10.0] * 20 + [30.0]
    bars = one_price(make_bars, volume, per_day=1)
    assert VolumeRatio("traded").over(bars).raw["volume_ratio"][-1] == 3.0
    bars.day[-1] = bars.day[-2] + 46
    assert np.isnan(VolumeRatio("traded").over(bars).raw["volume_ratio"][-1])
    bars.day[-1] = bars.day[-2] + 45
    assert VolumeRatio("traded").over(bars).raw["volume_ratio"][-1] == 3.0


def test_without_volume_ranges_and_counts_stand_for_it(make_bars, random_bars):
    bars = random_bars(200, 1, per_day=1)
    previous = np.r_[np.nan, bars.close[:-1]]
    wide = np.fmax(bars.high, previous) - np.fmin(bars.low, previous)
    found = VolumeRatio("none").over(bars).raw["volume_ratio"]
    assert found[150] == pytest.approx(wide[150] / wide[130:150].mean())
    place = CloseInRange().over(bars).raw["close_in_range"]
    found = SignedVolume("none").over(bars).raw["signed_volume_20"]
    assert found[150] == pytest.approx(place[131:151].mean())
    moves = 1e4 * np.abs(np.diff(bars.close) / bars.close[:-1])
    found = Amihud("none").over(bars).raw["amihud_20"]
    assert found[150] == pytest.approx(moves[130:150].mean())
    assert np.isnan(found[19])
    assert not np.isnan(found[20])


def test_volume_columns_by_hand(random_bars):
    bars = random_bars(120, 6)
    bars.volume[80:90] = 0.0
    place = CloseInRange().over(bars).raw["close_in_range"]
    inside = 2.0 * (bars.close - bars.low) / (bars.high - bars.low) - 1.0
    np.testing.assert_allclose(place, inside)
    weight = bars.volume[76:96]
    found = SignedVolume("traded").over(bars)
    value = (weight * place[76:96]).sum() / weight.sum()
    assert found.raw["signed_volume_20"][95] == pytest.approx(value)
    assert found.scaled["signed_volume_20"][95] == pytest.approx(3.0 * value)
    moves = np.r_[np.nan, 1e4 * np.abs(np.diff(bars.close) / bars.close[:-1])]
    traded = np.where(bars.volume > 0.0, bars.volume * bars.close / 1e6, np.nan)
    found = Amihud("traded").over(bars).raw["amihud_20"][95]
    assert found == pytest.approx(np.nanmean((moves / traded)[76:96]))


def test_a_market_without_trades_or_moves_gives_zeros(make_bars):
    price = np.full(60, 100.0)
    still = make_bars(price, price, price, price, np.zeros(60))
    for columns in GROUPS:
        (extra,) = make_extras(columns, Circumstances("traded", 30))
        for name, values in extra.over(still).scaled.items():
            assert np.isfinite(values).all(), name
            if not name.startswith("session"):
                assert not values.any() or name in ("rsi_14", "volatility_regime"), name


def test_ranges_and_spreads_by_hand(random_bars):
    bars = random_bars(90, 3)
    last = slice(60, 80)
    spans = np.log(bars.high / bars.low)[last] ** 2
    value = math.sqrt(spans.mean() / (4.0 * math.log(2.0)))
    assert Parkinson().over(bars).raw["parkinson_20"][79] == pytest.approx(value)
    returns = bars.close[1:] / bars.close[:-1] - 1.0
    part = returns[59:79] - returns[59:79].mean()
    covariance = (part[1:] * part[:-1]).sum() / 20
    found = Roll().over(bars)
    assert found.raw["roll_spread_20"][79] == pytest.approx(2.0 * math.sqrt(max(-covariance, 0)))
    ratio = 2.0 * math.sqrt(max(-covariance, 0.0) / part.var())
    assert found.scaled["roll_spread_20"][79] == pytest.approx(ratio)


def test_the_spread_of_highs_and_lows_is_found_again(make_bars):
    # a price that moves little inside wide quotes: highs are asks, lows are bids
    draw = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(1e-4 * draw.standard_normal(400)))
    half = 0.005
    bars = make_bars(close, close * (1.0 + half), close * (1.0 - half), close)
    found = CorwinSchultz().over(bars).raw["corwin_schultz_20"][-1]
    assert found == pytest.approx(2.0 * half, rel=0.05)
    bars = make_bars(close, close * 1.0001, close * 0.9999, close)
    assert CorwinSchultz().over(bars).raw["corwin_schultz_20"][-1] < 4e-4
    # gaps are no range: stairs of 2 % whose bars close at their lows
    stairs = 100.0 * 1.02 ** np.arange(40.0)
    low = stairs * (1.0 - half)
    bars = make_bars(stairs, stairs * (1.0 + half), low, low)
    found = CorwinSchultz().over(bars).raw["corwin_schultz_20"][-1]
    assert found == pytest.approx(2.0 * half, rel=0.05)


def test_an_opening_gap_is_in_ranges_of_the_bars_before_it(random_bars):
    bars = random_bars(60, 5)
    bars.open[40] = bars.close[39] * 1.01
    found = OpeningGap().over(bars)
    assert found.raw["opening_gap"][40] == pytest.approx(0.01)
    atr = talib.ATR(bars.high, bars.low, bars.close, 14)[39]
    value = min((bars.open[40] - bars.close[39]) / atr, 3.0)
    assert found.scaled["opening_gap"][40] == pytest.approx(value)
    assert np.isnan(found.raw["opening_gap"][0])


def test_regimes_are_the_label_in_two_columns(random_bars):
    bars = random_bars(3000, 9)
    label = Regimes().over({**Volatility().over(bars), **Momentum().over(bars)})
    found = RegimeStates().over(bars).scaled
    trend = {1: 1.0, 2: -1.0}
    unusual = {3: -1.0, 4: 1.0, 5: 2.0}
    np.testing.assert_array_equal(found["trend_regime"], [trend.get(x, 0.0) for x in label])
    np.testing.assert_array_equal(found["volatility_regime"], [unusual.get(x, 0.0) for x in label])
    assert len(set(label.tolist())) >= 4


@pytest.mark.parametrize(
    ("time", "open_sessions"),
    [
        ("2024-01-10T00:00", {"tokyo"}),  # 09:00 in Tokyo
        ("2024-01-10T05:30", {"tokyo"}),
        ("2024-01-10T06:00", set()),
        ("2024-01-10T14:30", {"london", "new_york"}),
        ("2024-07-10T13:30", {"london", "new_york"}),  # summer time
        ("2024-07-10T07:00", {"london"}),
        ("2024-01-10T16:30", {"new_york"}),
        ("2024-01-10T21:00", set()),
        ("2024-01-13T14:30", set()),  # a Saturday
    ],
)
def test_sessions_follow_the_clocks_of_their_cities(time, open_sessions, random_bars):
    bars = random_bars(1, 0)
    bars.open_time_ns[0] = np.datetime64(time, "ns").astype(np.int64)
    found = {name for name, values in Sessions().over(bars).scaled.items() if values[0] == 1.0}
    assert found == {f"session_{name}" for name in open_sessions}


def test_events_are_counted_from_the_close_of_a_bar(random_bars):
    bars = random_bars(6, 0)  # closes at 0:30, 1:00, ... 3:00
    times = np.array([60, 100, 130]) * MINUTE_NS
    events = Events(times, np.array([0, 1, 0], np.int8), ("",) * 3, ("",) * 3)
    forms = Schedule(events, "high").over(bars)
    nan = np.nan
    ahead = [0.5, 0.0, 40 / 60, 10 / 60, nan, nan]
    since = [nan, nan, 0.5, 1.0, 20 / 60, 50 / 60]
    np.testing.assert_allclose(forms.raw["event_ahead_high"], ahead)
    np.testing.assert_allclose(forms.raw["event_since_high"], since)
    # due: in the half hour that begins at the close
    np.testing.assert_array_equal(forms.raw["event_due_high"], [0, 1, 0, 1, 0, 0])
    assert forms.scaled["event_ahead_high"][0] == math.exp(-0.5 / 24)
    assert forms.scaled["event_since_high"][0] == 0.0
    assert Schedule(events, "low").over(bars).scaled["event_ahead_low"].sum() == 0.0


def test_a_tape_has_what_is_asked_for_and_the_rest_stays_bit_for_bit(random_bars):
    path = PathArrays(random_bars(900, 3))
    plain = next(iter(compute([path], FeatureConfig())))
    assert not set(plain.scaled) & set(EXTRAS)
    config = FeatureConfig(extra=["macd_hist", "rsi_14"])
    assert tape_columns(config) == (*tape_columns(FeatureConfig()), "rsi_14", "macd_hist")
    more = next(iter(compute([path], config)))
    assert tuple(more.scaled) == tape_columns(config)
    for name, values in plain.scaled.items():
        assert np.array_equal(values, more.scaled[name])
    every = next(iter(compute([path], FeatureConfig(extra="all"))))
    assert set(EXTRAS) - set(every.scaled) == set(EVENT_COLUMNS)


def test_a_column_of_the_calendar_needs_one():
    with pytest.raises(UserError, match=r"event_due_high needs .*data\.events=FILE"):
        tape_columns(FeatureConfig(extra=["event_due_high"]))


def test_unknown_names_are_refused_with_those_that_may_be_meant():
    words = r"features\.extra: there is no extra column rsi14 \(did you mean rsi_14.*docs/columns"
    with pytest.raises(UserError, match=words):
        FeatureConfig(extra=["rsi14"])
    assert near_matches("bollinger", EXTRAS) == ""
    assert near_matches("macd_line", EXTRAS).startswith(" (did you mean macd")
    assert "natr_14" in near_matches("atr_14", EXTRAS)


def require_unit_size(bars, kind, *, still=()):
    """Hold each scaled column to the sizes that networks are made for."""
    names = [name for name in EXTRAS if name not in EVENT_COLUMNS]
    for extra in make_extras(names, Circumstances(kind, bars.minutes)):
        for name, values in extra.over(bars).scaled.items():
            seen = values[600:]
            assert np.isfinite(seen).all()
            if name in (*PULSES, *still):
                continue
            clipped = np.mean(np.abs(seen) >= CLIPPED_AT.get(name, 3.0))
            common = np.unique(seen, return_counts=True)[1].max() / len(seen)
            assert 0.2 <= seen.std() <= 1.2, (name, seen.std())
            assert clipped < 0.05, (name, clipped)
            assert common < 0.7, (name, common)


@pytest.mark.parametrize("kind", ["traded", "none"])
def test_scaled_columns_are_of_unit_size_on_a_random_walk(kind, random_bars):
    require_unit_size(random_bars(12_000, 8), kind)


@pytest.mark.real_bars
@pytest.mark.parametrize("name", ["ES_5m", "NQ_5m", "BTCUSDT_5m", "EURUSD_15m"])
def test_scaled_columns_are_of_unit_size_on_training_bars(name, real_bars):
    config = DataConfig(kind="parquet", path=str(real_bars(name)))
    dataset = load_dataset(config, Instrument(name=name, calendar="24/7"), 97)
    path, (span,) = dataset.paths[0], dataset.splits["train"]
    bars = path_arrays(path, session_table(path.bars)).bars.slice(0, span.stop)
    require_unit_size(bars, bars.volume_kind)


def test_a_constant_added_to_all_prices_hardly_moves_a_scaled_column(random_bars):
    bars = random_bars(4000, 5)
    shift = {name: getattr(bars, name) - 1500.0 for name in ("open", "high", "low", "close")}
    names = [name for name in EXTRAS if name not in EVENT_COLUMNS]
    for extra in make_extras(names, Circumstances("traded", 30)):
        left, right = extra.over(bars).scaled, extra.over(replace(bars, **shift)).scaled
        for name, values in left.items():
            assert np.abs(values - right[name])[600:].mean() < 0.05, name
