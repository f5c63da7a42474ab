"""Round trips of a track: flat to flat, a flip ends one and begins another.

Source: ``docs/definitions.md``, Round trips.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.clock import MINUTE_NS
from grandmodel.evaluation.track import ENDED_REASONS, FLAT_REASONS, Legs, Market, Track

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
        segment=whole[:, 0],
        entry_row=whole[:, 1],
        exit_row=whole[:, 2],
        side=whole[:, 3],
        bars_held=whole[:, 4],
        reason=whole[:, 5],
        marked=whole[:, 6].astype(np.bool_),
        quantity=real[:, 0],
        entry_price=real[:, 1],
        exit_price=real[:, 2],
        pnl_gross=real[:, 3],
        cost=real[:, 4],
    )


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
    count = 0
    for segment in range(len(first) - 1):
        held = 0
        for row in range(first[segment], first[segment + 1]):
            if position[row] != held and position[row] != 0:
                count += 1
            held = 0 if ended[row] else position[row]
    whole = np.zeros((count, 7), np.int64)
    real = np.zeros((count, 5), np.float64)
    trip = -1  # the open trip, or the last one that was closed
    for segment in range(len(first) - 1):
        held = 0
        units = 0.0
        for row in range(first[segment], first[segment + 1]):
            new = position[row]
            size = abs(quantity[row])
            price = exit_price[row]
            gross = pnl_gross[row]
            paid = cost[row]
            if new != held:
                if held != 0:
                    gap = held * units * (price - closes[bar[row]]) * multiplier
                    share = paid * units / (units + size) if new != 0 and units + size > 0 else paid
                    if len(exit_cost) > 0:
                        share = exit_cost[row]
                    real[trip, 3] += gap
                    real[trip, 4] += share
                    gross -= gap
                    paid -= share
                    whole[trip, 2] = row
                    whole[trip, 5] = REVERSED if new != 0 else reason[row]
                    real[trip, 2] = price
                if new != 0:
                    trip += 1
                    whole[trip, 0] = segment
                    whole[trip, 1] = row
                    whole[trip, 3] = new
                    real[trip, 0] = size
                    real[trip, 1] = entry_price[row]
                units = size
            held = new
            if held != 0:
                real[trip, 3] += gross
                real[trip, 4] += paid
                whole[trip, 4] += 1
                last = row == first[segment + 1] - 1
                if ended[row] or last:
                    whole[trip, 2] = row
                    whole[trip, 5] = ended_reasons[ended[row]] if ended[row] else SEGMENT_END
                    whole[trip, 6] = 1
                    moved = units * multiplier * held
                    real[trip, 2] = real[trip, 1] + (real[trip, 3] / moved if moved != 0 else 0.0)
                    held = 0
                    units = 0.0
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
