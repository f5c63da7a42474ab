"""What a planted world is to the rest: how it is drawn and what was true while it was drawn."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.market.synthetic.config import SyntheticConfig

Watch = Callable[[int, NDArray, NDArray, NDArray, NDArray], int]
"""What watches a path for synergies while it is drawn, one bar of the decision clock at a time.

It takes the bar's open time in ns and open, high, low and close of its finer bars, float64 [fine
bar] each, and returns the direction of the synergy that a decision at its close is shown, else 0.
"""


@dataclass(frozen=True)
class Prices:
    """Bars of one path without their times, all float64 [bar]; open_t = close_{t-1}."""

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]


@dataclass(frozen=True)
class PathTruth:
    """What was true while a path was made; references may know it, policies never do."""

    drift_next: NDArray[np.float64]  # [bar] expected simple return of the bar after
    world: str  # its filter is `evaluation.filters.FILTERS[world]`
    law: Any  # the parameters that the filter may know; each world has a class of its own
    regime: NDArray[np.int8] | None = None  # [bar], where the world has regimes
    sd_factor: NDArray[np.float64] | None = None  # [bar] on the regime's sd; None: 1 everywhere
    hidden: dict[str, NDArray] = field(default_factory=dict)  # whatever else was true, by name


@dataclass(frozen=True)
class Shown:
    """Synergies of one path, each [event], known at the close of a bar of the decision clock."""

    bar: NDArray[np.int64]
    type: NDArray[np.int64]  # 1..4
    direction: NDArray[np.int64]  # -1 or 1
    confidence: NDArray[np.float64]  # 0..1


@dataclass(frozen=True)
class Drawn:
    """One path of a world: bars on the decision clock, finer ones where it has them, the truth."""

    prices: Prices
    truth: PathTruth
    finest: Prices | None = None  # bars of `World.finest_minutes`
    extra: dict[str, NDArray] = field(default_factory=dict)  # columns of the dataset, each [bar]
    shown: Shown | None = None  # synergies that the world brings along


@dataclass(frozen=True)
class World:
    """How a path of a world is drawn.

    `draw` takes the configuration, the number of bars on the decision clock and the name of the
    path, from which it derives all its random streams, so that no path depends on another one and
    a longer path begins like a shorter one. Where ``watches``, it takes a fresh `Watch` as well.
    """

    draw: Callable[..., Drawn]
    minutes: int | None = 30  # of a bar on the decision clock; None: any, as it is asked for
    finest_minutes: int = 5  # of a finer bar, read where `Drawn.finest` is given
    about: str | Callable[[SyntheticConfig], str] = ""  # what it is, in one line
    watches: bool = False


def prices_of_logs(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    start_price: float,
    volume: NDArray[np.float64],
) -> Prices:
    """Return honest bars from the logs of high, low and close and from volume, all [bar]."""
    high, low, close = np.exp(high), np.exp(low), np.exp(close)
    opens = np.concatenate([[start_price], close[:-1]])
    # exp of a chain of logs and the given start may differ in the last digit
    high = np.maximum(high, np.maximum(opens, close))
    low = np.minimum(low, np.minimum(opens, close))
    return Prices(opens, high, low, close, volume)
