"""Regimes by volatility and trend: labels for reports, curriculum and thresholds."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

REGIMES = ("sideways", "trend_up", "trend_down", "quiet", "high", "crisis")
SIDEWAYS, TREND_UP, TREND_DOWN, QUIET, HIGH, CRISIS = range(6)
CRISIS_RATIO, HIGH_RATIO, QUIET_RATIO = 3.5, 2.5, 0.8
TREND_BARS = 20
EQUAL_READINGS = 3


def readings(
    volatility_30: NDArray[np.float64],
    sd_30: NDArray[np.float64],
    momentum_20: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return the regime that each bar alone suggests, an index into `REGIMES`, [bar].

    Args:
        volatility_30: volatility ratio, 1 = normal, [bar].
        sd_30: sd of the last 30 simple returns, a fraction, [bar].
        momentum_20: return over 20 bars, a fraction, nan while unknown, [bar].
    """
    trending = np.abs(momentum_20) > sd_30 * np.sqrt(TREND_BARS)
    return np.select(
        [
            volatility_30 > CRISIS_RATIO,
            volatility_30 > HIGH_RATIO,
            volatility_30 < QUIET_RATIO,
            trending & (momentum_20 > 0.0),
            trending,
        ],
        [CRISIS, HIGH, QUIET, TREND_UP, TREND_DOWN],
        SIDEWAYS,
    )


@njit(cache=True, nogil=True)
def _settle(reading, state, out):
    """Take readings one after another; ``state`` holds label, candidate and its run."""
    for t in range(reading.size):
        state[2] = state[2] + 1 if reading[t] == state[1] else 1
        state[1] = reading[t]
        if state[2] >= EQUAL_READINGS:
            state[0] = reading[t]
        out[t] = state[0]


class Regimes:
    """The regime of each bar: a new label counts after three equal readings.

    It begins as ``sideways`` (`docs/definitions.md`, section Regimes for reports).
    """

    columns = ("regime",)
    memory_bars = 1033

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._state = np.array([SIDEWAYS, -1, 0], np.int64)

    def over(self, raw: dict[str, NDArray[np.float64]]) -> NDArray[np.int64]:
        """Return labels [bar] (indices into `REGIMES`) from raw indicator columns [bar]."""
        self._reset()
        found = readings(raw["volatility_30"], raw["sd_30"], raw["momentum_20"])
        out = np.empty(len(found), np.int64)
        _settle(found, self._state, out)
        return out

    def update(self, raw: dict[str, float]) -> int:
        """Take the raw values of the next bar; return its label."""
        values = (np.array([raw[name]]) for name in ("volatility_30", "sd_30", "momentum_20"))
        out = np.empty(1, np.int64)
        _settle(readings(*values), self._state, out)
        return int(out[0])
