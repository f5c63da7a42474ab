"""What each kind of stress does to bars: functions on prices and volume, no calendar.

Each is given the columns, the rows at which the decision bars of an event begin and the one at
which it ends (`edges`), and the act. Where it leaves the price at another level, the rows after it
are scaled by one factor, so that their returns stay what they were.

Source: `docs/definitions.md`, Stress.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from grandmodel.market.bars import PRICES
from grandmodel.market.stress.config import Act

Edges = Sequence[int]


@dataclass
class Columns:
    """Prices and volume of a path that may be written to, float64 [bar]."""

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def map_prices(self, start: int, stop: int, change: Callable[[NDArray], NDArray]) -> None:
        """Apply a rising function to the prices of rows [start, stop)."""
        for name in PRICES:
            values = getattr(self, name)
            values[start:stop] = change(values[start:stop])
        self.widen(start, stop)

    def widen(self, start: int, stop: int) -> None:
        """Let rounding never put an open or a close outside its bar."""
        rows = slice(start, stop)
        body = self.open[rows], self.close[rows]
        np.minimum(self.low[rows], np.minimum(*body), out=self.low[rows])
        np.maximum(self.high[rows], np.maximum(*body), out=self.high[rows])

    def continue_from(self, row: int, level: float, former: float) -> None:
        """Scale the rows from `row` on, which followed `former`, to follow `level`."""
        if level != former:
            self.map_prices(row, len(self.close), lambda price: price * (level / former))


def flash_crash(bars: Columns, edges: Edges, act: Act) -> None:
    """Multiply by a wedge in logarithms: 1 at both ends, 1 + size in the middle."""
    start, stop = edges[0], edges[-1]
    passed = np.linspace(0.0, 1.0, stop - start + 1)
    wedge = np.exp(np.log1p(act.size) * (1.0 - np.abs(2.0 * passed - 1.0)))
    first, last = wedge[:-1], wedge[1:]
    middle = np.where((passed[:-1] < 0.5) & (passed[1:] > 0.5), 1.0 + act.size, first)
    rows = slice(start, stop)
    bars.open[rows] *= first
    bars.close[rows] *= last
    bars.low[rows] *= np.minimum(np.minimum(first, last), middle)
    bars.high[rows] *= np.maximum(np.maximum(first, last), middle)


def gap_open(bars: Columns, edges: Edges, act: Act) -> None:
    """Move the price between the close before and the open of the first row, for good."""
    bars.continue_from(edges[0], 1.0 + act.size, 1.0)


def volatility_spike(bars: Columns, edges: Edges, act: Act) -> None:
    """Multiply every log move from the close before by size: gaps, ranges and returns alike."""
    start, stop = edges[0], edges[-1]
    anchor, former = bars.close[start - 1], bars.close[stop - 1]
    bars.map_prices(start, stop, lambda price: anchor * (price / anchor) ** act.size)
    bars.continue_from(stop, bars.close[stop - 1], former)


def liquidity_drought(bars: Columns, edges: Edges, act: Act) -> None:
    """Leave the prices: volume and spread are changed with those of every act."""
    del bars, edges, act


def limit_halt(bars: Columns, edges: Edges, act: Act) -> None:
    """Hold the price at the limit, without volume, and go on from there."""
    start, stop = edges[0], edges[-1]
    limit, former = bars.close[start - 1] * (1.0 + act.size), bars.close[stop - 1]
    bars.map_prices(start, stop, lambda price: np.full_like(price, limit))
    bars.volume[start:stop] = 0.0
    bars.continue_from(stop, limit, former)


def correlation_break(bars: Columns, edges: Edges, act: Act) -> None:
    """Mirror the moves of every second period: they rise where they fell, as far in logarithms."""
    start, stop = edges[0], edges[-1]
    former, level = bars.close[start - 1], bars.close[start - 1]
    end = bars.close[stop - 1]
    periods = pairwise([*edges[: -1 : act.period_bars], stop])
    for number, (first, last) in enumerate(periods):
        next_former = bars.close[last - 1]
        if number % 2:
            bars.map_prices(first, last, lambda price, k=level / former: price * k)
        else:
            rows = slice(first, last)
            bars.high[rows], bars.low[rows] = bars.low[rows].copy(), bars.high[rows].copy()
            bars.map_prices(first, last, lambda price, k=level * former: k / price)
        former, level = next_former, bars.close[last - 1]
    bars.continue_from(stop, bars.close[stop - 1], end)


def negative_prices(bars: Columns, edges: Edges, act: Act) -> None:
    """Subtract a wedge that takes the price to size x the close before, and back."""
    start, stop = edges[0], edges[-1]
    depth = (1.0 - act.size) * bars.close[start - 1]
    passed = np.linspace(0.0, 1.0, stop - start + 1)
    wedge = depth * (1.0 - np.abs(2.0 * passed - 1.0))
    first, last = wedge[:-1], wedge[1:]
    middle = np.where((passed[:-1] < 0.5) & (passed[1:] > 0.5), depth, first)
    rows = slice(start, stop)
    bars.open[rows] -= first
    bars.close[rows] -= last
    bars.low[rows] -= np.maximum(np.maximum(first, last), middle)
    bars.high[rows] -= np.minimum(np.minimum(first, last), middle)


ACTS: dict[str, Callable[..., None]] = {
    "flash_crash": flash_crash,
    "gap_open": gap_open,
    "volatility_spike": volatility_spike,
    "liquidity_drought": liquidity_drought,
    "limit_halt": limit_halt,
    "correlation_break": correlation_break,
    "negative_prices": negative_prices,
}
