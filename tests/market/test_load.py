from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from market_makers import bars_of, random_frame, utc_ns

from grandmodel.core.checks import UserError
from grandmodel.market.bars import resample
from grandmodel.market.config import DataConfig, SplitConfig
from grandmodel.market.instruments import GENERIC_INSTRUMENT, Instrument
from grandmodel.market.load import load_dataset
from grandmodel.market.splits import Span
from grandmodel.market.volume import decide_volume_kind, volume_contradiction, warmup_rows

KNOWN = {
    "generic": GENERIC_INSTRUMENT,
    "ES": Instrument(name="ES", tick=0.25, multiplier=50.0, commission=2.0, calendar="CMES"),
}
FRAME = random_frame("2024-01-01", 6 * 48 * 60, 5)  # sixty days around the clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "some_5m.parquet"
    FRAME.to_parquet(file)
    return file


def config_of(path: Path, **keys) -> DataConfig:
    return DataConfig(kind="parquet", path=str(path), **keys)


def day_of(bars, index: int) -> str:
    return str(pd.Timestamp(bars.open_time_ns[index]))[:10]


def test_a_file_becomes_a_split_dataset(path: Path) -> None:
    dataset = load_dataset(config_of(path), KNOWN, purge_bars=97)
    (market,) = dataset.paths
    assert not dataset.synthetic
    assert market.finest is not None
    assert market.finest.minutes == 5
    assert market.bars.fingerprint == resample(bars_of(FRAME, 5), 30).fingerprint
    # day 13 holds the first bar after the warm-up: 48 days remain, the first of them a half
    train, validation, test = (dataset.splits[name][0] for name in ("train", "validation", "test"))
    assert (train.start, test.stop) == (600, 60 * 48)
    assert validation.start - train.stop == 97
    assert (validation.start, test.start) == (40 * 48, 50 * 48)


def test_a_csv_file_gives_the_same(path: Path, tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "some_5m.csv", index=False)
    csv = DataConfig(kind="csv", path=str(tmp_path / "some_5m.csv"))
    first, second = load_dataset(csv, KNOWN, 97), load_dataset(config_of(path), KNOWN, 97)
    assert first.splits == second.splits
    assert first.fingerprint == second.fingerprint


def test_bars_that_an_end_cuts_know_the_file_they_are_from(path: Path) -> None:
    whole = load_dataset(config_of(path), KNOWN, 97)
    later = load_dataset(config_of(path, start="2024-01-20"), KNOWN, 97)
    cut = load_dataset(config_of(path, end="2024-02-20"), KNOWN, 97)
    assert later.bars_fingerprint == whole.bars_fingerprint != cut.bars_fingerprint
    assert cut.root_fingerprint == whole.bars_fingerprint
    assert (whole.cut_from, later.cut_from) == (None, None)


def test_the_fingerprint_sees_how_bars_are_understood(path: Path) -> None:
    plain = load_dataset(config_of(path), KNOWN, 97).fingerprint
    for keys in ({"volume_kind": "none"}, {"adjustment": "ratio"}):
        assert load_dataset(config_of(path, **keys), KNOWN, 97).fingerprint != plain
    assert load_dataset(config_of(path), KNOWN["ES"], 97).fingerprint != plain


def test_what_an_unknown_instrument_is_comes_from_the_warmup(tmp_path: Path) -> None:
    frame = FRAME.copy()
    late = frame.index >= 3600
    frame.loc[late, ["open", "high", "low", "close"]] += 0.01
    frame.to_parquet(tmp_path / "x.parquet")
    bars = load_dataset(config_of(tmp_path / "x.parquet"), KNOWN, 97).paths[0].bars
    assert bars.instrument.name == "generic"
    assert bars.instrument.tick == 0.25
    assert bars.instrument.sessions_per_year == pytest.approx(365.25)


