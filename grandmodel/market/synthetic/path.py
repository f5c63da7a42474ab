"""One path of a planted world: regimes, prices with honest highs and lows, volume."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.random import numpy_stream
from grandmodel.market.synthetic.law import RegimeLaw
from grandmodel.market.synthetic.texture import Texture

SUB_STEPS = 30
CHUNK_BARS = 8_192  # 2 MB of normals at a time stay in the cache
FourPrices = tuple[
    NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]
]
ShapeSteps = Callable[[NDArray[np.float64], slice], NDArray[np.float64]]


@dataclass(frozen=True)
class PricePath:
    """Prices of one path and what was true while they were made, all [bar]."""

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    regime: NDArray[np.int8]
    drift_next: NDArray[np.float64]  # expected simple return of the bar after
    sd_factor: NDArray[np.float64] | None  # on the regime's sd; None: 1 everywhere


@njit(cache=True)
def _walk_regimes(leaves, jumps, first, count):  # pragma: no cover - compiled
    """Follow the chain: leave where `leaves`, then to one of the others as `jumps` says."""
    regime = np.empty(len(leaves), np.int8)
    here = first
    for t in range(len(leaves)):
        if t > 0 and leaves[t]:
            here = (here + 1 + jumps[t]) % count
        regime[t] = here
    return regime


@njit(cache=True)
def _fold_bars(normals, mean, sd, log_price, high, low, close):  # pragma: no cover - compiled
    """Run SUB_STEPS log steps per bar from log_price; write the extremes and the close in logs."""
    steps = normals.shape[1]
    root = 1.0 / np.sqrt(steps)
    for t in range(normals.shape[0]):
        shift = mean[t] / steps
        scale = sd[t] * root
        top = log_price
        bottom = log_price
        for i in range(steps):
            log_price += shift + scale * normals[t, i]
            top = max(top, log_price)
            bottom = min(bottom, log_price)
        high[t] = top
        low[t] = bottom
        close[t] = log_price
    return log_price


def draw_regimes(law: RegimeLaw, bars: int, seed: int, name: str) -> NDArray[np.int8]:
    """Return the regime of each bar, int8 [bar]; a longer path begins like a shorter one."""
    if law.count == 1:
        return np.zeros(bars, np.int8)
    start = numpy_stream(seed, f"{name}/first regime")
    first = int(start.integers(law.count))  # all regimes last equally long: uniform is stationary
    leaves = numpy_stream(seed, f"{name}/leave").random(bars) * law.mean_duration_bars < 1.0
    jumps = (numpy_stream(seed, f"{name}/jump").random(bars) * (law.count - 1)).astype(np.int8)
    return _walk_regimes(leaves, jumps, first, law.count)


def walk_prices(
    mean: NDArray[np.float64],
    sd: NDArray[np.float64],
    seed: int,
    name: str,
    start_price: float,
    shape: ShapeSteps | None = None,
) -> FourPrices:
    """Return open, high, low and close of bars whose log price takes SUB_STEPS normal steps each.

    Args:
        mean: mean of the log return, [bar].
        sd: sd of the log return, [bar].
        seed: `data.seed`.
        name: name of the path; the steps come from its stream ``prices``.
        start_price: open of the first bar.
        shape: changes the standard normal steps [bar, step] of the bars that a slice names.
    """
    bars = len(mean)
    high, low, close = np.empty(bars), np.empty(bars), np.empty(bars)
    generator = numpy_stream(seed, f"{name}/prices")
    log_price = float(np.log(start_price))
    for start in range(0, bars, CHUNK_BARS):
        part = slice(start, min(start + CHUNK_BARS, bars))
        normals = generator.standard_normal((part.stop - start, SUB_STEPS))
        if shape is not None:
            normals = shape(normals, part)
        log_price = _fold_bars(
            normals, mean[part], sd[part], log_price, high[part], low[part], close[part]
        )
    for column in (high, low, close):
        np.exp(column, out=column)
    opens = np.concatenate([[start_price], close[:-1]])
    # exp of a chain of logs and the given start may differ in the last digit
    np.maximum(high, np.maximum(opens, close), out=high)
    np.minimum(low, np.minimum(opens, close), out=low)
    return opens, high, low, close


def draw_path(
    law: RegimeLaw,
    bars: int,
    seed: int,
    name: str,
    *,
    start_price: float,
    texture: Texture | None = None,
) -> PricePath:
    """Draw one path from the streams called ``name``.

    Args:
        law: regimes with drift and sd.
        bars: length of the path.
        seed: `data.seed`.
        name: name of the path; each path has streams of its own.
        start_price: open of the first bar.
        texture: volatility clustering, seasonality and volume, or None for constant volume.
    """
    regime = draw_regimes(law, bars + 1, seed, name)
    mean, sd = law.log_mean[regime[:bars]], law.sd[regime[:bars]]
    factor, volume = None, np.full(bars, 1_000.0)
    if texture is not None:
        factor, volume = texture.draw(bars, seed, name)
        sd = sd * factor
        mean = np.log1p(law.drift[regime[:bars]]) - 0.5 * sd**2
    walked = walk_prices(mean, sd, seed, name, start_price)
    drift_next = law.drift[regime[1:]]
    return PricePath(*walked, volume, regime[:bars], drift_next, factor)
