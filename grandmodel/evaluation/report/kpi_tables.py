"""Targets and further figures as tables, from `metrics.json`."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from grandmodel.evaluation.measures.kpi import CANNOT_TELL, MET, NOT_MET
from grandmodel.evaluation.report.section import (
    MINUS,
    NARROW_SPACE,
    Cell,
    Table,
    cell,
)

SECTIONS = {
    "risk_figures": "Risk",
    "trade_figures": "Round trips",
    "team_figures": "Team",
}
KPI_NOTE = (
    "Targets that are often named for such systems. Met or not met where the whole interval "
    "says so, else it cannot be told; nothing is chosen by them. Coverage was measured for the "
    "interval of the Sharpe ratio alone: those of all other figures, drawdown, win rate and profit "
    "factor among them, are 95 % resampling bands, without a promise of coverage."
)
FIGURES_NOTE = (
    "Ratios, shares and returns of whole sessions or round trips; money in currency. Risk is that "
    "of each path, a mean where there are several; round trips are those of all paths together. "
    "The bands are 95 % resampling bands, without a promise of coverage; extremes have none. "
    "docs/definitions.md says how each is counted."
)
BOUNDS = ("_ci_low", "_ci_high", "_band")
SHARES = (  # figures read as percent, and beginnings of their names
    "annual_return", "annual_volatility", "value_at_risk", "expected_shortfall", "worst_session",
    "best_session", "entry_delay", "cost_per_side", "slippage", "order_success", "sizing_accuracy",
    "stop_adherence", "market_impact", "ensemble_stability", "agreement", "unanimity", "accuracy",
    "lowest_accuracy", "contribution",
)  # fmt: skip
MONEY = ("average_trade", "average_win", "average_loss", "largest_win", "largest_loss",
         "session_pnl")  # fmt: skip
NO_SHARES = ("skew", "kurtosis", "correlation_with_result")


def kpi_table_pair(metrics: Mapping[str, Any]) -> tuple[Table, Table]:
    """A row per target: what was measured, its interval and what that says; what bars do not tell.

    The second table is of the targets that no bars can be held against.
    """
    measured = [
        {
            "figure": row["figure"],
            "measured": _measured(row),
            "target": row["target"].replace("-", MINUS),
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
    if not any(row["why"] for row in measured):
        measured = [{key: it for key, it in row.items() if key != "why"} for row in measured]
    return Table(measured), Table(rest, "Not told on bars")


def _measured(row: Mapping[str, Any]) -> Cell:
    value, *ends = (_text(row[key], row["percent"]) for key in ("value", "low", "high"))
    return Cell(value, "" if row["low"] is None else " to ".join(ends))


def _text(value: float | None, percent: bool) -> str:
    """A figure with four digits that matter, a share of one as percent."""
    if value is None or not percent:
        return cell(value).text
    number = 100.0 * value
    text = f"{number:,.0f}" if abs(number) >= 1_000 else f"{number:.4g}"
    return f"{text} %".replace(",", NARROW_SPACE).replace("-", MINUS)


def kpis_line(metrics: Mapping[str, Any]) -> str:
    """How many targets were met, for the terminal."""
    counts = Counter(row["status"] for row in metrics["kpis"])
    return "targets: " + ", ".join(f"{counts[name]} {name}" for name in (MET, NOT_MET, CANNOT_TELL))


def figure_tables(metrics: Mapping[str, Any]) -> tuple[Table, ...]:
    """Risk, trades, team, contributions and moments, a table each."""
    shares = [{"agent": name} | _told(it) for name, it in metrics["contributions"].items()]
    moments = [
        {"net return of": what} | _told(metrics[f"{key}_moments"])
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
            "figure": key.replace("_", " ") + (", currency" if key in MONEY else ""),
            "value": _text(value, key.startswith(SHARES)),
            "band, low": _text(section.get(f"{key}_ci_low"), key.startswith(SHARES)),
            "band, high": _text(section.get(f"{key}_ci_high"), key.startswith(SHARES)),
        }
        for key, value in section.items()
        if not key.endswith(BOUNDS)
    ]


def _told(figures: Mapping[str, Any]) -> dict[str, str]:
    """Returns as percent, what has no unit as it is."""
    return {key: _text(value, key not in NO_SHARES) for key, value in figures.items()}
