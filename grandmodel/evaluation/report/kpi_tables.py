"""Targets and further figures as tables, from `metrics.json`."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from grandmodel.evaluation.measures.kpi import CANNOT_TELL, MET, NOT_MET
from grandmodel.evaluation.report.section import Cell, Table, cell

SECTIONS = {
    "risk_figures": "Risk",
    "trade_figures": "Round trips",
    "team_figures": "Team",
}
KPI_NOTE = (
    "Targets that are often named for such systems. Met or not met where the whole 95 % interval "
    "says so, else it cannot be told; nothing is chosen by them."
)
BOUNDS = ("_ci_low", "_ci_high", "_band")


def kpi_table_pair(metrics: Mapping[str, Any]) -> tuple[Table, Table]:
    """A row per target: what was measured, its interval and what that says; what bars do not tell.

    The second table is of the targets that no bars can be held against.
    """
    measured = [
        {
            "figure": row["figure"],
            "measured": _measured(row),
            "target": row["target"],
            "status": row["status"],
            "of": row["team"],
            "why": row["why"],
        }
        for row in metrics["kpis"]
        if row["key"]
    ]
    rest = [
        {name: row[name] for name in ("figure", "target", "status")}
        | {"of": row["team"], "why": row["why"]}
        for row in metrics["kpis"]
        if not row["key"]
    ]
    return Table(measured), Table(rest, "Not told on bars")


def _measured(row: Mapping[str, Any]) -> Cell:
    ends = [cell(row[end]).text for end in ("low", "high")]
    return cell(row["value"])._replace(small="" if row["low"] is None else " to ".join(ends))


def kpis_line(metrics: Mapping[str, Any]) -> str:
    """How many targets were met, for the terminal."""
    counts = Counter(row["status"] for row in metrics["kpis"])
    return "targets: " + ", ".join(f"{counts[name]} {name}" for name in (MET, NOT_MET, CANNOT_TELL))


def figure_tables(metrics: Mapping[str, Any]) -> tuple[Table, ...]:
    """Risk, trades, team, contributions and moments, a table each."""
    shares = [{"agent": name, **values} for name, values in metrics["contributions"].items()]
    moments = [
        {"net return of": what, **metrics[f"{key}_moments"]}
        for what, key in (("a decision", "reward"), ("a session", "session"))
    ]
    return (
        *(Table(_records(metrics[section]), title) for section, title in SECTIONS.items()),
        Table(shares, "Contribution per session"),
        Table(moments, "Moments"),
    )


def _records(section: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "figure": key.replace("_", " "),
            "value": value,
            "band, low": section.get(f"{key}_ci_low"),
            "band, high": section.get(f"{key}_ci_high"),
        }
        for key, value in section.items()
        if not key.endswith(BOUNDS)
    ]
