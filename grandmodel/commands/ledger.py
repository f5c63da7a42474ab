"""Every trial so far: ``python -m grandmodel.commands.ledger [split=...] [data=...] [out=FILE]``.

Lists the lines of the ledger, latest last, and sums up trials and openings of the sealed test
split by bars. ``kind=``, ``split=``, ``agent=``, ``seed=`` take a value, ``data=`` the beginning of
a fingerprint or the name of an instrument, ``config=`` the beginning of a hash. ``last=`` is the
number of lines shown (0: all), ``out=FILE.csv`` or ``out=FILE.parquet`` keeps all that were found.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from grandmodel.core.checks import UserError, require
from grandmodel.core.files import atomic_path
from grandmodel.evaluation.report.section import UNKNOWN
from grandmodel.evaluation.trials.ledger import Ledger
from grandmodel.evaluation.trials.ledger_table import lines_frame, summary_frame
from grandmodel.wiring.command_line import check_words
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.exit import guarded
from grandmodel.wiring.run_config import wants_help
from grandmodel.wiring.schema import LedgerConfig

SHOWN = ("line", "time", "kind", "split", "agent", "instrument", "data", "config", "seed")
SHOWN = (*SHOWN, "n", "sharpe", "verdict", "opens_test", "returns_kept")
FILTERS = ("kind", "split", "agent", "seed", "config", "data")
HASH_LETTERS, MINUTES = 8, 16  # of a hash, of a time in ISO form
FREE_WIDTH = 10_000
WIDTH = 160  # where the output is no terminal
LEFT_OUT_FIRST = (  # where a terminal is narrower
    "returns_kept", "n", "config", "seeds", "configs", "lines", "opens_test", "worst_sharpe",
    "instrument", "agent", "trials", "kind", "time", "split",
)  # fmt: skip


def chosen(frame: pd.DataFrame, config: LedgerConfig) -> pd.DataFrame:
    """Return the lines that every given filter lets through.

    Raises:
        UserError: a filter lets nothing through.
    """
    for key in FILTERS:
        wanted = getattr(config.where, key)
        if wanted is None:
            continue
        found = frame.loc[_matches(frame, key, str(wanted))]
        short = HASH_LETTERS if key in ("data", "config") else None
        there = sorted({str(value)[:short] for value in frame[key] if not pd.isna(value)})
        if key == "data":
            there += sorted({str(name) for name in frame["instrument"] if not pd.isna(name)})
        require(
            len(found) > 0,
            f"{key}={wanted} fits no line of {config.paths.ledger} (under the other filters); "
            f"there are: {', '.join(there)}",
        )
        frame = found
    return frame


def _matches(frame: pd.DataFrame, key: str, wanted: str) -> Any:
    values = frame[key].astype(str)
    if key == "data":
        return values.str.startswith(wanted) | (frame["instrument"].astype(str) == wanted)
    return values.str.startswith(wanted) if key == "config" else values == wanted


def write(frame: pd.DataFrame, out: Path) -> None:
    """Write the lines as CSV or Parquet, by the ending of the name."""
    with atomic_path(out) as temporary:
        if out.suffix == ".csv":
            frame.to_csv(temporary, index=False)
        else:
            frame.to_parquet(temporary, index=False)


def as_table(title: str, frame: pd.DataFrame) -> Table:
    """Show a frame; numbers to the right, hashes short, dashes where nothing is known."""
    table = Table(title=title, title_justify="left")
    for name in frame.columns:
        number = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(str(name).replace("_", " "), justify="right" if number else "left")
    for row in frame.itertuples(index=False):
        cells = zip(frame.columns, row, strict=True)
        table.add_row(*(_cell(str(name), value) for name, value in cells))
    return table


def show(console: Console, title: str, frame: pd.DataFrame) -> None:
    """Print a frame with as many columns as fit the console, and name those that do not."""
    free = console.options.update(max_width=FREE_WIDTH)
    left = frame
    for name in LEFT_OUT_FIRST:
        if Measurement.get(console, free, as_table("", left)).maximum <= console.width:
            break
        left = left.drop(columns=name, errors="ignore")
    console.print(as_table(title, left))
    absent = [str(name).replace("_", " ") for name in frame.columns if name not in left.columns]
    if absent:
        console.print(
            f"left out for want of width: {', '.join(absent)}; out=FILE.csv keeps every column of "
            "the lines",
            markup=False,
        )


def _cell(name: str, value: Any) -> str:
    if value is None or pd.isna(value):
        return UNKNOWN
    if name == "time":
        return str(value)[:MINUTES].replace("T", " ")
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.2f}"
    text = str(int(value)) if isinstance(value, float) else str(value)
    return text[:HASH_LETTERS] if name in ("data", "config") else text


def ledger_of(config: LedgerConfig) -> Ledger:
    """Return the ledger that is named.

    Raises:
        UserError: there is none, or ``out`` is no name for a table.
    """
    path = Path(config.paths.ledger)
    if not path.is_file():
        raise UserError(
            f"paths.ledger={path} is not there; train, evaluate or backtest writes it, another "
            "one is named by paths.ledger="
        )
    if config.out is not None:
        require(
            Path(config.out).suffix in (".csv", ".parquet"),
            f"out={config.out} must end in .csv or .parquet",
        )
    return Ledger(path)


def main(arguments: Sequence[str]) -> None:
    """List, sum up and keep the lines that the filters let through."""
    tall = Console(highlight=False)
    console = tall if tall.is_terminal else Console(highlight=False, width=WIDTH)
    if wants_help(arguments):
        console.print((__doc__ or "").strip(), markup=False)
        return
    check_words(arguments)
    words = [f"where.{word}" if word.split("=")[0] in FILTERS else word for word in arguments]
    config = typed(compose("ledger", words), LedgerConfig)
    ledger = ledger_of(config)
    found = ledger.read()
    frame = chosen(lines_frame(ledger, found), config)
    shown = frame.tail(config.last) if config.last else frame
    show(console, f"{len(shown)} of {len(frame)} lines", shown.filter(items=list(SHOWN)))
    show(console, "by bars", summary_frame(frame, found))
    unlisted = ledger.unlisted()
    if unlisted:
        console.print(
            f"note: returns of {len(unlisted)} trials are kept whose lines are missing: "
            f"{', '.join(unlisted[:5])}{', …' if len(unlisted) > 5 else ''}",
            markup=False,
        )
    if found.complaint:
        console.print(f"note: {found.complaint}", markup=False)
    if config.out is not None:
        write(frame, Path(config.out))
        console.print(f"written: {config.out}", markup=False)


if __name__ == "__main__":
    guarded(lambda: main(sys.argv[1:]))
