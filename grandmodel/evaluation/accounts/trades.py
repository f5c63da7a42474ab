"""Round trips of a track: flat to flat, a flip ends one and begins another.

Source: ``docs/definitions.md``, Round trips.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.clock import MINUTE_NS
from grandmodel.evaluation.accounts.track import ENDED_REASONS, FLAT_REASONS, Legs, Market, Track

REVERSED = FLAT_REASONS.index("reversed")
SEGMENT_END = FLAT_REASONS.index("segment_end")


@dataclass(frozen=True)
class RoundTrips:
    """Round trips in the order of their exits, arrays of shape [trip]."""

    segment: NDArray[np.int64]  # index into the track's segments
    entry_row: NDArray[np.int64]  # row whose fill opened it
    exit_row: NDArray[np.int64]  # row whose fill (or mark, at a forced end) closed it
    side: NDArray[np.int64]  # -1 short, 1 long
    quantity: NDArray[np.float64]  # units, unsigned
    entry_price: NDArray[np.float64]
    exit_price: NDArray[np.float64]
    pnl_gross: NDArray[np.float64]  # currency, before costs
    cost: NDArray[np.float64]  # currency
    bars_held: NDArray[np.int64]
    reason: NDArray[np.int64]  # index into FLAT_REASONS
    marked: NDArray[np.bool_]  # closed inside or at the close of its last bar, not at an open

    def __len__(self) -> int:
        return len(self.side)

    @property
    def pnl_net(self) -> NDArray[np.float64]:
        """Currency, after costs."""
        return self.pnl_gross - self.cost


def round_trips(track: Track, market: Market) -> RoundTrips:
    """Tell the round trips of ``track``; one pass, compiled."""
    legs = track.legs
    if legs is None:
        opens = market.open[track.bar + 1]
        legs = Legs(opens, opens, np.empty(0))
    whole, real = _trips(
        track.first,
        track.bar,
        track.position.astype(np.int64),
        track.quantity,
        track.pnl_gross,
        track.cost,
        track.reason.astype(np.int64),
        track.ended,
        ENDED_REASONS,
        legs.exit_price,
        legs.entry_price,
        legs.exit_cost,
        market.close,
        market.multiplier,
    )
    return RoundTrips(
        segment=whole[:, _SEGMENT],
        entry_row=whole[:, _ENTRY],
        exit_row=whole[:, _EXIT],
        side=whole[:, _SIDE],
        bars_held=whole[:, _HELD],
        reason=whole[:, _REASON],
        marked=whole[:, _MARKED].astype(np.bool_),
        quantity=real[:, _UNITS],
        entry_price=real[:, _ENTRY_PRICE],
        exit_price=real[:, _EXIT_PRICE],
        pnl_gross=real[:, _GROSS],
        cost=real[:, _COST],
    )


# columns of a trip while it is walked: `whole` and `real` [trip, column]
_SEGMENT, _ENTRY, _EXIT, _SIDE, _HELD, _REASON, _MARKED = range(7)
_UNITS, _ENTRY_PRICE, _EXIT_PRICE, _GROSS, _COST = range(5)


@njit(cache=True)
def _count_trips(first, position, ended):  # pragma: no cover - compiled
    """Count the entries of all segments."""
    count = 0
    for segment in range(len(first) - 1):
        held = 0
        for row in range(first[segment], first[segment + 1]):
            if position[row] != held and position[row] != 0:
                count += 1
            held = 0 if ended[row] else position[row]
    return count


@njit(cache=True)
def _leave(whole, real, row, why, price, gap, share):  # pragma: no cover - compiled
    """Close a trip at the open of the bar after ``row``: what it earned and paid there is its."""
    whole[_EXIT], whole[_REASON] = row, why
    real[_EXIT_PRICE] = price
    real[_GROSS] += gap
    real[_COST] += share


@njit(cache=True)
def _mark(whole, real, row, why, units, multiplier):  # pragma: no cover - compiled
    """Close a trip inside or at the end of a bar, at the price that its profit tells."""
    whole[_EXIT], whole[_REASON], whole[_MARKED] = row, why, 1
    moved = units * multiplier * whole[_SIDE]
    real[_EXIT_PRICE] = real[_ENTRY_PRICE] + (real[_GROSS] / moved if moved != 0 else 0.0)


@njit(cache=True)
def _trips(  # pragma: no cover - compiled
    first,
    bar,
    position,
    quantity,
    pnl_gross,
    cost,
    reason,
    ended,
    ended_reasons,
    exit_price,
    entry_price,
    exit_cost,
    closes,
    multiplier,
):
    """Walk each segment once; a change of position closes one trip and may open another.

    Where `exit_cost` is empty the cost of a reversal is split by the units of each side.
    """
    count = _count_trips(first, position, ended)
    whole, real = np.zeros((count, 7), np.int64), np.zeros((count, 5), np.float64)
    trip = -1  # the open trip, or the last one that was closed
    for segment in range(len(first) - 1):
        held, units, end = 0, 0.0, first[segment + 1]
        for row in range(first[segment], end):
            new, size = position[row], abs(quantity[row])
            gross, paid = pnl_gross[row], cost[row]
            if new != held:
                if held != 0:
                    gap = held * units * (exit_price[row] - closes[bar[row]]) * multiplier
                    share = paid * units / (units + size) if new != 0 and units + size > 0 else paid
                    if len(exit_cost) > 0:
                        share = exit_cost[row]
                    why = REVERSED if new != 0 else reason[row]
                    _leave(whole[trip], real[trip], row, why, exit_price[row], gap, share)
                    gross, paid = gross - gap, paid - share
                if new != 0:
                    trip += 1
                    whole[trip, _SEGMENT], whole[trip, _ENTRY] = segment, row
                    whole[trip, _SIDE] = new
                    real[trip, _UNITS], real[trip, _ENTRY_PRICE] = size, entry_price[row]
            units = size  # it may change while held
            held = new
            if held != 0:
                real[trip, _GROSS] += gross
                real[trip, _COST] += paid
                whole[trip, _HELD] += 1
                if ended[row] or row == end - 1:
                    why = ended_reasons[ended[row]] if ended[row] else SEGMENT_END
                    _mark(whole[trip], real[trip], row, why, units, multiplier)
                    held, units = 0, 0.0
    return whole, real


def trades_frame(track: Track, trips: RoundTrips, market: Market) -> pd.DataFrame:
    """Return the rows of ``trades.parquet``: times in UTC, prices and money in currency."""
    entry_ns = market.open_time_ns[track.bar[trips.entry_row] + 1]
    exit_ns = market.open_time_ns[track.bar[trips.exit_row] + 1]
    exit_ns = exit_ns + np.where(trips.marked, market.minutes * MINUTE_NS, 0)
    return pd.DataFrame(
        {
            "path": np.array([s.path for s in track.segments], np.int64)[trips.segment],
            "segment": np.array([s.segment for s in track.segments], np.int64)[trips.segment],
            "entry_time": pd.to_datetime(entry_ns, utc=True),
            "exit_time": pd.to_datetime(exit_ns, utc=True),
            "side": trips.side.astype(np.int8),
            "quantity": trips.quantity,
            "entry_price": trips.entry_price,
            "exit_price": trips.exit_price,
            "pnl_gross": trips.pnl_gross,
            "cost": trips.cost,
            "pnl_net": trips.pnl_net,
            "bars_held": trips.bars_held,
            "exit_reason": np.array(FLAT_REASONS, dtype=object)[trips.reason],
        }
    )
