"""What a reader understood of a file: format, columns, zone, and the rows it did not take.

Source: `docs/definitions.md`, "Reading files" and "Defective rows".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

DEFECT_COLUMNS = ("row", "line", "time", "defect", "column", "value", "action")
SHOWN_ROWS = 5


def no_defects() -> pd.DataFrame:
    """Return an empty table of defects."""
    return pd.DataFrame({name: pd.Series(dtype=object) for name in DEFECT_COLUMNS})


@dataclass(frozen=True)
class Reading:
    """How a file was understood."""

    format: str  # a kind of `data.kind`
    columns: Mapping[str, str]  # what it is -> what the file calls it
    stamp: str  # open | close: which end of a bar the file's times name
    timezone: str  # of the file's times, in words
    rows: int  # data rows of the file, of the chosen symbol
    symbol: str | None = None
    recognised: bool = False  # found by data=auto
    notes: tuple[str, ...] = ()  # what was assumed, one sentence each
    defects: pd.DataFrame = field(default_factory=no_defects)  # one row per defective row

    @property
    def headline(self) -> str:
        """One sentence: the format and what was assumed about times."""
        how = "recognised as" if self.recognised else "read as"
        return (
            f"{how} {self.format}: bars are stamped by their {self.stamp}, time zone "
            f"{self.timezone}"
        )

    def counts(self) -> pd.DataFrame:
        """Return one row per kind of defect and action: finding, count, first_time, note."""
        rows = []
        for key, part in self.defects.groupby(["defect", "action"], sort=False):
            defect, action = tuple(key)  # pyright: ignore
            named = [f"row {row}" for row in part["row"].head(SHOWN_ROWS)]
            more = ", ..." if len(part) > SHOWN_ROWS else ""
            times = part["time"].dropna()
            first = times.iloc[0] if len(times) else pd.NaT
            rows.append((f"{action}: {defect}", len(part), first, ", ".join(named) + more))
        return pd.DataFrame(rows, columns=["finding", "count", "first_time", "note"])


def reading_notes(source: str, reading: Reading) -> list[str]:
    """Return what a user should know about how a file was read, one sentence each."""
    notes = [f"{source}: {reading.headline}"] if reading.recognised else []
    notes += reading.notes
    rows = len(set(reading.defects["row"]))
    if rows:
        counts = reading.counts()
        found = ", ".join(
            f"{count} {finding}" for finding, count, *_ in counts.itertuples(index=False)
        )
        notes.append(f"{source}: {rows} of {reading.rows} rows are defective: {found}")
    return notes
