"""Files of Databento (DBN), with the library that knows their versions.

Source: `docs/definitions.md`, "Formats".
"""

import numpy as np
import pandas as pd

from grandmodel.core.checks import UserError
from grandmodel.market.config import DataConfig
from grandmodel.market.readers.columns import Columns
from grandmodel.market.readers.files import unpacking
from grandmodel.market.readers.frame import Table
from grandmodel.market.readers.head import Head

MAGIC = b"DBN"
INSTALL = 'pip install "grandmodel[databento]"'
CHUNK = 1 << 20
FIELDS = ["ts_event", "open", "high", "low", "close", "volume", "instrument_id"]
PER_UNIT = 1e9  # prices are integers of billionths


def recognises(head: Head) -> bool:
    """Tell a file by its first bytes."""
    return head.start.startswith(MAGIC)


def table(head: Head, config: DataConfig) -> Table:  # noqa: ARG001 - all formats take one
    """Return bars with the symbols of their instruments.

    Raises:
        UserError: the library is missing, or the file cannot be decoded or holds no bars.
    """
    metadata, rows = _decoded(head)
    if not rows:
        raise UserError(
            f"{head.source} holds no bars (schema {metadata.schema}): download one of ohlcv-1m"
        )
    frame = pd.DataFrame(rows, columns=FIELDS)
    symbols = _symbols(metadata)
    names = frame["instrument_id"].map(symbols.get)
    frame["symbol"] = names.where(names.notna(), frame["instrument_id"].astype(str))
    for name in ("open", "high", "low", "close"):
        frame[name] = frame[name].astype(np.float64) / PER_UNIT
    columns = Columns(
        "ts_event", None, "open", "high", "low", "close", traded="volume", ticks=None,
        symbol="symbol",
    )  # fmt: skip
    return Table(str(head.source), frame, columns, header_lines=None)


def _decoded(head: Head):
    try:
        import databento_dbn  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise UserError(
            f"{head.source} is a file of Databento, which needs a library: {INSTALL}"
        ) from error
    decoder = databento_dbn.DBNDecoder()
    metadata, rows = None, []
    try:
        with unpacking(head.source.path), head.source.open() as file:
            while chunk := file.read(CHUNK):
                decoder.write(chunk)
                for record in decoder.decode():
                    if isinstance(record, databento_dbn.Metadata):
                        metadata = record
                    elif isinstance(record, databento_dbn.OHLCVMsg):
                        rows.append(tuple(getattr(record, name) for name in FIELDS))
    except (databento_dbn.DBNError, ValueError) as error:
        raise UserError(
            f"{head.source} cannot be decoded ({error}): copy or download it again"
        ) from error
    if metadata is None or decoder.buffer():
        raise UserError(f"{head.source} is cut off: copy or download it again")
    return metadata, rows


def _symbols(metadata) -> dict[int, str]:
    """Return the raw symbol of each instrument; one that was renamed keeps its last."""
    found = {}
    for symbol, intervals in metadata.mappings.items():
        for interval in intervals:
            text = interval["symbol"] if isinstance(interval, dict) else interval.symbol
            number, name = (text, symbol) if str(text).isdecimal() else (symbol, text)
            if str(number).isdecimal():
                found[int(number)] = str(name)
    return found
