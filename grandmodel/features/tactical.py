"""The seven columns of the five-minute matrix: gaps, short momentum, relative volume."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.checks import require_choice
from grandmodel.features.extras.flow import VolumeRatio, true_range
from grandmodel.features.gaps import GapEvents, Gaps
from grandmodel.features.inputs import Bar, BarArrays
from grandmodel.features.scaling import SCALINGS
from grandmodel.features.short_momentum import ShortMomentum
from grandmodel.features.smooth import rolling_z

MATRIX_5 = (
    "fvg_bullish_active", "fvg_bearish_active", "fvg_nearest_level", "fvg_age",
    "fvg_mitigation_signal", "price_momentum_5", "volume_ratio",
)  # fmt: skip
INPUTS = (*MATRIX_5, "close", "fvg_atr_14", "price_momentum_5_size", "amount")
TACTICAL_BARS = 60
TACTICAL_MINUTES = 5
LIMIT = 3.0
LEVEL_ATRS = 4.0
AGE_BARS = 10.0
TEXT_MOMENTUM = 0.05
TEXT_ALPHA = 2.0 / 21.0  # of the volume's EMA over 20 bars

_BULLISH, _BEARISH, _LEVEL, _AGE, _PULSE, _MOMENTUM, _VOLUME = range(7)
_CLOSE, _ATR, _SIZE, _AMOUNT = range(7, 11)
_MEAN, _SEEN = range(2)


@njit(cache=True, nogil=True)
def _shipped(raw, out):
    """Scale level, age, momentum and volume of one bar."""
    if raw[_BULLISH] + raw[_BEARISH] > 0.0:
        if raw[_ATR] > 0.0:
            away = (raw[_LEVEL] - raw[_CLOSE]) / (LEVEL_ATRS * raw[_ATR])
            out[_LEVEL] = min(max(away, -1.0), 1.0)
        out[_AGE] = math.exp(-raw[_AGE] / AGE_BARS)
    if raw[_SIZE] > 0.0:
        out[_MOMENTUM] = math.tanh(raw[_MOMENTUM] / (2.0 * raw[_SIZE]))
    ratio = raw[_VOLUME]
    if ratio == 0.0:
        out[_VOLUME] = -1.0
    elif not math.isnan(ratio):
        out[_VOLUME] = math.tanh(math.log(ratio))


@njit(cache=True, nogil=True)
def _as_text(raw, states, out):
    """Scale as the original formulas do; prices and ages, which they leave, by a rolling z."""
    if raw[_BULLISH] + raw[_BEARISH] > 0.0:
        out[_LEVEL] = min(max(rolling_z(raw[_LEVEL], states[0]), -LIMIT), LIMIT)
        out[_AGE] = min(max(rolling_z(raw[_AGE], states[1]), -LIMIT), LIMIT)
    if not math.isnan(raw[_MOMENTUM]):
        out[_MOMENTUM] = math.tanh(raw[_MOMENTUM] / TEXT_MOMENTUM)
    usual = states[2]
    if usual[_SEEN] == 0.0:
        usual[_MEAN], usual[_SEEN] = raw[_AMOUNT], 1.0
    usual[_MEAN] += TEXT_ALPHA * (raw[_AMOUNT] - usual[_MEAN])
    ratio = raw[_AMOUNT] / usual[_MEAN] if usual[_MEAN] > 0.0 else 1.0
    out[_VOLUME] = math.tanh(math.log(1.0 + max(0.0, ratio - 1.0)))


@njit(cache=True, nogil=True)
def _advance(raw, text, states, out):
    """Take bars one after another: ``raw`` [bar, input] to ``out`` [bar, column]."""
    for t in range(raw.shape[0]):
        out[t, :] = 0.0
        for flag in (_BULLISH, _BEARISH, _PULSE):
            out[t, flag] = raw[t, flag]
        if text:
            _as_text(raw[t], states, out[t])
        else:
            _shipped(raw[t], out[t])


class TacticalMatrix:
    """The five-minute matrix, raw and scaled; all scaled values are finite and within +-3.

    Rules per column: `docs/definitions.md`, section The five-minute matrix.

    Args:
        tick: price step of the instrument, 0 where it has none.
        volume_kind: ``traded``, ``ticks`` or ``none``.
        scaling: ``shipped`` or ``text``.
    """

    columns = MATRIX_5

    def __init__(self, tick: float, volume_kind: str, scaling: str = "shipped") -> None:
        require_choice("features.scaling", scaling, SCALINGS)
        self._text = scaling == "text"
        self._gaps = Gaps(tick)
        self._momentum = ShortMomentum()
        self._volume = VolumeRatio(volume_kind, TACTICAL_MINUTES)
        self._by_range = volume_kind == "none"
        self.memory_bars = self._volume.memory_bars
        self._reset()

    def _reset(self) -> None:
        self._states = np.zeros((3, 3))
        self._previous = math.nan

    def with_events(
        self, bars: BarArrays
    ) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]], GapEvents]:
        """Return raw values and scaled columns, each [bar], and what happened to gaps."""
        self._reset()
        gaps, events = self._gaps.with_events(bars)
        raw = {"close": bars.close, **gaps, "amount": self._amounts(bars)}
        raw |= self._momentum.over(bars) | self._volume.over(bars).raw
        scaled = self._scale(np.stack([raw[name] for name in INPUTS], axis=1))
        return raw, dict(zip(MATRIX_5, scaled.T, strict=True)), events

    def over(self, bars: BarArrays) -> dict[str, NDArray[np.float64]]:
        """Return the scaled columns [bar], from nothing; `update` may go on from the last bar."""
        return self.with_events(bars)[1]

    def update(self, bar: Bar) -> dict[str, float]:
        """Take the next bar; return its scaled columns."""
        return self.with_raw(bar)[1]

    def with_raw(self, bar: Bar) -> tuple[dict[str, float], dict[str, float]]:
        """Take the next bar; return its raw values and its scaled columns."""
        raw = {"close": bar.close, **self._gaps.update(bar), "amount": bar.volume}
        if self._by_range:
            raw["amount"] = true_range(bar.high, bar.low, self._previous)
            self._previous = bar.close
        raw |= self._momentum.update(bar) | self._volume.update(bar).raw
        row = self._scale(np.array([[raw[name] for name in INPUTS]]))[0]
        return raw, dict(zip(MATRIX_5, row.tolist(), strict=True))

    def _amounts(self, bars: BarArrays) -> NDArray[np.float64]:
        """Return the volume of each bar, without volume its true range."""
        if not self._by_range:
            return bars.volume
        before = np.concatenate([bars.open[:1], bars.close[:-1]])
        before[:1] = np.nan
        self._previous = float(bars.close[-1]) if len(bars) else math.nan
        top, bottom = np.fmax(bars.high, before), np.fmin(bars.low, before)
        return top - bottom

    def _scale(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.empty((len(raw), len(MATRIX_5)))
        _advance(raw, self._text, self._states, out)
        return out
