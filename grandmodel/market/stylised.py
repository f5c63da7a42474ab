"""Stylised facts of bars: how their returns spread, remember, and follow the hours of the day.

Source: `docs/definitions.md`, Stylised facts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grandmodel.market.bars import Bars
from grandmodel.market.calendar import session_table

LAGS = 60
HALF_HOURS = 48
EDGES = np.linspace(-10.0, 10.0, 81)  # of the distribution of returns, in sds
TOLD_LAGS = (1, 10, 46)
BP = 1e-4
ROUNDING = 1e-24  # of a sum of squares: what is left where nothing varies


@dataclass(frozen=True)
class Stylised:
    """What bars are like; a return is the log of close over open of one bar, gaps left out."""

    facts: dict[str, float | None]  # the table's row, by heading
    density: NDArray[np.float64]  # of returns over their sd, per sd, [len(EDGES) - 1]
    memory: NDArray[np.float64]  # autocorrelation of returns at lags 1 to LAGS
    memory_of_size: NDArray[np.float64]  # the same of |return|
    day_size: NDArray[np.float64]  # mean |return| by local half hour over the mean, nan: no bars
    day_volume: NDArray[np.float64] | None  # the same of volume; None: there is none


def autocorrelation(values: NDArray[np.float64], lags: int) -> NDArray[np.float64]:
    """Return the autocorrelation at lags 1 to `lags`, 0 where nothing varies.

    Args:
        values: [bar].
        lags: how many.
    """
    centred = values - values.mean()
    square = float(centred @ centred)
    if square <= ROUNDING * float(values @ values):
        return np.zeros(lags)
    found = [float(centred[lag:] @ centred[:-lag]) if lag < len(values) else 0.0
             for lag in range(1, lags + 1)]  # fmt: skip
    return np.array(found) / square


def by_half_hour(values: NDArray[np.float64], hour: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of `values` in each half hour of the local day over the mean of all, [48].

    Args:
        values: not negative, [bar].
        hour: local hour + minute / 60, [bar].
    """
    place = (hour * 2.0).astype(np.int64) % HALF_HOURS
    count = np.bincount(place, minlength=HALF_HOURS)
    total = np.bincount(place, weights=values, minlength=HALF_HOURS)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / count / values.mean()


def stylised(bars: Bars) -> Stylised:
    """Describe bars; at least one of them must have moved."""
    returns = np.log(bars.close / bars.open)
    size, sd = np.abs(returns), float(returns.std())
    scaled = (returns - returns.mean()) / sd
    hour = session_table(bars).hour
    memory, memory_of_size = autocorrelation(returns, LAGS), autocorrelation(size, LAGS)
    known = bars.volume_kind != "none"
    density, _ = np.histogram(scaled, EDGES)
    facts: dict[str, float | None] = {
        "bars": float(len(bars)),
        "sd, bp": sd / BP,
        "kurtosis": float((scaled**4).mean()),
        "skew": float((scaled**3).mean()),
        "ACF r(1)": memory[0],
        **{f"ACF |r|({lag})": memory_of_size[lag - 1] for lag in TOLD_LAGS},
        "range/sd": float(np.log(bars.high / bars.low).mean()) / sd,
        "no range, %": 100.0 * float((bars.high == bars.low).mean()),
        "volume~|r|": _correlation(bars.volume, size) if known else None,
    }
    return Stylised(
        facts=facts,
        density=density / len(bars) / np.diff(EDGES),
        memory=memory,
        memory_of_size=memory_of_size,
        day_size=by_half_hour(size, hour),
        day_volume=by_half_hour(bars.volume, hour) if known else None,
    )


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    if one.std() == 0.0 or other.std() == 0.0:
        return None
    return float(np.corrcoef(one, other)[0, 1])
