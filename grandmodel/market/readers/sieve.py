"""Rows that no market produces, where the user asked to drop or to keep them.

Source: `docs/definitions.md`, "Defective rows".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.core.checks import UserError
from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.reading import DEFECT_COLUMNS, no_defects

HALF_HOUR_MINUTES = 30
RARE_STEP = 0.01  # a shorter step that makes up less than this share is a stray bar
MAX_SHARE, MAX_ROWS = 0.1, 10  # beyond both, dropping would hide that the file is not understood

Values = dict[str, NDArray[np.float64]]


@dataclass
class Sieve:
    """Which rows of a file remain, and what became of the others."""

    source: str
    mode: str  # refuse | drop | keep
    index: NDArray[np.int64]  # row of the file, from 0, of each row that remains
    header_lines: int | None
    parts: list[pd.DataFrame] = field(default_factory=list)
    total: int = field(init=False)

    def __post_init__(self) -> None:
        """Remember how many rows there were."""
        self.total = len(self.index)

    def name_row(self, row: int) -> str:
        """Return how messages name a row that remains: data rows count from 1."""
        return name_of(int(self.index[row]), self.header_lines)

    def record(
        self,
        bad: NDArray[np.bool_],
        defect: str,
        column: str,
        *,
        values: NDArray | None = None,
        times: NDArray[np.int64] | None = None,
        action: str = "dropped",
    ) -> None:
        """Write down the rows marked True."""
        where = np.flatnonzero(bad)
        rows = self.index[where]
        line = np.full(len(where), None, object)
        if self.header_lines is not None:
            line = (rows + 1 + self.header_lines).astype(object)
        stamps = np.full(len(where), None, object)
        if times is not None:
            stamps = pd.DatetimeIndex(times[where].view("M8[ns]")).tz_localize("UTC").astype(object)
        shown = np.full(len(where), "", object) if values is None else values[where].astype(str)
        made = dict(zip(DEFECT_COLUMNS, (rows + 1, line, stamps, defect), strict=False))
        part = pd.DataFrame(made | {"column": column, "value": shown, "action": action})
        self.parts.append(part)

    def remove(self, bad: NDArray[np.bool_]) -> None:
        """Drop the rows marked True.

        Raises:
            UserError: so many rows are defective that the file was not understood.
        """
        self.index = self.index[~bad]
        lost = self.total - len(self.index)
        if lost > MAX_ROWS and lost > MAX_SHARE * self.total:
            first = self.defects.iloc[0]
            raise UserError(
                f"{self.source}: data.on_defect={self.mode} would drop {lost} of {self.total} "
                f"rows, more than a tenth, the first for {first['defect']} in column "
                f"{first['column']} of {name_of(int(first['row']) - 1, self.header_lines)}: mend "
                "the file"
            )

    @property
    def defects(self) -> pd.DataFrame:
        """One row per defective row, in the order of the file."""
        parts = [part for part in self.parts if len(part)]
        if not parts:
            return no_defects()
        return pd.concat(parts, ignore_index=True).sort_values("row", kind="stable")


def name_of(row: int, header_lines: int | None) -> str:
    """Return how messages name a row of the file, counted from 0."""
    if header_lines is None:
        return f"row {row + 1}"
    return f"row {row + 1} (line {row + 1 + header_lines})"


def sift(
    sieve: Sieve, times: NDArray[np.int64], values: Values, labels: Mapping[str, str]
) -> tuple[NDArray[np.int64], Values]:
    """Return times and values without the rows that cannot stay.

    drop: a row goes that has a value no market produces, or a time not after all before it.
    keep: rows are sorted, equal rows at one time become one, high and low are widened to open and
    close; whatever else is wrong is left to be refused.
    """
    if sieve.mode == "drop":
        times, values = _without_bad_values(sieve, times, values, labels)
        return _without_disorder(sieve, times, values, labels["time"])
    times, values = _sorted(sieve, times, values, labels["time"])
    return times, _widened(sieve, times, values, labels)


def drop_strays(
    sieve: Sieve,
    stamps: NDArray[np.int64],
    values: Values,
    label: str,
    length_ns: int | None = None,
) -> tuple[NDArray[np.int64], Values]:
    """Return times and values without bars that lie off the grid of their usual length."""
    if sieve.mode != "drop" or len(stamps) < 2:
        return stamps, values
    steps = np.diff(stamps)
    length = usual_step(steps) if length_ns is None else length_ns
    if length % MINUTE_NS == 0 and length <= HALF_HOUR_MINUTES * MINUTE_NS:
        bad = stamps % length != 0
    else:
        bad = np.append(False, steps < length)
    sieve.record(bad, "off the grid of the bars", label, times=stamps)
    return _without(sieve, bad, stamps, values)


def usual_step(steps: NDArray[np.int64]) -> int:
    """Return the shortest step between rows that is not rare, ns."""
    lengths, counts = np.unique(steps, return_counts=True)
    return int(lengths[np.argmax(counts >= RARE_STEP * len(steps))])


def _without(
    sieve: Sieve, bad: NDArray[np.bool_], times: NDArray[np.int64], values: Values
) -> tuple[NDArray[np.int64], Values]:
    if not bad.any():
        return times, values
    sieve.remove(bad)
    return times[~bad], {name: column[~bad] for name, column in values.items()}


def _without_bad_values(
    sieve: Sieve, times: NDArray[np.int64], values: Values, labels: Mapping[str, str]
) -> tuple[NDArray[np.int64], Values]:
    bad = np.zeros(len(times), bool)
    for name, rows, defect in _value_defects(values):
        new = rows & ~bad
        if new.any():
            sieve.record(new, defect, labels.get(name, name), values=values[name], times=times)
        bad |= rows
    return _without(sieve, bad, times, values)


def _value_defects(values: Values) -> list[tuple[str, NDArray[np.bool_], str]]:
    found = [(name, ~np.isfinite(column), "no finite number") for name, column in values.items()]
    for name, column in values.items():
        if name == "volume":
            found.append((name, column < 0.0, "negative volume"))
        else:
            found.append((name, column <= 0.0, "price not above 0"))
    high, low = values["high"], values["low"]
    found.append(("high", high < low, "high below low"))
    for name in ("open", "close"):
        outside = (values[name] > high) | (values[name] < low)
        found.append((name, outside, f"{name} outside low and high"))
    return found


def _without_disorder(
    sieve: Sieve, times: NDArray[np.int64], values: Values, label: str
) -> tuple[NDArray[np.int64], Values]:
    if (np.diff(times) > 0).all():
        return times, values
    latest = np.maximum.accumulate(times)
    before = np.append(np.iinfo(np.int64).min, latest[:-1])
    twice = times == before
    sieve.record(twice, "time stands there twice", label, times=times)
    sieve.record(times < before, "time before that of the row above", label, times=times)
    return _without(sieve, times <= before, times, values)


def _sorted(
    sieve: Sieve, times: NDArray[np.int64], values: Values, label: str
) -> tuple[NDArray[np.int64], Values]:
    if (np.diff(times) > 0).all():
        return times, values
    latest = np.maximum.accumulate(times)
    late = np.append(False, times[1:] < latest[:-1])
    defect = "time before that of the row above"
    sieve.record(late, defect, label, times=times, action="sorted in")
    order = np.argsort(times, kind="stable")
    times, values = times[order], {name: column[order] for name, column in values.items()}
    sieve.index = sieve.index[order]
    same = np.diff(times) == 0
    for column in values.values():
        same &= column[1:] == column[:-1]
    same = np.append(False, same)
    sieve.record(same, "the same bar twice", label, times=times, action="joined")
    return _without(sieve, same, times, values)


def _widened(
    sieve: Sieve, times: NDArray[np.int64], values: Values, labels: Mapping[str, str]
) -> Values:
    corners = np.stack([values[name] for name in ("open", "high", "low", "close")])
    high, low = corners.max(axis=0), corners.min(axis=0)
    bad = (np.isfinite(corners).all(axis=0)) & ((high > values["high"]) | (low < values["low"]))
    if not bad.any():
        return values
    defect, column = "open or close outside low and high", f"{labels['high']}, {labels['low']}"
    sieve.record(bad, defect, column, times=times, action="widened")
    return values | {
        "high": np.where(bad, high, values["high"]),
        "low": np.where(bad, low, values["low"]),
    }
