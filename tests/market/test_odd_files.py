from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from market_makers import PLAIN, random_frame

from grandmodel.core.checks import UserError
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.readers.csv import read_csv

FRAME = random_frame("2024-03-08 14:00", 60, 5)


def csv_bars(path: Path) -> Bars:
    return read_csv(DataConfig(kind="csv", path=str(path)), PLAIN)


def stamped(times) -> pd.DataFrame:
    return FRAME.assign(timestamp=times)


def unix_seconds() -> pd.Series:
    return pd.Series(pd.DatetimeIndex(FRAME.timestamp).as_unit("ns").asi8 // 10**9)


def text(form: str) -> pd.Series:
    return FRAME.timestamp.dt.strftime(form)


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz"])
def test_packed_files_that_are_cut_off(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"bars.csv.{ending}"
    random_frame("2024-03-08", 4_000, 5).to_csv(path, index=False)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with pytest.raises(UserError, match="cannot be unpacked"):
        csv_bars(path)


def swapped(times: pd.Series, row: int, value: object) -> pd.DataFrame:
    changed = times.astype(object).copy()
    changed.iloc[row] = value
    return stamped(changed)


ODD_TIMES: dict[str, tuple[Callable[[], pd.DataFrame], str]] = {
    "infinite": (lambda: swapped(unix_seconds(), 4, float("inf")), "row 5 .* inf is no unix time"),
    "a zone from row 7 on": (
        lambda: swapped(text("%Y-%m-%d %H:%M"), 6, "2024-03-08 14:30+00:00"),
        "row 7 .* has a time zone, unlike the first row",
    ),
    "a zone left out": (
        lambda: swapped(text("%Y-%m-%d %H:%M%z"), 6, "2024-03-08 14:30"),
        "row 7 .* has no time zone, unlike the first row",
    ),
    "far future": (
        lambda: swapped(text("%Y-%m-%d %H:%M:%S"), 3, "2500-01-01 00:00:00"),
        "row 4 .* lies outside 1678-01-01 to 2262-01-01",
    ),
    "no date": (lambda: stamped(text("%H:%M")), "row 1 .* without a date"),
    "a missing time of day": (
        lambda: FRAME.assign(
            date=text("%Y-%m-%d"), time=[930.0] * 2 + [float("nan")] + [930.0] * (len(FRAME) - 3)
        ).drop(columns="timestamp"),
        "row 3 .* nothing is no time",
    ),
}


@pytest.mark.parametrize("case", ODD_TIMES)
def test_times_that_no_bar_has(case: str, tmp_path: Path) -> None:
    make, words = ODD_TIMES[case]
    make().to_csv(tmp_path / "bars.csv", index=False)
    with pytest.raises(UserError, match=words):
        csv_bars(tmp_path / "bars.csv")


@pytest.mark.parametrize("header", [True, False])
def test_decimal_commas_are_named(header: bool, tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    frame = random_frame("2024-01-01", 50, 5)
    frame.to_csv(file, sep=";", decimal=",", index=False, header=header)
    with pytest.raises(UserError, match=r"decimal comma.*: write decimals with a point"):
        csv_bars(file)
