"""What an order that comes some minutes late still finds of each bar.

Source: `docs/definitions.md`, "Late prices".
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.dataset import MarketPath


class LatePrices(NamedTuple):
    """Prices of each bar from some minutes after its open to its close, [bar]."""

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]


def late_prices(path: MarketPath, minutes: int = 1) -> LatePrices | None:
    """Return them from bars whose length divides ``minutes``; None where the path has none.

    Where nothing trades from then on all three are the bar's close.
    """
    bars, fine = path.bars, path.finest
    if fine is None or minutes % fine.minutes or not len(bars):
        return None
    opens, closes = fine.open_time_ns, bars.close_time_ns
    first = np.searchsorted(opens, bars.open_time_ns + minutes * MINUTE_NS)
    stop = np.searchsorted(opens, closes)
    rows = np.flatnonzero(first < stop)
    found = LatePrices(bars.close.copy(), bars.close.copy(), bars.close.copy())
    if len(rows):
        # every second stretch is one of ours; what lies between two of them is thrown away
        edges = np.stack([first[rows], stop[rows]], axis=1).ravel()
        last = edges[-1] == len(opens)
        edges = edges[:-1] if last else edges
        found.open[rows] = fine.open[first[rows]]
        found.high[rows] = np.maximum.reduceat(fine.high, edges)[::2]
        found.low[rows] = np.minimum.reduceat(fine.low, edges)[::2]
    return found
