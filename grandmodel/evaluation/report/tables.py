"""Tables of a report: for its sections and for the terminal, both from `metrics.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.report.section import (
    ALARM,
    OWN,
    Cell,
    Row,
    cell,
    shown,
)
from grandmodel.evaluation.report.words import interval_note, judged_text, paths_note, seal_label

TRIPS, COSTS = "Round trips", "Costs paid, currency"
ROWS: tuple[tuple[str, str, str], ...] = (  # key, label, format
    ("sharpe", "Sharpe ratio, net, annualised", "number"),
    ("total_return", "Total return, net", "percent"),
    ("max_drawdown", "Maximum drawdown", "percent"),
    ("profit_factor", "Profit factor", "number"),
    ("win_rate", "Win rate", "percent"),
    ("directional_accuracy", "Directional accuracy, before costs", "percent"),
    ("directional_accuracy_base", "… by chance, same sides", "percent"),
    ("trades", TRIPS, "count"),
    ("exposure", "Exposure", "percent"),
    ("turnover", "Turnover per decision", "percent"),
    ("pnl_in_sessions", "Profit before costs inside sessions, currency", "count"),
    ("pnl_over_breaks", "… over breaks of the market", "count"),
    ("cost_paid", COSTS, "count"),
)
TERMINAL_COLUMNS = {
    "sharpe": "Sharpe",
    "total_return": "return",
    "max_drawdown": "drawdown",
    "win_rate": "wins",
    "trades": "trips",
    "cost_paid": "costs",
}
REASONS = {  # heading -> column of decisions.parquet
    "rule": "rule_text",
    "leading agent": "dominant_signal",
    "source of doubt": "uncertainty_source",
}
FLAT_NOTE = (
    "env.edge=flat: policy, baselines and references alike hold nothing over the end of a session"
)


def interval(metrics: Mapping[str, Any], key: str, kind: str) -> str:
    """Format the interval of a figure, empty where there is none."""
    low, high = metrics.get(f"{key}_ci_low"), metrics.get(f"{key}_ci_high")
    if low is None or high is None or low == high:
        return ""
    return f"{shown(low, kind)} to {shown(high, kind)}"


def columns(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The policy, then its other execution rules, each baseline and each reference, by name."""
    found: dict[str, Mapping[str, Any]] = {"policy": metrics}
    labels = metrics.get("execution") or {}
    found |= {
        labels.get(name, name): values for name, values in (metrics.get("beside") or {}).items()
    }
    for group in ("baselines", "references"):
        found |= metrics.get(group) or {}
    return found


def openings_text(count: int) -> str:
    """How often the sealed test split was looked at, the present look included."""
    times = {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
    return f"opened {times} so far"


def orders_text(env: EnvConfig) -> str:
    """How orders are sent and filled, in a few words."""
    words = ["limit entries" if env.entry == "limit" else "market entries", env.fill]
    if env.stop_atr is not None:
        words.append(f"stop {env.stop_atr:g} ATR")
    if env.target_atr is not None:
        words.append(f"target {env.target_atr:g} ATR")
    words.append(f"slippage {env.slippage}")
    if env.slippage == "volume_share":
        words[-1] += f" (impact {env.impact:g}, at most {100 * env.volume_limit:g} % of a bar)"
    if env.lots == "whole":
        words.append("whole lots")
    return ", ".join(words)


def terminal_table(metrics: Mapping[str, Any]) -> Table:
    """One row per policy, baseline and reference; the policy's intervals below its figures.

    Its title says which part was judged, its days or sessions, and the verdict.

    Below it stand what figures of several paths are, why there are no intervals, how often the
    sealed test split was opened, where it was, and the grid on which references were tuned.
    """
    labels = {key: (label, kind) for key, label, kind in ROWS}
    judged = ", ".join(it for it in (metrics.get("split"), judged_text(metrics)) if it)
    table = Table(title=f"{judged}: {metrics.get('verdict', '')}", box=box.SIMPLE)
    table.add_column("", no_wrap=True)
    for heading in TERMINAL_COLUMNS.values():
        table.add_column(heading, justify="right")
    for name, values in columns(metrics).items():
        cells = [shown(values.get(key), labels[key][1]) for key in TERMINAL_COLUMNS]
        own = name == "policy"
        table.add_row(Text(name, style="bold" if own else ""), *cells)
        if own:
            _add_intervals(table, values)
    notes = [note for note in (paths_note(metrics), interval_note(metrics)) if note]
    if metrics.get("test_openings"):
        notes.append(f"{seal_label(metrics)}: {openings_text(metrics['test_openings'])}")
    if metrics.get("reference_grid"):
        notes.append(f"references: {metrics['reference_grid']}")
    if metrics.get("edge") == "flat":
        notes.append(FLAT_NOTE)
    table.caption = "\n".join(notes) or None
    return table


def _add_intervals(table: Table, metrics: Mapping[str, Any]) -> None:
    """Both ends of the policy's intervals, a row each so that they fit 80 columns."""
    kinds = {key: kind for key, _, kind in ROWS}
    known = {key for key in TERMINAL_COLUMNS if interval(metrics, key, kinds[key])}
    for end, name in (("low", "95 % interval from"), ("high", "to")):
        cells = [
            shown(metrics[f"{key}_ci_{end}"], kinds[key]) if key in known else ""
            for key in TERMINAL_COLUMNS
        ]
        if known:
            table.add_row(Text(name, style="dim"), *cells)
    table.add_section()


def metrics_rows(metrics: Mapping[str, Any]) -> list[Row]:
    """The metrics table: a figure per row, a policy or baseline per column."""
    rows, told = [], columns(metrics)
    for key, label, kind in ROWS:
        banded = any(f"{key}_band" in values for values in told.values())
        cells: dict[str, Any] = {"": f"{label}*" if banded else label}
        for name, values in told.items():
            mark = OWN if name == "policy" else ""
            small = interval(values, key, kind)
            cells[name] = Cell(shown(values.get(key), kind), small, mark)
        rows.append(cells)
    return rows


def cost_rows(costs: Mapping[str, float | str | None]) -> list[Row]:
    """Cost settings; a zero or unset cost is marked."""
    rows = []
    for key, value in costs.items():
        missing = value is None or value == 0
        found = Cell("not set") if value is None else cell(value)
        rows.append({"cost": key.replace("_", " "), "value": found._replace(mark=ALARM * missing)})
    return rows


def reason_rows(decisions: pd.DataFrame, agents: Sequence[str]) -> list[Row]:
    """How often each rule fired, who led, where doubt came from, and who agreed with the pool.

    Of a team that votes: how often each rule fired, and what each agent voted.
    """
    count = len(decisions)
    votes = {f"{name} votes": f"prediction_{name}" for name in agents}
    pooled = f"agrees_{agents[0]}" in decisions
    told = REASONS if pooled else {**REASONS, **votes}
    rows: list[Row] = [
        {
            "what": heading,
            "value": str(value).replace("_", " "),
            "share of decisions": f"{100 * number / count:.1f} %",
        }
        for heading, column in told.items()
        if column in decisions
        for value, number in decisions[column].value_counts().items()
        if number
    ]
    rows += [
        {
            "what": "agrees with the pooled decision",
            "value": name,
            "share of decisions": f"{100 * decisions[f'agrees_{name}'].mean():.1f} %",
        }
        for name in agents
        if pooled
    ]
    return rows
