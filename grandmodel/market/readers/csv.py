"""Text in columns: any usual separator, packed or not, with a header or in the usual order.

Source: `docs/definitions.md`, "Reading files".
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from grandmodel.core.checks import UserError, require
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.instruments import Instrument
from grandmodel.market.readers.columns import find_columns
from grandmodel.market.readers.files import begins_like_parquet, chosen_member, source_of
from grandmodel.market.readers.frame import Table, bars_from_table
from grandmodel.market.readers.head import (
    DECIMAL_COMMA,
    POINT_RULE,
    Head,
    head_of,
    is_number,
    require_text,
)
from grandmodel.market.readers.text import Layout, read_text

USUAL_ORDER = ("open", "high", "low", "close", "volume")
PRICE_COLUMNS = 4
EXTRA = "unnamed_"


def read_csv(config: DataConfig, instrument: Instrument) -> Bars:
    """Read the bars of a CSV file.

    Columns are found by their names. A file without a header is read as time (or date, time),
    open, high, low, close, volume, which is noted.

    Raises:
        UserError: what cannot be read, by file, row, column and remedy.
    """
    source, config = chosen_member(source_of(config), config)
    path = source.path
    require(not begins_like_parquet(path), f"{path} is a Parquet file: read it with data=parquet")
    return bars_from_table(csv_table(head_of(source), config), config, instrument)


def csv_table(head: Head, config: DataConfig) -> Table:
    """Return a file of text in columns as a table, its columns found by their names."""
    require_text(head)
    comma = next((text for text in head.fields if DECIMAL_COMMA.fullmatch(text)), None)
    require(comma is None, f"{head.source}: {comma} in the first line has {POINT_RULE}")
    names = _names_without_header(head.fields)
    if names is not None:
        return named_table(head, config, names)
    return headed_table(head, config, head.fields)


def headed_table(
    head: Head, config: DataConfig, names: Sequence[str], *, header_lines: int = 1
) -> Table:
    """Return a table whose first lines are a header; `names` are those of its columns."""
    doubled = [name for index, name in enumerate(names) if name in names[:index]]
    if doubled:
        raise UserError(f"{head.source}: two columns are called {doubled[0]}: rename or remove one")
    columns = find_columns(str(head.source), names, config)
    skipped = head.blank_lines + header_lines
    layout = Layout(names, columns.all, columns.time, head.separator, skipped, header_lines)
    frame, defects = read_text(head, layout, config)
    return without_blank(Table(str(head.source), frame, columns, skipped, defects=defects))


def named_table(head: Head, config: DataConfig, names: Sequence[str]) -> Table:
    """Return a table without a header, its columns named in the order they stand in."""
    names = [*names, *(f"{EXTRA}{index}" for index in range(len(names), len(head.fields)))]
    names = names[: len(head.fields)]
    columns = find_columns(str(head.source), names, config)
    layout = Layout(names, columns.all, columns.time, head.separator, head.blank_lines, 0)
    frame, defects = read_text(head, layout, config)
    usual = ", ".join(name for name in names if not name.startswith(EXTRA))
    note = f"{head.source} has no header: its columns are read as {usual}"
    table = Table(
        str(head.source), frame, columns, head.blank_lines, notes=(note,), defects=defects
    )
    return without_blank(table)


def without_blank(table: Table) -> Table:
    """Return a table without blank lines; its index still counts lines."""
    frame = table.frame
    if not frame[table.columns.time].isna().to_numpy().any():
        return table
    return replace(table, frame=pd.DataFrame(frame[~frame.isna().all(axis=1)]))


def _names_without_header(fields: Sequence[str]) -> list[str] | None:
    """Return names for the columns of a file that begins with a bar, None if it has a header."""
    if sum(is_number(field) for field in fields) < PRICE_COLUMNS:
        return None
    apart = re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", fields[1]) is not None
    return ["date", "time", *USUAL_ORDER] if apart else ["timestamp", *USUAL_ORDER]
