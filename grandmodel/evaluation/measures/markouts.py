"""Where the price went after fills, and after limit orders that nobody met.

Source: ``docs/definitions.md``, The trader's page.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grandmodel.evaluation.accounts.track import FLAT_REASONS, Market
from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.measures.ratios import Ratio, summed

HORIZONS = (1, 2, 5, 10)  # bars
SEGMENT_END = FLAT_REASONS.index("segment_end")
ENTRIES, EXITS, MISSES = "entries", "exits", "missed entries"


class Events(NamedTuple):
    """Fills, or fills that did not come, [event] each."""

    row: NDArray[np.int64]  # of the decision whose bar met the order
    side: NDArray[np.int64]  # 1 bought, -1 sold, or would have
    price: NDArray[np.float64]


def events_of(measured: Measured, market: Market, missed: NDArray[np.int8]) -> dict[str, Events]:
    """Return entries and exits that were filled, and limit entries that were missed.

    A position that ends with its segment is marked, not filled.

    Args:
        measured: the account.
        market: the tape's columns.
        missed: side of an entry that rested at the close of the decision and was not met, [row].
    """
    trips, track = measured.trips, measured.track
    left = ~(trips.marked & (trips.reason == SEGMENT_END))
    rows = np.flatnonzero(missed)
    return {
        ENTRIES: Events(trips.entry_row, trips.side, trips.entry_price),
        EXITS: Events(trips.exit_row[left], -trips.side[left], trips.exit_price[left]),
        MISSES: Events(rows, missed[rows].astype(np.int64), market.close[track.bar[rows]]),
    }


def markout_ratios(
    events: Events, measured: Measured, market: Market, rows: NDArray[np.int64], tick: float | None
) -> dict[int, Ratio]:
    """Mean move in favour of the events' side by bars after them, as sums over sessions.

    One bar after a fill is the close of the bar that met the order. Events whose segment ends
    before are left out.

    Args:
        events: what happened.
        measured: the account.
        market: the tape's columns.
        rows: session of each row of the track.
        tick: price units; None: moves are told in bp of the price.
    """
    track = measured.track
    last = np.array([segment.stop for segment in track.segments])[track.segment_of_row()] - 1
    unit = events.price * 1e-4 if tick is None else tick
    found = {}
    for bars in HORIZONS:
        then = track.bar[events.row] + bars
        seen = then <= last[events.row]
        close = market.close[np.minimum(then, last[events.row])]
        move = np.where(seen, events.side * (close - events.price) / unit, 0.0)
        of = rows[events.row]
        found[bars] = Ratio(
            summed(of, move, measured.sessions), summed(of, seen, measured.sessions)
        )
    return found
