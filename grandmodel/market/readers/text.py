"""Columns of a text file as numbers and times, read by Arrow; row by row only where that fails.

Source: `docs/definitions.md`, "Reading files".
"""

import codecs
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from grandmodel.core.checks import UserError, require
from grandmodel.market.config import DataConfig
from grandmodel.market.readers.columns import PRICES, SIZES, SYMBOL, TICKS, TRADED, plain
from grandmodel.market.readers.files import unpacking
from grandmodel.market.readers.head import Head
from grandmodel.market.reading import DEFECT_COLUMNS, no_defects

BLOCK_BYTES = 1 << 22
DATED_FORMS = (  # first row of the file -> how Arrow reads such times
    (re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?$"), "ISO8601"),
    (re.compile(r"\d{8} \d{6}$"), "%Y%m%d %H%M%S"),
    (re.compile(r"\d{4}\.\d{2}\.\d{2} \d{2}:\d{2}$"), "%Y.%m.%d %H:%M"),
    (re.compile(r"\d{4}\.\d{2}\.\d{2} \d{2}:\d{2}:\d{2}$"), "%Y.%m.%d %H:%M:%S"),
    (re.compile(r"\d{4}/\d{2}/\d{2} \d{2}:\d{2}$"), "%Y/%m/%d %H:%M"),
)
ZONED_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)$"
)
NUMBERS = {name for names in PRICES.values() for name in names} | {*TRADED, *TICKS, *SIZES}
MAX_DIGITS = 19  # of a number that fits into int64


@dataclass(frozen=True)
class Layout:
    """Where the columns of a text file stand."""

    names: Sequence[str]  # of all its columns
    wanted: Sequence[str]  # columns to be read
    time: str  # the column of times
    separator: str
    skipped_lines: int  # before the first row
    header_lines: int
    numeric: frozenset[str] = frozenset()  # further columns that hold numbers


@dataclass
class _Ragged:
    """Rows with another number of fields than there are columns."""

    drop: bool
    rows: list[tuple[int, int, int, str]] = field(default_factory=list)

    def __call__(self, row: pa_csv.InvalidRow) -> str:
        self.rows.append((row.number, row.actual_columns, row.expected_columns, row.text))
        return "skip" if self.drop and "\n" not in row.text else "error"


def read_text(head: Head, layout: Layout, config: DataConfig) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the wanted columns, indexed by rows from 0, and the rows that had to be left out.

    Blank lines are rows without values. Numbers are the nearest doubles. Times that Arrow cannot
    read, and numbers that are none, come back as text.

    Raises:
        UserError: a row has another number of fields than there are columns, or the text cannot
            be taken apart.
    """
    table, ragged = _read(head, layout, config)
    frame = pd.DataFrame({name: _column(table, name) for name in layout.wanted})
    lines = [row[0] for row in ragged.rows]
    if lines:
        every = np.arange(len(frame) + len(lines))
        rows = np.array(lines) - 1 - layout.skipped_lines
        frame.index = pd.Index(np.delete(every, rows[rows < len(every)]))
    return frame, _left_out(ragged, layout)


def _read(head: Head, layout: Layout, config: DataConfig) -> tuple[pa.Table, "_Ragged"]:
    """Return the columns: fast where all rows are sound, else row by row, else as text."""
    typed, texts = _types(head, layout), dict.fromkeys(layout.wanted, pa.string())
    problem: Exception | None = None
    for types, careful in ((typed, False), (typed, True), (texts, True)):
        ragged = _Ragged(config.on_defect == "drop")
        try:
            return _arrow(head, layout, types, ragged if careful else None), ragged
        except pa.ArrowInvalid as error:
            _refuse_ragged(head, layout, ragged)
            problem = error
        except UnicodeError as error:
            raise UserError(
                f"{head.source} is no valid {head.encoding}: save it in UTF-8"
            ) from error
    text = " ".join(str(problem).split())[:200]
    raise UserError(f"{head.source} cannot be read as text in columns: {text}") from problem


class _Mended(io.RawIOBase):
    """A stream as valid UTF-8: what is none becomes a mark, so that rows can be shown."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size if size > 0 else BLOCK_BYTES)
        text = self._decoder.decode(data, final=not data)
        while data and not text:
            data = self._stream.read(BLOCK_BYTES)
            text = self._decoder.decode(data, final=not data)
        return text.encode()


