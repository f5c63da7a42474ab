"""Files of the shape that each vendor writes, made here: recognised, and read to the same bars."""

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from market_makers import PLAIN, bars_of, random_frame

from grandmodel.core.checks import UserError
from grandmodel.market.bars import Bars
from grandmodel.market.config import FILE_KINDS, DataConfig
from grandmodel.market.load import load_dataset
from grandmodel.market.readers.formats import FORMATS, read_bars

FRAME = random_frame("2024-03-08 14:00", 60, 5)
NAMES = ["open", "high", "low", "close", "volume"]
CLOSES = FRAME.timestamp + pd.Timedelta(minutes=5)
MS = pd.Series(pd.DatetimeIndex(FRAME.timestamp).as_unit("ns").asi8 // 1_000_000)
DAY_MS = 86_400_000


def read(path: Path, kind: str = "auto", **keys) -> Bars:
    return read_bars(DataConfig(kind=kind, path=str(path), **keys), PLAIN)


def text(times: pd.Series, form: str, zone: str = "UTC") -> pd.Series:
    return times.dt.tz_convert(zone).dt.strftime(form)


def plain_csv(frame: pd.DataFrame, header: bool = True, sep: str = ",") -> bytes:
    return frame.to_csv(index=False, header=header, sep=sep).encode()


def klines(unit: int = 1) -> pd.DataFrame:
    rest = {f"rest{number}": 0 for number in range(5)}
    made = FRAME.assign(timestamp=MS * unit, close_time=(MS + 299_999) * unit, **rest)
    return made[["timestamp", *NAMES, "close_time", *rest]]


def broker_table() -> pd.DataFrame:
    broker = FRAME.timestamp.dt.tz_convert("America/New_York").dt.tz_localize(None)
    broker += pd.Timedelta(hours=7)
    return pd.DataFrame(
        {"<DATE>": broker.dt.strftime("%Y.%m.%d"), "<TIME>": broker.dt.strftime("%H:%M:%S")}
        | {f"<{name.upper()}>": FRAME[name] for name in NAMES[:4]}
        | {"<TICKVOL>": FRAME.volume, "<VOL>": 0, "<SPREAD>": 2}
    )


def yahoo_with_three_headers() -> bytes:
    made = FRAME.assign(timestamp=FRAME.timestamp.astype(str))
    lines = plain_csv(made[["timestamp", "close", "high", "low", "open", "volume"]], False).decode()
    names = "Price,Close,High,Low,Open,Volume\nTicker,AA,AA,AA,AA,AA\nDatetime,,,,,\n"
    return (names + lines).encode()


def wonder() -> bytes:
    lines = ["<Date>, <Time>, <Open>, <High>, <Low>, <Close>, <Volume>"]
    closes = CLOSES.dt.tz_convert("Asia/Shanghai")
    for row, stamp in zip(FRAME.itertuples(index=False), closes, strict=True):
        day, clock = f"{stamp.year}/{stamp.month}/{stamp.day}", f"{stamp:%H:%M:%S}"
        lines.append(f"{day} 星期四,{clock}," + ",".join(repr(float(v)) for v in row[1:]))
    return "\n".join(lines).encode("gbk")


def feather() -> bytes:
    import io

    out = io.BytesIO()
    FRAME.rename(columns={"timestamp": "date"}).to_feather(out)
    return out.getvalue()


def rows() -> list[list[float]]:
    return [
        [int(ms), *map(float, row)] for ms, row in zip(MS, FRAME[NAMES].to_numpy(), strict=True)
    ]


def objects() -> list[dict[str, float]]:
    seconds = FRAME.assign(time=MS // 1000)[["time", *NAMES]]
    return seconds.to_dict("records")


def feed() -> dict[str, list[float]]:
    frame = FRAME.assign(t=MS // 1000)
    letters = dict(zip(("t", "o", "h", "l", "c", "v"), ("t", *NAMES), strict=True))
    return {"s": "ok"} | {letter: frame[name].tolist() for letter, name in letters.items()}


def spaced(values: pd.DataFrame) -> pd.DataFrame:
    return values.assign(Date=text(CLOSES, "%Y-%m-%d"), Time=text(CLOSES, "%H:%M:%S"))


def backtrader() -> bytes:
    titled = spaced(FRAME.rename(columns=str.title)).assign(OpenInterest=0)
    return plain_csv(titled[["Date", "Time", *map(str.title, NAMES), "OpenInterest"]])


SHAPES: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "histdata": (
        "histdata",
        "DAT.csv",
        lambda: plain_csv(
            FRAME.assign(timestamp=text(FRAME.timestamp, "%Y%m%d %H%M%S", "America/New_York")),
            False,
            ";",
        ),
    ),
    "binance": ("binance", "A.csv", lambda: plain_csv(klines(), False)),
    "binance in microseconds": ("binance", "A.csv", lambda: plain_csv(klines(1000), False)),
    "binance with a header": (
        "binance",
        "A.csv",
        lambda: plain_csv(klines().rename(columns={"timestamp": "open_time"})),
    ),
    "metatrader 5": ("metatrader", "A.csv", lambda: plain_csv(broker_table(), sep="\t")),
    "metatrader 5, utf-16": (
        "metatrader",
        "A.csv",
        lambda: plain_csv(broker_table(), sep="\t").decode().encode("utf-16"),
    ),
    "metatrader 4": (
        "metatrader",
        "A.csv",
        lambda: plain_csv(broker_table().iloc[:, :7].replace({":00$": ""}, regex=True), False),
    ),
    "yahoo": (
        "yahoo",
        "A.csv",
        lambda: plain_csv(
            FRAME.rename(columns=str.title).rename(columns={"Timestamp": "Datetime"})
        ),
    ),
    "yahoo with three headers": ("yahoo", "A.csv", yahoo_with_three_headers),
    "wondertrader": ("wondertrader", "A.csv", wonder),
    "backtrader": ("backtrader", "A.txt", backtrader),
    "freqtrade json": ("freqtrade", "A.json", lambda: json.dumps(rows()).encode()),
    "freqtrade feather": ("freqtrade", "A.feather", feather),
    "tradingview": ("tradingview", "A.json", lambda: json.dumps(objects()).encode()),
    "tradingview feed": ("tradingview", "A.json", lambda: json.dumps(feed()).encode()),
    "any other text": ("csv", "A.txt", lambda: plain_csv(FRAME)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("packing", ["plain", "gz", "zip"])
def test_every_shape_is_recognised_and_read(shape: str, packing: str, tmp_path: Path) -> None:
    kind, name, make = SHAPES[shape]
    if packing != "plain" and name.endswith("feather"):
        pytest.skip("Feather files pack themselves")
    path = tmp_path / name
    path.write_bytes(make())
    if packing == "gz":
        path = tmp_path / f"{name}.gz"
        path.write_bytes(gzip.compress(make()))
    if packing == "zip":
        path = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, make())
    found = read(path)
    assert found.reading is not None
    assert (found.reading.format, found.reading.recognised) == (kind, True)
    expected = bars_of(FRAME, 5)
    for column in ("open_time_ns", *NAMES):
        np.testing.assert_array_equal(getattr(found, column), getattr(expected, column))
    named = read(path, kind)
    assert named.fingerprint == found.fingerprint
    assert named.reading is not None
    assert not named.reading.recognised


def test_parquet_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "A.bin"
    FRAME.to_parquet(path)
    found = read(path)
    assert found.fingerprint == bars_of(FRAME, 5).fingerprint
    assert found.reading is not None
    assert found.reading.format == "parquet"


def lean_zip(path: Path, kind: str, frames: dict[str, pd.DataFrame], day: str = "20240308") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for month, frame in frames.items():
            name = f"{day}_es_minute_{kind}{month}.csv"
            archive.writestr(name, plain_csv(frame, header=False))
    return path


def test_lean_contracts_ask_for_one(tmp_path: Path) -> None:
    day = FRAME.assign(timestamp=MS % DAY_MS)
    path = lean_zip(
        tmp_path / "es" / "20240308_trade.zip", "trade", {"_202403": day, "_202406": day[:30]}
    )
    with pytest.raises(UserError, match=r"holds 2 files \(202403, 202406\): choose one with"):
        read(path)
    with pytest.raises(UserError, match=r"data.symbol=AA is not in .* it has 202403, 202406"):
        read(path, symbol="AA")
    assert read(path, symbol="202403").fingerprint == bars_of(FRAME, 5).fingerprint
    assert len(read(path, symbol="202406")) == 30


def test_lean_equities_are_ten_thousandths_in_new_york(tmp_path: Path) -> None:
    local = FRAME.timestamp.dt.tz_convert("America/New_York").dt.tz_localize(None)
    since = (local - local.dt.normalize()) // pd.Timedelta(milliseconds=1)
    cents = FRAME[NAMES[:4]].round(2)
    whole = (cents * 10_000).round().astype(int)
    made = pd.concat([since, whole, FRAME.volume], axis=1)
    path = lean_zip(tmp_path / "equity" / "20240308_trade.zip", "trade", {"": made})
    found = read(path)
    expected = bars_of(FRAME.assign(**cents), 5)
    np.testing.assert_array_equal(found.open_time_ns, expected.open_time_ns)
    np.testing.assert_array_equal(found.close, expected.close)


def test_lean_quotes_are_read_as_their_middle(tmp_path: Path) -> None:
    bid, ask = FRAME[NAMES[:4]].add_prefix("b"), (FRAME[NAMES[:4]] + 0.5).add_prefix("a")
    quotes = pd.concat([MS % DAY_MS, bid, FRAME.volume, ask], axis=1).assign(size=1)
    quotes.loc[7, [name for name in quotes if str(name).startswith("b")]] = np.nan
    found = read(lean_zip(tmp_path / "20240308_quote.zip", "quote", {"": quotes}))
    np.testing.assert_allclose(found.close[:7], FRAME.close[:7] + 0.25)
    assert found.close[7] == FRAME.close[7] + 0.5
    assert found.reading is not None
    assert "1 bars have one side only" in found.reading.notes[0]
    assert found.volume_kind == "none"


def test_databento_without_its_library_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "A.dbn"
    path.write_bytes(b"DBN\3" + bytes(200))
    monkeypatch.setitem(__import__("sys").modules, "databento_dbn", None)
    with pytest.raises(UserError, match=r'pip install "grandmodel\[databento\]"'):
        read(path)


def test_the_registry_holds_every_kind_of_file_and_a_configuration_each() -> None:
    assert tuple(FORMATS) == FILE_KINDS
    conf = Path(__file__).parents[2] / "conf" / "data"
    for kind in ("auto", *FILE_KINDS):
        assert f"kind: {kind}\n" in (conf / f"{kind}.yaml").read_text()


def test_a_wrong_format_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_bytes(plain_csv(FRAME))
    with pytest.raises(UserError, match="does not look like data=histdata: data=auto finds"):
        read(path, "histdata")


def test_zone_of_the_user_and_a_clock_ahead_of_a_zone(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_bytes(plain_csv(broker_table(), sep="\t"))
    assert read(path).open_time_ns[0] == bars_of(FRAME, 5).open_time_ns[0]
    later = read(path, timezone="UTC").open_time_ns[0] - read(path).open_time_ns[0]
    assert later == 2 * 3_600_000_000_000  # New York is UTC-5 in the morning of 8 March
    with pytest.raises(UserError, match=r"data.timezone must be a name such as UTC"):
        DataConfig(timezone="Mars/Base+7")


def test_units_of_prices(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    cents = (FRAME[NAMES[:4]].round(2) * 100).round()
    path.write_bytes(plain_csv(FRAME.assign(**cents)))
    np.testing.assert_array_equal(read(path, price_scale=0.01).close, FRAME.close.round(2))


def test_what_was_assumed_reaches_the_notes_of_the_dataset(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    frame = random_frame("2024-03-08 14:00", 600, 5)
    path.write_bytes(
        plain_csv(frame.assign(timestamp=frame.timestamp.dt.strftime("%Y-%m-%d %H:%M")))
    )
    config = DataConfig(kind="auto", path=str(path))
    dataset = load_dataset(config, PLAIN, 0, min_bars=1, whole=True)
    assert dataset.notes[0] == (
        f"{path}: recognised as csv: bars are stamped by their open, time zone UTC, assumed: "
        "data.timezone changes it"
    )
