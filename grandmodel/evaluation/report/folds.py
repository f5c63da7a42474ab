"""The folds of a protocol: who tested what, chosen where, and with which result."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich import table as terminal

from grandmodel.evaluation.report import tables
from grandmodel.evaluation.report.section import Row, Section, Table

TERMINAL = {  # key: heading, format
    "fold": ("fold", ""), "from": ("tests from", ""), "to": ("to", ""),
    "validation_sharpe": ("chosen at", "number"), "sharpe": ("Sharpe", "number"),
    "trades": ("trips", "count"), "gate": ("gate", "number"),
}  # fmt: skip
CHOSEN = "chosen at: the Sharpe ratio where checkpoint and gate were chosen"
NOTE = (
    "Each fold is a team of its own, trained and chosen on the bars that it learned from; the "
    "figures above are those of its tests one after another. chosen at: its Sharpe ratio where "
    "checkpoint and gate were chosen."
)
SPREAD = (
    "Later bars trained for earlier tests: these paths tell how results spread, not what could "
    "have been earned. Figures above are means over them, and so are their bounds."
)


def fold_sections(metrics: Mapping[str, Any]) -> list[Section]:
    """Return the tables of folds and paths, nothing where no protocol was judged."""
    folds, paths = metrics.get("folds") or [], metrics.get("by_path") or []
    found = []
    if paths:
        rows = [{"path": row["path"], **_figures(row)} for row in paths]
        found.append(Section("Paths", (Table(rows),), SPREAD))
    if folds:
        rows = [{**({"path": row["path"]} if paths else {}), **_fold(row)} for row in folds]
        found.append(Section("Folds", (Table(rows),), NOTE))
    return found


def terminal_folds(metrics: Mapping[str, Any]) -> terminal.Table | None:
    """Return the folds in few columns, below 80 wide; None where no protocol was judged."""
    folds = metrics.get("folds") or []
    if not folds:
        return None
    table = terminal.Table(title="folds, each a team of its own", box=box.SIMPLE)
    paths = {"path": ("path", "count")} if metrics.get("by_path") else {}
    for heading, _ in (wanted := {**paths, **TERMINAL}).values():
        left = heading in ("fold", "tests from", "to")
        table.add_column(heading, justify="left" if left else "right")
    for row in folds:
        cells = [tables.shown(row[key], kind) if kind else str(row[key])
                 for key, (_, kind) in wanted.items()]  # fmt: skip
        table.add_row(*cells)
    table.caption = CHOSEN
    return table


def _fold(row: Mapping[str, Any]) -> Row:
    return {
        "fold": row["fold"],
        "tests from": row["from"],
        "to": row["to"],
        "learned from": row["learned_from"],
        "until": row["learned_to"],
        "gate": tables.shown(row["gate"], "number"),
        "chosen at": tables.shown(row["validation_sharpe"], "number"),
        **_figures(row),
    }


def _figures(row: Mapping[str, Any]) -> Row:
    return {
        "Sharpe": tables.shown(row["sharpe"], "number"),
        "return": tables.shown(row["total_return"], "percent"),
        "drawdown": tables.shown(row["max_drawdown"], "percent"),
        "round trips": tables.shown(row["trades"], "count"),
    }
