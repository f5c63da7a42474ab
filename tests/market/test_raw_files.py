"""The vendors' own files, untouched, where a developer has them."""

from pathlib import Path

import numpy as np
import pytest
from market_makers import PLAIN

from grandmodel.core.checks import UserError
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.readers.formats import read_bars

RAW = Path(__file__).parents[3] / "shared" / "data" / "raw"
LEAN_ES = "lean/future/cme/minute/es/20131007_trade.zip"
QUOTES_ES = "lean/future/cme/minute/es/20131007_quote.zip"
FUTURES_DBN = "databento/futures_ohlcv-1m_2024-07-01T23-40_2024-07-02T00-10.dbn.zst"

# path, format, symbol -> bars, minutes, first and last open, first open price
FILES = {
    "histdata": (
        "histdata/DAT_ASCII_EURUSD_M1_201703_1_10.csv", None,
        11092, 1, "2017-03-01T05:00", "2017-03-10T21:59", 1.05522,
    ),
    "binance": (
        "binance/ADABTC-1m-2021-11-27.csv", None,
        10, 1, "2021-11-27T00:00", "2021-11-27T00:09", 2.853e-05,
    ),
    "csv": (
        "cme_csv/6EH4.XCME_1min_bars_20240101_20240131.csv.gz", None,
        29996, 1, "2024-01-01T23:01", "2024-01-31T23:59", 1.1076,
    ),
    "freqtrade": (
        "freqtrade/BTC_USDT_USDT-5m-futures.json", None,
        11123, 5, "2025-09-19T00:00", "2025-10-27T14:50", 117017.1,
    ),
    "lean": (LEAN_ES, "201312", 1344, 1, "2013-10-07T00:00", "2013-10-07T23:59", 1676.5),
    "metatrader": (
        "metatrader/XAUUSDh4.csv", None,
        14400, 240, "2012-10-26T01:00", "2022-03-04T18:00", 171408.0,
    ),
    "yahoo": (
        "yahoo/AAPL_5m.csv", None, 11476, 5, "2025-06-04T08:00", "2025-08-28T23:55", 203.22,
    ),
    "wondertrader": (
        "wondertrader/SSE.600009Q_m1.csv", None,
        15353, 1, "2020-01-02T01:30", "2020-04-10T02:26", 78.78,
    ),
    "backtrader": (
        "backtrader/2006-min-005.txt", None,
        2142, 5, "2006-01-02T09:00", "2006-01-30T17:25", 3578.73,
    ),
    "tradingview": (
        "tradingview_json/QQQ_5m_chunk_3.json", None,
        4347, 5, "2016-06-28T16:25", "2022-11-07T14:50", 103.72,
    ),
    "databento": (
        FUTURES_DBN, "ESU4", 30, 1, "2024-07-01T23:40", "2024-07-02T00:09", 5527.25,
    ),
}  # fmt: skip


def raw(name: str) -> Path:
    path = RAW / name
    if not path.is_file():
        pytest.skip(f"needs the vendor's file {path.name}, which is not part of the project")
    if path.suffixes[-2:] == [".dbn", ".zst"]:
        pytest.importorskip("databento_dbn", reason="needs the extra databento")
    return path


def read(path: Path, symbol: str | None = None, **keys) -> Bars:
    return read_bars(DataConfig(kind="auto", path=str(path), symbol=symbol, **keys), PLAIN)


@pytest.mark.real_bars
@pytest.mark.parametrize("kind", FILES)
def test_untouched_files_are_recognised_and_read(kind: str) -> None:
    name, symbol, count, minutes, first, last, price = FILES[kind]
    bars = read(raw(name), symbol)
    assert bars.reading is not None
    assert bars.reading.format == kind
    stamps = np.datetime_as_string(bars.open_time_ns[[0, -1]].view("M8[ns]"), unit="m")
    assert (len(bars), bars.minutes, *stamps, bars.open[0]) == (count, minutes, first, last, price)
    assert len(bars.reading.defects) == 0


@pytest.mark.real_bars
def test_histdata_agrees_with_the_converted_file(real_bars) -> None:
    bars = read(raw(FILES["histdata"][0]))
    config = DataConfig(kind="parquet", path=str(real_bars("EURUSD_1m")))
    kept = read_bars(config, PLAIN)
    known = np.flatnonzero(np.isin(kept.open_time_ns, bars.open_time_ns))
    assert len(known) == len(bars)
    np.testing.assert_array_equal(kept.close[known], bars.close)


@pytest.mark.real_bars
def test_equities_of_lean_are_scaled_and_in_new_york() -> None:
    bars = read(raw("lean/equity/usa/minute/spy/20131007_trade.zip"))
    assert (len(bars), bars.open[0]) == (828, 167.41)
    opening = bars.open_time_ns.searchsorted(np.datetime64("2013-10-07T13:30", "ns").astype(int))
    assert bars.volume[opening] > 20 * np.median(bars.volume)  # 09:30 in New York


@pytest.mark.real_bars
def test_quotes_of_lean_are_their_middle() -> None:
    quotes, trades = read(raw(QUOTES_ES), "201312"), read(raw(LEAN_ES), "201312")
    both = np.intersect1d(quotes.open_time_ns, trades.open_time_ns)
    middle = quotes.close[np.isin(quotes.open_time_ns, both)]
    traded = trades.close[np.isin(trades.open_time_ns, both)]
    assert np.median(np.abs(middle - traded)) <= 0.25
    assert len(read(raw("lean/forex/oanda/minute/eurusd/20140502_quote.zip"))) == 1222


@pytest.mark.real_bars
@pytest.mark.parametrize(
    ("name", "listed"),
    [(LEAN_ES, "201312, 201403, 201406"), (FUTURES_DBN, "ESU4, NQU4")],
)
def test_several_symbols_ask_for_one(name: str, listed: str) -> None:
    with pytest.raises(UserError, match=rf"\({listed}\): choose one with data.symbol="):
        read(raw(name))
