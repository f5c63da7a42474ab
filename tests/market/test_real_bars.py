from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from market_makers import CONF

from grandmodel.core.clock import DAY_NS, HOUR_NS
from grandmodel.market.calendar import session_table
from grandmodel.market.config import DataConfig
from grandmodel.market.hours import NEW_YORK, local_time_ns, scheduled
from grandmodel.market.instruments import Instrument
from grandmodel.market.load import load_dataset
from grandmodel.market.quality import gap_table
from grandmodel.market.readers.formats import read_bars

pytestmark = pytest.mark.real_bars
KNOWN = {
    path.stem: Instrument(**yaml.safe_load(path.read_text()))
    for path in CONF.glob("*.yaml")
    if path.stem != "auto"
}


def load(path: Path, **keys):
    return load_dataset(DataConfig(kind="parquet", path=str(path), **keys), KNOWN, 97)


def test_one_and_five_minute_files_agree(real_bars: Callable[[str], Path]) -> None:
    five, one = (load(real_bars(name)).paths[0].bars for name in ("ES_5m", "ES_1m"))
    for name in ("open_time_ns", "open", "high", "low", "close"):
        np.testing.assert_array_equal(getattr(five, name), getattr(one, name))
    assert (five.volume_kind, one.volume_kind) == ("traded", "none")
    assert five.instrument.name == "ES"


def test_long_futures_file(real_bars: Callable[[str], Path]) -> None:
    dataset = load(real_bars("NQ_5m"))
    bars = dataset.paths[0].bars
    assert bars.volume_kind == "none"
    assert any("data.adjustment=ratio" in note for note in dataset.notes)
    table = session_table(bars)
    lengths = np.bincount(table.session)
    assert np.median(lengths) == 46
    assert lengths.max() <= 49
    # a gap over a day within a session would be a fault of the calendar
    ends = np.diff(table.session) != 0
    assert table.break_hours[1:][~ends].max() < 24.0
    # the timetable knows the ends of all sessions but of those that lost their last bars
    told, wrong = table.last_of_session[:-1], table.last_of_session[:-1] & ~ends
    assert (told & ends).sum() > 0.995 * ends.sum()
    assert (wrong & table.scheduled[:-1]).sum() < 0.01 * ends.sum()


def test_stock_file(real_bars: Callable[[str], Path]) -> None:
    finest = load(real_bars("SPY_1m")).paths[0].finest
    assert finest is not None
    table = session_table(finest)
    assert np.bincount(table.session).max() == 391  # the closing auction stays in its session
    gaps = gap_table(finest)
    assert set(gaps.kind) == {"closed"}


@pytest.mark.parametrize("name", ["EURUSD_15m", "XAUUSD_30m", "BTCUSDT_5m", "IF_5m", "SPX_5m"])
def test_other_markets(name: str, real_bars: Callable[[str], Path]) -> None:
    dataset = load(real_bars(name))
    table = session_table(dataset.paths[0].bars)
    assert (np.diff(table.session) >= 0).all()
    assert len(dataset.splits["test"]) == 1
    assert table.session[-1] > 80


@pytest.mark.parametrize(
    ("name", "calendar", "least"),
    [
        ("ES_5m", "CMES", 1.0),
        ("NQ_5m", "CMES", 0.9995),  # three weeks of 2009 are an hour off
        ("NQ_1h", "CMES", 1.0),
        ("US500_15m", "CMES", 1.0),
        ("AAPL_5m", "XNYS", 1.0),
        ("MSFT_5m", "XNYS", 0.9999),
        ("SPY_1m", "XNYS", 0.993),  # each day has the closing auction, 16:00
        ("SPX_5m", "XNYS", 0.982),  # closing prints, 16:00 and 16:05
        ("XAUUSD_15m", "23/5", 0.9995),
        ("XAUUSD_30m", "23/5", 0.9995),
        ("XAUUSD_1h", "23/5", 0.9985),
        ("EURUSD_15m", "24/5", 1.0),
        ("AUDUSD_15m", "24/5", 0.9999),
        ("EURUSD_1m", "24/5", 1.0),
        ("BTCUSDT_5m", "24/7", 1.0),
    ],
)
def test_bars_lie_inside_the_timetable(
    name: str, calendar: str, least: float, real_bars: Callable[[str], Path]
) -> None:
    config = DataConfig(kind="parquet", path=str(real_bars(name)))
    bars = read_bars(config, Instrument(name=name, calendar=calendar))
    announced = scheduled(bars.open_time_ns, bars.minutes, calendar)
    assert announced.mean() >= least
    if calendar == "XNYS":  # what lies outside are prints after a close, early ones included
        after = local_time_ns(bars.open_time_ns[~announced], NEW_YORK) % DAY_NS
        assert (after >= 13 * HOUR_NS).all()
        assert (after < 16.5 * HOUR_NS).all()


@pytest.mark.parametrize(
    ("name", "calendar", "most"),
    [
        ("XAUUSD_15m", "23/5", 0.0005),
        ("XAUUSD_30m", "23/5", 0.001),
        ("XAUUSD_1h", "23/5", 0.006),
        ("EURUSD_15m", "24/5", 0.0001),
        ("AUDUSD_15m", "24/5", 0.0001),
        ("US500_15m", "CMES", 0.0),
        ("AAPL_5m", "XNYS", 0.0),
    ],
)
def test_hardly_a_bar_is_missing_from_the_timetable(
    name: str, calendar: str, most: float, real_bars: Callable[[str], Path]
) -> None:
    config = DataConfig(kind="parquet", path=str(real_bars(name)))
    bars = read_bars(config, Instrument(name=name, calendar=calendar))
    missing = int(gap_table(bars).missing_bars.sum())
    assert missing <= most * (len(bars) + missing)
