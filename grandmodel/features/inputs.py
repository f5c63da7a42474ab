"""What an indicator reads: whole arrays for `over`, one bar for `update`."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Bar(NamedTuple):
    """One closed bar: prices in quote currency, times of its open."""

    open_time_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    day: int  # exchange-local date of the open, days since 1970-01-01
    hour: float  # exchange-local hour + minute / 60 of the open
    weekday: int  # Monday = 0, exchange-local
    minutes: int


@dataclass(frozen=True)
class BarArrays:
    """Bars of one path as arrays of equal length [bar]."""

    open_time_ns: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    day: NDArray[np.int64]
    hour: NDArray[np.float64]
    weekday: NDArray[np.int64]
    minutes: int
    tick: float
    volume_kind: str  # traded | ticks | none
    additive: bool = False  # prices are adjusted by addition: their level tells nothing

    def __len__(self) -> int:
        return len(self.close)

    def bar(self, index: int) -> Bar:
        """Return bar ``index`` as the scalars that `update` takes."""
        return Bar(
            int(self.open_time_ns[index]),
            float(self.open[index]),
            float(self.high[index]),
            float(self.low[index]),
            float(self.close[index]),
            float(self.volume[index]),
            int(self.day[index]),
            float(self.hour[index]),
            int(self.weekday[index]),
            self.minutes,
        )

    def slice(self, start: int, stop: int) -> "BarArrays":
        """Return bars [start, stop)."""
        part = slice(start, stop)
        return BarArrays(
            self.open_time_ns[part],
            self.open[part],
            self.high[part],
            self.low[part],
            self.close[part],
            self.volume[part],
            self.day[part],
            self.hour[part],
            self.weekday[part],
            self.minutes,
            self.tick,
            self.volume_kind,
            self.additive,
        )
