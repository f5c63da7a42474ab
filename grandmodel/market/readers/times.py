"""Times of a file as nanoseconds UTC: text, unix numbers, with a zone or without."""

import re
import warnings
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.core.checks import UserError
from grandmodel.market.defects import RowName
from grandmodel.market.zones import split_zone

OFFSET = re.compile(r"(?:Z|UTC|GMT|\d[+-]\d{2}:?\d{2}|\d\s[+-]\d{2}:?\d{2}|:\d{2}[+-]\d{2})$")
WRITTEN_FORMATS = (
    (re.compile(r"\d{4}-\d{2}-\d{2}"), "ISO8601"),
    (re.compile(r"\d{8}[ T]\d{6}$"), "%Y%m%d %H%M%S"),
    (re.compile(r"\d{8}[ T]\d{9}$"), "%Y%m%d %H%M%S%f"),  # milliseconds
    (re.compile(r"\d{8}[ T]\d{4}$"), "%Y%m%d %H%M"),
    (re.compile(r"\d{8}[ T]\d{1,2}:\d{2}:\d{2}$"), "%Y%m%d %H:%M:%S"),
    (re.compile(r"\d{8}[ T]\d{1,2}:\d{2}$"), "%Y%m%d %H:%M"),
    (re.compile(r"\d{14}$"), "%Y%m%d%H%M%S"),
    (re.compile(r"\d{12}$"), "%Y%m%d%H%M"),
    (re.compile(r"\d{8}$"), "%Y%m%d"),
)
TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?")
FIRST_DAY, LAST_DAY = "1678-01-01", "2262-01-01"  # what nanoseconds can tell
# three numbers of which the first is no year of four digits; a weekday may stand before them
THREE_NUMBERS = re.compile(r"\D*(\d{1,2})[./ -](\d{1,2})[./ -](\d{4}|\d{2})(?!\d)")
DOTS = re.compile(r"\D*\d{1,2}\.\d{1,2}\.")  # nobody writes the month before the day with them
MONTHS, DAYS, SHORT_YEAR = 12, 31, 2
DIGIT_DATES = ((19000101, 21001231), (190001010000, 210012312359), (19000101000000, 21001231235959))
UNIX_UNITS = ((1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000), (np.inf, 1))
SHOWN = 40  # letters of a value, in messages
ORDERS = ("mdy", "dmy")
UNREADABLE = "is no time that can be read: write it like 2024-01-31 15:30:00"


class BadTimesError(UserError):
    """Times of some rows cannot be read; a reader that may drop rows can do without them."""

    def __init__(self, sentence: str, rows: NDArray[np.bool_]) -> None:
        super().__init__(sentence)
        self.rows = rows  # [row] True where the time is bad


class Place(NamedTuple):
    """Where times stand, for messages."""

    source: str
    label: str  # the file's name of the column
    name_row: RowName

    def refuse(self, row: int, text: object, remedy: str) -> UserError:
        """Return the error for one row."""
        if isinstance(text, pd.Timestamp):  # which cannot write the year 0
            text = str(text.to_datetime64().astype("datetime64[s]")).replace("T", " ")
        place = f"{self.source}: {self.name_row(row)}, column {self.label}"
        return UserError(f"{place}: {str(text)[:SHOWN]} {remedy}")

    def refuse_rows(self, rows: NDArray[np.bool_], values: object, remedy: str) -> BadTimesError:
        """Return the error for the rows marked True, in the words of the first."""
        row = int(np.argmax(rows))
        value = values[row] if isinstance(values, np.ndarray | pd.DatetimeIndex) else values
        return BadTimesError(str(self.refuse(row, value, remedy)), rows)


