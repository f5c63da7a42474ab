"""What a trader asks of a result: what a trade is worth, when it was earned, what it tied up.

Money is in currency, a mean over paths. Source: ``docs/definitions.md``, The trader's page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.core.clock import MINUTE_NS
from grandmodel.envs.orders import Ended
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.measures.markouts import events_of, markout_ratios
from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.measures.ratios import (
    Ratio,
    ratio_intervals,
    ratio_values,
    session_of_row,
    summed,
)
from grandmodel.evaluation.statistics.intervals import Interval, with_intervals
from grandmodel.market.instruments import Instrument

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOUR_NS = 60 * MINUTE_NS
Record = dict[str, Any]


@dataclass(frozen=True)
class Traded:
    """What the trader's page is told from."""

    measured: Measured
    market: Market
    instrument: Instrument
    missed: NDArray[np.int8]  # [row]: side of a limit entry that was not met, else 0

    @property
    def unit(self) -> str:
        """Ticks where the instrument has them, else bp of the entry price."""
        return "bp" if self.instrument.tick is None else "ticks"

    def local(self, times_ns: NDArray[np.int64]) -> pd.DatetimeIndex:
        """Times on the exchange's clock."""
        return pd.to_datetime(times_ns, utc=True).tz_convert(self.instrument.timezone)


def trader(traded: Traded, *, draws: int, seed: int) -> Record:
    """Return the section ``trader`` of ``metrics.json``.

    ``gross``, ``cost`` and ``net`` per unit and round trip in ``unit``, ``break_even_cost``;
    ``by_year``, ``by_half_hour``, ``by_weekday``, ``by_side``: records of gross, cost, net and
    round trips; ``inside_sessions``, ``over_breaks``; ``holding``; ``peak_margin``;
    ``leverage_violations``; ``worst_session``; ``markouts``.
    """
    measured = traded.measured
    rows = session_of_row(measured.track)
    ratios = _per_trade(traded, rows)
    bands = ratio_intervals(ratios, measured, draws=draws, seed=seed)
    values = ratio_values(ratios, measured.sessions)
    return {
        "unit": traded.unit,
        **with_intervals(values, bands),
        **_break_even(values["gross"], bands.get("gross")),
        **_by_time(traded, rows),
        "by_side": _by_side(traded),
        "inside_sessions": measured.scalars["pnl_in_sessions"],
        "over_breaks": measured.scalars["pnl_over_breaks"],
        "holding": holding(traded),
        "peak_margin": peak_margin(traded),
        "leverage_violations": _leverage_violations(traded),
        "worst_session": worst_session(traded, rows),
        "markouts": _markouts(traded, rows, draws=draws, seed=seed),
    }


def _break_even(gross: float | None, band: Interval | None) -> Record:
    """The cost of a round trip that would leave nothing: gross, where that is a gain."""
    if gross is None or gross <= 0.0:
        return {"break_even_cost": None}
    return with_intervals(
        {"break_even_cost": gross}, {} if band is None else {"break_even_cost": band}
    )


def _per_trade(traded: Traded, rows: NDArray[np.int64]) -> dict[str, Ratio]:
    """Gross, cost and net per unit and round trip, weighed by units."""
    measured, trips = traded.measured, traded.measured.trips
    tick = traded.instrument.tick
    step = trips.entry_price * 1e-4 if tick is None else tick
    ends, sessions = rows[trips.exit_row], measured.sessions
    under = summed(ends, trips.quantity * traded.market.multiplier * step, sessions)
    parts = {"gross": trips.pnl_gross, "cost": trips.cost, "net": trips.pnl_net}
    return {key: Ratio(summed(ends, money, sessions), under) for key, money in parts.items()}


def _by_time(traded: Traded, rows: NDArray[np.int64]) -> Record:
    """Money by year and weekday of the session's last close, and by half-hour of the bar."""
    measured, track, market = traded.measured, traded.measured.track, traded.market
    sessions = traded.local(measured.sessions.close_time_ns - 1)[rows]
    bars = traded.local(market.open_time_ns[track.bar + 1])
    half_hour = bars.hour * 2 + bars.minute // 30
    return {
        "by_year": _grouped(traded, "year", np.asarray(sessions.year), str),
        "by_half_hour": _grouped(
            traded,
            "half_hour",
            np.asarray(half_hour),
            lambda at: f"{at // 2:02d}:{at % 2 * 30:02d}",
        ),
        "by_weekday": _grouped(
            traded, "weekday", np.asarray(sessions.dayofweek), WEEKDAYS.__getitem__
        ),
    }


def _grouped(traded: Traded, name: str, key: NDArray[np.int64], label: Any) -> list[Record]:
    """Sum the account by a key of its rows; round trips count where they were entered."""
    track, trips = traded.measured.track, traded.measured.trips
    paths = max(1, len(track.paths))
    values, at = np.unique(key, return_inverse=True)
    gross = np.bincount(at, track.pnl_gross, len(values)) / paths
    cost = np.bincount(at, track.cost, len(values)) / paths
    count = np.bincount(at[trips.entry_row], minlength=len(values)) / paths
    return [
        {name: label(int(value)), **_money(gross[i], cost[i], count[i])}
        for i, value in enumerate(values)
    ]


