"""Curves of a report, thinned to what a page can carry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.clock import DAY_NS
from grandmodel.core.random import numpy_stream
from grandmodel.evaluation.accounts.sessions import SessionRows
from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.report.section import OWN, Cell, Row, shown
from grandmodel.evaluation.statistics.intervals import block_sessions, block_starts

MAX_POINTS = 2_000
TEXT_POINTS = 13  # of a curve in a report without pictures
BAND_DRAWS = 400


@dataclass(frozen=True)
class EquityCurve:
    """Growth of one unit over sessions, mean over paths."""

    x: NDArray  # closes of sessions in ms UTC for one path, numbers of sessions for several
    level: NDArray[np.float64]
    drawdown: NDArray[np.float64]  # fraction, mean over paths
    paths: list[NDArray[np.float64]]  # each path's own curve, where there are several
    low: NDArray[np.float64] | None = None  # pointwise 95 % band of resampled sessions
    high: NDArray[np.float64] | None = None


def equity_curve(measured: Measured, *, band_seed: int | None = None) -> EquityCurve:
    """Chain session returns into a curve that begins at 1.

    Args:
        measured: a track with its sessions.
        band_seed: seed of a resampling band; none is drawn without it, or where no session
            differs from another.
    """
    sessions = measured.sessions
    parts = [sessions.net[sessions.rows_of(index)] for index in range(len(sessions.paths))]
    length = min((len(part) for part in parts), default=0)
    curves = [_chain(part[:length], sessions.compounding) for part in parts]
    level = np.mean(curves, axis=0) if curves else np.ones(1)
    keep = thin(length + 1)
    x = session_x(sessions, length)
    falls = [curve / np.maximum.accumulate(curve) - 1.0 for curve in curves]
    low = high = None
    if band_seed is not None and length and np.ptp(sessions.net) > 0.0:
        block = block_sessions(sessions, measured.trips)
        low, high = (edge[keep] for edge in _band(sessions, length, block, band_seed))
    few = thin(length + 1, MAX_POINTS // max(1, len(curves)))
    return EquityCurve(
        x=x[keep],
        level=level[keep],
        drawdown=(np.mean(falls, axis=0) if falls else np.zeros(1))[keep],
        paths=[curve[few] for curve in curves] if len(curves) > 1 else [],
        low=low,
        high=high,
    )


def session_x(sessions: SessionRows, length: int) -> NDArray:
    """Where ``length`` sessions and the start before them stand on an axis, [session + 1].

    Closes (UTC, milliseconds, float) for one path, numbers of sessions (int) for several.
    """
    if len(sessions.paths) != 1:
        return np.arange(length + 1)
    first = sessions.close_time_ns[:1] - DAY_NS
    closes = np.concatenate([first, sessions.close_time_ns[:length]])
    return closes / 1e6


def x_text(x: Any) -> str:
    """A place of :func:`session_x` as text: the day, or the number of the session."""
    if isinstance(x, np.integer):
        return str(x)
    return np.datetime_as_string(np.datetime64(int(x), "ms"), unit="D")


def equity_rows(own: EquityCurve, others: Mapping[str, EquityCurve]) -> Sequence[Row]:
    """The curves at a few places, the band in small type."""
    band = None if own.low is None or own.high is None else np.stack([own.low, own.high], axis=1)
    return [
        {
            _x_name(own): x_text(own.x[at]),
            "policy": Cell(
                f"{own.level[at]:.3f}",
                "" if band is None else f"{band[at, 0]:.3f} to {band[at, 1]:.3f}",
                OWN,
            ),
            **{name: f"{_near(curve.level, at, own):.3f}" for name, curve in others.items()},
        }
        for at in thin(len(own.x), TEXT_POINTS)
    ]


def drawdown_rows(own: EquityCurve, others: Mapping[str, EquityCurve]) -> Sequence[Row]:
    """How far below their highest level the curves were at a few places, percent."""
    return [
        {
            _x_name(own): x_text(own.x[at]),
            "policy": Cell(shown(float(own.drawdown[at]), "percent"), mark=OWN),
            **{
                name: shown(_near(curve.drawdown, at, own), "percent")
                for name, curve in others.items()
            },
        }
        for at in thin(len(own.x), TEXT_POINTS)
    ]


def _near(values: NDArray[np.float64], at: int, own: EquityCurve) -> float:
    """Value of another curve at the same share of its length."""
    return float(values[round(at * (len(values) - 1) / max(1, len(own.x) - 1))])


def _x_name(curve: EquityCurve) -> str:
    return "session" if curve.paths else "close of"


def path_x(curve: EquityCurve, points: int) -> NDArray:
    """Session numbers of a thinned path curve of ``points`` points."""
    return np.linspace(0, curve.x[-1], points).round() if len(curve.x) else curve.x


def thin(length: int, points: int = MAX_POINTS) -> NDArray[np.int64]:
    """Evenly spaced indices of at most ``points`` of ``length`` rows, ends included."""
    if length <= points:
        return np.arange(length)
    return np.unique(np.linspace(0, length - 1, points).round().astype(np.int64))


def _chain(net: NDArray[np.float64], compounding: bool) -> NDArray[np.float64]:
    """Growth of one unit, with its start, [session + 1]."""
    grown = np.cumprod(1.0 + net) if compounding else 1.0 + np.cumsum(net)
    return np.concatenate([[1.0], grown])


def _band(
    sessions: SessionRows, length: int, block: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pointwise 2.5 % and 97.5 % of resampled mean curves, [session + 1] each."""
    generator = numpy_stream(seed, "report/band")
    total = np.zeros((BAND_DRAWS, length + 1))
    block = max(1, min(block, length))
    for index in range(len(sessions.paths)):
        net = sessions.net[sessions.rows_of(index)][:length]
        starts = block_starts(generator, length, block, BAND_DRAWS)
        total += _resampled_curves(starts, block, net, sessions.compounding)
    low, high = np.quantile(total / len(sessions.paths), [0.025, 0.975], axis=0)
    return low, high


@njit(cache=True)
def _resampled_curves(starts, block, net, compounding):  # pragma: no cover - compiled
    """Chained curves of circular block resamples, [draw, session + 1]."""
    length = len(net)
    curves = np.ones((starts.shape[0], length + 1))
    for draw in range(starts.shape[0]):
        for row in range(length):
            value = net[(starts[draw, row // block] + row % block) % length]
            before = curves[draw, row]
            curves[draw, row + 1] = before * (1.0 + value) if compounding else before + value
    return curves