def parse_times(
    values: pd.Series, timezone: str, place: Place, date_order: str | None = None
) -> NDArray[np.int64]:
    """Return times as nanoseconds UTC, [row].

    Numbers are unix seconds, milliseconds, microseconds or nanoseconds by their size, or dates
    written as digits (20240131, 202401311530). Text is read in ISO form and other usual ones;
    where day and month could be exchanged, the one order in which all dates exist and are sorted
    is taken; where there are several, `date_order` must tell (dots mean the day before the month).

    Args:
        values: the column, without index.
        timezone: zone of times that carry none; unix numbers are always UTC.
        place: for messages.
        date_order: mdy, dmy or ymd; None: found from the dates.

    Raises:
        UserError: a value is no time, does not exist, exists twice in the time zone, or could
            stand for several days.
    """
    missing = values.isna().to_numpy()
    if missing.any():
        raise place.refuse_rows(missing, "nothing", "is no time: fill it in")
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
        return _utc_ns(pd.DatetimeIndex(values), timezone, place)
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy()
        if not _digit_dates(numbers):
            return _unix_ns(numbers, place)
        values = pd.Series(numbers.astype(np.int64).astype(str))
    texts = values.astype(str).str.strip()
    return _utc_ns(_from_text(texts, place, date_order), timezone, place)


def join_date_and_time(dates: pd.Series, times: pd.Series) -> pd.Series:
    """Return `date time` as text; digits such as 93000 or 930 are times of day too.

    Of the date only what stands before the first blank counts (weekdays may follow it).
    """
    if pd.api.types.is_numeric_dtype(times.dtype):
        known = pd.Series(np.isfinite(times))
        numbers = times.where(known, 0)
        width = 4 if numbers.max() < 2400 else 6
        digits = numbers.astype("int64").astype(str).str.zfill(width)
        clock = digits.str[:2] + ":" + digits.str[2:4]
        times = (clock + ":" + digits.str[4:] if width == 6 else clock).where(known)
    day = dates.astype(str).str.strip().str.split(r"\s", n=1, regex=True).str[0]
    return day + " " + times.astype(str).str.strip()


def is_unix(values: pd.Series) -> bool:
    """Tell numbers that count from 1970 from all other times."""
    number = pd.api.types.is_numeric_dtype(values.dtype) and values.dtype.kind != "M"
    return number and not _digit_dates(values.to_numpy())


def _digit_dates(numbers: NDArray) -> bool:
    low, high = numbers.min(), numbers.max()
    return any(first <= low and high <= last for first, last in DIGIT_DATES)


def _unix_ns(numbers: NDArray, place: Place) -> NDArray[np.int64]:
    size = float(np.abs(numbers).max())
    unit = next((unit for limit, unit in UNIX_UNITS if size < limit), 1)
    fits = np.isfinite(numbers) & (np.abs(numbers) < np.iinfo(np.int64).max / unit)
    if not fits.all():
        raise place.refuse_rows(~fits, numbers, "is no unix time: give seconds since 1970")
    if np.issubdtype(numbers.dtype, np.integer):
        return numbers.astype(np.int64) * unit
    return np.round(numbers * float(unit)).astype(np.int64)


def _from_text(texts: pd.Series, place: Place, date_order: str | None) -> pd.DatetimeIndex:
    first = texts.iloc[0]
    if TIME_OF_DAY.fullmatch(first):  # pandas would add today's date
        raise place.refuse(0, first, "is a time of day without a date: add a date column")
    written = next((form for pattern, form in WRITTEN_FORMATS if pattern.match(first)), None)
    tried = pd.Series(texts[:1])
    if written is None and all(_to_datetime(tried, None, way).isna().all() for way in ORDERS):
        only_first = np.arange(len(texts)) == 0  # there is no form to read the others by
        raise place.refuse_rows(only_first, first, UNREADABLE)
    _refuse_mixed_zones(texts, place)
    orders = ["mdy"]  # of what is written in a known form, none is used
    if written is None and THREE_NUMBERS.match(first):
        orders = _possible_orders(texts, place, date_order)
    tries = {order: _to_datetime(texts, written, order) for order in orders}
    good = {order: times for order, times in tries.items() if not times.isna().any()}
    if not good:
        fewest = min(tries.values(), key=lambda times: int(times.isna().sum()))
        raise place.refuse_rows(np.asarray(fewest.isna()), texts.to_numpy(object), UNREADABLE)
    in_order = {order: times for order, times in good.items() if times.is_monotonic_increasing}
    _refuse_several(texts, in_order, place)
    return next(iter((in_order or good).values()))


