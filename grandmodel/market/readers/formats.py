"""The formats that can be read: how each is recognised, and what becomes of its bytes.

`FORMATS` is the registry: `data=<name>` reads one, `data=auto` the first that recognises the file.
Source: `docs/definitions.md`, "Formats".
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from grandmodel.core.checks import UserError, require, require_choice
from grandmodel.market.bars import Bars
from grandmodel.market.config import FILE_KINDS, DataConfig
from grandmodel.market.instruments import Instrument
from grandmodel.market.readers import databento, json_text, lean, ticks, vendors
from grandmodel.market.readers.contracts import continuous_bars
from grandmodel.market.readers.csv import csv_table
from grandmodel.market.readers.files import (
    PARQUET_MAGIC,
    chosen_member,
    existing_file,
    source_of,
    unchanged,
)
from grandmodel.market.readers.frame import Table, bars_from_table
from grandmodel.market.readers.head import Head, head_of
from grandmodel.market.readers.parquet import feather_table, parquet_table

Recogniser = Callable[[Head], bool]
Opener = Callable[[Head, DataConfig], Table]
Maker = Callable[[Table, DataConfig, Instrument], Bars]
READ_KINDS = ("auto", *FILE_KINDS)
FEATHER_MAGICS = (b"ARROW1", b"FEA1")


@dataclass(frozen=True)
class Format:
    """A way in which files hold bars."""

    name: str  # a kind of `data.kind`
    recognises: Recogniser  # from how the file begins
    open: Opener  # the columns of the file
    make: Maker = bars_from_table  # bars of the columns


def _parquet(head: Head, config: DataConfig) -> Table:
    return parquet_table(head.source.path, config)


def _freqtrade(head: Head, config: DataConfig) -> Table:
    if head.start.startswith(FEATHER_MAGICS):
        return feather_table(head.source.path, config)
    return json_text.rows_table(head, config)


def _is_freqtrade(head: Head) -> bool:
    return head.start.startswith(FEATHER_MAGICS) or json_text.begins_with_rows(head)


_ALL = (
    Format("parquet", lambda head: head.start.startswith(PARQUET_MAGIC), _parquet),
    Format("databento", databento.recognises, databento.table),
    Format("lean", lean.recognises, lean.table),
    Format("freqtrade", _is_freqtrade, _freqtrade),
    Format("tradingview", json_text.begins_with_objects, json_text.objects_table),
    Format("histdata", vendors.is_histdata, vendors.histdata),
    Format("binance", vendors.is_binance, vendors.binance),
    Format("metatrader", vendors.is_metatrader, vendors.metatrader),
    Format("wondertrader", vendors.is_wondertrader, vendors.wondertrader),
    Format("backtrader", vendors.is_backtrader, vendors.backtrader),
    Format("yahoo", vendors.is_yahoo, vendors.yahoo),
    Format("ticks", ticks.recognises, ticks.table, ticks.bars_from_ticks),
    Format("csv", lambda head: bool(head.lines), csv_table),
)
FORMATS: dict[str, Format] = {form.name: form for form in _ALL}


def read_bars(config: DataConfig, instrument: Instrument) -> Bars:
    """Read the bars of a file in the format `config.kind`, or the one that recognises it.

    Raises:
        UserError: what cannot be read, by file, row, column and remedy.
    """
    require_choice("data.kind", config.kind, READ_KINDS)
    path = existing_file(config)
    with unchanged(path):
        source, rest = chosen_member(source_of(config), config)
        head = head_of(source)
        form = FORMATS.get(config.kind) or recognise(head)
        if not form.recognises(head):
            raise UserError(
                f"{source} does not look like data={form.name}: data=auto finds the format, "
                "data=csv reads text in columns by their names"
            )
        rest = replace(rest, kind=form.name)
        bars = _made(form, form.open(head, rest), rest, instrument)
    if config.kind in FILE_KINDS or bars.reading is None:
        return bars
    return replace(bars, reading=replace(bars.reading, recognised=True))


def _made(form: Format, table: Table, config: DataConfig, instrument: Instrument) -> Bars:
    if config.continuous is None:
        return form.make(table, config, instrument)
    require(
        form.make is bars_from_table,
        f"data.continuous={config.continuous} joins bars of contracts, but {table.source} holds "
        "ticks: make bars of them first, or choose a contract with data.symbol=",
    )
    return continuous_bars(table, config, instrument)


def recognise(head: Head) -> Format:
    """Return the first format that a file begins like.

    Raises:
        UserError: none does.
    """
    found = next((form for form in FORMATS.values() if form.recognises(head)), None)
    if found is None:
        raise UserError(
            f"{head.source} is in no format that is known ({', '.join(FORMATS)}): write it as CSV "
            "in UTF-8 with one bar per line, or read it with a function of your own (data=custom)"
        )
    return found
