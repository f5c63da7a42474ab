"""The tape's row of one bar at a time: the same columns, bit for bit, as bars close."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import MINUTE_NS
from grandmodel.features.additive import levels_in_ranges, nodes_in_ranges
from grandmodel.features.config import FeatureConfig
from grandmodel.features.gaps import Gaps
from grandmodel.features.inputs import Bar
from grandmodel.features.levels import LevelInputs, Levels
from grandmodel.features.matrix import beside, extras, indicators, tape_columns
from grandmodel.features.scaling import Scaling
from grandmodel.features.synergy import GapSignals, StrategicSignals, Synergy, SynergyDetector
from grandmodel.market.dataset import DECISION_MINUTES
from grandmodel.market.events import Events

_NO_GAP = {
    "fvg_nearest_level": 0.0,
    "fvg_width": 0.0,
    "fvg_bullish_active": 0.0,
    "fvg_bearish_active": 0.0,
}


class StreamRow(NamedTuple):
    """What is known at the close of one bar of the decision clock."""

    row: NDArray[np.float32]  # [column], in the order of `MatrixStream.columns`
    raw: dict[str, float]  # indicator values in their own units, nan where undefined
    scaled: dict[str, float]  # the columns before the cast
    synergy: Synergy | None  # the last one completed since the bar before


class MatrixStream:
    """Feature columns of one path, bar by bar.

    Args:
        config: which columns.
        tick: price step of the instrument, 0 where it has none.
        volume_kind: ``traded``, ``ticks`` or ``none``.
        finer: whether `update` is given finer bars; without them there are no synergies and
            gaps are found on the bars of the decision clock.
        additive: whether prices are adjusted by addition.
        minutes: length of the bars of the decision clock.
        events: the economic calendar; without it there are no columns of its own.
    """

    def __init__(
        self,
        config: FeatureConfig,
        tick: float,
        volume_kind: str,
        *,
        finer: bool = False,
        additive: bool = False,
        minutes: int = DECISION_MINUTES,
        events: Events | None = None,
    ) -> None:
        self.columns = tape_columns(config, events=events is not None)
        self._extras = extras(config, volume_kind, minutes, events)
        self._temporal = config.temporal
        self._finer, self._additive = finer, additive
        self._indicators = indicators(config, tick, volume_kind)
        self._scaling = Scaling(config.scaling)
        self._gaps = Gaps(tick)
        self._detector = SynergyDetector(config.synergy.gates)
        self._levels = Levels(volume_kind)
        self._seen_gaps = dict(_NO_GAP)

    def update(self, bar: Bar, fine_bars: Sequence[Bar] = ()) -> StreamRow:
        """Take the next bar of the decision clock; return its row.

        Args:
            bar: the bar that has closed.
            fine_bars: the finer bars that closed since the bar before, up to this bar's close.
        """
        raw: dict[str, float] = {"close": bar.close}
        for part in self._indicators:
            raw.update(part.update(bar))
        if self._additive:
            raw.update({name: float(value) for name, value in nodes_in_ranges(raw).items()})
        if self._temporal and not self._finer:
            self._seen_gaps = self._gaps.update(bar)
        synergy = self._synergy(bar, fine_bars, raw) if self._finer else None
        scaled = self._scaling.update(raw)
        shown = {
            "synergy_confidence": synergy.confidence if synergy else 0.0,
            "synergy_direction": float(synergy.direction) if synergy else 0.0,
        }
        found = {**scaled, **beside(raw, scaled, shown)}
        if self._temporal:
            levels = self._levels.update(bar, self._level_inputs(raw))
            if self._additive:
                levels = {k: float(v) for k, v in levels_in_ranges(levels, raw).items()}
            found.update(levels)
        for extra in self._extras:
            forms = extra.update(bar)
            raw.update(forms.raw)
            found.update(forms.scaled)
        kept = {name: found[name] for name in self.columns}
        return StreamRow(np.array(list(kept.values()), np.float32), raw, kept, synergy)

    def _level_inputs(self, raw: dict[str, float]) -> LevelInputs:
        gaps = self._seen_gaps
        active = max(gaps["fvg_bullish_active"], gaps["fvg_bearish_active"])
        return LevelInputs(raw["nwrqk_value"], gaps["fvg_nearest_level"], gaps["fvg_width"], active)

    def _synergy(self, bar: Bar, fine_bars: Sequence[Bar], raw: dict) -> Synergy | None:
        """Walk the finer bars in order; what closes with ``bar`` is one batch with it."""
        close_ns = _close_ns(bar)
        strategic = StrategicSignals(
            raw["mlmi_value"], raw["mlmi_signal"], raw["nwrqk_signal"], raw["nwrqk_slope"]
        )
        last, taken = None, False
        for fine in fine_bars:
            gaps = self._seen_gaps = self._gaps.update(fine)
            signals = GapSignals(
                gaps["fvg_mitigated_direction"], gaps["fvg_mitigated_size"], gaps["fvg_atr_14"],
                fine.close,
            )  # fmt: skip
            taken = _close_ns(fine) == close_ns
            found = self._detector.update(_close_ns(fine), strategic if taken else None, signals)
            last = found or last
        if not taken:
            last = self._detector.update(close_ns, strategic) or last
        return last


def _close_ns(bar: Bar) -> int:
    return bar.open_time_ns + bar.minutes * MINUTE_NS
