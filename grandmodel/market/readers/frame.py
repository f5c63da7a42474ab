"""From a table of text and numbers to bars: the part that all file formats share.

Source: `docs/definitions.md`, "Reading files".
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from grandmodel.core.checks import UserError, require
from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.continuous import code_of
from grandmodel.market.defects import refuse_defects, refuse_disorder
from grandmodel.market.instruments import Instrument
from grandmodel.market.readers.columns import Columns
from grandmodel.market.readers.head import DECIMAL_COMMA, POINT_RULE
from grandmodel.market.readers.lengths import bar_minutes, refuse_odd_minutes
from grandmodel.market.readers.sieve import (
    Sieve,
    Values,
    drop_strays,
    name_of,
    sift,
)
from grandmodel.market.readers.times import (
    OFFSET,
    BadTimesError,
    Place,
    is_unix,
    join_date_and_time,
    parse_times,
)
from grandmodel.market.reading import Reading, no_defects
from grandmodel.market.volume import decide_volume_kind, warmup_rows

PRICES = ("open", "high", "low", "close")
SHOWN = 40  # letters of a value, in messages
PASSES = 20  # of dropping rows without a time; each kind of bad time takes one or two


@dataclass(frozen=True)
class Table:
    """The columns of a file as they stand there, and what its format says about them."""

    source: str
    frame: pd.DataFrame
    columns: Columns
    header_lines: int | None  # lines before the first row; None: the file has no lines
    timezone: str = "UTC"  # of times without one, where the user does not say
    stamp: str = "open"  # which end of a bar its times name, where the user does not say
    price_scale: float = 1.0  # units of the file's prices
    notes: tuple[str, ...] = ()  # what the format assumes, one sentence each
    defects: pd.DataFrame = field(default_factory=no_defects)  # rows already left out

    def column(self, name: str) -> pd.Series:
        """Return one column, indexed as the rows of the file are."""
        return pd.Series(self.frame[name])

    def name_row(self, index: int) -> str:
        """Return how messages name a row of the frame: data rows count from 1."""
        return name_of(int(self.frame.index[index]), self.header_lines)


def bars_from_table(
    table: Table, config: DataConfig, instrument: Instrument, length_ns: int | None = None
) -> Bars:
    """Return validated bars, stamped by their open in UTC.

    Args:
        table: the columns of a file.
        config: how they are to be understood.
        instrument: what they are bars of.
        length_ns: length of the bars; None: told from their steps.

    Raises:
        UserError: what cannot be read, by file, row, column and remedy.
    """
    require(len(table.frame) > 0, f"{table.source} holds no bars: give a file with some")
    table = only_symbol(table, config.symbol)
    sieve = sieve_for(table, config)
    stamps, label, table = read_times(table, config, sieve)
    stamps, values, labels, ticks = _values(table, config, sieve, stamps, label, length_ns)
    where, name_row = table.source, sieve.name_row
    refuse_disorder(where, stamps, name_row, label)
    minutes = bar_minutes(where, stamps, name_row, length_ns)
    stamp = config.stamp or table.stamp
    opens = stamps - minutes * MINUTE_NS if stamp == "close" else stamps
    refuse_odd_minutes(where, opens, minutes, name_row)
    refuse_defects(where, stamps, values, name_row, labels)
    kind = config.volume_kind or decide_volume_kind(opens, values["volume"], instrument, ticks)
    return Bars(
        open_time_ns=opens,
        **values,
        minutes=minutes,
        instrument=instrument,
        volume_kind=kind,
        adjustment=config.adjustment,
        joined=None,
        source=where,
        reading=reading_of(table, config, sieve, labels),
    )


def sieve_for(table: Table, config: DataConfig) -> Sieve:
    """Return what decides which rows of a table stay."""
    index = table.frame.index.to_numpy(np.int64)
    return Sieve(table.source, config.on_defect, index, table.header_lines, [table.defects])


def reading_of(
    table: Table, config: DataConfig, sieve: Sieve, labels: dict[str, str], stamp: str | None = None
) -> Reading:
    """Return how a table was understood."""
    return Reading(
        format=config.kind,
        columns=labels,
        stamp=stamp or config.stamp or table.stamp,
        timezone=_zone_words(table, config),
        rows=sieve.total + len(table.defects),
        symbol=config.symbol,
        notes=table.notes,
        defects=sieve.defects,
    )


def _values(
    table: Table,
    config: DataConfig,
    sieve: Sieve,
    stamps: NDArray[np.int64],
    label: str,
    length_ns: int | None,
) -> tuple[NDArray[np.int64], Values, dict[str, str], bool]:
    """Return times and numbers of the rows that stay, their columns, and if volume is ticks."""
    names = {key: str(getattr(table.columns, key)) for key in PRICES}
    values = {key: numbers(table, name, sieve.mode) for key, name in names.items()}
    values = {key: scaled(column, table, config) for key, column in values.items()}
    warmup = warmup_rows(np.sort(stamps)) if sieve.mode != "refuse" else warmup_rows(stamps)
    values["volume"], volume_name, ticks = _volume(table, warmup, sieve.mode)
    labels = names | {"time": label, "volume": volume_name}
    if sieve.mode != "refuse":
        stamps, values = sift(sieve, stamps, values, labels)
        stamps, values = drop_strays(sieve, stamps, values, label, length_ns)
        require(len(stamps) > 0, f"{table.source} holds no bars that could stay: mend the file")
    return stamps, values, labels, ticks


def scaled(prices: NDArray[np.float64], table: Table, config: DataConfig) -> NDArray[np.float64]:
    """Return prices in their currency; hundredths are divided by 100, which is exact."""
    scale = table.price_scale * config.price_scale
    if scale == 1.0:
        return prices
    per_unit = round(1.0 / scale)
    return prices / per_unit if per_unit > 1 and 1.0 / per_unit == scale else prices * scale


def only_symbol(table: Table, symbol: str | None) -> Table:
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
            f"with data.symbol={_or_join(known)}",
        )
        return table
    require(symbol in known, f"data.symbol={symbol} is not in {table.source}: it has {listed}")
    return replace(table, frame=pd.DataFrame(table.frame[(values == symbol).to_numpy()]))


def _or_join(symbols: list[str]) -> str:
    """Return the other remedy where several symbols are contracts of one future."""
    roots = [code.root for code in map(code_of, symbols) if code is not None]
    several = len(roots) > len(set(roots))
    return ", or join the contracts of a future with data.continuous=volume" if several else ""


def read_times(
    table: Table, config: DataConfig, sieve: Sieve
) -> tuple[NDArray[np.int64], str, Table]:
    """Return the stamps, ns UTC, what to call their column, and the rows that have one."""
    zone = config.timezone or table.timezone
    for _ in range(PASSES):
        values, label = _time_column(table)
        place = Place(table.source, label, table.name_row)
        try:
            return parse_times(values, zone, place, config.date_order), label, table
        except BadTimesError as error:
            if config.on_defect != "drop" or error.rows.all():
                raise
            shown = values.to_numpy(object)
            sieve.record(error.rows, "no time that can be read", label, values=shown)
            sieve.remove(error.rows)
            table = replace(table, frame=pd.DataFrame(table.frame[~error.rows]))
    raise UserError(f"{table.source}: column {label} holds too many odd times: mend the file")


def _time_column(table: Table) -> tuple[pd.Series, str]:
    columns = table.columns
    values, label = table.column(columns.time), columns.time
    if columns.time_of_day is not None:
        values = join_date_and_time(values, table.column(columns.time_of_day))
        label = f"{columns.time}+{columns.time_of_day}"
    return values.reset_index(drop=True), label


def _zone_words(table: Table, config: DataConfig) -> str:
    """Return the zone of the file's times, in words."""
    values, _ = _time_column(replace(table, frame=pd.DataFrame(table.frame[:1])))
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return "UTC, from the file"
    if is_unix(values):
        return "UTC, unix time"
    if values.dtype.kind != "M" and OFFSET.search(str(values.iloc[0]).strip()):
        return "UTC, from the file"
    return config.timezone or f"{table.timezone}, assumed: data.timezone changes it"


