"""Intervals and bands by circular block bootstrap on sessions, paired differences to baselines.

Source: ``docs/definitions.md``, Intervals.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.random import numpy_stream
from grandmodel.evaluation.accounts.sessions import SessionRows
from grandmodel.evaluation.accounts.trades import RoundTrips
from grandmodel.evaluation.measures.metrics import (
    METRICS,
    Measured,
    metrics_of,
    number,
    session_sharpe,
)
from grandmodel.evaluation.statistics.studentised import Difference, Interval, studentised

MINIMUM_BLOCK = 10
MINIMUM_DRAWDOWN_BLOCK = 20
MINIMUM_BLOCKS = 6  # with fewer, resamples repeat one another and their spread says too little
MINIMUM_SESSIONS = MINIMUM_BLOCKS * MINIMUM_BLOCK  # no interval below
COVERED = ("sharpe", "mean_session_return")  # coverage is measured; not promised of all others
BAND_LABEL = "resampling band"
TAIL = 0.025


def automatic_block(net: NDArray[np.float64]) -> float:
    """Optimal circular block length of a series (Politis and White), 1 for short or flat ones."""
    if len(net) < 10 or net.std() <= 1e-12:
        return 1.0
    # arch pulls in statsmodels: half a second that training and small tests need not wait for.
    from arch.bootstrap import optimal_block_length

    length = float(optimal_block_length(pd.Series(net))["circular"].iloc[0])
    return length if np.isfinite(length) else 1.0


def block_sessions(sessions: SessionRows, trips: RoundTrips) -> int:
    """Block length: max(10 sessions, 2 x median holding, automatic length of the returns).

    At most a sixth of the shortest path, but never below 10 sessions.
    """
    automatic = [
        automatic_block(sessions.net[sessions.rows_of(index)])
        for index in range(len(sessions.paths))
    ]
    holding = 0.0
    if len(trips) and len(sessions):
        rows_per_session = sessions.sums[:, 0].mean()
        holding = 2.0 * float(np.median(trips.bars_held)) / rows_per_session
    wanted = max([holding, float(np.median(automatic)) if automatic else 1.0])
    return block_length(wanted, shortest_path(sessions))


def block_length(wanted: float, length: int) -> int:
    """Sessions of a block: the next whole number, 10 at least, a sixth of ``length`` at most."""
    return max(MINIMUM_BLOCK, min(int(np.ceil(wanted)), length // MINIMUM_BLOCKS))


def shortest_path(sessions: SessionRows) -> int:
    """Sessions of the path that has fewest."""
    return int(np.diff(sessions.path_first).min(initial=len(sessions)))


def block_starts(
    generator: np.random.Generator, length: int, block: int, draws: int
) -> NDArray[np.int64]:
    """Draw the first rows of circular blocks that cover ``length`` rows, [draw, block]."""
    return generator.integers(0, length, size=(draws, -(-length // block)))


@njit(cache=True)
def _resampled_metrics(  # pragma: no cover - compiled
    starts, block, offset, length, net, low, high, fall, sums, compounding, sessions_per_year
):
    """Metrics of every draw over the rows [offset, offset + length), [draw, METRICS]."""
    index = np.empty(length, np.int64)
    out = np.empty((starts.shape[0], 11))
    for draw in range(starts.shape[0]):
        for row in range(length):
            index[row] = offset + (starts[draw, row // block] + row % block) % length
        out[draw] = metrics_of(index, net, low, high, fall, sums, compounding, sessions_per_year)
    return out


def resampled_metrics(
    sessions: SessionRows, sessions_per_year: float, *, block: int, draws: int, seed: int
) -> NDArray[np.float64]:
    """Metrics of ``draws`` resamples, sessions drawn within their path, [draw, METRICS]."""
    total = np.zeros((draws, len(METRICS)))
    known = np.zeros((draws, len(METRICS)))
    generator = numpy_stream(seed, f"bootstrap/{block}")
    for index in range(len(sessions.paths)):
        rows = sessions.rows_of(index)
        length = rows.stop - rows.start
        if length == 0:
            continue
        values = _resampled_metrics(
            block_starts(generator, length, min(block, length), draws),
            min(block, length),
            rows.start,
            length,
            sessions.net,
            sessions.low,
            sessions.high,
            sessions.fall,
            sessions.sums,
            sessions.compounding,
            sessions_per_year,
        )
        finite = np.isfinite(values)
        total += np.where(finite, values, 0.0)
        known += finite
    with np.errstate(invalid="ignore"):
        return total / known


def intervals(measured: Measured, *, draws: int, seed: int) -> dict[str, Interval]:
    """95 % intervals of :data:`COVERED` metrics, resampling bands of the others.

    A figure that is undefined, or undefined in more than a tenth of the resamples, has none; no
    figure has one where a path has fewer than MINIMUM_SESSIONS.
    """
    sessions = measured.sessions
    if shortest_path(sessions) < MINIMUM_SESSIONS:
        return {}
    block = block_sessions(sessions, measured.trips)
    per_year = measured.sessions_per_year
    values = resampled_metrics(sessions, per_year, block=block, draws=draws, seed=seed)
    if block < MINIMUM_DRAWDOWN_BLOCK:
        column = METRICS.index("max_drawdown")
        wide = resampled_metrics(
            sessions, per_year, block=MINIMUM_DRAWDOWN_BLOCK, draws=draws, seed=seed
        )
        values[:, column] = wide[:, column]
    found = bands(dict(zip(METRICS, values.T, strict=True)))
    paths = [sessions.net[None, sessions.rows_of(index)] for index in range(len(sessions.paths))]
    for key, scale in zip(COVERED, (np.sqrt(per_year), 1.0), strict=True):
        told = studentised(paths, ratio=key == "sharpe", block=block, draws=draws, seed=seed)
        found[key] = Interval(scale * told.low, scale * told.high)
    return {
        key: bounds
        for key, bounds in found.items()
        if measured.scalars[key] is not None and np.isfinite([bounds.low, bounds.high]).all()
    }


def bands(drawn: Mapping[str, NDArray[np.float64]]) -> dict[str, Interval]:
    """2.5 % and 97.5 % quantiles of resampled figures, [draw] each, known in nine of ten draws."""
    found = {}
    for name, values in drawn.items():
        known = values[np.isfinite(values)]
        if len(known) >= 0.9 * len(values):
            low, high = np.quantile(known, [TAIL, 1.0 - TAIL])
            found[name] = Interval(float(low), float(high))
    return found


def with_intervals(
    scalars: Mapping[str, float | None], found: Mapping[str, Interval]
) -> dict[str, float | str | None]:
    """Lay scalars and their intervals out flat: ``key``, ``key_ci_low``, ``key_ci_high``.

    ``key_band`` says of those whose coverage is not promised what they are.
    """
    flat: dict[str, float | str | None] = {}
    for key, value in scalars.items():
        flat[key] = value
        if key in found:
            flat[f"{key}_ci_low"] = number(found[key].low)
            flat[f"{key}_ci_high"] = number(found[key].high)
            if key not in COVERED:
                flat[f"{key}_band"] = BAND_LABEL
    return flat


def sharpe_interval(measured: Measured, *, draws: int, seed: int) -> Interval:
    """95 % interval of the Sharpe ratio of the pooled sessions; NaN below MINIMUM_SESSIONS."""
    block = block_sessions(measured.sessions, measured.trips)
    found = sharpe_of_nets(
        measured.sessions.net[None], measured.sessions_per_year, block=block, draws=draws, seed=seed
    )
    return Interval(found.low, found.high)


def sharpe_difference(own: Measured, other: Measured, *, draws: int, seed: int) -> Difference:
    """Paired difference of Sharpe ratios, both drawn with the same blocks.

    Sharpe ratios are returns at equal volatility: both tracks are compared at one risk. Bounds
    are NaN below MINIMUM_SESSIONS.
    """
    if not np.array_equal(own.sessions.session, other.sessions.session):
        raise ValueError("a paired difference needs two tracks over the same sessions")
    block = max(
        block_sessions(own.sessions, own.trips), block_sessions(other.sessions, other.trips)
    )
    both = np.stack([own.sessions.net, other.sessions.net])
    return sharpe_of_nets(both, own.sessions_per_year, block=block, draws=draws, seed=seed)


def sharpe_of_nets(
    net: NDArray[np.float64], sessions_per_year: float, *, block: int, draws: int, seed: int
) -> Difference:
    """Annualised Sharpe ratio of a track, or difference of two, with its 95 % interval.

    Args:
        net: session returns, [track, session]; the second is taken from the first.
        sessions_per_year: of the calendar.
        block: sessions of a circular block.
        draws: resamples.
        seed: of the resamples.

    Returns:
        Value and bounds; the bounds are NaN below MINIMUM_SESSIONS.
    """
    scale = float(np.sqrt(sessions_per_year))
    if net.shape[1] < MINIMUM_SESSIONS:
        ratios = session_sharpe(net, sessions_per_year)
        return Difference(float(ratios[0] - ratios[1:].sum()), np.nan, np.nan)
    found = studentised([net], ratio=True, block=block, draws=draws, seed=seed)
    return Difference(scale * found.value, scale * found.low, scale * found.high)
