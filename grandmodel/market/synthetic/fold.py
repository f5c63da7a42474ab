"""One bar of a random walk, folded from its sub-steps."""

import numpy as np
from numba import njit


@njit(cache=True)
def fold_bar(normals, mean, sd, log_price, opened, bar):  # pragma: no cover - compiled
    """Walk one bar; write open, high, low, close into ``bar`` and return the log of the close.

    Args:
        normals: standard normal draws, one per sub-step.
        mean: of the bar's log return.
        sd: of the bar's log return.
        log_price: log of the open.
        opened: the open.
        bar: float64 [4], filled.
    """
    steps = len(normals)
    shift, scale = mean / steps, sd / np.sqrt(steps)
    top = bottom = log_price
    for normal in normals:
        log_price += shift + scale * normal
        top = max(top, log_price)
        bottom = min(bottom, log_price)
    close = np.exp(log_price)
    # exp of a chain of logs and the given open may differ in the last digit
    bar[0], bar[1] = opened, max(np.exp(top), opened, close)
    bar[2], bar[3] = min(np.exp(bottom), opened, close), close
    return log_price
