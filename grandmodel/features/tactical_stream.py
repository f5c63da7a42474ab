"""The tape's row of one five-minute bar at a time: the same columns, bit for bit, as bars close.

Half hours are put together from the bars as they come, and are known at their close.
"""

import math
from typing import Any

import numpy as np

from grandmodel.core.checks import require
from grandmodel.core.clock import MINUTE_NS, iso_text
from grandmodel.features.config import FAST_MINUTES, SLOW_MINUTES, FeatureConfig
from grandmodel.features.inputs import Bar
from grandmodel.features.latched import LATCHED, VISIBLE_NS, in_sight
from grandmodel.features.matrix import extras, tape_columns
from grandmodel.features.mlmi import Mlmi
from grandmodel.features.nwrqk import Nwrqk
from grandmodel.features.stream import StreamRow
from grandmodel.features.synergy import GapSignals, StrategicSignals, Synergy, SynergyDetector
from grandmodel.features.tactical import TacticalMatrix
from grandmodel.features.tactical_path import TACTICAL_COLUMNS
from grandmodel.features.time_of_day import TimeOfDay
from grandmodel.features.volatility import Volatility

SLOW_NS, FAST_NS = SLOW_MINUTES * MINUTE_NS, FAST_MINUTES * MINUTE_NS


class TacticalStream:
    """Columns of five-minute decisions of one path, bar by bar.

    Args:
        config: which columns.
        tick: price step of the instrument, 0 where it has none.
        volume_kind: ``traded``, ``ticks`` or ``none``.
    """

    def __init__(self, config: FeatureConfig, tick: float, volume_kind: str) -> None:
        self.columns = tape_columns(config)
        self._matrix = TacticalMatrix(tick, volume_kind, config.scaling)
        self._volatility, self._time = Volatility(), TimeOfDay()
        self._mlmi = Mlmi(config.mlmi.memory, config.mlmi.label_mode)
        self._nwrqk = Nwrqk()
        self._detector = SynergyDetector(config.synergy.gates)
        found = extras(config, volume_kind, FAST_MINUTES, None)
        self._extras = [extra for extra in found if not set(extra.columns) <= set(TACTICAL_COLUMNS)]
        self._half_hour: Bar | None = None  # as far as its bars have come
        self._known_until_ns: int | None = None
        self._seen: Synergy | None = None

    def update(self, bar: Bar) -> StreamRow:
        """Take the next bar; return its row, and the last synergy completed since the one before.

        Raises:
            UserError: it is no bar of five minutes, or opens before the last one has closed.
        """
        require(
            bar.minutes == FAST_MINUTES and bar.open_time_ns % FAST_NS == 0,
            f"five-minute decisions need bars of 5 minutes on whole five minutes, was one of "
            f"{bar.minutes} that opens at {iso_text(bar.open_time_ns)}: give whole bars, named by "
            "their open",
        )
        known = self._known_until_ns
        require(
            known is None or bar.open_time_ns >= known,
            f"bars must come in order: one opens at {iso_text(bar.open_time_ns)}, the last closed "
            f"at {iso_text(known or 0)}: give every bar once, the oldest first",
        )
        self._known_until_ns = bar.open_time_ns + FAST_NS
        raw, scaled = self._matrix.with_raw(bar)
        raw |= self._volatility.update(bar) | self._time.update(bar)
        raw["atr_14"] = 0.0 if math.isnan(raw["fvg_atr_14"]) else raw["fvg_atr_14"]
        synergy = self._synergy(bar, raw)
        found = {
            **scaled,
            **self._latched(self._known_until_ns),
            "log_volatility_ratio": float(np.log(raw["volatility_30"])),
            "hour_sin": raw["hour_sin"],
            "hour_cos": raw["hour_cos"],
            "weekday": raw["weekday"],
            "raw_volatility_30": raw["volatility_30"],
        }
        for extra in self._extras:
            forms = extra.update(bar)
            raw.update(forms.raw)
            found.update(forms.scaled)
        kept = {name: found[name] for name in self.columns}
        return StreamRow(np.array(list(kept.values()), np.float32), raw, kept, synergy)

    def _synergy(self, bar: Bar, raw: dict[str, float]) -> Synergy | None:
        """Join both clocks; a half hour whose last bars are missing closes before this bar."""
        close_ns = bar.open_time_ns + FAST_NS
        gaps = GapSignals(
            raw["fvg_mitigated_direction"], raw["fvg_mitigated_size"], raw["fvg_atr_14"], bar.close
        )
        last, waiting = None, self._half_hour
        if waiting is not None and bar.open_time_ns >= waiting.open_time_ns + SLOW_NS:
            last = self._detector.update(waiting.open_time_ns + SLOW_NS, self._close(waiting))
            waiting = None
        waiting = self._half_hour = _joined(waiting, bar)
        strategic = None
        if waiting.open_time_ns + SLOW_NS == close_ns:
            strategic, self._half_hour = self._close(waiting), None
        last = self._detector.update(close_ns, strategic, gaps) or last
        self._seen = last or self._seen
        return last

    def _close(self, half_hour: Bar) -> StrategicSignals:
        slow: dict[str, Any] = self._mlmi.update(half_hour) | self._nwrqk.update(half_hour)
        return StrategicSignals(
            slow["mlmi_value"], slow["mlmi_signal"], slow["nwrqk_signal"], slow["nwrqk_slope"]
        )

    def _latched(self, now_ns: int) -> dict[str, float]:
        """Return the columns of the synergy in sight, as `latched` does for whole paths."""
        seen = self._seen
        if seen is None or now_ns - seen.time_ns >= VISIBLE_NS:
            return dict.fromkeys(LATCHED, 0.0)
        elapsed_bars = (now_ns - seen.time_ns) / FAST_NS
        return in_sight(seen.type, seen.direction, seen.confidence, elapsed_bars)


def _joined(half_hour: Bar | None, bar: Bar) -> Bar:
    """Return the half hour with one more of its bars."""
    if half_hour is None:
        opened = bar.open_time_ns // SLOW_NS * SLOW_NS
        return bar._replace(open_time_ns=opened, minutes=SLOW_MINUTES)
    return half_hour._replace(
        high=max(half_hour.high, bar.high),
        low=min(half_hour.low, bar.low),
        close=bar.close,
        volume=half_hour.volume + bar.volume,
    )
