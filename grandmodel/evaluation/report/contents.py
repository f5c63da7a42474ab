"""What a report of a run holds, from the verdict to the bars: one list of sections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.report import figures, kpi_tables, tables, training, votes
from grandmodel.evaluation.report.confidence import confidence_sections
from grandmodel.evaluation.report.controls import control_sections
from grandmodel.evaluation.report.curves import drawdown_rows, equity_curve, equity_rows
from grandmodel.evaluation.report.folds import fold_sections
from grandmodel.evaluation.report.over_time import over_time
from grandmodel.evaluation.report.provenance import origin_section, trial_section
from grandmodel.evaluation.report.section import Picture, Row, Section, Table
from grandmodel.evaluation.report.trader_page import trader_sections
from grandmodel.evaluation.report.trips import trip_sections
from grandmodel.evaluation.report.words import interval_note, paths_note, sentence

EQUITY_TITLE = "Equity after costs, against the baselines"
BAND_NOTE = (
    "Figures in small type are 95 % intervals (studentised block bootstrap on whole sessions). "
    "* resampling band: coverage is not promised for this figure."
)
EQUITY_NOTE = (
    "What one unit of capital became, by close of the sessions, a mean where there are several "
    "paths (they are drawn thin)."
)
EQUITY_BAND_NOTE = " The band resamples the policy's own sessions."
COSTS_NOTE = (
    "In red what is not charged. Ticks and currency are per contract or unit, bps hundredths of a "
    "percent of the value traded; financing of positions held over nights comes on top where the "
    "instrument names it."
)
QUALITY_NOTE = "Of all bars that were read: what was found in them, and where first."
SIDE_BY_SIDE_NOTE = (
    "The same probabilities turned into orders by other rules, and how many decisions of all paths "
    "each reason settled. Nothing was chosen by them here."
)
DRAWDOWN_NOTE = (
    "How far each path lay below its highest close of a session so far, mean of paths. The largest "
    "drawdown in the tables is each path's own at any bar, so it is deeper."
)
TEXT_DECISIONS = 12  # of the window, in a report without pictures


@dataclass(frozen=True)
class ReportData:
    """All that a report shows."""

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
    team_right: np.ndarray | None = None  # 1, 0, nan: nothing at stake, each decision row
    origin: Mapping[str, str] = field(default_factory=dict)  # what makes the result again


def sections(data: ReportData) -> list[Section]:
    """Return everything below the verdict, in the order in which it is read."""
    found = [
        *_curves(data),
        _metrics(data),
        *fold_sections(data.metrics),
        *over_time(data.own, _few(data.baselines)),
        *trip_sections(data.own, data.decisions, data.close),
        *_decisions(data),
        *_votes(data),
        *confidence_sections(data.decisions, data.agents, data.team_right),
        *control_sections(data.metrics),
        *trader_sections(data.metrics),
        *_figures(data),
        trial_section(data.metrics),
        *_gates(data),
        *_training(data),
        Section("Costs charged, per side", (Table(tables.cost_rows(data.costs)),), COSTS_NOTE),
        Section("Data quality", (Table([*data.quality]),), QUALITY_NOTE),
        origin_section(data.origin),
    ]
    return [section for section in found if any(block.rows for block in section.blocks)]


def _curves(data: ReportData) -> list[Section]:
    """Equity and drawdown beside the baselines'."""
    own = equity_curve(data.own, band_seed=data.band_seed)
    others = {name: equity_curve(found) for name, found in data.baselines.items()}
    equity = Picture(figures.equity_figure(own, others), equity_rows(own, others))
    falls = _few(others)
    below = Picture(figures.drawdown_figure(own, falls), drawdown_rows(own, falls))
    return [
        Section(EQUITY_TITLE, (equity,), EQUITY_NOTE + EQUITY_BAND_NOTE * (own.low is not None)),
        Section("Drawdown", (below,), DRAWDOWN_NOTE),
    ]


def _few(others: Mapping[str, Any]) -> dict[str, Any]:
    """Baselines whose risk over time says something beside the policy's."""
    return {name: found for name, found in others.items() if name in ("long_only", "ma_cross")}


def _metrics(data: ReportData) -> Section:
    """The main figures, the grid of the references, the session edges that bind them all."""
    grid = data.metrics.get("reference_grid")
    missing, means = interval_note(data.metrics), paths_note(data.metrics)
    note = sentence(missing) if missing else BAND_NOTE
    note += f" {sentence(means)}" if means else ""
    note += f" References: {grid}." if grid else ""
    if data.metrics.get("edge") == "flat":
        note += f" {tables.FLAT_NOTE}."
    return Section("Metrics", (Table(tables.metrics_rows(data.metrics)),), note)


