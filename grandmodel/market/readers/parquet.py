"""Parquet files: only the columns that are needed are read.

Source: `docs/definitions.md`, "Reading files".
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from grandmodel.core.checks import UserError
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.instruments import Instrument
from grandmodel.market.readers.columns import STAMPS, Columns, find_columns, plain
from grandmodel.market.readers.files import begins_like_parquet, existing_file
from grandmodel.market.readers.frame import Table, bars_from_table

PANDAS_INDEX = "__index_level_0__"


def read_parquet(config: DataConfig, instrument: Instrument) -> Bars:
    """Read the bars of a Parquet file; its columns are found by their names.

    Raises:
        UserError: what cannot be read, by file, row, column and remedy.
    """
    path = existing_file(config)
    if not begins_like_parquet(path):
        raise UserError(f"{path} is not a Parquet file: read text files with data=csv")
    try:
        schema = pq.read_schema(path)
        names = _with_index(schema)
        columns = find_columns(str(path), names, config)
        stored = dict(zip(names, schema.names, strict=True))
        wanted = [stored[name] for name in columns.all]
        data = pq.read_table(path, columns=wanted).select(wanted)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path} cannot be read as Parquet, it may be cut off: copy or download it again"
        ) from error
    return bars_from_table(_table(path, data, columns), config, instrument)


def _with_index(schema: pa.Schema) -> list[str]:
    """Return the column names; a nameless index is the timestamp if nothing else is."""
    names = list(schema.names)
    nameless = PANDAS_INDEX in names and pa.types.is_timestamp(schema.field(PANDAS_INDEX).type)
    if nameless and not any(plain(name) in STAMPS for name in names):
        names[names.index(PANDAS_INDEX)] = "timestamp"
    return names


def _table(path: Path, data: pa.Table, columns: Columns) -> Table:
    frame = data.replace_schema_metadata(None).rename_columns(columns.all).to_pandas()
    return Table(str(path), frame, columns, header_lines=None)
