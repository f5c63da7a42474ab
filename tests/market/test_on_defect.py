"""Defective rows: refused, dropped or mended, each counted with its row and time."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from market_makers import PLAIN, bars_of, random_frame

from grandmodel.core.checks import UserError
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.load import load_dataset
from grandmodel.market.quality import quality_table
from grandmodel.market.readers.formats import read_bars

FRAME = random_frame("2024-03-08 14:00", 300, 5)
ROW = 6


def read(path: Path, on_defect: str) -> Bars:
    return read_bars(DataConfig(kind="csv", path=str(path), on_defect=on_defect), PLAIN)


def lines() -> list[str]:
    stamped = FRAME.assign(timestamp=FRAME.timestamp.dt.strftime("%Y-%m-%d %H:%M"))
    return stamped.to_csv(index=False).splitlines()


def changed(column: int, value: str) -> list[str]:
    made = lines()
    fields = made[ROW].split(",")
    fields[column] = value
    made[ROW] = ",".join(fields)
    return made


def doubled() -> list[str]:
    made = lines()
    return [*made[: ROW + 1], made[ROW], *made[ROW + 1 :]]


def swapped() -> list[str]:
    made = lines()
    made[ROW], made[ROW + 1] = made[ROW + 1], made[ROW]
    return made


DROPPED = {  # file, what is said, rows of FRAME that go, row of the file, time known
    "a word for a price": (changed(1, "n/a!"), "no finite number", [5], 6, True),
    "an infinite price": (changed(2, "inf"), "no finite number", [5], 6, True),
    "a price of zero": (changed(3, "0"), "price not above 0", [5], 6, True),
    "a negative price": (changed(1, "-4"), "price not above 0", [5], 6, True),
    "negative volume": (changed(5, "-1"), "negative volume", [5], 6, True),
    "high below low": (changed(2, "1"), "high below low", [5], 6, True),
    "close above high": (changed(4, "9999"), "close outside low and high", [5], 6, True),
    "open below low": (changed(1, "1"), "open outside low and high", [5], 6, True),
    "no time": (changed(0, "soon"), "no time that can be read", [5], 6, False),
    "nothing for a time": (changed(0, ""), "no time that can be read", [5], 6, False),
    "twice": (doubled(), "time stands there twice", [], 7, True),
    "before the row above": (swapped(), "time before that of the row above", [5], 7, True),
    "off the grid": (changed(0, "2024-03-08 14:26"), "off the grid of the bars", [5], 6, True),
    "too few fields": (
        [*lines()[:ROW], "1,2", *lines()[ROW + 1 :]],
        "2 fields for 6",
        [5],
        6,
        False,
    ),
    "too many fields": (changed(5, "1,2,3"), "8 fields for 6 columns", [5], 6, False),
}


@pytest.mark.parametrize("case", DROPPED)
def test_a_dropped_row_is_counted_with_row_and_time(case: str, tmp_path: Path) -> None:
    content, words, gone, row, timed = DROPPED[case]
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(content))
    with pytest.raises(UserError, match=r"row 6 |row 7 |line 7 |line 8 "):
        read(path, "refuse")
    bars = read(path, "drop")
    assert bars.fingerprint == bars_of(FRAME.drop(index=gone), 5).fingerprint
    assert bars.reading is not None
    (defect,) = bars.reading.defects.to_dict("records")
    assert words in defect["defect"]
    assert (defect["row"], defect["line"], defect["action"]) == (row, row + 1, "dropped")
    assert pd.notna(defect["time"]) == timed
    found = quality_table(bars).set_index("finding")
    (named,) = [name for name in found.index if str(name).startswith("dropped")]
    assert found.loc[named, "count"] == 1
    assert f"row {row};" in found.loc[named, "note"]


def test_ragged_rows_do_not_move_the_names_of_later_rows(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    made = lines()
    made.insert(3, "")
    made.insert(5, "1,2")
    made[10] = made[10].replace(made[10].split(",")[1], "0", 1)
    path.write_text("\n".join(made))
    bars = read(path, "drop")
    assert bars.reading is not None
    assert bars.reading.defects["line"].to_list() == [6, 11]


def test_keep_sorts_joins_and_widens(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    made = lines()
    made[20], made[21] = made[21], made[20]
    made.insert(31, made[30])
    high = FRAME.high[39]
    made[41] = made[41].replace(f",{high},", f",{FRAME.low[39] - 1},", 1)
    path.write_text("\n".join(made))
    bars = read(path, "keep")
    widest = max(FRAME.open[39], FRAME.close[39])
    expected = FRAME.copy()
    expected.loc[39, ["high", "low"]] = [widest, min(FRAME.low[39] - 1, FRAME.low[39])]
    np.testing.assert_array_equal(bars.open_time_ns, bars_of(FRAME, 5).open_time_ns)
    np.testing.assert_array_equal(bars.close, FRAME.close)
    assert bars.high[39] == widest
    assert bars.reading is not None
    actions = bars.reading.defects.set_index("action")["row"].to_dict()
    assert actions == {"sorted in": 21, "joined": 31, "widened": 41}


def test_keep_invents_no_price(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    for column, value, words in (
        (1, "0", "0 is not above 0"),
        (2, "inf", "inf is not a finite number"),
        (0, "soon", "soon is no time"),
    ):
        path.write_text("\n".join(changed(column, value)))
        with pytest.raises(UserError, match=rf"row 6 .*{words}"):
            read(path, "keep")
    two = doubled()
    two[ROW + 1] = two[ROW + 1].rsplit(",", 1)[0] + ",77777"
    path.write_text("\n".join(two))
    with pytest.raises(UserError, match="stands there twice"):
        read(path, "keep")


def test_dropping_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    made = lines()
    made[2] = "2099" + made[2][4:]  # all later rows come before it
    path.write_text("\n".join(made))
    with pytest.raises(UserError, match=r"would drop 298 of 300 rows, more than a tenth"):
        read(path, "drop")


def test_a_quote_that_is_not_closed_swallows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(changed(1, '"4000')))
    for mode in ("refuse", "drop", "keep"):
        with pytest.raises(UserError, match=r"line 7 opens a quote that is not closed"):
            read(path, mode)


def test_dropped_rows_are_told_before_a_training(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(changed(3, "0")))
    config = DataConfig(kind="csv", path=str(path), on_defect="drop")
    notes = load_dataset(config, PLAIN, 0, min_bars=1, whole=True).notes
    assert f"{path}: 1 of 300 rows are defective: 1 dropped: price not above 0" in notes


def test_two_mistakes_in_one_row_are_one_row(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    made = changed(1, "0")
    made[ROW] = made[ROW].rsplit(",", 1)[0] + ",-1"
    path.write_text("\n".join(made))
    bars = read(path, "drop")
    assert bars.reading is not None
    assert len(bars.reading.defects) == 1
