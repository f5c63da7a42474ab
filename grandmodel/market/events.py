"""The economic calendar: when what is scheduled, read from a CSV file.

Source: `docs/definitions.md`, "Economic calendar".
"""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import UserError, require
from grandmodel.market.bars import Bars
from grandmodel.market.cost_table import FIRST_YEAR, LAST_YEAR

IMPORTANCES = ("high", "medium", "low")
LEVELS = {"3": "high", "2": "medium", "1": "low"} | {name: name for name in IMPORTANCES}
HEADERS = {
    "time": ("time", "timestamp", "datetime", "date"),
    "currency": ("currency", "country"),
    "name": ("name", "event", "title"),
    "importance": ("importance", "impact"),
}
ZONED = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)? ?(Z|[+-]\d{2}:?\d{2})")
MAX_BYTES = 256 * 1024**2
REMEDY = "correct the row or take it out"


@dataclass(frozen=True)
class Events:
    """Scheduled events in order of time."""

    time_ns: NDArray[np.int64]  # UTC, [event], ascending
    importance: NDArray[np.int8]  # index into IMPORTANCES, [event]
    currency: tuple[str, ...]  # upper case, empty where the file names none
    name: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.time_ns)

    def times_ns(self, importance: str) -> NDArray[np.int64]:
        """Return the times of one importance, ascending."""
        return self.time_ns[self.importance == IMPORTANCES.index(importance)]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of times and importances, which is all that columns read, hexadecimal."""
        return hashlib.sha256(self.time_ns.tobytes() + self.importance.tobytes()).hexdigest()


def read_events(path: str, currencies: Sequence[str] = ()) -> Events:
    """Read a calendar: one row per event with time, importance and, if wanted, currency and name.

    Args:
        path: a CSV file with a header.
        currencies: keep the events of these alone; empty: all.

    Raises:
        UserError: the file or a row of it cannot be read, or nothing is left of it.
    """
    file = Path(path)
    lines = csv.reader(io.StringIO(_text(file), newline=""))
    header, *rows = _rows(file, lines) or [(0, [])]
    places = _places(file, header[1])
    wanted = {currency.upper() for currency in currencies}
    require(
        not wanted or "currency" in places,
        f"data.event_currencies is given but {file} has no column currency: add it, or leave the "
        "key out",
    )
    found = []
    for row in rows:
        cells = {key: row[1][k].strip() if k < len(row[1]) else "" for key, k in places.items()}
        event = _event(f"{file}, line {row[0]}", cells)
        if not wanted or event[2] in wanted:
            found.append(event)
    require(
        bool(found),
        f"data.events: {file} has no events"
        + (f" of {', '.join(sorted(wanted))}" if wanted else "")
        + ": give a calendar with some, or leave data.events out",
    )
    times, importances, *words = zip(*sorted(found), strict=True)
    return Events(np.array(times, np.int64), np.array(importances, np.int8), *words)


def event_notes(events: Events | None, bars: Bars) -> list[str]:
    """Return the warning about bars of which the calendar knows nothing."""
    if events is None or not len(bars):
        return []
    first, last = events.time_ns[0], events.time_ns[-1]
    if first <= bars.open_time_ns[0] and last >= bars.close_time_ns[-1]:
        return []
    begin, end = np.datetime_as_string(np.array([first, last]).view("M8[ns]"), unit="D").tolist()
    return [
        f"data.events holds {len(events)} events from {begin} to {end}, less than the time of "
        f"{bars.source}: bars outside show none, which agents cannot tell from a quiet time"
    ]


def _text(file: Path) -> str:
    try:
        file = file.expanduser()
        require(file.is_file(), f"data.events: there is no file {file}: check the name")
        size = file.stat().st_size
        require(
            size <= MAX_BYTES,
            f"data.events: {file} holds {size / 1024**2:.0f} MB, at most {MAX_BYTES // 1024**2} "
            "are read: cut it to the years of the bars",
        )
        return file.read_text(encoding="utf-8-sig")
    except RuntimeError as error:  # a home folder that is not there
        raise UserError(f"data.events: {file} cannot be looked at ({error}): check it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"data.events: {file} cannot be read as UTF-8 text ({type(error).__name__}): save it "
            "as a CSV file"
        ) from error


def _places(file: Path, header: list[str]) -> dict[str, int]:
    """Return the position of each known column."""
    names = [name.strip().lower() for name in header]
    places = {}
    for key, known in HEADERS.items():
        at = [names.index(name) for name in known if name in names]
        places |= {key: at[0]} if at else {}
    for key in ("time", "importance"):
        require(
            key in places,
            f"data.events: {file} has no column {key} (its header is {','.join(header)[:200]}): "
            "it needs time and importance, and may have currency and name",
        )
    return places


def _rows(file: Path, lines) -> list[tuple[int, list[str]]]:
    """Return the rows that hold anything, with their lines."""
    try:
        return [(lines.line_num, row) for row in lines if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise UserError(
            f"data.events: {file}, line {lines.line_num} is no row of CSV ({error}): {REMEDY}"
        ) from error


def _event(place: str, cells: dict[str, str]) -> tuple[int, int, str, str]:
    """Return time, importance, currency and name of a row."""
    level = LEVELS.get(cells["importance"].lower())
    if level is None:
        raise UserError(
            f"data.events: {place}: importance must be high, medium or low (or 3, 2, 1), was "
            f"{cells['importance'][:80] or 'empty'}: {REMEDY}"
        )
    return (
        _time_ns(place, cells["time"]),
        IMPORTANCES.index(level),
        cells.get("currency", "").upper(),
        cells.get("name", ""),
    )


def _time_ns(place: str, text: str) -> int:
    wrong = UserError(
        f"data.events: {place}: time must be a time with its zone such as 2024-01-31T13:30:00Z or "
        f"2024-01-31 08:30-05:00, was {text[:80] or 'empty'}: {REMEDY}"
    )
    if not ZONED.fullmatch(text):
        raise wrong
    try:
        time = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
    except ValueError as error:
        raise wrong from error
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise wrong
    return round(time.timestamp()) * 1_000_000_000
