"""From a table of text and numbers to bars: the part that all file formats share.

Source: `docs/definitions.md`, "Reading files".
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.core.checks import UserError, require
from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.defects import RowName, refuse_defects, refuse_disorder, utc_text
from grandmodel.market.instruments import Instrument
from grandmodel.market.readers.columns import Columns
from grandmodel.market.readers.times import Place, join_date_and_time, parse_times
from grandmodel.market.volume import decide_volume_kind, warmup_rows

RARE_STEP = 0.01  # a shorter step that makes up less than this share is a stray bar
HALF_HOUR_MINUTES = 30


@dataclass(frozen=True)
class Table:
    """The columns of a file as they stand there."""

    source: str
    frame: pd.DataFrame
    columns: Columns
    header_lines: int | None  # lines before the first row; None: the file has no lines

    def column(self, name: str) -> pd.Series:
        """Return one column, indexed as the rows of the file are."""
        return pd.Series(self.frame[name])

    def name_row(self, index: int) -> str:
        """Return how messages name a row of the frame: data rows count from 1."""
        row = int(self.frame.index[index])
        if self.header_lines is None:
            return f"row {row + 1}"
        return f"row {row + 1} (line {row + 1 + self.header_lines})"


def bars_from_table(table: Table, config: DataConfig, instrument: Instrument) -> Bars:
    """Return validated bars, stamped by their open in UTC.

    Raises:
        UserError: what cannot be read, by file, row, column and remedy.
    """
    require(len(table.frame) > 0, f"{table.source} holds no bars: give a file with some")
    table = _only_symbol(table, config.symbol)
    columns, where = table.columns, table.source
    stamps, label = _times(table, config)
    refuse_disorder(where, stamps, table.name_row, label)
    minutes = bar_minutes(where, stamps, table.name_row)
    opens = stamps - minutes * MINUTE_NS if config.stamp == "close" else stamps
    _refuse_odd_minutes(where, opens, minutes, table.name_row)
    names = {key: str(getattr(columns, key)) for key in ("open", "high", "low", "close")}
    values = {key: _numbers(table, name) for key, name in names.items()}
    volume, volume_name, ticks = _volume(table, warmup_rows(opens))
    values["volume"] = volume
    refuse_defects(
        where, stamps, values, table.name_row, names | {"time": label, "volume": volume_name}
    )
    kind = config.volume_kind or decide_volume_kind(opens, volume, instrument, ticks)
    return Bars(
        open_time_ns=opens,
        **values,
        minutes=minutes,
        instrument=instrument,
        volume_kind=kind,
        adjustment=config.adjustment,
        source=where,
    )


def bar_minutes(
    source: str, stamps: NDArray[np.int64], name_row: RowName = lambda row: f"row {row + 1}"
) -> int:
    """Return the length of the bars: the shortest step that is not rare.

    Raises:
        UserError: one bar alone, bars closer together than their length, or no whole minutes.
    """
    require(len(stamps) >= 2, f"{source}: one bar has no length that could be seen: give more bars")
    steps = np.diff(stamps)
    lengths, counts = np.unique(steps, return_counts=True)
    length = int(lengths[np.argmax(counts >= RARE_STEP * len(steps))])
    if length % MINUTE_NS:
        raise UserError(
            f"{source}: bars stand {length / 1e9:g} seconds apart: give bars of whole minutes"
        )
    if lengths[0] < length:
        row = int(np.argmax(steps < length)) + 1
        raise UserError(
            f"{source}: {name_row(row)}: the bar at {utc_text(stamps[row])} UTC begins "
            f"{steps[row - 1] / MINUTE_NS:g} minutes after the one before, the others last "
            f"{length // MINUTE_NS}: keep bars of one length in a file"
        )
    return length // MINUTE_NS


def _refuse_odd_minutes(
    source: str, opens: NDArray[np.int64], minutes: int, name_row: RowName
) -> None:
    """Refuse bars that do not lie within one half hour."""
    if minutes > HALF_HOUR_MINUTES:
        return
    odd = opens % (minutes * MINUTE_NS) != 0
    if odd.any():
        row = int(np.argmax(odd))
        raise UserError(
            f"{source}: {name_row(row)}: a bar of {minutes} minutes begins at "
            f"{utc_text(opens[row])} UTC, which is no multiple of its length: check data.stamp and "
            "data.timezone"
        )


def _only_symbol(table: Table, symbol: str | None) -> Table:
    """Return the rows of one symbol; a file with several asks which."""
    column = table.columns.symbol
    if column is None:
        require(
            symbol is None,
            f"data.symbol={symbol} was given, but {table.source} has no symbol column: remove it",
        )
        return table
    values = table.column(column).astype(str)
    known = [str(name) for name in values.unique()]
    listed = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
    if symbol is None:
        require(
            len(known) == 1,
            f"{table.source} holds {len(known)} symbols in column {column} ({listed}): choose one "
            "with data.symbol=",
        )
        return table
    require(symbol in known, f"data.symbol={symbol} is not in {table.source}: it has {listed}")
    frame = pd.DataFrame(table.frame[(values == symbol).to_numpy()])
    return Table(table.source, frame, table.columns, table.header_lines)


def _times(table: Table, config: DataConfig) -> tuple[NDArray[np.int64], str]:
    """Return the stamps, ns UTC, and what to call their column."""
    columns = table.columns
    values, label = table.column(columns.time), columns.time
    if columns.time_of_day is not None:
        values = join_date_and_time(values, table.column(columns.time_of_day))
        label = f"{columns.time}+{columns.time_of_day}"
    values = values.reset_index(drop=True)
    place = Place(table.source, label, table.name_row)
    return parse_times(values, config.timezone, place, config.date_order), label


def _numbers(table: Table, name: str) -> NDArray[np.float64]:
    """Return a column as float64; text that is no number is refused by its row."""
    column = table.column(name)
    if pd.api.types.is_numeric_dtype(column.dtype) and column.dtype != np.bool_:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)
    text = np.isnan(numbers) & column.notna().to_numpy()
    if text.any():
        row = int(np.argmax(text))
        raise UserError(
            f"{table.source}: {table.name_row(row)}, column {name}: {column.iloc[row]!r} is not a "
            "number: mend or remove the row"
        )
    return numbers


def _volume(table: Table, warmup: int) -> tuple[NDArray[np.float64], str, bool]:
    """Return volume, its column, and whether it counts ticks.

    Traded volume is taken where there is any in the first `warmup` rows, else the tick count. A
    column without a single value is as good as none.
    """
    chosen = np.zeros(len(table.frame)), "volume", False
    for name, ticks in ((table.columns.ticks, True), (table.columns.traded, False)):
        if name is None or bool(table.column(name).isna().all()):
            continue
        values = _numbers(table, name)
        if not chosen[0][:warmup].any() or values[:warmup].any():
            chosen = values, name, ticks
    return chosen
