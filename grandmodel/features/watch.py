"""Watching bars for synergies as they close, while a path is still being drawn."""

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import MINUTE_NS
from grandmodel.features.config import FeatureConfig
from grandmodel.features.gaps import Gaps
from grandmodel.features.inputs import Bar
from grandmodel.features.mlmi import Mlmi
from grandmodel.features.nwrqk import Nwrqk
from grandmodel.features.synergy import GapSignals, StrategicSignals, SynergyDetector
from grandmodel.market.dataset import DECISION_MINUTES


class SynergyWatch:
    """Says, bar by bar of the decision clock, which synergy a decision at its close is shown.

    It runs the indicators of the shipped features, so its word is bit for bit that of the tape
    made of the same bars.

    Args:
        config: which features; the shipped ones where not given.
    """

    def __init__(self, config: FeatureConfig | None = None) -> None:
        config = config or FeatureConfig()
        self._mlmi = Mlmi(config.mlmi.memory, config.mlmi.label_mode)
        self._nwrqk = Nwrqk()
        self._gaps = Gaps(0.0)
        self._detector = SynergyDetector(config.synergy.gates)

    def __call__(
        self,
        open_time_ns: int,
        opens: NDArray[np.float64],
        high: NDArray[np.float64],
        low: NDArray[np.float64],
        close: NDArray[np.float64],
    ) -> int:
        """Take a bar of the decision clock; return the direction shown at its close, or 0.

        Args:
            open_time_ns: when it opened.
            opens: opens of its finer bars, [fine bar].
            high: their highs, [fine bar].
            low: their lows, [fine bar].
            close: their closes, [fine bar].
        """
        strategic = self._strategic(float(close[-1]))
        gaps = self._gaps.following(opens, high, low, close)
        filled = gaps["fvg_mitigated_direction"]
        minutes, last, shown = DECISION_MINUTES // len(close), len(close) - 1, 0
        for number in (*np.flatnonzero(filled[:last]).tolist(), last):
            signals = GapSignals(
                float(filled[number]),
                float(gaps["fvg_mitigated_size"][number]),
                float(gaps["fvg_atr_14"][number]),
                float(close[number]),
            )
            now = int(open_time_ns) + (number + 1) * minutes * MINUTE_NS
            found = self._detector.update(now, strategic if number == last else None, signals)
            shown = found.direction if found else shown
        return shown

    def _strategic(self, close: float) -> StrategicSignals:
        """Take a bar of the decision clock, of which its indicators read the close alone."""
        bar = Bar(0, close, close, close, close, 0.0, 0, 0.0, 0, DECISION_MINUTES)
        mlmi, nwrqk = self._mlmi.update(bar), self._nwrqk.update(bar)
        return StrategicSignals(
            mlmi["mlmi_value"], mlmi["mlmi_signal"], nwrqk["nwrqk_signal"], nwrqk["nwrqk_slope"]
        )
