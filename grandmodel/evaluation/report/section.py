"""What a report is made of: sections of tables and pictures, written once for every form.

A page draws the pictures, a text shows the rows that stand for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import plotly.graph_objects as go

UNKNOWN = "\N{EN DASH}"
OWN, ALARM = "own", "alarm"  # marks of cells: the policy's, what must not be missed


class Cell(NamedTuple):
    """A cell of a table with what stands small below it, and a mark."""

    text: str
    small: str = ""
    mark: str = ""  # OWN, ALARM or none


Row = Mapping[str, Any]  # heading -> Cell, text, number, time or None


@dataclass(frozen=True)
class Table:
    """Rows of one table; its columns are the keys of the rows in order of appearance."""

    rows: Sequence[Row]
    title: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Headings, from left to right."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row))


@dataclass(frozen=True)
class Picture:
    """A figure, and the rows that say the same where nothing can be drawn."""

    figure: go.Figure
    rows: Sequence[Row]
    title: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, a note in plain words, and what belongs below it."""

    title: str
    blocks: tuple[Table | Picture, ...]
    note: str = ""


def cell(value: Any) -> Cell:
    """Return a value as a cell; what is unknown or no number becomes a dash."""
    if isinstance(value, Cell):
        return value
    if value is None or value != value:  # not a number, and not a time
        return Cell(UNKNOWN)
    return Cell(f"{value:g}" if isinstance(value, float) else str(value))
