"""What round trips won, lost, lasted and paid beyond the price they were decided at.

Source: ``docs/definitions.md``, Figures of trades.
"""

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import MINUTE_NS
from grandmodel.evaluation.accounts.sessions import LOSS_SUM, TRIPS, WIN_SUM, WINS
from grandmodel.evaluation.accounts.track import FLAT_REASONS, Market
from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.measures.ratios import Ratio, summed

HOUR_NS = 60 * MINUTE_NS
STOP = FLAT_REASONS.index("stop")
NEAR = 1e-9  # prices that differ by a smaller share are one


def trade_extremes(measured: Measured) -> dict[str, float | None]:
    """Largest win and largest loss of a round trip after costs, currency, None without one."""
    net = measured.trips.pnl_net
    return {
        "largest_win": float(net.max()) if (net > 0).any() else None,
        "largest_loss": float(-net.min()) if (net < 0).any() else None,
    }


def trade_ratios(
    measured: Measured,
    market: Market,
    rows: NDArray[np.int64],
    stop_distance: NDArray[np.float64] | None,
) -> dict[str, Ratio]:
    """Return the figures of round trips as sums over sessions, a trip in that of its exit.

    Args:
        measured: the account.
        market: the tape's columns.
        rows: session of each row of the track.
        stop_distance: of an entry decided at each bar of the tape, price units, [bar]; None where
            there are no stops.
    """
    sessions, trips, track = measured.sessions, measured.trips, measured.track
    sums, ends = sessions.sums, rows[trips.exit_row]
    entered = market.open_time_ns[track.bar[trips.entry_row] + 1]
    left = market.open_time_ns[track.bar[trips.exit_row] + 1]
    left = left + np.where(trips.marked, market.minutes * MINUTE_NS, 0)
    each = summed(ends, np.ones(len(trips)), sessions)
    losses = summed(ends, trips.pnl_net < 0, sessions)
    decided = market.close[track.bar[trips.entry_row]]
    units = trips.quantity * market.multiplier
    delay = trips.side * (trips.entry_price - decided) / decided
    traded = units * (trips.entry_price + trips.exit_price)
    found = {
        "average_trade": Ratio(summed(ends, trips.pnl_net, sessions), each),
        "average_win": Ratio(sums[:, WIN_SUM], sums[:, WINS]),
        "average_loss": Ratio(sums[:, LOSS_SUM], losses),
        "trade_hours": Ratio(summed(ends, (left - entered) / HOUR_NS, sessions), sums[:, TRIPS]),
        "trade_bars": Ratio(summed(ends, trips.bars_held, sessions), each),
        "trades_per_session": Ratio(each, np.ones(len(sessions))),
        "session_pnl": Ratio(summed(ends, trips.pnl_net, sessions), np.ones(len(sessions))),
        "entry_delay": Ratio(summed(ends, delay, sessions), each),
        "cost_per_side": Ratio(summed(ends, trips.cost, sessions), summed(ends, traded, sessions)),
    }
    found["slippage"] = Ratio(summed(ends, delay + _share(trips.cost, traded), sessions), each)
    if stop_distance is not None:
        stop = decided - trips.side * stop_distance[track.bar[trips.entry_row]]
        kept = trips.side * (trips.exit_price - stop) >= -NEAR * decided
        stopped = trips.reason == STOP
        found["stop_adherence"] = Ratio(
            summed(ends, stopped & kept, sessions), summed(ends, stopped, sessions)
        )
    return found


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
