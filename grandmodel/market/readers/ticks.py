"""Single trades or quotes in text, made into bars.

Source: `docs/definitions.md`, "Bars of ticks".
"""

import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import UserError, require
from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.defects import refuse_defects, utc_text
from grandmodel.market.instruments import Instrument
from grandmodel.market.readers.columns import (
    PRICES,
    SIZES,
    SYMBOL,
    TRADE_PRICES,
    TRADED,
    Columns,
    plain,
    time_columns,
)
from grandmodel.market.readers.csv import without_blank
from grandmodel.market.readers.frame import (
    Table,
    numbers,
    only_symbol,
    read_times,
    reading_of,
    scaled,
    sieve_for,
)
from grandmodel.market.readers.head import Head, is_number, require_text
from grandmodel.market.readers.sieve import Sieve
from grandmodel.market.readers.text import Layout, read_text

HISTDATA_TICK = re.compile(r"\d{8} \d{9}$")
HISTDATA_NAMES = ["timestamp", "bid", "ask", "ignored"]
TRADE_FIELDS = {  # of Binance without a header: number of fields -> names
    7: ["id", "price", "qty", "quote_qty", "time", "buyer_maker", "best"],
    8: ["id", "price", "qty", "first_id", "last_id", "time", "buyer_maker", "best"],
}
UNIX_TIME = re.compile(r"\d{13}(\d{3})?$")
NEW_YORK = "America/New_York"


def recognises(head: Head) -> bool:
    """Tell columns of time and price without open, high and low, and trades without a header."""
    return bool(head.lines) and _names(head) is not None


def _names(head: Head) -> list[str] | None:
    """Return the columns of ticks, None where the file holds something else."""
    fields = head.fields
    trade = TRADE_FIELDS.get(len(fields))
    if trade is not None and UNIX_TIME.match(fields[trade.index("time")]) and is_number(fields[1]):
        return trade
    if HISTDATA_TICK.match(fields[0]) and len(fields) == len(HISTDATA_NAMES):
        return HISTDATA_NAMES
    bars = {name for key in ("open", "high", "low") for name in PRICES[key]}
    plains = set(head.names)
    return fields if plains & set(TRADE_PRICES) and not plains & bars else None


def table(head: Head, config: DataConfig) -> Table:
    """Return times, prices and sizes of ticks; the price stands in all four columns of prices.

    Raises:
        UserError: there is no time or no price among the columns, or a row has other fields.
    """
    require_text(head)
    names = _names(head)
    where = str(head.source)
    require(names is not None, f"{where} holds no ticks: they need columns of time and price")
    names, bids = list(names or ()), names is HISTDATA_NAMES
    known = {plain(name): name for name in reversed(names)}
    first = lambda usual: next((known[key] for key in usual if key in known), None)  # noqa: E731
    time, time_of_day = time_columns(where, {key: [name] for key, name in known.items()}, config)
    price = str(first(TRADE_PRICES))
    columns = Columns(
        time, time_of_day, price, price, price, price,
        traded=first((*SIZES, *TRADED)), ticks=None, symbol=first(SYMBOL),
    )  # fmt: skip
    header = int(names == head.fields)
    wanted = list(dict.fromkeys(columns.all))
    skipped = head.blank_lines + header
    numeric = frozenset({price}) | ({columns.traded} if columns.traded else frozenset())
    layout = Layout(names, wanted, time, head.separator, skipped, header, numeric)
    frame, defects = read_text(head, layout, config)
    read = Table(where, frame, columns, skipped, defects=defects)
    return without_blank(replace(read, timezone=NEW_YORK if bids else "UTC"))


