"""The report of a comparison of runs: configurations, their seeds and tasks, every run."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from grandmodel.core.files import write_text
from grandmodel.evaluation.report import tables
from grandmodel.evaluation.report.controls import plateau_section
from grandmodel.evaluation.report.html import html_of
from grandmodel.evaluation.report.markdown import one_line, text_of
from grandmodel.evaluation.report.page import STYLE
from grandmodel.evaluation.report.section import UNKNOWN, Cell, Row, Section, Table, cell

NOTE = (
    "Interquartile mean of the net Sharpe ratios of all seeds and tasks; in small type its 95 % "
    "interval by stratified bootstrap over seeds."
)

AS_ONE_NOTE = (
    "An equal share of the money with each seed of a configuration, judged by the clauses that "
    "judge one run; its seeds count as one trial. The Sharpe ratio is that of the sessions of all "
    "paths together, and smoother than its seeds where they lose at different times."
)


OVER_SEEDS = "Sharpe over seeds"
REASON_KEYS = {"configuration": "configuration", "task": "task", "reason": "verdict_reason"}


def comparison_rows(record: Mapping[str, Any]) -> list[Row]:
    """A row per configuration, best first."""
    return [
        {
            "configuration": row["name"],
            OVER_SEEDS: Cell(
                tables.shown(row["sharpe"], "number"), tables.interval(row, "sharpe", "number")
            ),
            "seeds": len(row["seeds"]),
            "tasks": len(row["tasks"]),
            "note": "; ".join(row["notes"]),
        }
        for row in record["configurations"]
    ]


def as_one_rows(record: Mapping[str, Any]) -> list[Row]:
    """A row per configuration and task of several seeds: what their mean shows."""
    return [
        {
            "configuration": row["configuration"],
            "task": row["task"],
            "seeds": len(row["seeds"]),
            "verdict": Cell(row["verdict"] or UNKNOWN),
            "Sharpe": Cell(
                tables.shown(row.get("sharpe"), "number"), tables.interval(row, "sharpe", "number")
            ),
            "deflated": tables.shown(row.get("deflated_sharpe"), "percent"),
            "trials": tables.shown(row.get("trials"), "count"),
            **_beyond(row.get("differences") or {}),
        }
        for row in record.get("as_one") or []
    ]


def as_one_reasons(record: Mapping[str, Any]) -> list[Row]:
    """A row per verdict on several seeds: why it is so."""
    return [
        {key: row[name] for key, name in REASON_KEYS.items()} for row in record.get("as_one") or []
    ]


def _beyond(differences: Mapping[str, Any]) -> Row:
    """Return how far a Sharpe ratio lies beyond that of each baseline, a cell each."""
    key = "sharpe_difference"
    return {
        f"less {name.replace('_', ' ')}": Cell(
            tables.shown(found.get(key), "number"), tables.interval(found, key, "number")
        )
        for name, found in differences.items()
    }


def settings_rows(record: Mapping[str, Any]) -> list[Row]:
    """A row per setting that is not the same in all configurations."""
    return [{name: cell(value) for name, value in row.items()} for row in record["settings"]]


def overfitting_text(record: Mapping[str, Any]) -> str:
    """One sentence on the probability of overfitting."""
    if record["pbo"] is None:
        return f"probability of overfitting: not told, {record['pbo_reason']}"
    return (
        f"probability of overfitting {record['pbo']:.2f}: so often is the best of one half of the "
        "sessions no better than the median on the other"
    )


def comparison_sections(record: Mapping[str, Any]) -> list[Section]:
    """Return everything below the title."""
    varied, as_one = record.get("plateau") or [], record.get("as_one")
    differing = settings_rows(record)
    return [
        *([Section("Seeds judged as one", tuple(_as_one(record)), AS_ONE_NOTE)] if as_one else []),
        Section("Configurations", (Table(comparison_rows(record)),), NOTE),
        *([Section("Settings that differ", (Table(differing),))] if differing else []),
        Section("Seeds and tasks", tuple(_tables(record))),
        Section("Choosing among them", (), overfitting_text(record)),
        *([plateau_section(varied)] if varied else []),
        Section("Every run", (Table([_run(it) for it in record["runs"]]),)),
    ]


def _as_one(record: Mapping[str, Any]) -> list[Table]:
    return [Table(as_one_rows(record)), Table(as_one_reasons(record), "why")]


def _tables(record: Mapping[str, Any]) -> list[Table]:
    """Seeds as rows, tasks as columns, a table per configuration."""
    return [
        Table(
            [
                {
                    "seed": seed,
                    **{
                        task: tables.shown(score, "number")
                        for task, score in zip(row["tasks"], scores, strict=True)
                    },
                }
                for seed, scores in zip(row["seeds"], row["table"], strict=True)
            ],
            row["name"],
        )
        for row in record["configurations"]
    ]


def _run(row: Mapping[str, Any]) -> Row:
    kinds = {key: kind for key, _, kind in tables.ROWS}
    return {
        "run": row["run"],
        "configuration": row["configuration"],
        "task": row["task"],
        "seed": row["seed"],
        **{
            key.replace("_", " "): tables.shown(row[key], kinds[key])
            for key in ("sharpe", "total_return", "max_drawdown", "trades")
        },
        **_beyond(row.get("differences") or {}),
        "verdict": row["verdict"],
        "judged in": row["judgement"],
    }


def write_comparison(
    folder: Path, title: str, record: Mapping[str, Any], notes: Sequence[str]
) -> None:
    """Write ``report.md`` and ``report.html``; the page loads nothing from anywhere."""
    found = comparison_sections(record)
    said = "".join(f"**NOTE: {one_line(note)}**\n\n" for note in notes)
    write_text(folder / "report.md", f"# {one_line(title)}\n\n{said}{text_of(found)}")
    alarms = "".join(f'<p class="alarm">{escape(note)}</p>' for note in notes)
    write_text(
        folder / "report.html",
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body><h1>{escape(title)}</h1>{alarms}"
        f"{html_of(found)}</body></html>\n",
    )
