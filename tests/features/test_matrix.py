import numpy as np
import pytest
from feature_cases import PARTS, fine_bar, fine_bars, matrix_over, matrix_stream, thinned

from grandmodel.core.checks import UserError
from grandmodel.features.config import FeatureConfig, MlmiConfig, SynergyConfig
from grandmodel.features.matrix import (
    CONTEXT,
    MATRIX_30,
    TEMPORAL,
    PathArrays,
    compute,
    tape_columns,
)
from grandmodel.features.stream import MatrixStream


def test_columns_are_named_in_order_and_only_those_asked_for():
    columns = tape_columns(FeatureConfig())
    assert columns[:13] == MATRIX_30
    assert set(CONTEXT) < set(columns)
    assert not set(TEMPORAL) & set(columns)
    assert tape_columns(FeatureConfig(temporal=True))[-5:] == TEMPORAL


def test_scaled_columns_are_alive_on_a_random_walk(random_bars):
    found = matrix_over(random_bars(6000, 8), FeatureConfig(temporal=True), finer=True)
    for name, values in found.items():
        assert np.isfinite(values).all(), name
        assert values[2000:].std() > 0.0, name
    for name in MATRIX_30:
        if name != "mlmi_signal":
            assert 0.1 < found[name][2000:].std() < 1.2, name


def test_streamed_synergies_equal_the_batch(random_bars):
    bars = random_bars(5000, 7)
    config = FeatureConfig(temporal=True)
    whole = matrix_over(bars, config, finer=True)
    assert (whole["synergy_direction"] != 0).sum() >= 5
    rows = matrix_stream(bars, config, finer=True)
    for name, values in whole.items():
        assert np.array_equal(values, rows[name]), name


def test_streamed_synergies_equal_the_batch_where_finer_bars_are_missing(random_bars):
    bars = random_bars(5000, 7)
    keep = np.arange(len(bars) * PARTS) % (2 * PARTS) != PARTS - 1
    fine = thinned(fine_bars(bars), keep)
    config = FeatureConfig()
    whole = next(iter(compute([PathArrays(bars, fine)], config))).scaled
    assert (whole["synergy_direction"] != 0).sum() >= 5
    stream = MatrixStream(config, bars.tick, bars.volume_kind, finer=True)
    ends = np.cumsum(keep.reshape(-1, PARTS).sum(1))
    for t in range(len(bars)):
        parts = [fine_bar(fine, k) for k in range(ends[t - 1] if t else 0, ends[t])]
        row = stream.update(bars.bar(t), parts).scaled
        assert row["synergy_direction"] == whole["synergy_direction"][t], t
        assert row["synergy_confidence"] == whole["synergy_confidence"][t], t


def test_finer_bars_that_close_between_two_decisions_are_seen_at_the_later(random_bars):
    bars = random_bars(5000, 7)
    path = PathArrays(bars, fine_bars(bars))
    found = next(iter(compute([path], FeatureConfig())))
    closes = bars.open_time_ns + 30 * 60 * 10**9
    shown = np.flatnonzero(found.scaled["synergy_direction"])
    for row in shown:
        late = [t for t in found.synergies.time_ns if closes[row - 1] < t <= closes[row]]
        assert len(late) >= 1
    assert len(shown) == len(set(np.searchsorted(closes, found.synergies.time_ns)))


def test_without_finer_bars_there_are_no_synergies(random_bars):
    bars = random_bars(3000, 7)
    found = next(iter(compute([PathArrays(bars)], FeatureConfig())))
    assert len(found.synergies) == 0
    assert not found.scaled["synergy_confidence"].any()
    assert found.gaps == {}


def test_stream_row_follows_the_column_order(random_bars):
    bars = random_bars(60, 7)
    stream = MatrixStream(FeatureConfig(), 0.25, "traded", finer=True)
    fine = fine_bars(bars)
    for t in range(60):
        parts = [fine_bar(fine, k) for k in range(t * PARTS, (t + 1) * PARTS)]
        row = stream.update(bars.bar(t), parts)
    assert row.row.dtype == np.float32
    assert row.row[stream.columns.index("hour_cos")] == np.float32(row.scaled["hour_cos"])
    assert row.raw["close"] == bars.close[-1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FeatureConfig(scaling="none"), r"features\.scaling must be one of"),
        (lambda: MlmiConfig(store="12"), r"features\.mlmi\.store must be text or .* was 12"),
        (lambda: MlmiConfig(store="many"), r"features\.mlmi\.store must be text or"),
        (lambda: MlmiConfig(label_mode="x"), r"features\.mlmi\.label_mode must be one of"),
        (lambda: SynergyConfig(gates="x"), r"features\.synergy\.gates must be one of"),
    ],
)
def test_bad_settings_are_refused_by_their_key(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_store_text_keeps_ten_thousand_events_and_asks_two_hundred():
    assert MlmiConfig(store="text").memory == (10_000, 200)
    assert MlmiConfig(store="300").memory == (300, 0)