def bars_from_ticks(table: Table, config: DataConfig, instrument: Instrument) -> Bars:
    """Return bars of `config.bar_minutes` made of ticks.

    A bar holds the ticks of [open, close); one without ticks does not exist. The last bar is
    dropped unless a tick at or after its close shows that it is complete.

    Raises:
        UserError: what cannot be read, by file, row, column and remedy.
    """
    require(len(table.frame) > 0, f"{table.source} holds no ticks: give a file with some")
    table = only_symbol(table, config.symbol)
    sieve = sieve_for(table, config)
    times, label, table = read_times(table, config, sieve)
    price = scaled(numbers(table, table.columns.open, sieve.mode), table, config)
    sized = table.columns.traded is not None
    sizes = numbers(table, str(table.columns.traded), sieve.mode) if sized else np.ones(len(price))
    labels = {"time": label, "close": table.columns.open, "volume": table.columns.traded or "ticks"}
    times, price, sizes = _sound(sieve, times, price, sizes, labels)
    minutes = config.bar_minutes
    columns = _aggregate(times, price, sizes, minutes * MINUTE_NS)
    opens = columns.pop("open_time_ns")
    require(
        len(opens) > 0,
        f"{table.source}: its ticks fill no bar of {minutes} minutes: give more, or lower "
        "data.bar_minutes",
    )
    note = f"{table.source}: {sieve.total} ticks are made into {len(opens)} bars of {minutes} min"
    table = replace(table, notes=(*table.notes, note))
    return Bars(
        open_time_ns=opens,
        **columns,
        minutes=minutes,
        instrument=instrument,
        volume_kind=config.volume_kind or ("traded" if sized else "ticks"),
        adjustment=config.adjustment,
        joined=None,
        source=table.source,
        reading=reading_of(table, config, sieve, labels, "open"),
    )


def _sound(
    sieve: Sieve,
    times: NDArray[np.int64],
    price: NDArray[np.float64],
    sizes: NDArray[np.float64],
    labels: dict[str, str],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return ticks that can be: in order of time, with finite prices above 0 and sizes from 0."""
    late = np.append(False, times[1:] < np.maximum.accumulate(times)[:-1])
    if sieve.mode == "keep" and late.any():
        sieve.record(late, "time before that of the row above", labels["time"], times=times,
                     action="sorted in")  # fmt: skip
        order = np.argsort(times, kind="stable")
        times, price, sizes = times[order], price[order], sizes[order]
        sieve.index, late = sieve.index[order], np.zeros(len(times), bool)
    if sieve.mode == "drop":
        odd_price = ~(np.isfinite(price) & (price > 0.0))
        odd_size = ~(np.isfinite(sizes) & (sizes >= 0.0)) & ~odd_price
        late &= ~odd_price & ~odd_size
        for bad, defect, name, values in (
            (odd_price, "price not above 0", labels["close"], price),
            (odd_size, "negative size", labels["volume"], sizes),
            (late, "time before that of the row above", labels["time"], None),
        ):
            sieve.record(bad, defect, name, values=values, times=times)
        bad = odd_price | odd_size | late
        if bad.any():
            sieve.remove(bad)
            times, price, sizes = times[~bad], price[~bad], sizes[~bad]
        late = np.zeros(len(times), bool)
    if late.any():
        row = int(np.argmax(late))
        raise UserError(
            f"{sieve.source}: {sieve.name_row(row)}, column {labels['time']}: "
            f"{utc_text(times[row])} UTC comes after a later tick: sort the ticks by time"
        )
    _refuse_values(sieve, price, sizes, labels)
    return times, price, sizes


def _refuse_values(
    sieve: Sieve, price: NDArray[np.float64], sizes: NDArray[np.float64], labels: dict[str, str]
) -> None:
    same = dict.fromkeys(("open", "high", "low", "close"), price)
    names = dict.fromkeys(same, labels["close"]) | {"volume": labels["volume"]}
    order = np.arange(len(price))
    refuse_defects(sieve.source, order, same | {"volume": sizes}, sieve.name_row, names)


def _aggregate(
    times: NDArray[np.int64],
    price: NDArray[np.float64],
    sizes: NDArray[np.float64],
    width: int,
) -> dict[str, NDArray]:
    """Return open times, prices and volume of the complete bars."""
    bucket = times // width
    first = np.flatnonzero(np.diff(bucket, prepend=bucket[:1] - 1))
    last = np.append(first[1:], len(times)) - 1
    found = {
        "open_time_ns": bucket[first] * width,
        "open": price[first],
        "high": np.maximum.reduceat(price, first),
        "low": np.minimum.reduceat(price, first),
        "close": price[last],
        "volume": np.add.reduceat(sizes, first),
    }
    return {name: values[:-1] for name, values in found.items()}  # the last may go on
