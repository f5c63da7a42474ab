"""What a report is made of: sections of tables and pictures, written once for every form.

A page draws the pictures, a text shows the rows that stand for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import plotly.graph_objects as go

UNKNOWN = "\N{EN DASH}"
SENTENCE = 40  # no figure is as long
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
MANY = 10_000.0  # from here on no digit stands behind the point
OWN, ALARM = "own", "alarm"  # marks of cells: the policy's, what must not be missed
UP, DOWN = "up", "down"  # a gain, a loss


class Cell(NamedTuple):
    """A cell of a table with what stands small below it, and a mark."""

    text: str
    small: str = ""
    mark: str = ""  # one of the four, or none


Row = Mapping[str, Any]  # heading -> Cell, text, number, time or None


@dataclass(frozen=True)
class Table:
    """Rows of one table; its columns are the keys of the rows in order of appearance."""

    rows: Sequence[Row]
    title: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Headings, from left to right."""
        return headings(self.rows)


@dataclass(frozen=True)
class Picture:
    """A figure, and the rows that say the same where nothing can be drawn."""

    figure: go.Figure
    rows: Sequence[Row]
    title: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Headings of the rows."""
        return headings(self.rows)


def headings(rows: Sequence[Row]) -> tuple[str, ...]:
    """Keys of all rows in order of appearance."""
    return tuple(dict.fromkeys(name for row in rows for name in row))


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
    return Cell(figure_text(value) if isinstance(value, float) else str(value))


def cell_text(found: Cell) -> str:
    """A cell on one line, what stands small in brackets."""
    return f"{found.text} ({found.small})" if found.small else found.text


def figure_text(value: float) -> str:
    """Four digits that matter; thousands in groups."""
    text = f"{value:,.0f}" if abs(value) >= MANY else f"{value:.4g}"
    return text.replace(",", NARROW_SPACE).replace("-", MINUS)


def shown(value: Any, kind: str) -> str:
    """Format a figure; what is undefined becomes a dash."""
    if not isinstance(value, int | float):
        return UNKNOWN
    if kind == "percent":
        text = f"{100.0 * value:,.0f} %" if abs(value) >= 10.0 else f"{100.0 * value:.1f} %"
    elif kind == "count":
        whole = value == round(value) or abs(value) >= 1_000
        text = f"{value:,.0f}" if whole else f"{value:.1f}"
    else:
        text = f"{value:.2f}"
    return text.replace(",", NARROW_SPACE).replace("-", MINUS)


def says_words(rows: Sequence[Row], name: str) -> bool:
    """Tell whether a column holds words, which stand to the left, figures to the right."""
    texts = [cell(row.get(name)).text for row in rows]
    begins = ("(", "\N{HORIZONTAL ELLIPSIS}")
    return any(it[:1].isalpha() or it[:1] in begins or len(it) > SENTENCE for it in texts)
