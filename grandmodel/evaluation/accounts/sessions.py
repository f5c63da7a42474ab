"""A track on the session clock: what each trading session contributed.

Every metric is a function of these rows alone, so that resampling whole sessions resamples
every metric. Source: ``docs/definitions.md``, Session returns.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.clock import MINUTE_NS
from grandmodel.evaluation.accounts.track import Market, Track
from grandmodel.evaluation.accounts.trades import RoundTrips

SUMS = (
    "decisions",
    "exposure",
    "turnover",
    "cost",
    "trips",
    "wins",
    "win_sum",
    "loss_sum",
    "right",
)
(DECISIONS, EXPOSURE, TURNOVER, COST, TRIPS, WINS, WIN_SUM, LOSS_SUM, RIGHT) = range(len(SUMS))


@dataclass(frozen=True)
class SessionRows:
    """One row per session of a track, paths one after another, in order of time."""

    path_first: NDArray[np.int64]  # [path + 1]: where each path's rows begin
    paths: tuple[int, ...]
    session: NDArray[np.int64]  # [row]: session index on the tape
    close_time_ns: NDArray[np.int64]  # [row]: close of its last bar
    net: NDArray[np.float64]  # [row]: net return of the session, fraction
    low: NDArray[np.float64]  # [row]: lowest equity relative to its start, fraction <= 0
    high: NDArray[np.float64]  # [row]: highest equity relative to its start, fraction >= 0
    fall: NDArray[np.float64]  # [row]: deepest fall from a peak inside it, fraction of the peak
    sums: NDArray[np.float64]  # [row, SUMS]
    compounding: bool

    def __len__(self) -> int:
        return len(self.net)

    def rows_of(self, index: int) -> slice:
        """Rows of the path ``paths[index]``."""
        return slice(int(self.path_first[index]), int(self.path_first[index + 1]))


def session_rows(track: Track, trips: RoundTrips, market: Market) -> SessionRows:
    """Sum a track by sessions; a round trip counts in the session of its exit.

    The return of a session is its net profit over the equity at its start where the account
    compounds, over the starting capital where its size is fixed.
    """
    order = {path: number for number, path in enumerate(track.paths)}
    order_of_segment = np.array([order[s.path] for s in track.segments], np.int64)
    if (np.diff(order_of_segment) < 0).any():
        raise ValueError("segments of one path must stand together")
    row_session = _number_sessions(track.first, track.session)
    count = int(row_session[-1]) + 1 if len(row_session) else 0
    shape = _session_shape(
        track.first, row_session, track.equity, track.capital, track.compounding, count
    )
    sums = np.zeros((count, len(SUMS)))
    held = np.abs(track.position).astype(np.float64)
    change = np.abs(np.diff(track.position.astype(np.float64), prepend=0.0))
    starts = track.first[:-1][np.diff(track.first) > 0]
    change[starts] = held[starts]
    _add(sums, DECISIONS, row_session, np.ones(len(track)))
    _add(sums, EXPOSURE, row_session, held)
    _add(sums, TURNOVER, row_session, change)
    _add(sums, COST, row_session, track.cost)
    ended, net = row_session[trips.exit_row], trips.pnl_net
    _add(sums, TRIPS, ended, np.ones(len(trips)))
    _add(sums, WINS, ended, (net > 0).astype(np.float64))
    _add(sums, WIN_SUM, ended, np.maximum(net, 0.0))
    _add(sums, LOSS_SUM, ended, np.maximum(-net, 0.0))
    _add(sums, RIGHT, ended, (trips.pnl_gross > 0).astype(np.float64))
    last = np.flatnonzero(np.diff(row_session, append=-1) != 0)
    order_of_session = order_of_segment[track.segment_of_row()[last]]
    edges = np.searchsorted(order_of_session, np.arange(len(order)))
    return SessionRows(
        path_first=np.array([*edges, count], np.int64),
        paths=track.paths,
        session=track.session[last],
        close_time_ns=market.open_time_ns[track.bar[last] + 1] + market.minutes * MINUTE_NS,
        net=shape[:, 0],
        low=shape[:, 1],
        high=shape[:, 2],
        fall=shape[:, 3],
        sums=sums,
        compounding=track.compounding,
    )


def _add(
    sums: NDArray[np.float64],
    column: int,
    session: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    """Sum ``values`` into one column by session, in the order of the rows."""
    sums[:, column] = np.bincount(session, weights=values, minlength=len(sums))


@njit(cache=True)
def _number_sessions(first, session):  # pragma: no cover - compiled
    """Number the sessions of all segments 0, 1, ... ; two segments never share one."""
    numbers = np.zeros(len(session), np.int64)
    number = -1
    for segment in range(len(first) - 1):
        before = -1
        for row in range(first[segment], first[segment + 1]):
            if row == first[segment] or session[row] != before:
                number += 1
                before = session[row]
            numbers[row] = number
    return numbers


@njit(cache=True)
def _session_shape(  # pragma: no cover - compiled
    first, row_session, equity, capital, compounding, count
):
    """Net return, low, high and deepest inner fall of each session, [session, 4]."""
    shape = np.zeros((count, 4))
    for segment in range(len(first) - 1):
        before = capital
        begin = capital
        peak = capital
        current = -1
        for row in range(first[segment], first[segment + 1]):
            number = row_session[row]
            if number != current:
                begin = before
                peak = begin
                current = number
            value = equity[row]
            unit = begin if compounding else capital
            relative = (value - begin) / unit
            shape[number, 0] = relative
            shape[number, 1] = min(shape[number, 1], relative)
            shape[number, 2] = max(shape[number, 2], relative)
            peak = max(peak, value)
            shape[number, 3] = max(shape[number, 3], (peak - value) / peak)
            before = value
    return shape