def _money(gross: float, cost: float, trades: float) -> Record:
    return {
        "gross": float(gross),
        "cost": float(cost),
        "net": float(gross - cost),
        "trades": float(trades),
    }


def _by_side(traded: Traded) -> list[Record]:
    trips, paths = traded.measured.trips, max(1, len(traded.measured.track.paths))
    found = []
    for side, name in ((1, "long"), (-1, "short")):
        of = trips.side == side
        won = float((trips.pnl_net[of] > 0).mean()) if of.any() else None
        sums = (trips.pnl_gross[of].sum(), trips.cost[of].sum(), of.sum())
        found.append({"side": name, **_money(*(value / paths for value in sums)), "win_rate": won})
    return found


def holding(traded: Traded) -> list[Record]:
    """How long round trips lasted, in bars and in hours of the clock, breaks included."""
    trips, track, market = traded.measured.trips, traded.measured.track, traded.market
    entered = market.open_time_ns[track.bar[trips.entry_row] + 1]
    left = market.open_time_ns[track.bar[trips.exit_row] + 1]
    left = left + np.where(trips.marked, market.minutes * MINUTE_NS, 0)
    hours = (left - entered) / HOUR_NS
    won = trips.pnl_net > 0
    groups = {"all": np.ones(len(trips), bool), "winning": won, "losing": ~won}
    return [
        {"round_trips": name, "count": int(of.sum())}
        | _spread("bars", trips.bars_held[of])
        | _spread("hours", hours[of])
        for name, of in groups.items()
    ]


def _spread(name: str, values: NDArray[Any]) -> Record:
    if not len(values):
        return {f"{name}_{key}": None for key in ("mean", "median", "p90", "longest")}
    middle, most = np.quantile(values, (0.5, 0.9))
    found = {"mean": values.mean(), "median": middle, "p90": most, "longest": values.max()}
    return {f"{name}_{key}": float(value) for key, value in found.items()}


def peak_margin(traded: Traded) -> Record | None:
    """The largest initial margin that units held over a bar asked for at its close.

    None where nothing was ever held.
    """
    track, market, margin = traded.measured.track, traded.market, _margin(traded)
    if not len(margin) or margin.max() <= 0.0:
        return None
    at = int(margin.argmax())
    of_equity = np.divide(margin, track.equity, out=np.zeros_like(margin), where=track.equity > 0)
    return {
        "currency": float(margin[at]),
        "units": float(abs(track.quantity[at])),
        "time": _day(traded, market.open_time_ns[track.bar[at] + 1]),
        "largest_share_of_equity": float(of_equity.max()),
    }


def _leverage_violations(traded: Traded) -> int:
    """Count closes at which a position that is still held needs more margin than the equity."""
    track = traded.measured.track
    return int(((_margin(traded) > track.equity) & (track.ended == Ended.NONE)).sum())


def _margin(traded: Traded) -> NDArray[np.float64]:
    """Initial margin of the units held over each bar at its close, currency, [row]."""
    track, market = traded.measured.track, traded.market
    value = np.abs(track.quantity) * market.close[track.bar + 1] * market.multiplier
    return value * traded.instrument.initial_margin


def worst_session(traded: Traded, rows: NDArray[np.int64]) -> Record | None:
    """The session with the lowest net return of all paths; None without a session."""
    sessions, track = traded.measured.sessions, traded.measured.track
    if not len(sessions):
        return None
    at = int(sessions.net.argmin())
    money = summed(rows, track.pnl_gross - track.cost, sessions)
    return {
        "day": _day(traded, sessions.close_time_ns[at] - 1),
        "net_return": float(sessions.net[at]),
        "net": float(money[at]),
    }


def _day(traded: Traded, time_ns: Any) -> str:
    return f"{traded.local(np.array([time_ns]))[0]:%Y-%m-%d}"


def _markouts(traded: Traded, rows: NDArray[np.int64], *, draws: int, seed: int) -> list[Record]:
    """Mean move in favour after fills and misses, by event and bars."""
    measured, market = traded.measured, traded.market
    ratios: dict[str, Ratio] = {}
    for name, events in events_of(measured, market, traded.missed).items():
        found = markout_ratios(events, measured, market, rows, traded.instrument.tick)
        ratios |= {f"{name}/{bars}": ratio for bars, ratio in found.items()}
    values = ratio_values(ratios, measured.sessions)
    told = with_intervals(values, ratio_intervals(ratios, measured, draws=draws, seed=seed))
    return [_markout(name, told, ratios) for name in ratios]


def _markout(name: str, told: Mapping[str, Any], ratios: Mapping[str, Ratio]) -> Record:
    event, bars = name.split("/")
    return {
        "after": event,
        "bars": int(bars),
        "mean": told[name],
        "mean_ci_low": told.get(f"{name}_ci_low"),
        "mean_ci_high": told.get(f"{name}_ci_high"),
        "count": int(ratios[name].under.sum()),
    }
