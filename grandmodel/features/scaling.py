"""From raw indicator values to numbers of about unit size, causally."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.checks import require_choice
from grandmodel.features.nwrqk import FIRST_SLOPE_BAR
from grandmodel.features.smooth import rolling_z

SCALINGS = ("shipped", "text")
MATRIX_30 = (
    "mlmi_value", "mlmi_signal", "nwrqk_value", "nwrqk_slope", "lvn_distance", "lvn_strength",
    "hour_sin", "hour_cos", "momentum_20", "momentum_50", "mmd_score", "volatility_30",
    "volume_profile_skew",
)  # fmt: skip
INPUTS = (*MATRIX_30, "close", "atr_14")
LIMIT = 3.0

(
    _MLMI, _PULSE, _NWRQK, _SLOPE, _DISTANCE, _STRENGTH, _SIN, _COS, _SHORT, _LONG, _MMD,
    _VOLATILITY, _SKEW, _SLOPE_Z, _LOG_RATIO,
) = range(15)  # fmt: skip
_CLOSE, _ATR = 13, 14


@njit(cache=True, nogil=True)
def _clip(value, limit):
    """Clip to +-limit."""
    return min(max(value, -limit), limit)


@njit(cache=True, nogil=True)
def _z(value, state):
    """Rolling z-score clipped to +-3; nan is unknown, counts nothing and gives 0."""
    return 0.0 if math.isnan(value) else _clip(rolling_z(value, state), LIMIT)


@njit(cache=True, nogil=True)
def _advance(raw, text, counter, states, out):
    """Take bars one after another: ``raw`` [input, bar] to ``out`` [output, bar]."""
    for t in range(raw.shape[1]):
        slope_known = counter[0] >= FIRST_SLOPE_BAR
        value_known = counter[0] >= FIRST_SLOPE_BAR - 1
        counter[0] += 1
        slope_z = _z(raw[_SLOPE, t] if slope_known else np.nan, states[_SLOPE])
        out[_SLOPE_Z, t] = slope_z
        out[_LOG_RATIO, t] = math.log(raw[_VOLATILITY, t])
        out[_SLOPE, t] = slope_z / LIMIT
        for row in (_SHORT, _LONG):
            out[row, t] = _z(raw[row, t], states[row]) / LIMIT
        for row in (_PULSE, _STRENGTH, _SIN, _COS, _SKEW):
            out[row, t] = _clip(raw[row, t], LIMIT)
        if text:
            out[_SLOPE, t] *= LIMIT
            out[_SHORT, t] *= LIMIT
            out[_LONG, t] *= LIMIT
            for row in (_MLMI, _DISTANCE, _MMD, _VOLATILITY):
                out[row, t] = _z(raw[row, t], states[row])
            out[_NWRQK, t] = _z(raw[_NWRQK, t] if value_known else np.nan, states[_NWRQK])
            continue
        out[_MLMI, t] = (raw[_MLMI, t] - 50.0) / 50.0
        out[_NWRQK, t] = 0.0
        if value_known and raw[_ATR, t] > 0.0:
            out[_NWRQK, t] = _clip((raw[_NWRQK, t] - raw[_CLOSE, t]) / raw[_ATR, t], 5.0) / 5.0
        distance = raw[_DISTANCE, t]
        out[_DISTANCE, t] = 0.0 if math.isnan(distance) else math.exp(-100.0 * distance)
        out[_MMD, t] = min(max(raw[_MMD, t] / 0.4, 0.0), 2.0)
        out[_VOLATILITY, t] = _clip(out[_LOG_RATIO, t], LIMIT)


class Scaling:
    """Scaled matrix columns, with ``slope_z`` and ``log_volatility_ratio`` beside them.

    Rules per column: `docs/definitions.md`, section Scaling. All values are finite and within
    +-3; what is unknown is 0.

    Args:
        kind: ``shipped``, or ``text``: the rolling z-score of every column that is not bounded.
    """

    columns = (*MATRIX_30, "slope_z", "log_volatility_ratio")
    memory_bars = 2000

    def __init__(self, kind: str = "shipped") -> None:
        require_choice("features.scaling", kind, SCALINGS)
        self._text = kind == "text"
        self._reset()

    def _reset(self) -> None:
        self._state = (np.zeros(1, np.int64), np.zeros((len(MATRIX_30), 3)))

    def _take(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.empty((len(self.columns), raw.shape[1]))
        _advance(raw, self._text, *self._state, out)
        return out

    def over(self, raw: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
        """Return the scaled columns of the raw ones [bar], from nothing."""
        self._reset()
        scaled = self._take(np.stack([raw[name] for name in INPUTS]))
        return dict(zip(self.columns, scaled, strict=True))

    def update(self, raw: dict[str, float]) -> dict[str, float]:
        """Take the raw values of the next bar; return its scaled columns."""
        scaled = self._take(np.array([[raw[name]] for name in INPUTS]))
        return dict(zip(self.columns, scaled[:, 0].tolist(), strict=True))
