"""How a result was made over time: rolling Sharpe, months, exposure and turnover.

Source: ``docs/definitions.md``, The report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from grandmodel.evaluation.accounts.sessions import DECISIONS, EXPOSURE, TURNOVER
from grandmodel.evaluation.measures.metrics import Measured, session_sharpe
from grandmodel.evaluation.report.curves import TEXT_POINTS, session_x, thin, x_text
from grandmodel.evaluation.report.figures import BESIDE_POINTS, line, named_colours, styled
from grandmodel.evaluation.report.figures import OWN as OWN_COLOUR
from grandmodel.evaluation.report.section import (
    DOWN,
    MINUS,
    OWN,
    UP,
    Cell,
    Picture,
    Row,
    Section,
    Table,
    shown,
)

LEAST_WINDOW, QUARTER = 10, 63  # sessions
WINDOWS_AT_LEAST = 4  # in a stretch, so that a rolling figure rolls
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Rolling:
    """Figures of the last ``window`` sessions, mean over paths, [session]."""

    window: int
    x: NDArray  # closes in ms UTC for one path, numbers of sessions for several
    sharpe: NDArray[np.float64]
    exposure: NDArray[np.float64]  # mean |position|
    turnover: NDArray[np.float64]  # mean |change of position|


def rolling(measured: Measured) -> Rolling | None:
    """Roll a window over the sessions: a quarter of them, at most 63; None for fewer than 40."""
    sessions = measured.sessions
    parts = [sessions.rows_of(index) for index in range(len(sessions.paths))]
    length = min((part.stop - part.start for part in parts), default=0)
    window = min(QUARTER, length // WINDOWS_AT_LEAST)
    if window < LEAST_WINDOW:
        return None
    sharpe, exposure, turnover = [], [], []
    for part in parts:
        net, sums = sessions.net[part][:length], sessions.sums[part][:length]
        view = np.lib.stride_tricks.sliding_window_view(net, window)
        sharpe.append(session_sharpe(view, measured.sessions_per_year))
        total = np.cumsum(np.vstack([np.zeros(sums.shape[1]), sums]), axis=0)
        rolled = total[window:] - total[:-window]
        exposure.append(rolled[:, EXPOSURE] / rolled[:, DECISIONS])
        turnover.append(rolled[:, TURNOVER] / rolled[:, DECISIONS])
    means = [np.mean(values, axis=0) for values in (sharpe, exposure, turnover)]
    return Rolling(window, session_x(sessions, length)[window:], *means)


def month_rows(measured: Measured) -> Sequence[Row]:
    """Net return of every month and year, percent, mean over the paths that have it."""
    sessions = measured.sessions
    closes = pd.to_datetime(sessions.close_time_ns, utc=True)
    months = _mean_growth(measured, np.asarray(closes.year * 12 + closes.month))
    years = _mean_growth(measured, np.asarray(closes.year))
    return [
        {
            "year": str(year),
            **{
                name: _percent(months.get(year * 12 + number))
                for number, name in enumerate(MONTHS, start=1)
            },
            "whole": _percent(total),
        }
        for year, total in years.items()
    ]


def _mean_growth(measured: Measured, key: NDArray[np.int64]) -> dict[int, float]:
    """Net return of the sessions that share a key, per path chained, mean over paths."""
    sessions, found = measured.sessions, {}
    for part in map(sessions.rows_of, range(len(sessions.paths))):
        net, keys = sessions.net[part], key[part]
        for value in np.unique(keys).tolist():
            own = net[keys == value]
            growth = np.prod(1.0 + own) - 1.0 if sessions.compounding else own.sum()
            found.setdefault(value, []).append(float(growth))
    return {value: float(np.mean(growths)) for value, growths in sorted(found.items())}


def _percent(value: float | None) -> Cell:
    if value is None:
        return Cell("")
    shown_value = round(100.0 * value, 1) + 0.0
    mark = UP if shown_value > 0 else DOWN if shown_value < 0 else ""
    return Cell(f"{shown_value:.1f}".replace("-", MINUS), mark=mark)


def over_time(own: Measured, others: Mapping[str, Measured]) -> list[Section]:
    """Return the sections of what changed with time."""
    months = Section(
        "Net return by month, %",
        (Table(month_rows(own)),),
        "Sessions by the UTC date of their close; mean over paths where there are several.",
    )
    mine = rolling(own)
    if mine is None:
        return [months]
    beside = {name: found for name, other in others.items() if (found := rolling(other))}
    return [
        Section(
            "Rolling Sharpe ratio",
            (Picture(_sharpe_figure(mine, beside), _sharpe_rows(mine, beside)),),
            f"Net, annualised, over the last {mine.window} sessions: each point is known to about "
            f"{2 * np.sqrt(own.sessions_per_year / mine.window):.1f} either way.",
        ),
        months,
        Section(
            "Exposure and turnover",
            (Picture(_exposure_figure(mine), _exposure_rows(mine)),),
            f"Mean over the last {mine.window} sessions: share of decisions that held a position, "
            "and change of position per decision.",
        ),
    ]


def _sharpe_figure(mine: Rolling, beside: Mapping[str, Rolling]) -> go.Figure:
    figure = go.Figure()
    for name, colour in named_colours(beside).items():
        other = beside[name]
        label = name.replace("_", " ")
        thread = line(other.x, other.sharpe, label, colour, width=1.0, points=BESIDE_POINTS)
        figure.add_trace(thread)
    figure.add_trace(line(mine.x, mine.sharpe, "policy", width=2.2))
    return styled(figure, height=280, y_title="Sharpe ratio", x=mine.x)


def _exposure_figure(mine: Rolling) -> go.Figure:
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for row, (values, name, colour) in enumerate(
        ((mine.exposure, "exposure", OWN_COLOUR), (mine.turnover, "turnover", "#b7791f")), start=1
    ):
        drawn = line(mine.x, 100 * values, name, colour, width=1.8, points=BESIDE_POINTS)
        figure.add_trace(drawn, row=row, col=1)
        title = {"text": f"{name}, %", "font": {"size": 11}}
        figure.update_yaxes(rangemode="tozero", title=title, row=row, col=1)
    styled(figure, height=320, x=mine.x)
    return figure.update_xaxes(title=None, row=1, col=1).update_layout(showlegend=False)


def _sharpe_rows(mine: Rolling, beside: Mapping[str, Rolling]) -> Sequence[Row]:
    return [
        {
            "sessions up to": x_text(mine.x[at]),
            "policy": Cell(shown(float(mine.sharpe[at]), "number"), mark=OWN),
            **{
                name: shown(float(other.sharpe[at]), "number")
                for name, other in beside.items()
                if at < len(other.sharpe)
            },
        }
        for at in thin(len(mine.x), TEXT_POINTS)
    ]


def _exposure_rows(mine: Rolling) -> Sequence[Row]:
    return [
        {
            "sessions up to": x_text(mine.x[at]),
            "exposure": shown(float(mine.exposure[at]), "percent"),
            "turnover per decision": shown(float(mine.turnover[at]), "percent"),
        }
        for at in thin(len(mine.x), TEXT_POINTS)
    ]
