import numpy as np
import pandas as pd
from market_makers import PLAIN, bars_of, random_frame

from grandmodel.market.bars import Bars
from grandmodel.market.coverage import coverage, file_table
from grandmodel.market.instruments import Instrument

ALWAYS = Instrument(name="coin", tick=0.25, calendar="24/7")
STOCK = Instrument(name="stock", tick=0.25, calendar="XNYS", timezone="America/New_York")


def without(hours: list[str], instrument: Instrument, days: int = 4) -> Bars:
    frame = random_frame("2024-03-04", days * 288, 5)
    gone = np.zeros(len(frame), bool)
    for hour in hours:
        gone |= (frame.timestamp.dt.floor("30min") == pd.Timestamp(hour, tz="UTC")).to_numpy()
    return bars_of(frame[~gone], 5, instrument)


def test_missing_half_hours_are_told_from_closed_ones() -> None:
    found = coverage(without(["2024-03-05 15:00", "2024-03-06 02:00"], ALWAYS))
    assert found.known
    assert found.share.shape == (48, 4)
    assert found.share[30, 1] == 0.0
    assert found.share[4, 2] == 0.0
    assert np.delete(found.share.ravel(), [30 * 4 + 1, 4 * 4 + 2]).min() == 1.0
    stock = coverage(without(["2024-03-05 15:00"], STOCK))
    assert stock.share[30, 1] == 0.0  # the exchange is open from 14:30 to 21:00 UTC
    assert np.isnan(stock.share[4]).all()
    assert (stock.share[29:42, 0] == 1.0).all()


def test_a_part_of_a_half_hour() -> None:
    frame = random_frame("2024-03-04", 2 * 288, 5).drop(index=[12, 13])
    found = coverage(bars_of(frame, 5, ALWAYS))
    assert found.share[2, 0] == 4 / 6


def test_hours_that_nobody_knows_are_those_of_most_weeks() -> None:
    frame = random_frame("2024-03-04", 28 * 288, 5)
    day = frame.timestamp.dt.hour.between(8, 15)
    lost = frame.timestamp.dt.floor("30min") == pd.Timestamp("2024-03-20 10:00", tz="UTC")
    plain = Instrument(name="own", tick=0.25, calendar="days")
    found = coverage(bars_of(frame[day & ~lost], 5, plain))
    assert not found.known
    assert np.isnan(found.share[:16]).all()
    assert found.share[20, 16] == 0.0
    assert np.nansum(found.share == 0.0) == 1


def test_long_files_share_columns() -> None:
    found = coverage(bars_of(random_frame("2010-01-01", 4000 * 48, 30), 30, ALWAYS))
    assert found.days_per_column == 5
    assert found.share.shape == (48, 800)
    assert np.nanmin(found.share) == 1.0


def test_the_table_of_a_file_names_the_gap() -> None:
    facts = file_table(without(["2024-03-05 15:00"], ALWAYS)).set_index("fact")["value"]
    assert facts["bars"] == "1146 of 5 minutes"
    assert facts["gaps"] == "1: 1 missing"
    assert facts["missing bars"] == "6"
    assert facts["first"] == "2024-03-04 00:00 UTC"
    assert PLAIN.calendar == "days"
