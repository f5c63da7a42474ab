"""Tables of a report: one for the page, one for the terminal, both from `metrics.json`."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.statistics import BAND_METRICS

ROWS: tuple[tuple[str, str, str], ...] = (  # key, label, format
    ("sharpe", "Sharpe ratio, net, annualised", "number"),
    ("total_return", "Total return, net", "percent"),
    ("max_drawdown", "Maximum drawdown", "percent"),
    ("profit_factor", "Profit factor", "number"),
    ("win_rate", "Win rate", "percent"),
    ("directional_accuracy", "Directional accuracy, before costs", "percent"),
    ("directional_accuracy_base", "… by chance, same sides", "percent"),
    ("trades", "Round trips", "count"),
    ("exposure", "Exposure", "percent"),
    ("turnover", "Turnover per decision", "percent"),
    ("pnl_in_sessions", "Profit before costs inside sessions, currency", "count"),
    ("pnl_over_breaks", "… over breaks of the market", "count"),
    ("cost_paid", "Costs paid, currency", "count"),
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
UNKNOWN = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"


def shown(value: Any, kind: str) -> str:
    """Format a figure; what is undefined becomes a dash."""
    if not isinstance(value, int | float):
        return UNKNOWN
    if kind == "percent":
        text = f"{100.0 * value:.1f} %"
    elif kind == "count":
        whole = value == round(value) or abs(value) >= 1_000
        text = f"{value:,.0f}" if whole else f"{value:.1f}"
    else:
        text = f"{value:.2f}"
    return text.replace(",", NARROW_SPACE).replace("-", MINUS)


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

    Below it stands how often the sealed test split was opened, where it was, and the grid on
    which references were tuned.
    """
    labels = {key: (label, kind) for key, label, kind in ROWS}
    table = Table(title=f"{metrics.get('split', '')}: {metrics.get('verdict', '')}", box=box.SIMPLE)
    table.add_column("", no_wrap=True)
    for heading in TERMINAL_COLUMNS.values():
        table.add_column(heading, justify="right")
    for name, values in columns(metrics).items():
        cells = [shown(values.get(key), labels[key][1]) for key in TERMINAL_COLUMNS]
        own = name == "policy"
        table.add_row(Text(name, style="bold" if own else ""), *cells)
        if own:
            bounds = [interval(values, key, labels[key][1]) for key in TERMINAL_COLUMNS]
            table.add_row(Text("95 % interval", style="dim"), *bounds, end_section=True)
    notes = []
    if metrics.get("test_openings"):
        notes.append(f"sealed test split: {openings_text(metrics['test_openings'])}")
    if metrics.get("reference_grid"):
        notes.append(f"references: {metrics['reference_grid']}")
    if metrics.get("edge") == "flat":
        notes.append(FLAT_NOTE)
    table.caption = "\n".join(notes) or None
    return table


def metrics_html(metrics: Mapping[str, Any]) -> str:
    """The metrics table of the page: a figure per row, a policy or baseline per column."""
    shown_columns = columns(metrics)
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in shown_columns)
    body = []
    for key, label, kind in ROWS:
        cells = []
        for name, values in shown_columns.items():
            bounds = interval(values, key, kind)
            small = f'<span class="ci">{bounds}</span>' if bounds else ""
            mark = ' class="own"' if name == "policy" else ""
            cells.append(f"<td{mark}>{shown(values.get(key), kind)}{small}</td>")
        note = "<sup>*</sup>" if key in BAND_METRICS else ""
        body.append(f"<tr><th>{escape(label)}{note}</th>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def costs_html(costs: Mapping[str, float | str | None]) -> str:
    """Cost settings; a zero or unset cost is marked."""
    rows = []
    for key, value in costs.items():
        missing = value is None or value == 0
        text = (
            "not set"
            if value is None
            else f"{value:g}"
            if isinstance(value, float | int)
            else value
        )
        mark = ' class="alarm"' if missing else ""
        rows.append(
            f"<tr><th>{escape(key.replace('_', ' '))}</th><td{mark}>{escape(str(text))}</td></tr>"
        )
    return f'<div class="scroll"><table class="slim"><tbody>{"".join(rows)}</tbody></table></div>'


def reasons_html(decisions: pd.DataFrame, agents: Sequence[str]) -> str:
    """How often each rule fired, who led, where doubt came from, and who agreed with the pool.

    Of a team that votes: how often each rule fired, and what each agent voted.
    """
    count = len(decisions)
    votes = {f"{name} votes": f"prediction_{name}" for name in agents}
    pooled = f"agrees_{agents[0]}" in decisions
    told = REASONS if pooled else {**REASONS, **votes}
    rows: list[Mapping[str, Any]] = [
        {
            "what": heading,
            "value": str(value),
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
    return records_html(rows)


def records_html(records: Sequence[Mapping[str, Any]]) -> str:
    """Any list of records as a table, columns in order of first appearance."""
    if not records:
        return "<p>Nothing to report.</p>"
    names = list(dict.fromkeys(name for record in records for name in record))
    head = "".join(f"<th>{escape(str(name).replace('_', ' '))}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_text(record.get(name)))}</td>" for name in names) + "</tr>"
        for record in records
    )
    return (
        f'<div class="scroll"><table class="slim"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _text(value: Any) -> str:
    if value is None or value != value:  # not a number, and not a time
        return UNKNOWN
    return f"{value:g}" if isinstance(value, float) else str(value)
