"""Figures that are a sum over sessions divided by another: their values and intervals.

Source: ``docs/definitions.md``, Figures of trades.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.random import numpy_stream
from grandmodel.evaluation.accounts.sessions import SessionRows
from grandmodel.evaluation.accounts.track import Track
from grandmodel.evaluation.measures.metrics import Measured, average_paths, number
from grandmodel.evaluation.statistics.intervals import (
    MINIMUM_SESSIONS,
    Interval,
    bands,
    block_sessions,
    block_starts,
    shortest_path,
)

CHUNK = 250  # resamples at a time: their weights are a matrix


class Ratio(NamedTuple):
    """Two sums per session, float64 [session] each."""

    over: NDArray[np.float64]
    under: NDArray[np.float64]


def session_of_row(track: Track) -> NDArray[np.int64]:
    """Row of :class:`SessionRows` that each row of a track belongs to, [row]."""
    new = np.diff(track.segment_of_row(), prepend=-1) != 0
    new |= np.diff(track.session, prepend=-1) != 0
    return np.cumsum(new) - 1


def summed(rows: NDArray[np.int64], values: NDArray, sessions: SessionRows) -> NDArray[np.float64]:
    """Sum ``values`` by session, ``rows`` naming the session of each, [session]."""
    weights = np.asarray(values, np.float64)
    return np.bincount(rows, weights=weights, minlength=len(sessions)).astype(np.float64)


def ratio_values(ratios: Mapping[str, Ratio], sessions: SessionRows) -> dict[str, float | None]:
    """Each ratio per path, mean over paths; None where nothing stands below the line."""
    parts = [sessions.rows_of(index) for index in range(len(sessions.paths))]
    found = {}
    for name, (over, under) in ratios.items():
        values = [_divided(over[part].sum(), under[part].sum()) for part in parts]
        found[name] = number(float(average_paths(np.array(values).reshape(-1, 1))[0]))
    return found


def ratio_intervals(
    ratios: Mapping[str, Ratio], measured: Measured, *, draws: int, seed: int
) -> dict[str, Interval]:
    """95 % bands of ratios whose sessions are resampled whole; coverage is not promised."""
    sessions = measured.sessions
    if not ratios or shortest_path(sessions) < MINIMUM_SESSIONS:
        return {}
    block = block_sessions(sessions, measured.trips)
    generator = numpy_stream(seed, f"bootstrap/ratios/{block}")
    over = np.stack([ratio.over for ratio in ratios.values()], axis=1)
    under = np.stack([ratio.under for ratio in ratios.values()], axis=1)
    drawn = []
    for index in range(len(sessions.paths)):
        part = sessions.rows_of(index)
        length = part.stop - part.start
        starts = block_starts(generator, length, min(block, length), draws)
        weights = [
            _weights(starts[first : first + CHUNK], min(block, length), length)
            for first in range(0, draws, CHUNK)
        ]
        drawn.append(np.concatenate([_divided(w @ over[part], w @ under[part]) for w in weights]))
    values = average_paths(np.array(drawn).reshape(len(drawn), -1)).reshape(draws, -1)
    return bands(dict(zip(ratios, values.T, strict=True)))


def _weights(starts: NDArray[np.int64], block: int, length: int) -> NDArray[np.float64]:
    """How often each resample holds each row, [draw, row]."""
    rows = (starts[:, :, None] + np.arange(block)) % length
    rows = rows.reshape(len(starts), -1)[:, :length]
    flat = rows + np.arange(len(starts))[:, None] * length
    counts = np.bincount(flat.ravel(), minlength=len(starts) * length)
    return counts.reshape(len(starts), length).astype(np.float64)


def _divided(over: NDArray[np.float64], under: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(under != 0.0, np.divide(over, under), np.nan)