@pytest.mark.filterwarnings("error")
def test_start_and_end_choose_what_is_decided_on(path: Path) -> None:
    keys = {"start": "2024-02-01", "end": "2024-02-20"}
    dataset = load_dataset(config_of(path, **keys), KNOWN, 97, whole=True)
    bars, span = dataset.paths[0].bars, dataset.splits["test"][0]
    assert dataset.splits["train"] == dataset.splits["validation"] == ()
    assert bars.open_time_ns[0] == utc_ns("2024-01-01")  # features look back
    assert day_of(bars, span.start) == "2024-02-01"
    assert day_of(bars, span.stop - 1) == "2024-02-20"
    assert span.stop == len(bars)
    finest = dataset.paths[0].finest
    assert finest is not None
    assert finest.close_time_ns[-1] == bars.close_time_ns[-1]
    keys = {"start": "2024-02-01 12:00", "end": "2024-02-20T12:00Z"}
    dataset = load_dataset(config_of(path, **keys), KNOWN, 97, whole=True)
    span = dataset.splits["test"][0]
    bars = dataset.paths[0].bars
    assert bars.open_time_ns[span.start] == utc_ns("2024-02-01 12:00")
    assert bars.open_time_ns[-1] == utc_ns("2024-02-20 11:30")


def test_nothing_is_decided_on_in_the_warmup(path: Path) -> None:
    dataset = load_dataset(config_of(path, start="2024-01-03"), KNOWN, 97, whole=True)
    assert dataset.splits["test"][0] == Span(0, 600, 60 * 48)


def test_split_by_dates(path: Path) -> None:
    split = SplitConfig(train="2024-02-10", validation="2024-02-20")
    dataset = load_dataset(config_of(path, split=split), KNOWN, 97)
    bars = dataset.paths[0].bars
    train, validation, test = (dataset.splits[name][0] for name in ("train", "validation", "test"))
    assert day_of(bars, validation.start) == "2024-02-10"
    assert day_of(bars, validation.stop - 1) == "2024-02-19"
    assert validation.start - train.stop == 97
    assert test.stop == len(bars)
    split = SplitConfig(train="2024-02-10", validation="2024-02-20", test="2024-02-25")
    test = load_dataset(config_of(path, split=split), KNOWN, 97).splits["test"][0]
    assert day_of(bars, test.stop - 1) == "2024-02-24"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"end": "2024-01-15"}, "holds 720 bars of 30 minutes up to data.end=2024-01-15, the warm"),
        ({"start": "2025-01-01"}, "has no bars from data.start=2025-01-01: its bars run"),
        (
            {"split": SplitConfig(train=0.1, validation=0.1, test=0.8)},
            "data.split.train leaves 71 bars",
        ),
        (
            {"split": SplitConfig(train="2024-02-10", validation="2025-01-01")},
            "data.split.test leaves 0 bars",
        ),
    ],
)
def test_too_little_is_refused(keys: dict, words: str, path: Path) -> None:
    with pytest.raises(UserError) as refused:
        load_dataset(config_of(path, **keys), KNOWN, 97)
    assert words in str(refused.value)


def test_coarse_bars_are_refused(tmp_path: Path) -> None:
    random_frame("2024-01-01", 3000, 60).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(UserError, match=r"x\.parquet: bars of 60 minutes are coarser"):
        load_dataset(config_of(tmp_path / "x.parquet"), KNOWN, 97)


def test_half_hour_files_have_no_finer_bars(tmp_path: Path) -> None:
    random_frame("2024-01-01", 3000, 30).to_parquet(tmp_path / "x.parquet")
    assert load_dataset(config_of(tmp_path / "x.parquet"), KNOWN, 97).paths[0].finest is None


def test_prices_off_the_grid_suggest_ratio(tmp_path: Path) -> None:
    frame = FRAME.copy()
    frame[["open", "high", "low", "close"]] *= 1.1370001
    frame.to_parquet(tmp_path / "ES_5m.parquet")
    (note,) = load_dataset(config_of(tmp_path / "ES_5m.parquet"), KNOWN, 97).notes
    assert "data.adjustment=ratio" in note
    declared = config_of(tmp_path / "ES_5m.parquet", adjustment="ratio")
    assert load_dataset(declared, KNOWN, 97).notes == ()
    FRAME.to_parquet(tmp_path / "ES_5m.parquet")
    assert load_dataset(config_of(tmp_path / "ES_5m.parquet"), KNOWN, 97).notes == ()


