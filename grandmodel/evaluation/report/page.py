"""The page of a run: one self-contained file that opens offline, on a desk or on a phone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from grandmodel.core.files import write_text
from grandmodel.evaluation.metrics import Measured
from grandmodel.evaluation.report import figures, kpi_tables, tables, training, votes
from grandmodel.evaluation.report.curves import EquityCurve, equity_curve
from grandmodel.evaluation.verdict import CANNOT_TELL, NOT_SHOWN, SHOWN

STYLE = """
:root{--ink:#1f2937;--soft:#667085;--line:#e3e6eb;--own:#1257a6}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:16px;color:var(--ink);background:#fff;
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.35rem;margin:.2rem 0}h2{font-size:1.05rem;margin:2rem 0 .3rem}
p{margin:.3rem 0}.soft{color:var(--soft);font-size:.88rem}
.verdict{border-left:6px solid;border-radius:4px;padding:10px 14px;margin:12px 0;background:#f7f8fa}
.verdict b{font-size:1.2rem;display:block}
.v-shown{border-color:#15803d}.v-not-shown{border-color:#c2410c}.v-cannot-tell{border-color:#b7791f}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(145px,1fr));gap:10px;margin:12px 0}
.card{border:1px solid var(--line);border-radius:6px;padding:8px 12px}
.card span{display:block}.card .k{color:var(--soft);font-size:.8rem}
.card .v{font-size:1.25rem;font-weight:600;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.86rem;width:100%}
th,td{padding:5px 10px;text-align:right;border-bottom:1px solid var(--line);
white-space:nowrap;font-variant-numeric:tabular-nums}
th:first-child,table.slim td:first-child{text-align:left}
tbody th{position:sticky;left:0;background:#fff;font-weight:500}
thead th{font-weight:600;color:var(--soft)}
td.own{font-weight:600;background:#f1f6fc}
.ci{display:block;color:var(--soft);font-weight:400;font-size:.78rem}
table.slim{width:auto}
.alarm{color:#b91c1c;font-weight:700}
details summary{cursor:pointer;color:var(--own)}
@media (max-width:600px){body{padding:10px}th,td{padding:4px 7px}tbody th{white-space:normal;
min-width:8.5rem}}
"""
VERDICT_CLASS = {SHOWN: "v-shown", NOT_SHOWN: "v-not-shown", CANNOT_TELL: "v-cannot-tell"}
CARDS = ("sharpe", "total_return", "max_drawdown", "trades", "win_rate", "cost_paid")
BAND_NOTE = (
    "Figures in small type are 95 % intervals (circular block bootstrap on whole sessions). "
    "<sup>*</sup> resampling band: coverage is not promised for this figure."
)
CONFIG = {"displayModeBar": False, "responsive": True}


@dataclass(frozen=True)
class ReportData:
    """All that a page shows."""

    title: str
    facts: Mapping[str, str]  # agent, instrument, split, period ...
    metrics: Mapping[str, Any]  # the object of metrics.json
    own: Measured
    baselines: Mapping[str, Measured] = field(default_factory=dict)
    decisions: pd.DataFrame | None = None  # rows of decisions.parquet
    close: np.ndarray | None = None  # close of the last bar of each decision row
    agents: Sequence[str] = ()
    costs: Mapping[str, float | str | None] = field(default_factory=dict)
    quality: Sequence[Mapping[str, Any]] = ()
    gate_sharpes: Mapping[float, float] = field(default_factory=dict)
    gate: float | None = None
    training: Mapping[str, float] = field(default_factory=dict)  # the monitor's last readings
    notes: Sequence[str] = ()
    band_seed: int = 0


def write_report(target: Path, data: ReportData) -> None:
    """Write ``report.html``, whole or not at all; it loads nothing from anywhere."""
    write_text(target, page(data))


def page(data: ReportData) -> str:
    """Compose the page: verdict first, then curves, decisions, figures, costs and data."""
    own = equity_curve(data.own, band_seed=data.band_seed)
    others = {name: equity_curve(found) for name, found in data.baselines.items()}
    sections = [
        _head(data),
        _section(
            "Equity after costs, against the baselines", _figure(figures.equity_figure(own, others))
        ),
        _section("Drawdown", _figure(figures.drawdown_figure(own, _few(others)))),
        _section("Metrics", tables.metrics_html(data.metrics), BAND_NOTE + _grid(data)),
        *_figures(data),
        _decisions(data),
        _reasons(data),
        *_votes(data),
        _trips(data),
        _gates(data),
        _training(data),
        _section("Costs charged, per side", tables.costs_html(data.costs)) if data.costs else "",
        _section("Data quality", tables.records_html([*data.quality])) if data.quality else "",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(data.title)}</title><style>{STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body>{''.join(sections)}</body></html>\n"
    )


def _head(data: ReportData) -> str:
    """Title, verdict with its reason, and the cards."""
    verdict = str(data.metrics.get("verdict", CANNOT_TELL))
    kinds = {key: kind for key, _, kind in tables.ROWS}
    cards = "".join(
        f'<div class="card"><span class="k">{escape(key.replace("_", " "))}</span>'
        f'<span class="v">{tables.shown(data.metrics.get(key), kinds[key])}</span>'
        f'<span class="ci">{tables.interval(data.metrics, key, kinds[key])}</span></div>'
        for key in CARDS
    )
    facts = " · ".join(f"{escape(k)}: {escape(v)}" for k, v in data.facts.items())
    notes = "".join(f'<p class="alarm">{escape(note)}</p>' for note in data.notes)
    return (
        f'<h1>{escape(data.title)}</h1><p class="soft">{facts}</p>'
        f'<div class="verdict {VERDICT_CLASS[verdict]}"><b>{escape(verdict)}</b>'
        f"{escape(str(data.metrics.get('verdict_reason', '')))}</div>{notes}"
        f'<div class="cards">{cards}</div>'
    )


def _grid(data: ReportData) -> str:
    """The grid on which every reference was tuned, and the session edges that bind them all."""
    grid = data.metrics.get("reference_grid")
    tuned = f" References: {escape(grid)}." if grid else ""
    return f"{tuned} {tables.FLAT_NOTE}." if data.metrics.get("edge") == "flat" else tuned


def _figures(data: ReportData) -> list[str]:
    """Targets, and the figures beyond the main ones."""
    if "kpis" not in data.metrics:
        return []
    return [
        _section("Targets", kpi_tables.kpis_html(data.metrics), kpi_tables.KPI_NOTE),
        _section("Risk, round trips and team", kpi_tables.figures_html(data.metrics)),
    ]


def _decisions(data: ReportData) -> str:
    """The last stretch of the first path: price, positions and probabilities."""
    if data.decisions is None or data.close is None or not len(data.decisions):
        return ""
    first = data.decisions["path"].iloc[0]
    rows = (data.decisions["path"] == first).to_numpy()
    segment = data.decisions.loc[rows, "segment"].iloc[-1]
    rows = rows & (data.decisions["segment"] == segment).to_numpy()
    figure = figures.decision_figure(data.decisions.loc[rows], data.close[rows], data.agents)
    shown = min(int(rows.sum()), figures.WINDOW_DECISIONS)
    return _section(
        "Decisions on price, and who said what",
        _figure(figure),
        f"The last {shown} decisions of path {first}, segment {segment}; the bands are "
        f"probabilities, from below: {_classes(data.decisions, data.agents)}.",
    )


def _classes(decisions: pd.DataFrame, agents: Sequence[str]) -> str:
    """What the bands show, once where all agents have the same classes."""
    bands = figures.probability_bands(decisions, agents)
    said = {name: ", ".join(label for label, _ in columns) for name, columns in bands.items()}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return "; ".join(f"{name} {labels}" for name, labels in said.items())


def _reasons(data: ReportData) -> str:
    """What settled the decisions, over all paths."""
    if data.decisions is None or not len(data.decisions):
        return ""
    table = tables.reasons_html(data.decisions, data.agents)
    return _section("Reasons of the decisions", table, "Each row's own are in decisions.parquet.")


def _votes(data: ReportData) -> list[str]:
    """How right the agents were, and what other execution rules would have done."""
    if "votes" not in data.metrics:
        return []
    return [
        _section(
            "How right the votes were",
            votes.votes_html(data.metrics),
            votes.votes_note(data.metrics),
        ),
        _section("Execution rules side by side", votes.rules_html(data.metrics)),
    ]


def _trips(data: ReportData) -> str:
    """Distribution of the net profit of round trips."""
    if not len(data.own.trips):
        return ""
    net = 1e4 * data.own.trips.pnl_net / data.own.track.capital
    figure = figures.histogram_figure(net, "net profit, bp of the capital")
    return _section("Round trips", _figure(figure))


def _gates(data: ReportData) -> str:
    """Validation Sharpe of every gate."""
    if not data.gate_sharpes:
        return ""
    values = {f"{gate:.2f}": sharpe for gate, sharpe in data.gate_sharpes.items()}
    chosen = None if data.gate is None else f"{data.gate:.2f}"
    figure = figures.bars_figure(values, chosen, "validation Sharpe")
    return _section("Calibration of the gate", _figure(figure), f"chosen: {chosen or 'none'}")


def _training(data: ReportData) -> str:
    """The monitor's last readings."""
    if not data.training:
        return ""
    body = training.training_html(data.training)
    note = escape(training.training_sentence(data.training))
    return _section("How the training ended", body, note)


def _few(others: Mapping[str, EquityCurve]) -> dict[str, EquityCurve]:
    """Baselines whose drawdown says something beside the policy's."""
    return {name: curve for name, curve in others.items() if name in ("long_only", "ma_cross")}


def _section(title: str, body: str, note: str = "") -> str:
    small = f'<p class="soft">{note}</p>' if note else ""
    return f"<section><h2>{escape(title)}</h2>{small}{body}</section>"


def _figure(figure: go.Figure) -> str:
    return figure.to_html(full_html=False, include_plotlyjs=False, config=CONFIG)