def _types(head: Head, layout: Layout) -> dict[str, pa.DataType]:
    """Return numbers for prices and volumes, and for times what their first row looks like."""
    types: dict[str, pa.DataType] = {}
    first = dict(zip(layout.names, head.row(layout.header_lines), strict=False))
    for name in layout.wanted:
        number = plain(name) in NUMBERS or name in layout.numeric
        types[name] = pa.float64() if number and name != layout.time else pa.binary()
    text = first.get(layout.time, "")
    if any(form.match(text) for form, _ in DATED_FORMS):
        types[layout.time] = pa.timestamp("ns")
    elif ZONED_ISO.match(text):
        types[layout.time] = pa.timestamp("ns", "UTC")
    elif text.isdecimal() and len(text) <= MAX_DIGITS:
        types[layout.time] = pa.int64()
    return types


def _arrow(
    head: Head, layout: Layout, types: dict[str, pa.DataType], ragged: "_Ragged | None"
) -> pa.Table:
    text = dict(zip(layout.names, head.row(layout.header_lines), strict=False)).get(layout.time, "")
    form = next((form for pattern, form in DATED_FORMS if pattern.match(text)), "ISO8601")
    parsers = [pa_csv.ISO8601 if form == "ISO8601" else form]
    with unpacking(head.source.path), head.source.open() as file:
        return pa_csv.read_csv(
            file if ragged is None else _Mended(file, head.encoding),
            pa_csv.ReadOptions(
                use_threads=False,  # rows are numbered only where one thread reads them
                block_size=BLOCK_BYTES,
                skip_rows=layout.skipped_lines,
                column_names=list(layout.names),
                encoding=head.encoding if ragged is None else "utf8",
            ),
            pa_csv.ParseOptions(
                delimiter=layout.separator,
                ignore_empty_lines=False,
                invalid_row_handler=ragged,
            ),
            pa_csv.ConvertOptions(
                include_columns=list(layout.wanted),
                column_types=types,
                timestamp_parsers=parsers,
                strings_can_be_null=True,
            ),
        )


def _column(table: pa.Table, name: str) -> pd.Series:
    """Return one column as numbers, times or text; what is no UTF-8 is shown by a mark."""
    column = table.column(name)
    if not (pa.types.is_binary(column.type) or pa.types.is_string(column.type)):
        return column.to_pandas()
    try:
        texts = column.cast(pa.string())
    except pa.ArrowInvalid:
        decoded = (
            None if value is None else value.decode("utf8", "replace")
            for value in column.to_pylist()
        )
        return pd.Series(list(decoded), dtype=object)
    return pd.Series(texts.to_pandas(), dtype=object) if plain(name) in SYMBOL else _number(texts)


def _number(texts: pa.ChunkedArray) -> pd.Series:
    """Return a column of text as numbers where all of it is."""
    for kind in (pa.int64(), pa.float64()):
        try:
            return texts.cast(kind).to_pandas()
        except pa.ArrowInvalid:
            continue
    return pd.Series(texts.to_pandas(), dtype=object)


def _refuse_ragged(head: Head, layout: Layout, ragged: _Ragged) -> None:
    """Refuse the row at which reading stopped, if it had the wrong number of fields."""
    if not ragged.rows:
        return
    line, seen, wanted, text = ragged.rows[-1]
    require(
        "\n" not in text.rstrip("\r\n"),
        f"{head.source}: line {line} opens a quote that is not closed: mend the line",
    )
    if line == layout.skipped_lines + 1 and seen > wanted and layout.header_lines:
        raise UserError(
            f"{head.source}: its rows have more fields than its {wanted} columns: mend the header"
        )
    raise UserError(
        f"{head.source}: line {line} has {seen} fields where there are {wanted} columns: mend the "
        "line"
    )


def _left_out(ragged: _Ragged, layout: Layout) -> pd.DataFrame:
    if not ragged.rows:
        return no_defects()
    rows = [
        (line - layout.skipped_lines, line, None, f"{seen} fields for {wanted} columns", "line",
         text[:40], "dropped")
        for line, seen, wanted, text in ragged.rows
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(DEFECT_COLUMNS))
