"""CSV files: any usual separator, packed or not, with a header or in the usual order.

Source: `docs/definitions.md`, "Reading files".
"""

import bz2
import gzip
import logging
import lzma
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from grandmodel.core.checks import UserError, require
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.instruments import Instrument
from grandmodel.market.readers.columns import find_columns
from grandmodel.market.readers.files import begins_like_parquet, existing_file
from grandmodel.market.readers.frame import Table, bars_from_table

SEPARATORS = (",", ";", "\t", "|")
USUAL_ORDER = ("open", "high", "low", "close", "volume")
PRICE_COLUMNS = 4
EXTRA = "unnamed_"
OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
PACKING: dict[str, Any] = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz"}

log = logging.getLogger(__name__)


def read_csv(config: DataConfig, instrument: Instrument) -> Bars:
    """Read the bars of a CSV file.

    Columns are found by their names. A file without a header is read as time (or date, time),
    open, high, low, close, volume, which is logged.

    Raises:
        UserError: what cannot be read, by file, row, column and remedy.
    """
    path = existing_file(config)
    require(not begins_like_parquet(path), f"{path} is a Parquet file: read it with data=parquet")
    first, blank_lines = _first_line(path)
    require(
        "\0" not in first and first[:1] not in ("[", "{"),
        f"{path} is no text in columns: unpack it, or write it as CSV with one bar per line",
    )
    separator = max(SEPARATORS, key=first.count)
    fields = [field.strip().strip('"') for field in first.split(separator)]
    names = _names_without_header(fields)
    if names is None:
        _refuse_doubles(path, fields)
    frame = _read(path, separator, names, blank_lines)
    if names is not None:
        usual = ", ".join(name for name in names if not name.startswith(EXTRA))
        log.warning("%s has no header: its columns are read as %s", path, usual)
    blank = frame.isna().all(axis=1)
    frame = pd.DataFrame(frame[~blank]) if blank.any() else frame  # the index still counts lines
    columns = find_columns(str(path), [str(name) for name in frame.columns], config)
    header_lines = blank_lines + (names is None)
    table = Table(str(path), frame, columns, header_lines)
    return bars_from_table(table, config, instrument)


def _first_line(path: Path) -> tuple[str, int]:
    """Return the first line that is not blank, and how many blank ones stand before it."""
    opener = OPENERS.get(path.suffix.lower(), open)
    try:
        with opener(path, "rt", encoding="utf8", errors="replace") as file:
            for blank, line in enumerate(file):
                if line.strip():
                    return line.strip("\r\n\ufeff"), blank
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise UserError(f"{path} cannot be unpacked ({error}): unpack it by hand") from error
    raise UserError(f"{path} is empty: give a file with bars")


def _refuse_doubles(path: Path, fields: Sequence[str]) -> None:
    doubled = [name for index, name in enumerate(fields) if name in fields[:index]]
    if doubled:
        raise UserError(f"{path}: two columns are called {doubled[0]}: rename or remove one")


def _read(
    path: Path, separator: str, names: Sequence[str] | None, blank_lines: int
) -> pd.DataFrame:
    try:
        frame = pd.read_csv(
            path,
            sep=separator,
            header=0 if names is None else None,
            names=None if names is None else list(names),
            compression=PACKING.get(path.suffix.lower()),
            skiprows=blank_lines,
            skip_blank_lines=False,
            skipinitialspace=True,
            low_memory=False,
            float_precision="round_trip",
            encoding_errors="replace",
        )
    except pd.errors.ParserError as error:
        place = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if place is None:
            raise UserError(f"{path} cannot be read as CSV: {error}") from error
        wanted, line, seen = place.groups()
        raise UserError(
            f"{path}: line {line} has {seen} fields where there are {wanted} columns: mend the line"
        ) from error
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise UserError(f"{path} cannot be unpacked ({error}): unpack it by hand") from error
    require(
        isinstance(frame.index, pd.RangeIndex),
        f"{path}: its rows have more fields than its {len(frame.columns)} columns: mend the header",
    )
    return frame


def _names_without_header(fields: Sequence[str]) -> list[str] | None:
    """Return names for the columns of a file that begins with a bar, None if it has a header."""
    if sum(_is_number(field) for field in fields) < PRICE_COLUMNS:
        return None
    apart = re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", fields[1]) is not None
    names = ["date", "time", *USUAL_ORDER] if apart else ["timestamp", *USUAL_ORDER]
    extra = [f"{EXTRA}{index}" for index in range(len(names), len(fields))]
    return [*names, *extra][: len(fields)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
