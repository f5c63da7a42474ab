"""Figures of merit of a track: the same function for a track and for its resamples.

Every figure is computed per path and averaged over paths. Source: ``docs/definitions.md``,
Metrics.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.clock import MINUTE_NS
from grandmodel.evaluation.accounts.sessions import SessionRows, session_rows
from grandmodel.evaluation.accounts.track import Market, Track
from grandmodel.evaluation.accounts.trades import RoundTrips, round_trips, trades_frame

METRICS = (
    "sharpe",
    "total_return",
    "max_drawdown",
    "profit_factor",
    "win_rate",
    "trades",
    "turnover",
    "exposure",
    "directional_accuracy",
    "cost_paid",
    "mean_session_return",
)


@dataclass(frozen=True)
class Measured:
    """A track with everything that was told from it."""

    track: Track
    trips: RoundTrips
    sessions: SessionRows
    scalars: dict[str, float | None]  # METRICS and what has no interval; None: undefined
    sessions_per_year: float

    def trades(self, market: Market) -> pd.DataFrame:
        """Rows of ``trades.parquet``."""
        return trades_frame(self.track, self.trips, market)


def measure(track: Track, market: Market, sessions_per_year: float) -> Measured:
    """Tell round trips, sessions and metrics of a track."""
    trips = round_trips(track, market)
    sessions = session_rows(track, trips, market)
    values = path_metrics(sessions, sessions_per_year)
    values[:, METRICS.index("max_drawdown")] = bar_drawdown(track)
    scalars: dict[str, float] = dict(zip(METRICS, average_paths(values).tolist(), strict=True))
    scalars["directional_accuracy_base"] = directional_base(trips)
    over_breaks = pnl_over_breaks(track, market)
    scalars["pnl_in_sessions"] = mean_path_sum(track, track.pnl_gross - over_breaks)
    scalars["pnl_over_breaks"] = mean_path_sum(track, over_breaks)
    return Measured(
        track, trips, sessions, {key: number(v) for key, v in scalars.items()}, sessions_per_year
    )


def pnl_over_breaks(track: Track, market: Market) -> NDArray[np.float64]:
    """Gross profit that each row owes to a break of the market before its bar, currency, [row].

    It is what the units held before earn from the last close to the reopening; 0 where the bar
    begins when the one before it ends.
    """
    closes = market.open_time_ns[track.bar] + market.minutes * MINUTE_NS
    reopens = market.open_time_ns[track.bar + 1] > closes
    held = np.roll(np.where(track.ended != 0, 0.0, track.quantity), 1)
    held[track.first[:-1][np.diff(track.first) > 0]] = 0.0
    gap = market.open[track.bar + 1] - market.close[track.bar]
    return np.where(reopens, held * gap * market.multiplier, 0.0)


def mean_path_sum(track: Track, values: NDArray[np.float64]) -> float:
    """Sum of ``values`` [row] over each path, mean over paths."""
    return float(values.sum()) / max(1, len(track.paths))


def mean_decision_return(track: Track) -> float:
    """Mean over decisions of net profit over the equity before it, a fraction."""
    return float(decision_returns(track).mean())


def decision_returns(track: Track) -> NDArray[np.float64]:
    """Net profit of each decision over the equity before it, a fraction, [row]."""
    before = np.concatenate([track.equity[:1], track.equity[:-1]])
    before[track.first[:-1]] = track.capital
    return (track.equity - before) / before


def number(value: float) -> float | None:
    """Return a finite float, or None for what is undefined."""
    return float(value) if np.isfinite(value) else None


def path_metrics(sessions: SessionRows, sessions_per_year: float) -> NDArray[np.float64]:
    """Metrics of each path, float64 [path, METRICS]; NaN where undefined."""
    rows = [
        metrics_of(
            np.arange(part.start, part.stop),
            sessions.net,
            sessions.low,
            sessions.high,
            sessions.fall,
            sessions.sums,
            sessions.compounding,
            sessions_per_year,
        )
        for part in map(sessions.rows_of, range(len(sessions.paths)))
    ]
    return np.array(rows).reshape(len(rows), len(METRICS))


def average_paths(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over paths, [path, metric] -> [metric]; paths where a figure is undefined left out."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return total / known.sum(axis=0)


@njit(cache=True)
def metrics_of(  # pragma: no cover - compiled
    index, net, low, high, fall, sums, compounding, sessions_per_year
):
    """Metrics of the sessions ``index`` in that order, float64 [METRICS].

    Sharpe = mean / sd (ddof 0) of net session returns x sqrt(sessions per year), 0 where
    nothing varies. The drawdown is that of the chained curve, marked at every bar.
    """
    n = len(index)
    total = np.zeros(sums.shape[1])
    mean = 0.0
    level = 1.0
    peak = 1.0
    drawdown = 0.0
    for at in index:
        mean += net[at]
        unit = level if compounding else 1.0
        bottom = level + unit * low[at]
        drawdown = max(drawdown, (peak - bottom) / peak, fall[at])
        peak = max(peak, level + unit * high[at])
        level += unit * net[at]
        for column in range(sums.shape[1]):
            total[column] += sums[at, column]
    out = np.full(11, np.nan)
    if n == 0:
        return out
    mean /= n
    variance = 0.0
    for at in index:
        variance += (net[at] - mean) ** 2
    variance /= n
    steady = variance <= 1e-24 * max(1.0, mean * mean)
    out[0] = 0.0 if steady else mean / np.sqrt(variance) * np.sqrt(sessions_per_year)
    out[1] = level - 1.0
    out[2] = drawdown
    if total[7] > 0:
        out[3] = total[6] / total[7]
    if total[4] > 0:
        out[4] = total[5] / total[4]
        out[8] = total[8] / total[4]
    out[5] = total[4]
    out[6] = total[2] / total[0]
    out[7] = total[1] / total[0]
    out[9] = total[3]
    out[10] = mean
    return out


def chained_equity(track: Track) -> NDArray[np.float64]:
    """Equity of each row with the segments of a path chained, in units of the capital, [row].

    Segments multiply where the account compounds and add where its size is fixed.
    """
    relative = track.equity / track.capital
    level: dict[int, float] = {}
    chained = np.empty(len(track))
    for index, segment in enumerate(track.segments):
        rows = track.rows_of(index)
        before = level.get(segment.path, 1.0)
        own = relative[rows]
        chained[rows] = before * own if track.compounding else before + own - 1.0
        if len(own):
            level[segment.path] = float(chained[rows][-1])
    return chained


def bar_drawdown(track: Track) -> NDArray[np.float64]:
    """Deepest fall of the chained equity from its peak, marked at every bar, [path]."""
    curve = chained_equity(track)
    path_of_row = np.array([s.path for s in track.segments])[track.segment_of_row()]
    return np.array(
        [drawdowns(curve[path_of_row == path]).max(initial=0.0) for path in track.paths]
    )


def drawdowns(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fall from the running peak (at least 1, the start), as a fraction of it, [row]."""
    peak = np.maximum.accumulate(np.maximum(curve, 1.0))
    return 1.0 - curve / peak


def directional_base(trips: RoundTrips) -> float:
    """Accuracy of a chooser of sides that knows nothing: l u + (1 - l)(1 - u).

    l is the share of long round trips, u the share of their stretches over which the price
    rose. NaN without a round trip.
    """
    if not len(trips):
        return float("nan")
    longs = float((trips.side > 0).mean())
    rises = float((trips.exit_price > trips.entry_price).mean())
    return longs * rises + (1.0 - longs) * (1.0 - rises)


def session_sharpe(
    net: NDArray[np.float64], sessions_per_year: float, axis: int = -1
) -> NDArray[np.float64]:
    """Annualised Sharpe ratio of net session returns along ``axis``, 0 where nothing varies."""
    mean = net.mean(axis=axis)
    sd = net.std(axis=axis)
    varies = sd > 1e-12 * np.maximum(1.0, np.abs(mean))
    return np.where(varies, mean / np.where(varies, sd, 1.0), 0.0) * np.sqrt(sessions_per_year)
