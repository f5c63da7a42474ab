"""Dates of which day and month could be exchanged: told by the file, by the user, or refused."""

import numpy as np
import pandas as pd
import pytest

from grandmodel.core.checks import UserError
from grandmodel.market.readers.times import Place, parse_times

PLACE = Place("bars.csv", "time", lambda row: f"row {row + 1}")


def days(*texts: str, order: str | None = None) -> list[str]:
    times = parse_times(pd.Series(texts), "UTC", PLACE, order)
    return [str(time) for time in times.view("datetime64[ns]").astype("datetime64[D]")]


def every_day(form: str, count: int = 40, start: str = "2024-03-01") -> tuple[list[str], list[str]]:
    dates = pd.date_range(start, periods=count, freq="D")
    return list(dates.strftime(form)), list(dates.strftime("%Y-%m-%d"))


@pytest.mark.parametrize(
    "form", ["%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y %H:%M", "%d-%m-%y", "%d.%m.%Y %I:%M %p", "%y/%m/%d"]
)
def test_some_day_after_the_12th_tells_the_order(form: str) -> None:
    texts, dates = every_day(form)
    assert days(*texts) == dates


def test_the_one_sorted_reading_is_taken() -> None:
    assert days("11/02/2024", "12/02/2024", "01/03/2024")[2] == "2024-03-01"
    assert days("01/11/2024", "01/12/2024", "02/01/2024")[2] == "2024-02-01"


@pytest.mark.parametrize("separator", ["/", "-", " "])
def test_what_could_be_two_days_is_refused(separator: str) -> None:
    texts = [text.replace("/", separator) for text in ("03/03/2024 10:00", "03/04/2024 10:00")]
    sentence = (
        rf"bars.csv: row 2, column time: {texts[1]} can be 2024-03-04 and 2024-04-03, no row tells "
        "which: give data.date_order=mdy or dmy"
    )
    with pytest.raises(UserError, match=sentence):
        days(*texts)
    assert days(*texts, order="mdy") == ["2024-03-03", "2024-03-04"]
    assert days(*texts, order="dmy") == ["2024-03-03", "2024-04-03"]


def test_short_years_may_come_first() -> None:
    with pytest.raises(UserError, match="date_order=dmy or ymd"):
        days("24/03/04", "24/03/05")
    assert days("24/03/04", "24/03/05", order="ymd") == ["2024-03-04", "2024-03-05"]


def test_what_means_one_day_in_every_order_is_read() -> None:
    assert days("04/04/2024 10:00", "04/04/2024 10:30") == ["2024-04-04"] * 2
    assert days("04/Mar/2024") == ["2024-03-04"]
    assert days("03.04.2024") == ["2024-04-03"]
    assert days("03.04.2024", order="mdy") == ["2024-03-04"]


def test_the_order_given_must_fit_every_row() -> None:
    with pytest.raises(UserError, match=r"row 1, .*: 04/13/2024 is no date in data.date_order=dmy"):
        days("04/13/2024", "04/14/2024", order="dmy")
    with pytest.raises(UserError, match=r"row 2, .*: 04/13/2024 is no date in the order of the"):
        days("13/04/2024", "04/13/2024")


def test_iso_dates_and_numbers_have_no_order_to_choose() -> None:
    for order in (None, "dmy"):
        assert days("2024-03-04", "2024-03-05", order=order) == ["2024-03-04", "2024-03-05"]
        assert days("20240304", "20240305", order=order) == ["2024-03-04", "2024-03-05"]
    assert np.diff(parse_times(pd.Series([0, 60]), "UTC", PLACE, "dmy"))[0] == 60_000_000_000
