"""Several runs side by side, from the files of their folders.

Source: ``docs/definitions.md``, The report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from grandmodel.evaluation.report.curves import TEXT_POINTS, thin
from grandmodel.evaluation.report.figures import OTHERS, OWN, line, styled
from grandmodel.evaluation.report.section import Cell, Picture, Row, Section, Table, cell
from grandmodel.evaluation.report.tables import ROWS, interval, shown

SHOWN = (
    "sharpe", "total_return", "max_drawdown", "profit_factor", "win_rate", "trades", "exposure",
    "cost_paid",
)  # fmt: skip
LEDGER = (  # key, heading, format
    ("trials", "trials", "count"),
    ("deflated_sharpe", "deflated Sharpe", "percent"),
    ("pbo", "overfitting", "percent"),
)
CURVE_POINTS = 500  # of each run
COLOURS = (OWN, *OTHERS, "#7c4d9e", "#0f766e")
DASHES = ("solid", "dash", "dot")


@dataclass(frozen=True)
class Compared:
    """What a finished run says of itself."""

    name: str
    metrics: Mapping[str, Any]  # metrics.json
    settings: Mapping[str, Any]  # config.yaml, sections joined by dots
    equity: pd.DataFrame = field(default_factory=pd.DataFrame)  # rows of equity.parquet


def comparison(runs: Sequence[Compared]) -> list[Section]:
    """Return the sections that compare runs, verdicts first."""
    found = [
        Section("Verdicts", (Table([_verdict(run) for run in runs]),)),
        Section("Figures", (Table([_figures(run) for run in runs]),), "95 % intervals below."),
        _curves(runs),
        Section(
            "Sharpe ratio beyond each baseline",
            (Table([_differences(run) for run in runs]),),
            "Difference of two Sharpe ratios at one volatility, with its 95 % interval.",
        ),
        Section("What a trade is worth", (Table([_trade(run) for run in runs]),)),
        Section("Targets met", (Table(_targets(runs)),)),
        Section("Settings that differ", (Table(_settings(runs)),)),
    ]
    return [section for section in found if any(block.rows for block in section.blocks)]


def _verdict(run: Compared) -> Row:
    told = run.metrics
    return {
        "run": run.name,
        "verdict": told.get("verdict"),
        "split": told.get("split"),
        **{heading: shown(told.get(key), kind) for key, heading, kind in LEDGER},
        "reason": told.get("verdict_reason"),
    }


def _figures(run: Compared) -> Row:
    labels = {key: kind for key, _, kind in ROWS}
    return {
        "run": run.name,
        **{
            key.replace("_", " "): Cell(
                shown(run.metrics.get(key), labels[key]), interval(run.metrics, key, labels[key])
            )
            for key in SHOWN
        },
    }


def _differences(run: Compared) -> Row:
    key = "sharpe_difference"
    return {
        "run": run.name,
        **{
            name: Cell(shown(found.get(key), "number"), interval(found, key, "number"))
            for name, found in (run.metrics.get("baselines") or {}).items()
        },
    }


def _trade(run: Compared) -> Row:
    told = run.metrics.get("trader") or {}
    keys = ("gross", "cost", "net", "break_even_cost")
    figures = {
        key.replace("_", " "): Cell(shown(told.get(key), "number"), interval(told, key, "number"))
        for key in keys
    }
    return {"run": run.name, "unit": told.get("unit"), **figures}


def _targets(runs: Sequence[Compared]) -> list[Row]:
    """A row per target that any of the runs meets or misses."""
    status: dict[tuple[str, str, str], dict[str, str]] = {}
    for run in runs:
        for row in run.metrics.get("kpis") or ():
            where = status.setdefault((row["team"], row["figure"], row["target"]), {})
            where[run.name] = row["status"]
    return [
        {"team": team, "figure": figure, "target": target, **found}
        for (team, figure, target), found in status.items()
        if set(found.values()) & {"met", "not met"}
    ]


def _settings(runs: Sequence[Compared]) -> list[Row]:
    """A row per setting that is not the same in all runs."""
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    return [
        {"setting": key, **{run.name: cell(run.settings.get(key)) for run in runs}}
        for key in keys
        if len({str(run.settings.get(key)) for run in runs}) > 1
    ]


def growth(equity: pd.DataFrame, *, capital: float, compounding: bool) -> np.ndarray:
    """Growth of one unit at ``CURVE_POINTS`` places at most, mean over paths.

    Args:
        equity: rows of ``equity.parquet``; each segment begins with the capital.
        capital: currency.
        compounding: segments multiply, else they add.
    """
    curves = []
    for _, path in equity.groupby("path", sort=False):
        level, parts = 1.0, [np.ones(1)]
        for _, segment in path.groupby("segment", sort=False):
            own = segment["equity"].to_numpy(np.float64) / capital
            parts.append(level * own if compounding else level + own - 1.0)
            level = float(parts[-1][-1])
        whole = np.concatenate(parts)
        curves.append(whole[thin(len(whole), CURVE_POINTS)])
    shortest = min(len(curve) for curve in curves)
    return np.mean([curve[thin(len(curve), shortest)] for curve in curves], axis=0)


def _curves(runs: Sequence[Compared]) -> Section:
    """Growth of every run over the share of its own stretch."""
    figure, drawn = go.Figure(), {}
    for number, run in enumerate(runs):
        if run.equity.empty:
            continue
        curve = growth(
            run.equity,
            capital=float(run.settings["env.capital"]),
            compounding=run.settings["env.size"] != "contracts",
        )
        x = np.linspace(0.0, 100.0, len(curve))
        trace = line(x, curve, run.name, COLOURS[number % len(COLOURS)], width=1.6)
        dash = DASHES[number // len(COLOURS) % len(DASHES)]
        figure.add_trace(trace.update(line={"dash": dash}))
        drawn[run.name] = curve
    rows = [
        {
            "share of the stretch": f"{share:.0f} %",
            **{
                name: f"{curve[round(share / 100 * (len(curve) - 1))]:.3f}"
                for name, curve in drawn.items()
            },
        }
        for share in (np.linspace(0.0, 100.0, TEXT_POINTS) if drawn else ())
    ]
    styled(figure, height=400, y_title="growth of 1", x_title="share of the stretch, %")
    return Section(
        "Equity after costs",
        (Picture(figure, rows),),
        "Each run over its own judged stretch, mean over paths.",
    )
