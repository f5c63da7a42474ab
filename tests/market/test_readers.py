import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from market_makers import PLAIN, bars_of, random_frame, utc_ns

from grandmodel.core.checks import UserError
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.instruments import Instrument
from grandmodel.market.readers.csv import read_csv
from grandmodel.market.readers.parquet import read_parquet

FRAME = random_frame("2024-03-08 14:00", 60, 5)
EXPECTED = bars_of(FRAME, 5)
NAMES = ["open", "high", "low", "close", "volume"]


def csv_bars(path: Path, instrument: Instrument = PLAIN, **keys) -> Bars:
    return read_csv(DataConfig(kind="csv", path=str(path), **keys), instrument)


def parquet_bars(path: Path, **keys) -> Bars:
    return read_parquet(DataConfig(kind="parquet", path=str(path), **keys), PLAIN)


def stamped(times) -> pd.DataFrame:
    return FRAME.assign(timestamp=times)


def unix(per_second: float) -> pd.Series:
    ns = pd.DatetimeIndex(FRAME.timestamp).as_unit("ns").asi8
    return pd.Series(ns // int(1e9 / per_second))


def text(form: str, zone: str = "UTC") -> pd.Series:
    return FRAME.timestamp.dt.tz_convert(zone).dt.strftime(form)


WAYS: dict[str, tuple[Callable[[], pd.DataFrame], dict]] = {
    "iso with zone": (lambda: FRAME, {}),
    "iso with Z": (lambda: stamped(text("%Y-%m-%dT%H:%M:%SZ")), {"timezone": "Asia/Tokyo"}),
    "offset of New York": (lambda: stamped(text("%Y-%m-%d %H:%M:%S%z", "America/New_York")), {}),
    "iso without zone": (lambda: stamped(text("%Y-%m-%d %H:%M")), {}),
    "named zone": (
        lambda: stamped(text("%Y-%m-%d %H:%M:%S", "America/New_York")),
        {"timezone": "America/New_York"},
    ),
    "unix s": (lambda: stamped(unix(1)), {"timezone": "America/New_York"}),
    "unix s, fractional": (lambda: stamped(unix(1).astype(float)), {}),
    "unix ms": (lambda: stamped(unix(1e3)), {}),
    "unix us": (lambda: stamped(unix(1e6)), {}),
    "unix ns": (lambda: stamped(unix(1e9)), {}),
    "month first": (lambda: stamped(text("%m/%d/%Y %H:%M")), {"date_order": "mdy"}),
    "dashes, day first": (lambda: stamped(text("%d-%m-%Y %H:%M")), {"date_order": "dmy"}),
    "short years": (lambda: stamped(text("%y/%m/%d %H:%M")), {"date_order": "ymd"}),
    "weekdays": (lambda: stamped(text("%a %d/%m/%y %H:%M")), {"date_order": "dmy"}),
    "day first": (lambda: stamped(text("%d.%m.%Y %H:%M:%S")), {}),
    "digits": (lambda: stamped(text("%Y%m%d %H%M%S")), {}),
    "long digits": (lambda: stamped(text("%Y%m%d%H%M")), {}),
    "close stamps": (
        lambda: stamped(FRAME.timestamp + pd.Timedelta(minutes=5)),
        {"stamp": "close"},
    ),
    "both ends": (
        lambda: FRAME.rename(columns={"timestamp": "Open Time"}).assign(
            **{"Close Time": FRAME.timestamp + pd.Timedelta(minutes=5)}
        ),
        {"stamp": "close"},
    ),
    "capitals": (lambda: FRAME.rename(columns=str.title), {}),
    "brackets": (lambda: FRAME.rename(columns=lambda name: f"<{name.upper()}>"), {}),
    "letters": (lambda: FRAME.set_axis(["ts", "o", "h", "l", "c", "v"], axis=1), {}),
    "another order": (lambda: FRAME[["volume", "close", "low", "timestamp", "high", "open"]], {}),
    "more columns": (lambda: FRAME.assign(vwap=1.0, note="text", adj_close=0.0), {}),
    "date and time": (
        lambda: FRAME.assign(Date=text("%Y.%m.%d"), Time=text("%H:%M")).drop(columns="timestamp"),
        {},
    ),
    "date and time as digits": (
        lambda: FRAME.assign(date=text("%Y%m%d"), time=text("%H%M%S")).drop(columns="timestamp"),
        {},
    ),
    "named column": (lambda: FRAME.assign(time=0), {"time_column": "timestamp"}),
    "one symbol": (lambda: FRAME.assign(symbol="AA"), {}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_every_usual_form_gives_the_same_bars(way: str, kind: str, tmp_path: Path) -> None:
    make, keys = WAYS[way]
    path = tmp_path / f"file.{kind}"
    if kind == "csv":
        make().to_csv(path, index=False)
        bars = csv_bars(path, **keys)
    else:
        make().to_parquet(path, index=False)
        bars = parquet_bars(path, **keys)
    assert bars.fingerprint == EXPECTED.fingerprint
    assert bars.volume_kind == "traded"


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_separators_and_blank_lines(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    body = FRAME.to_csv(index=False, sep=separator)
    for before in ("\ufeff", "\n\n"):
        path.write_text(before + body + "\n\n", encoding="utf8")
        assert csv_bars(path).fingerprint == EXPECTED.fingerprint


def test_packed_file(tmp_path: Path) -> None:
    path = tmp_path / "file.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(FRAME.to_csv(index=False))
    assert csv_bars(path).fingerprint == EXPECTED.fingerprint
    path.write_bytes(b"no gzip")
    with pytest.raises(UserError, match="cannot be unpacked"):
        csv_bars(path)


def test_files_without_a_header_are_read_in_the_usual_order(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    stamped(text("%Y%m%d %H%M%S")).to_csv(path, index=False, header=False, sep=";")
    bars = csv_bars(path)
    assert bars.fingerprint == EXPECTED.fingerprint
    assert bars.reading is not None
    assert "no header: its columns are read as timestamp, open" in bars.reading.notes[0]
    apart = FRAME.assign(timestamp=text("%Y.%m.%d"))
    apart.insert(1, "clock", text("%H:%M"))
    apart.assign(extra=1).to_csv(path, index=False, header=False)
    assert csv_bars(path).fingerprint == EXPECTED.fingerprint


def test_parquet_index_of_times(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    FRAME.set_index("timestamp").to_parquet(path)
    assert parquet_bars(path).fingerprint == EXPECTED.fingerprint
    FRAME.set_index("timestamp").rename_axis(None).to_parquet(path)
    assert parquet_bars(path).fingerprint == EXPECTED.fingerprint


def test_prices_of_csv_and_parquet_agree_to_the_last_digit(tmp_path: Path) -> None:
    frame = random_frame("2024-03-08 14:00", 2000, 5)
    frame[NAMES] *= np.pi / 7e3
    frame.to_csv(tmp_path / "file.csv", index=False)
    assert csv_bars(tmp_path / "file.csv").fingerprint == bars_of(frame, 5).fingerprint


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    lines = FRAME.assign(close=FRAME.close.where(FRAME.index != 4)).to_csv(index=False).split("\n")
    path.write_text("\n".join(["", *lines[:3], "", *lines[3:]]))
    with pytest.raises(UserError, match=r"\(line 8\), column close"):
        csv_bars(path)


def test_local_times_over_a_change_of_clocks(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    frame = random_frame("2024-11-03 04:00", 60, 5)
    local = frame.timestamp.dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d %H:%M")
    frame.assign(timestamp=local).to_csv(path, index=False)
    bars = csv_bars(path, timezone="America/New_York")
    assert bars.fingerprint == bars_of(frame, 5).fingerprint


def test_several_symbols(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    other = random_frame("2024-03-08 14:00", 60, 5, seed=9).assign(Symbol="BB")
    mixed = pd.concat([FRAME.assign(Symbol="AA"), other]).sort_values("timestamp", kind="stable")
    mixed.to_csv(path, index=False)
    assert csv_bars(path, symbol="AA").fingerprint == EXPECTED.fingerprint
    with pytest.raises(UserError, match=r"holds 2 symbols .*AA, BB.*data.symbol="):
        csv_bars(path)
    with pytest.raises(UserError, match=r"data.symbol=CC is not in .*: it has AA, BB"):
        csv_bars(path, symbol="CC")
    FRAME.to_csv(path, index=False)
    with pytest.raises(UserError, match="no symbol column"):
        csv_bars(path, symbol="AA")


def test_volume_columns(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    prices = FRAME.drop(columns="volume")
    prices.to_csv(path, index=False)
    assert csv_bars(path).volume_kind == "none"
    prices.assign(volume=np.nan).to_csv(path, index=False)
    assert csv_bars(path).volume_kind == "none"
    prices.assign(tickvol=7, vol=0).to_csv(path, index=False)
    bars = csv_bars(path)
    assert (bars.volume_kind, bars.volume[0]) == ("ticks", 7)
    prices.assign(tick_volume=7, volume=9).to_csv(path, index=False)
    bars = csv_bars(path)
    assert (bars.volume_kind, bars.volume[0]) == ("traded", 9)
    assert csv_bars(path, volume_kind="none").volume_kind == "none"
    spot = Instrument(name="spot", volume="ticks")
    assert csv_bars(path, spot).volume_kind == "ticks"


def spoilt(column: str, row: int, value: object) -> pd.DataFrame:
    frame = (
        FRAME.astype({column: object})
        if column != "timestamp"
        else stamped(FRAME.timestamp.astype(str))
    )
    frame.loc[row, column] = value
    return frame


BAD_ROWS = {
    "text": (spoilt("close", 4, "n/a!"), "row 5 (line 6), column close: 'n/a!' is not a number"),
    "nan": (spoilt("open", 4, None), "row 5 (line 6), column open: nan is not a finite number"),
    "high below low": (spoilt("high", 4, 1.0), "row 5 (line 6), column high: 1 lies below"),
    "negative volume": (spoilt("volume", 4, -3), "row 5 (line 6), column volume: -3 is negative"),
    "zero price": (spoilt("low", 4, 0.0), "row 5 (line 6), column low: 0 is not above 0"),
    "no time": (
        spoilt("timestamp", 4, "soon"),
        "row 5 (line 6), column timestamp: soon is no time",
    ),
    "empty time": (spoilt("timestamp", 4, None), "row 5 (line 6), column timestamp: nothing"),
    "unsorted": (
        FRAME.iloc[[0, 2, 1, *range(3, 60)]],
        "row 3 (line 4), column timestamp: 2024-03-08 14:05:00 UTC comes after",
    ),
    "duplicate": (
        FRAME.iloc[[0, 1, 1, *range(2, 60)]],
        "row 3 (line 4), column timestamp: 2024-03-08 14:05:00 UTC stands there twice",
    ),
    "two times": (FRAME.assign(datetime=FRAME.timestamp), "timestamp, datetime could all be the"),
    "time no time": (FRAME.drop(columns="timestamp"), "no time column: rename one to timestamp"),
    "no price": (FRAME.drop(columns="low"), "no column low: rename a column to low"),
    "one row": (FRAME[:1], "one bar has no length"),
    "no rows": (FRAME[:0], "holds no bars"),
    "seconds": (
        stamped(pd.date_range("2024-01-01", periods=60, freq="90s", tz="UTC")),
        "bars stand 90 seconds apart",
    ),
    "odd minutes": (
        stamped(FRAME.timestamp + pd.Timedelta(minutes=2)),
        "row 1 (line 2): a bar of 5 minutes begins at 2024-03-08 14:02:00 UTC",
    ),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_files_are_refused_in_one_sentence(case: str, tmp_path: Path) -> None:
    frame, words = BAD_ROWS[case]
    path = tmp_path / "bad.csv"
    frame.to_csv(path, index=False)
    with pytest.raises(UserError) as refused:
        csv_bars(path)
    sentence = str(refused.value)
    assert words in sentence
    assert "bad.csv" in sentence
    assert "\n" not in sentence


def test_a_stray_bar_between_others_is_refused(tmp_path: Path) -> None:
    frame = random_frame("2024-03-08 14:00", 300, 5)
    frame.loc[299, "timestamp"] -= pd.Timedelta(minutes=3)
    frame.to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(UserError, match=r"row 300: the bar at .* begins 2 minutes after"):
        parquet_bars(tmp_path / "bad.parquet")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.path is missing: data=csv needs data.path=FILE"):
        read_csv(DataConfig(kind="csv"), PLAIN)
    with pytest.raises(UserError, match="there is no file"):
        csv_bars(tmp_path / "absent.csv")
    with pytest.raises(UserError, match="is a folder"):
        csv_bars(tmp_path)
    other = tmp_path / "other.csv"
    for content, words in (
        (b"[[1700000000, 1, 2, 3, 4, 5], [1, 2]]", "is no text in columns"),
        (b"\0\1\2", "is no text in columns"),
        (b"PK\3\4\0\0zip", "cannot be unpacked"),
        (b"(\xb5/\xfd\0x", "cannot be unpacked"),
    ):
        other.write_bytes(content)
        with pytest.raises(UserError, match=words):
            csv_bars(other)
    empty = tmp_path / "empty.csv"
    empty.touch()
    for read in (csv_bars, parquet_bars):
        with pytest.raises(UserError, match=r"empty\.csv is empty"):
            read(empty)
    empty.write_text("\n\n")
    with pytest.raises(UserError, match="is empty"):
        csv_bars(empty)
    text_file = tmp_path / "text.csv"
    FRAME.to_csv(text_file, index=False)
    with pytest.raises(UserError, match="is not a Parquet file: read text files with data=csv"):
        parquet_bars(text_file)
    whole = tmp_path / "whole.parquet"
    FRAME.to_parquet(whole)
    with pytest.raises(UserError, match="is a Parquet file: read it with data=parquet"):
        csv_bars(whole)
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(UserError, match="may be cut off"):
        parquet_bars(cut)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2024-03-08 14:00:00,1,1,1,1,1,9", "line 3 has 7 fields where there are 6 columns"),
        ("2024-03-08 14:00:00,1,1,1", "line 3 has 4 fields where there are 6 columns"),
    ],
)
def test_ragged_lines(line: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    good = "2024-03-08 13:55:00,1,1,1,1,1\n"
    later = "2024-03-08 14:05:00,1,1,1,1,1\n2024-03-08 14:10:00,1,1,1,1,1\n"
    path.write_text("time,open,high,low,close,volume\n" + good + line + "\n" + later)
    with pytest.raises(UserError) as refused:
        csv_bars(path)
    assert words in str(refused.value)


def test_headers_that_mislead(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("time,open,open,high,low,close\n2024-03-08,1,1,1,1,1\n")
    with pytest.raises(UserError, match="two columns are called open"):
        csv_bars(path)
    path.write_text("time,open,high,low,close\n" + "2024-03-08 10:00,1,1,1,1,5\n" * 2)
    with pytest.raises(UserError, match="more fields than its 5 columns"):
        csv_bars(path)


def test_times_that_do_not_exist_or_exist_twice(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    hours = pd.date_range("2024-03-10 00:00", periods=40, freq="5min").strftime("%Y-%m-%d %H:%M")
    skipped = FRAME[:40].assign(timestamp=hours)
    skipped.to_csv(path, index=False)
    with pytest.raises(UserError, match=r"row 25 .* 2024-03-10 02:00:00 does not exist in"):
        csv_bars(path, timezone="America/New_York")
    hours = pd.date_range("2024-11-03 00:00", periods=40, freq="5min").strftime("%Y-%m-%d %H:%M")
    FRAME[:40].assign(timestamp=hours).to_csv(path, index=False)
    with pytest.raises(UserError, match=r"row 13 .* can stand for two instants"):
        csv_bars(path, timezone="America/New_York")


def test_the_bar_length_is_the_shortest_usual_step(tmp_path: Path) -> None:
    path = tmp_path / "sparse.parquet"
    even = np.arange(2000) % 2 == 0
    frame = random_frame("2024-03-04", 2000, 1)[even | (np.arange(2000) % 60 == 1)]
    frame.to_parquet(path)
    bars = parquet_bars(path)
    assert bars.minutes == 1
    assert bars.open_time_ns[0] == utc_ns(str(frame.timestamp.iloc[0])[:19])
