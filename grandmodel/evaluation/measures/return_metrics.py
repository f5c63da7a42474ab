"""Risk and shape of net session returns, each with its interval.

Every figure is computed per path and averaged over paths, as in
:mod:`grandmodel.evaluation.measures.metrics`. Source: ``docs/definitions.md``, Risk figures.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import stats

from grandmodel.core.random import numpy_stream
from grandmodel.evaluation.accounts.sessions import SessionRows
from grandmodel.evaluation.measures.metrics import Measured, average_paths, number
from grandmodel.evaluation.statistics.intervals import (
    MINIMUM_DRAWDOWN_BLOCK,
    MINIMUM_SESSIONS,
    Interval,
    bands,
    block_sessions,
    block_starts,
    shortest_path,
)

TAIL_SHARE = 0.05
RISK_FIGURES = (
    "annual_return",
    "annual_volatility",
    "sortino",
    "calmar",
    "drawdown_sessions",
    "value_at_risk_95",
    "expected_shortfall_95",
    "worst_session",
    "best_session",
)


@njit(cache=True)
def risk_of(  # pragma: no cover - compiled
    index, net, low, high, fall, compounding, sessions_per_year
):
    """Risk figures of the sessions ``index`` in that order, float64 [RISK_FIGURES]."""
    out = np.full(9, np.nan)
    n = len(index)
    if n == 0:
        return out
    taken = net[index]
    level, peak, top, drawdown = 1.0, 1.0, 1.0, 0.0
    under, longest = 0, 0
    below = 0.0
    for at in index:
        unit = level if compounding else 1.0
        drawdown = max(drawdown, (peak - level - unit * low[at]) / peak, fall[at])
        peak = max(peak, level + unit * high[at])
        level += unit * net[at]
        under = under + 1 if level < top else 0
        top = max(top, level)
        longest = max(longest, under)
        below += min(net[at], 0.0) ** 2
    mean = taken.mean()
    out[0] = mean * sessions_per_year
    if compounding:
        out[0] = level ** (sessions_per_year / n) - 1.0 if level > 0.0 else -1.0
    out[1] = taken.std() * np.sqrt(sessions_per_year)
    if below > 0.0:
        out[2] = mean / np.sqrt(below / n) * np.sqrt(sessions_per_year)
    if drawdown > 0.0:
        out[3] = out[0] / drawdown
    out[4] = longest
    ordered = np.sort(taken)
    place = TAIL_SHARE * (n - 1)
    first = int(place)
    after = ordered[min(first + 1, n - 1)]
    edge = ordered[first] + (place - first) * (after - ordered[first])
    out[5] = -edge
    count = max(np.searchsorted(ordered, edge, side="right"), 1)
    out[6] = -ordered[:count].mean()
    out[7], out[8] = ordered[0], ordered[-1]
    return out


@njit(cache=True)
def _resampled(  # pragma: no cover - compiled
    starts, block, offset, length, net, low, high, fall, compounding, sessions_per_year
):
    out = np.empty((starts.shape[0], 9))
    index = np.empty(length, np.int64)
    for draw in range(starts.shape[0]):
        for row in range(length):
            index[row] = offset + (starts[draw, row // block] + row % block) % length
        out[draw] = risk_of(index, net, low, high, fall, compounding, sessions_per_year)
    return out


def risk_figures(measured: Measured) -> dict[str, float | None]:
    """Return :data:`RISK_FIGURES`, the drawdown marked at every bar, None where undefined."""
    sessions = measured.sessions
    rows = [
        risk_of(np.arange(part.start, part.stop), *_columns(sessions), measured.sessions_per_year)
        for part in map(sessions.rows_of, range(len(sessions.paths)))
    ]
    values = average_paths(np.array(rows).reshape(len(rows), len(RISK_FIGURES)))
    return {name: number(value) for name, value in zip(RISK_FIGURES, values, strict=True)}


def risk_intervals(measured: Measured, *, draws: int, seed: int) -> dict[str, Interval]:
    """95 % bands of the risk figures; their coverage is not promised.

    Blocks are as long as those of the drawdown, since most of these figures depend on order or on
    few sessions. Extremes have none: no resample goes beyond what was seen.
    """
    sessions = measured.sessions
    if shortest_path(sessions) < MINIMUM_SESSIONS:
        return {}
    block = max(block_sessions(sessions, measured.trips), MINIMUM_DRAWDOWN_BLOCK)
    generator = numpy_stream(seed, f"bootstrap/risk/{block}")
    found = []
    for part in map(sessions.rows_of, range(len(sessions.paths))):
        length = part.stop - part.start
        own = min(block, length)
        starts = block_starts(generator, length, own, draws)
        columns = _columns(sessions)
        found.append(
            _resampled(starts, own, part.start, length, *columns, measured.sessions_per_year)
        )
    drawn = np.array(found)  # [path, draw, figure]
    values = average_paths(drawn.reshape(len(drawn), -1)).reshape(draws, -1)
    return bands(dict(zip(RISK_FIGURES[:-2], values.T[:-2], strict=True)))


def _columns(sessions: SessionRows) -> tuple[Any, Any, Any, Any, bool]:
    return (sessions.net, sessions.low, sessions.high, sessions.fall, sessions.compounding)


def moments_of(values: NDArray[np.float64]) -> dict[str, float | None]:
    """Mean, sd (ddof 0), median, least, largest, skewness and kurtosis (3 for a normal one).

    Skewness and kurtosis are None where nothing varies, all are where there is no value.
    """
    if not len(values):
        return dict.fromkeys(("mean", "sd", "median", "min", "max", "skew", "kurtosis"))
    varies = float(values.std()) > 1e-15
    return {
        "mean": float(values.mean()),
        "sd": float(values.std()),
        "median": float(np.median(values)),
        "min": float(values.min()),
        "max": float(values.max()),
        "skew": float(stats.skew(values)) if varies else None,
        "kurtosis": float(stats.kurtosis(values, fisher=False)) if varies else None,
    }
