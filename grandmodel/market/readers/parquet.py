"""Parquet and Feather files: only the columns that are needed are read.

Source: `docs/definitions.md`, "Reading files".
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from grandmodel.core.checks import UserError, require
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.instruments import Instrument
from grandmodel.market.readers.columns import STAMPS, Columns, find_columns, plain
from grandmodel.market.readers.files import MAX_BYTES, begins_like_parquet, existing_file
from grandmodel.market.readers.frame import Table, bars_from_table

PANDAS_INDEX = "__index_level_0__"
CELL_BYTES = 8
MAX_ROWS = MAX_BYTES // (6 * CELL_BYTES)


def read_parquet(config: DataConfig, instrument: Instrument) -> Bars:
    """Read the bars of a Parquet file; its columns are found by their names.

    Raises:
        UserError: what cannot be read, by file, row, column and remedy.
    """
    return bars_from_table(parquet_table(existing_file(config), config), config, instrument)


def parquet_table(path: Path, config: DataConfig) -> Table:
    """Return the needed columns of a Parquet file.

    Raises:
        UserError: it is none, is cut off, or has more rows than memory should hold.
    """
    if not begins_like_parquet(path):
        raise UserError(f"{path} is not a Parquet file: read text files with data=csv")
    try:
        rows, schema = pq.read_metadata(path).num_rows, pq.read_schema(path)
        require(
            rows <= MAX_ROWS,
            f"{path} holds {rows} rows, at most {MAX_ROWS} are read at once: cut it into shorter "
            "files, or write longer bars",
        )
        names = with_index(schema)
        columns = find_columns(str(path), names, config)
        stored = dict(zip(names, schema.names, strict=True))
        wanted = [stored[name] for name in columns.all]
        data = pq.read_table(path, columns=wanted).select(wanted)
    except (pa.ArrowException, OSError, UnicodeError, KeyError) as error:
        raise UserError(
            f"{path} cannot be read as Parquet, it may be cut off: copy or download it again"
        ) from error
    return table_of(path, data, columns)


def feather_table(path: Path, config: DataConfig) -> Table:
    """Return the needed columns of a Feather file.

    Raises:
        UserError: it is none, or is cut off.
    """
    try:
        data = feather.read_table(path, memory_map=False)
        data.validate(full=True)  # Arrow trusts what stands in the file
        names = with_index(data.schema)
        columns = find_columns(str(path), names, config)
        data = data.rename_columns(names).select(columns.all)
    except (pa.ArrowException, OSError, UnicodeError, KeyError) as error:
        raise UserError(
            f"{path} cannot be read as Feather, it may be cut off: copy or download it again"
        ) from error
    return table_of(path, data, columns)


def with_index(schema: pa.Schema) -> list[str]:
    """Return the column names; a nameless index is the timestamp if nothing else is."""
    names = list(schema.names)
    nameless = PANDAS_INDEX in names and pa.types.is_timestamp(schema.field(PANDAS_INDEX).type)
    if nameless and not any(plain(name) in STAMPS for name in names):
        names[names.index(PANDAS_INDEX)] = "timestamp"
    return names


def table_of(path: Path, data: pa.Table, columns: Columns) -> Table:
    """Return Arrow columns as a table without lines."""
    frame = data.replace_schema_metadata(None).rename_columns(columns.all).to_pandas()
    return Table(str(path), frame, columns, header_lines=None)