def _refuse_several(texts: pd.Series, readings: dict[str, pd.DatetimeIndex], place: Place) -> None:
    """Refuse dates that mean different days in several orders."""
    for one, other in pairwise(readings):
        differ = readings[one] != readings[other]
        if differ.any():
            row = int(np.argmax(differ))
            days = " and ".join(f"{readings[order][row]:%Y-%m-%d}" for order in (one, other))
            remedy = f"can be {days}, no row tells which: give data.date_order={one} or {other}"
            raise place.refuse(row, texts.iloc[row], remedy)


def _possible_orders(texts: pd.Series, place: Place, date_order: str | None) -> list[str]:
    """Return the orders of day, month and year in which every date can exist.

    They are told from the numbers, because pandas exchanges day and month of single rows where
    that makes a date of them.
    """
    parts = texts.str.extract(THREE_NUMBERS)
    one, two, three = parts.astype("float64").to_numpy().T
    short_year = (parts[2].str.len() == SHORT_YEAR).to_numpy(dtype=bool)
    fits = {
        "mdy": (one <= MONTHS) & (two <= DAYS),
        "dmy": (one <= DAYS) & (two <= MONTHS),
        "ymd": short_year & (two <= MONTHS) & (three <= DAYS),
    }
    wanted = list(fits) if date_order is None else [date_order]
    # what has not three numbers has a sentence of its own
    reach = {order: fits[order] | np.isnan(one) for order in wanted}
    possible = [order for order in wanted if reach[order].all()]
    if not possible:
        row = max(int(np.argmin(reach[order])) for order in wanted)
        rule = f"data.date_order={date_order}" if date_order else "the order of the rows before"
        remedy = f"is no date in {rule}: write all dates in one way, and give data.date_order"
        raise place.refuse(row, texts.iloc[row], remedy)
    if DOTS.match(texts.iloc[0]) and "dmy" in possible:
        return [order for order in possible if order != "mdy"]
    return possible


def _refuse_mixed_zones(texts: pd.Series, place: Place) -> None:
    zoned = texts.str.contains(OFFSET).to_numpy(dtype=bool)
    # what does not even begin like a time has a sentence of its own
    written = texts.str.match(r"\d").to_numpy(dtype=bool)
    other = written & (zoned != zoned[0])
    if other.any():
        has = "has no time zone" if zoned[0] else "has a time zone"
        remedy = f"{has}, unlike the first row: write all times in one way"
        raise place.refuse_rows(other, texts.to_numpy(object), remedy)


def _to_datetime(texts: pd.Series, written: str | None, order: str) -> pd.DatetimeIndex:
    zoned = bool(OFFSET.search(texts.iloc[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pandas on formats it has to guess
        times = pd.to_datetime(
            texts,
            format=written,
            utc=zoned,
            errors="coerce",
            dayfirst=order == "dmy",
            yearfirst=order == "ymd",
        )
    return pd.DatetimeIndex(times)


def _utc_ns(times: pd.DatetimeIndex, timezone: str, place: Place) -> NDArray[np.int64]:
    if times.tz is None:
        times = _localise(times, timezone, place)
    far = (times < pd.Timestamp(FIRST_DAY, tz="UTC")) | (times >= pd.Timestamp(LAST_DAY, tz="UTC"))
    if far.any():
        remedy = f"lies outside {FIRST_DAY} to {LAST_DAY}: mend it"
        raise place.refuse_rows(np.asarray(far), times, remedy)
    return times.tz_convert("UTC").as_unit("ns").asi8


def _localise(times: pd.DatetimeIndex, timezone: str, place: Place) -> pd.DatetimeIndex:
    zone, ahead = split_zone(timezone)
    times = times - pd.Timedelta(hours=ahead)
    out = times.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    bad = np.asarray(out.isna())
    if not bad.any():
        return out
    try:
        out = times.tz_localize(zone, ambiguous="infer", nonexistent="NaT")
    except ValueError as error:
        remedy = f"can stand for two instants in {timezone}: give times in UTC or with an offset"
        raise place.refuse_rows(bad, times, remedy) from error
    bad = np.asarray(out.isna())
    if bad.any():
        remedy = (
            f"does not exist in {timezone}, clocks skip it: set data.timezone to the right zone"
        )
        raise place.refuse_rows(bad, times, remedy)
    return out