def test_breaks_of_unknown_hours_are_not_foreseen(path: Path, tmp_path: Path) -> None:
    assert load_dataset(config_of(path), KNOWN, 97).notes == ()  # around the clock
    weekdays = FRAME[FRAME.timestamp.dt.dayofweek < 5]
    weekdays.to_parquet(tmp_path / "weekdays_5m.parquet")
    (note,) = load_dataset(config_of(tmp_path / "weekdays_5m.parquet"), KNOWN, 97).notes
    assert "env.edge=carry refuses no entry" in note
    assert "env.edge=flat is refused" in note
    assert "instrument.calendar" in note
    weekdays.to_parquet(tmp_path / "ES_5m.parquet")
    assert load_dataset(config_of(tmp_path / "ES_5m.parquet"), KNOWN, 97).notes == ()


def test_additive_prices_warn_or_are_put_at_their_level(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = load_dataset(config_of(path, adjustment="additive"), KNOWN, 97)
    assert "data.raw_level_at" in dataset.notes[0]
    assert dataset.notes[0] in caplog.text
    raw = FRAME.close.iloc[999] - 240.0
    time = FRAME.timestamp.iloc[1000].strftime("%Y-%m-%dT%H:%M")
    keys = {"adjustment": "additive", "raw_level_at": f"{time}={raw}"}
    shifted = load_dataset(config_of(path, **keys), KNOWN, 97)
    assert shifted.notes == ()
    for name in ("open", "high", "low", "close"):
        moved = getattr(shifted.paths[0].bars, name) - getattr(dataset.paths[0].bars, name)
        np.testing.assert_allclose(moved, -240.0)
    keys["raw_level_at"] = f"{time}=1"
    with pytest.raises(UserError, match="below 0"):
        load_dataset(config_of(path, **keys), KNOWN, 97)
    keys["raw_level_at"] = "1999-01-01=4000"
    with pytest.raises(UserError, match="lies before the bars"):
        load_dataset(config_of(path, **keys), KNOWN, 97)


def test_volume_kind_is_decided_by_the_warmup_alone(tmp_path: Path) -> None:
    frame = FRAME.copy()
    frame.loc[frame.index < 3600, "volume"] = 0.0
    frame.to_parquet(tmp_path / "x.parquet")
    dataset = load_dataset(config_of(tmp_path / "x.parquet"), KNOWN, 97)
    assert dataset.paths[0].bars.volume_kind == "none"
    assert "data.volume_kind=traded" in dataset.notes[0]
    frame.loc[3599, "volume"] = 1.0  # the last bar of the warm-up
    frame.to_parquet(tmp_path / "x.parquet")
    dataset = load_dataset(config_of(tmp_path / "x.parquet"), KNOWN, 97)
    assert dataset.paths[0].bars.volume_kind == "traded"
    assert dataset.notes == ()


def test_later_silence_warns_too() -> None:
    frame = FRAME.copy()
    frame.loc[frame.index >= 3600, "volume"] = 0.0
    note = volume_contradiction(bars_of(frame, 5))
    assert note is not None
    assert "data.volume_kind=none" in note
    assert volume_contradiction(bars_of(FRAME, 5)) is None
    assert volume_contradiction(bars_of(FRAME[:100], 5)) is None


def test_the_warmup_is_the_first_600_half_hours_that_have_bars() -> None:
    opens = bars_of(FRAME, 5).open_time_ns
    assert warmup_rows(opens) == 3600
    assert warmup_rows(opens[::12]) == 600
    assert warmup_rows(opens[:10]) == 10
    kind = decide_volume_kind(opens, np.zeros(len(opens)), GENERIC_INSTRUMENT)
    assert kind == "none"


def test_less_than_one_bar_of_the_decision_clock_is_refused(tmp_path: Path) -> None:
    FRAME[:3].to_parquet(tmp_path / "some_5m.parquet")
    with pytest.raises(UserError, match="holds less than one bar of 30 minutes: give more bars"):
        load_dataset(config_of(tmp_path / "some_5m.parquet"), KNOWN, 97)