def numbers(table: Table, name: str, mode: str = "refuse") -> NDArray[np.float64]:
    """Return a column as float64; text that is no number is refused by its row, or nan."""
    column = table.column(name)
    if pd.api.types.is_numeric_dtype(column.dtype) and column.dtype != np.bool_:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    found = np.array(pd.to_numeric(column, errors="coerce"), dtype=np.float64)
    text = np.isnan(found) & column.notna().to_numpy()
    if text.any() and mode == "refuse":
        row = int(np.argmax(text))
        value = str(column.iloc[row])[:SHOWN]
        raise UserError(
            f"{table.source}: {table.name_row(row)}, column {name}: {value!r} is not a "
            f"number: {POINT_RULE if DECIMAL_COMMA.fullmatch(value) else 'mend or remove the row'}"
        )
    return _exact(column, found)


def _exact(column: pd.Series, found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round numbers written as text to the nearest double, which pandas misses by a digit."""
    good = np.isfinite(found)
    texts = pd.Series(column[good])
    if not len(texts) or not all(isinstance(text, str) for text in texts):
        return found
    try:
        found[good] = pa.array(texts.str.strip(), pa.string()).cast(pa.float64())
    except pa.ArrowInvalid:  # a spelling that only pandas knows
        return found
    return found


def _volume(table: Table, warmup: int, mode: str) -> tuple[NDArray[np.float64], str, bool]:
    """Return volume, its column, and whether it counts ticks.

    Traded volume is taken where there is any in the first `warmup` rows, else the tick count. A
    column without a single value is as good as none.
    """
    chosen = np.zeros(len(table.frame)), "volume", False
    for name, ticks in ((table.columns.ticks, True), (table.columns.traded, False)):
        if name is None or bool(table.column(name).isna().all()):
            continue
        values = numbers(table, name, mode)
        if not chosen[0][:warmup].any() or values[:warmup].any():
            chosen = values, name, ticks
    return chosen
