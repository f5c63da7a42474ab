"""Files that hold several contracts of one future: told apart by their symbols, read, joined.

Source: `docs/definitions.md`, "Continuous contracts".
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.core.checks import UserError, require
from grandmodel.market.bars import Bars
from grandmodel.market.config import DataConfig
from grandmodel.market.continuous import Code, code_of, contracts_of, join_contracts
from grandmodel.market.instruments import Instrument
from grandmodel.market.readers.frame import (
    Table,
    bars_from_table,
    read_times,
    sieve_for,
)
from grandmodel.market.readers.sieve import usual_step
from grandmodel.market.reading import Reading
from grandmodel.market.volume import decide_volume_kind

SPREAD_SIGNS = ("-", ":")  # of calendar spreads: ESH4-ESM4
SHOWN = 10


@dataclass(frozen=True)
class _Rows:
    """The rows of a file by symbol."""

    which: NDArray[np.int64]  # symbol of each row
    codes: dict[str, tuple[int, Code]]  # symbols of one root: their number, and what they say
    root: str
    left_out: int  # symbols of other roots, and spreads


def continuous_bars(table: Table, config: DataConfig, instrument: Instrument) -> Bars:
    """Return the contracts of one root joined by the rule `config.continuous`.

    Raises:
        UserError: what cannot be read or joined, with the remedy.
    """
    rows = _rows_by_symbol(table, config)
    table = replace(table, columns=replace(table.columns, symbol=None))
    config = replace(config, symbol=None)
    parts = {
        symbol: replace(table, frame=pd.DataFrame(table.frame[rows.which == number]))
        for symbol, (number, _) in rows.codes.items()
    }
    length_ns = _length(max(parts.values(), key=lambda part: len(part.frame)), config)
    contracts, read = [], []
    for symbol, part in parts.items():
        part = replace(part, defects=part.defects if not read else part.defects[:0])
        bars = bars_from_table(part, config, instrument, length_ns)
        read.append(bars)
        contracts += contracts_of(symbol, rows.codes[symbol][1], bars)
    joined = join_contracts(contracts, str(config.continuous), rows.root, table.source)
    ticks = read[0].volume_kind == "ticks"
    kind = decide_volume_kind(joined.open_time_ns, joined.volume, instrument, ticks)
    return replace(
        joined,
        volume_kind=config.volume_kind or kind,
        reading=_reading(read, rows, table.source),
    )


def _rows_by_symbol(table: Table, config: DataConfig) -> _Rows:
    """Return which rows belong to which contract of the root that is asked for.

    Raises:
        UserError: there is no symbol column, no contract in it, or several roots to choose from.
    """
    where, column = f"data.continuous={config.continuous}", table.columns.symbol
    if column is None:
        raise UserError(
            f"{where} joins contracts by a column of symbols, which {table.source} has not: remove "
            "it, or add a column symbol with names such as ESH4"
        )
    which, names = pd.factorize(table.column(column).astype(str))
    codes = {str(name): code_of(str(name)) for name in names}
    roots = sorted({code.root for code in codes.values() if code is not None})
    require(
        len(roots) > 0,
        f"{where}: no symbol in column {column} of {table.source} ({_listed(list(codes))}) ends "
        "with a month code and a year, such as ESH4: rename them, or choose one with data.symbol=",
    )
    wanted = config.symbol.strip().upper() if config.symbol is not None else None
    require(
        wanted is not None or len(roots) == 1,
        f"{where}: {table.source} holds contracts of {len(roots)} roots ({_listed(roots)}): choose "
        "one with data.symbol=",
    )
    root = wanted or roots[0]
    require(
        root in roots,
        f"{where}: data.symbol={config.symbol} is no root of {table.source}: it has contracts of "
        f"{_listed(roots)}",
    )
    _refuse_unknown([name for name, code in codes.items() if code is None], root, where)
    kept = {
        str(name): (number, code)
        for number, name in enumerate(names)
        if (code := codes[str(name)]) is not None and code.root == root
    }
    return _Rows(which, kept, root, len(names) - len(kept))


def _refuse_unknown(names: list[str], root: str, where: str) -> None:
    """Refuse symbols that begin like the root but name no month; spreads are left out."""
    odd = [
        name
        for name in names
        if name.upper().startswith(root) and not any(sign in name for sign in SPREAD_SIGNS)
    ]
    require(
        not odd,
        f"{where}: {_listed(odd)} begin with {root}, but their month code or year is not known: "
        f"write them as {root}H4 or {root}H2024, or remove their rows",
    )


def _length(table: Table, config: DataConfig) -> int:
    """Return the length of the bars of the contract with most rows, ns."""
    stamps, _, _ = read_times(table, config, sieve_for(table, config))
    steps = np.diff(np.unique(stamps))
    require(
        len(steps) > 0,
        f"{table.source}: one bar has no length that could be seen: give more bars",
    )
    return usual_step(steps)


def _reading(read: list[Bars], rows: _Rows, source: str) -> Reading:
    """Return how the file was understood, all contracts together."""
    each = [bars.reading for bars in read if bars.reading is not None]
    note = f"{source}: {rows.left_out} symbols that are no contracts of {rows.root} are left out"
    more: dict[str, Any] = {
        "rows": sum(one.rows for one in each),
        "symbol": rows.root,
        "notes": (*each[0].notes, note) if rows.left_out else each[0].notes,
        "defects": pd.concat([one.defects for one in each]).sort_values("row", kind="stable"),
    }
    return replace(each[0], **more)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
