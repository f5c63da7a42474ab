"""JSON files: rows of freqtrade, objects of TradingView, and columns as its data feeds send them.

Source: `docs/definitions.md`, "Formats".
"""

import json
from typing import Any

import pandas as pd

from grandmodel.core.checks import UserError, require
from grandmodel.market.config import DataConfig
from grandmodel.market.readers.columns import find_columns
from grandmodel.market.readers.frame import Table
from grandmodel.market.readers.head import Head

ROW_NAMES = ["timestamp", "open", "high", "low", "close", "volume"]
FEED_NAMES = {"t": "time", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
LEAST_FIELDS = 5


def begins_with_rows(head: Head) -> bool:
    """Tell `[[1758240000000, 1.0, ...], ...]`."""
    return _begins(head, b"[[")


def begins_with_objects(head: Head) -> bool:
    """Tell `[{"time": ...}, ...]` and `{"t": [...], "o": [...], ...}`."""
    return _begins(head, b"[{") or (_begins(head, b"{") and b'"t"' in head.start)


def _begins(head: Head, signs: bytes) -> bool:
    return b"".join(head.start[:64].lstrip(b"\xef\xbb\xbf").split()).startswith(signs)


def rows_table(head: Head, config: DataConfig) -> Table:
    """Return a list of `[time, open, high, low, close, volume]`."""
    rows = _loaded(head)
    fields = len(rows[0])
    require(
        LEAST_FIELDS <= fields <= len(ROW_NAMES),
        f"{head.source}: row 1 holds {fields} values: rows of time, open, high, low, close, volume "
        "are read",
    )
    _require_alike(head, rows, lambda row: isinstance(row, list) and len(row) == fields)
    return _table(head, pd.DataFrame(rows, columns=ROW_NAMES[:fields]), config)


def objects_table(head: Head, config: DataConfig) -> Table:
    """Return a list of objects with time and prices, or one object of columns."""
    loaded = _loaded(head)
    if isinstance(loaded, dict):
        columns = {name: loaded[key] for key, name in FEED_NAMES.items() if key in loaded}
        flat = all(isinstance(values, list) for values in columns.values())
        lengths = {len(values) for values in columns.values()} if flat else set()
        require(
            len(lengths) == 1,
            f"{head.source}: its columns {', '.join(columns)} are not lists of one length: "
            "download it again",
        )
        return _table(head, pd.DataFrame(columns), config)
    names = set(loaded[0])
    _require_alike(head, loaded, lambda row: isinstance(row, dict) and set(row) == names)
    return _table(head, pd.DataFrame(loaded), config)


def _loaded(head: Head) -> Any:
    try:
        loaded = json.loads(head.source.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError(
            f"{head.source} is no valid UTF-8 (byte {error.start + 1}): save it in UTF-8"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{head.source} cannot be read as JSON ({error}): it may be cut off, copy or download "
            "it again"
        ) from error
    require(len(loaded) > 0, f"{head.source} holds no bars: give a file with some")
    return loaded


def _require_alike(head: Head, rows: list[Any], alike: Any) -> None:
    odd = next((index for index, row in enumerate(rows) if not alike(row)), None)
    if odd is not None:
        raise UserError(
            f"{head.source}: row {odd + 1} holds other fields than row 1: mend or remove the row"
        )


def _table(head: Head, frame: pd.DataFrame, config: DataConfig) -> Table:
    columns = find_columns(str(head.source), [str(name) for name in frame.columns], config)
    frame = pd.DataFrame(frame[columns.all])
    for name in columns.all:
        _refuse_nests(head, pd.Series(frame[name]))
    return Table(str(head.source), frame, columns, header_lines=None)


def _refuse_nests(head: Head, values: pd.Series) -> None:
    if values.dtype != object and values.dtype != bool:
        return
    nested = values.map(lambda value: isinstance(value, list | dict | bool)).to_numpy(bool)
    if nested.any():
        row = int(nested.argmax())
        raise UserError(
            f"{head.source}: row {row + 1}, column {values.name}: {str(values[row])[:40]!r} is "
            "neither a number nor text: mend or remove the row"
        )
