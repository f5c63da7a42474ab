"""Single trades made into bars, in numbers worked by hand and against a slow form."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from market_makers import PLAIN

from grandmodel.core.checks import UserError
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.readers.formats import read_bars

HAND = """time,price,size
2024-03-08 14:00:01,10,1
2024-03-08 14:00:01,12,2
2024-03-08 14:00:59.999,9,3
2024-03-08 14:01:00,11,4
2024-03-08 14:04:00,7,5
2024-03-08 14:04:30,8,6
2024-03-08 14:05:00,9,7
"""


def read(path: Path, **keys) -> Bars:
    return read_bars(DataConfig(kind="auto", path=str(path), **keys), PLAIN)


def table(bars: Bars) -> list[tuple[float, ...]]:
    minute = (bars.open_time_ns - bars.open_time_ns[0]) // 60_000_000_000
    return list(zip(minute, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True))


def test_minutes_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(HAND)
    bars = read(path)
    assert bars.reading is not None
    assert bars.reading.format == "ticks"
    assert "7 ticks are made into 3 bars of 1 min" in bars.reading.notes[-1]
    assert table(bars) == [(0, 10, 12, 9, 9, 6), (1, 11, 11, 11, 11, 4), (4, 7, 8, 7, 8, 11)]
    assert (bars.volume_kind, bars.minutes) == ("traded", 1)
    assert table(read(path, bar_minutes=5)) == [(0, 10, 12, 7, 8, 21)]


def test_without_sizes_ticks_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("\n".join(line.rsplit(",", 1)[0] for line in HAND.splitlines()))
    bars = read(path)
    assert bars.volume.tolist() == [3, 1, 2]
    assert bars.volume_kind == "ticks"


@pytest.mark.parametrize("minutes", [1, 2, 5, 30])
def test_bars_agree_with_a_slow_form(minutes: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    ms = 1_709_900_000_000 + np.cumsum(rng.integers(0, 60_000, 3000))
    price, size = rng.integers(90, 110, 3000) / 4, rng.integers(1, 9, 3000)
    frame = pd.DataFrame({"id": 1, "price": price, "qty": size, "quote": 0, "time": ms})
    path = tmp_path / "A-trades.csv"
    frame.assign(maker=True, best=True).to_csv(path, index=False, header=False)
    bars = read(path, bar_minutes=minutes)
    slow: dict[int, list[float]] = {}
    for at, each, count in zip(ms, price, size, strict=True):
        bar = slow.setdefault(at // (minutes * 60_000), [each, each, each, each, 0])
        bar[1], bar[2] = max(bar[1], each), min(bar[2], each)
        bar[3], bar[4] = each, bar[4] + count
    expected = list(slow.values())[:-1]
    got = zip(bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
    assert [list(bar) for bar in got] == expected
    assert bars.open_time_ns.tolist() == [key * minutes * 60_000_000_000 for key in slow][:-1]


def test_ticks_of_histdata_are_bids_in_new_york(tmp_path: Path) -> None:
    path = tmp_path / "T.csv"
    path.write_text(
        "20240308 090000123,1.1,1.2,0\n20240308 090030000,1.3,1.4,0\n20240308 090101000,1.2,1.3,0"
    )
    bars = read(path)
    assert table(bars) == [(0, 1.1, 1.3, 1.1, 1.3, 2)]
    assert bars.open_time_ns[0] == pd.Timestamp("2024-03-08 14:00", tz="UTC").value


@pytest.mark.parametrize(
    ("old", "new", "words", "left"),
    [
        (",12,2", ",0,2", "row 2 .*column price: 0 is not above 0", 6),
        (",12,2", ",12,-2", "row 2 .*column size: -2 is negative", 6),
        ("14:01:00,11", "13:01:00,11", "row 4 .* comes after a later tick", 6),
        (",12,2", ",a,2", "row 2 .*column price: 'a' is not a number", 6),
    ],
)
def test_defective_ticks(old: str, new: str, words: str, left: int, tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(HAND.replace(old, new))
    with pytest.raises(UserError, match=words):
        read(path)
    bars = read(path, on_defect="drop")
    assert bars.reading is not None
    assert len(bars.reading.defects) == 1


def test_few_ticks_fill_no_bar(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("time,price\n2024-03-08 14:00:01,1\n2024-03-08 14:00:02,1\n")
    with pytest.raises(UserError, match="its ticks fill no bar of 1 minutes"):
        read(path)
    with pytest.raises(UserError, match=r"data\.bar_minutes must divide 30, was 7"):
        DataConfig(bar_minutes=7)


def test_ticks_of_several_symbols_ask_for_one(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    lines = HAND.splitlines()
    mixed = [f"{line},{'AB'[row % 2]}" for row, line in enumerate(lines[1:])]
    path.write_text("\n".join([lines[0] + ",symbol", *mixed]))
    with pytest.raises(UserError, match=r"\(A, B\): choose one with data.symbol="):
        read(path)
    assert len(read(path, symbol="A")) == 2