def _figures(data: ReportData) -> list[Section]:
    """Targets, and the figures beyond the main ones."""
    if "kpis" not in data.metrics:
        return []
    return [
        Section("Targets", kpi_tables.kpi_table_pair(data.metrics), kpi_tables.KPI_NOTE),
        Section(
            "Risk, round trips and team",
            kpi_tables.figure_tables(data.metrics),
            kpi_tables.FIGURES_NOTE,
        ),
    ]


def _decisions(data: ReportData) -> list[Section]:
    """The last stretch of the first path, and what settled the decisions over all paths."""
    if data.decisions is None or data.close is None or not len(data.decisions):
        return []
    rows = last_stretch(data.decisions)
    shown = data.decisions.loc[rows]
    figure = figures.decision_figure(shown, data.close[rows], data.agents)
    count = min(len(shown), figures.WINDOW_DECISIONS)
    path, segment = shown["path"].iloc[0], shown["segment"].iloc[0]
    return [
        Section(
            "Decisions on price, and who said what",
            (Picture(figure, _last_decisions(shown, data.close[rows], data.agents)),),
            f"The last {count} decisions of path {path}, segment {segment}; the bands are "
            f"probabilities, from below: {_classes(data.decisions, data.agents)}.",
        ),
        Section(
            "Reasons of the decisions",
            (Table(tables.reason_rows(data.decisions, data.agents)),),
            "Each row's own are in decisions.parquet.",
        ),
    ]


def last_stretch(decisions: pd.DataFrame) -> np.ndarray:
    """Return which rows are the last segment of the first path, bool [row]."""
    first = (decisions["path"] == decisions["path"].iloc[0]).to_numpy()
    segment = decisions.loc[first, "segment"].iloc[-1]
    return first & (decisions["segment"] == segment).to_numpy()


def _last_decisions(decisions: pd.DataFrame, close: np.ndarray, agents: Sequence[str]) -> list[Row]:
    """The last decisions as rows: time, close, what was done, and each one's probabilities."""
    last = decisions.iloc[-TEXT_DECISIONS:]
    bands = figures.probability_bands(decisions, agents)
    rows = []
    for price, (_, row) in zip(close[-TEXT_DECISIONS:], last.iterrows(), strict=True):
        said = {
            name: " / ".join(f"{row[column]:.2f}" for _, column in columns)
            for name, columns in bands.items()
        }
        settled = {"action": int(row["action"]), "rule": str(row["rule"])}
        when = f"{row['timestamp']:%Y-%m-%d %H:%M}"
        rows.append({"time": when, "close": f"{price:.6g}", **said, **settled})
    return rows


def _classes(decisions: pd.DataFrame, agents: Sequence[str]) -> str:
    """What the bands show, once where all agents have the same classes."""
    bands = figures.probability_bands(decisions, agents)
    said = {name: ", ".join(label for label, _ in columns) for name, columns in bands.items()}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return "; ".join(f"{name} {labels}" for name, labels in said.items())


def _votes(data: ReportData) -> list[Section]:
    """How right the agents were, and what other execution rules would have done."""
    if "votes" not in data.metrics:
        return []
    return [
        Section(
            "How right the votes were",
            votes.votes_tables(data.metrics),
            votes.votes_note(data.metrics),
        ),
        Section(
            "Execution rules side by side",
            (Table(votes.rule_records(data.metrics)),),
            SIDE_BY_SIDE_NOTE,
        ),
    ]


def _gates(data: ReportData) -> list[Section]:
    """Validation Sharpe of every gate."""
    if not data.gate_sharpes:
        return []
    values = {f"{gate:.2f}": sharpe for gate, sharpe in data.gate_sharpes.items()}
    chosen = None if data.gate is None else f"{data.gate:.2f}"
    figure = figures.bars_figure(values, chosen, "validation Sharpe")
    rows = [{"gate": g, "validation Sharpe": tables.shown(v, "number")} for g, v in values.items()]
    note = (
        "How sure the team must be to act, and the Sharpe ratio of each on validation; chosen: "
        f"{chosen or 'none'}."
    )
    return [Section("Calibration of the gate", (Picture(figure, rows),), note)]


def _training(data: ReportData) -> list[Section]:
    """The monitor's last readings."""
    if not data.training:
        return []
    rows = training.training_records(data.training)
    note = training.training_sentence(data.training)
    return [Section("How the training ended", (Table(rows),), note)]
