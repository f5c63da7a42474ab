"""In which state the market is: regimes of trend and volatility, hours of the big exchanges.

Source: `docs/definitions.md`, "Regime and session columns".
"""

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import DAY_NS, MINUTE_NS
from grandmodel.features.extras.base import Extra, Forms
from grandmodel.features.inputs import Bar, BarArrays
from grandmodel.features.momentum import Momentum
from grandmodel.features.regimes import CRISIS, HIGH, QUIET, TREND_DOWN, TREND_UP, Regimes
from grandmodel.features.volatility import Volatility
from grandmodel.market.hours import FIRST_WEEKDAY, local_time_ns

HOURS = {  # zone, first minute, end
    "session_tokyo": ("Asia/Tokyo", 9 * 60, 15 * 60),
    "session_london": ("Europe/London", 8 * 60, 16 * 60 + 30),
    "session_new_york": ("America/New_York", 9 * 60 + 30, 16 * 60),
}
TREND = {TREND_UP: 1.0, TREND_DOWN: -1.0}
TURMOIL = {QUIET: -1.0, HIGH: 1.0, CRISIS: 2.0}


def _table(values: dict[int, float]) -> NDArray[np.float64]:
    return np.array([values.get(label, 0.0) for label in range(6)])


class RegimeStates(Extra):
    """``trend_regime`` (-1, 0, 1) and ``volatility_regime`` (-1 quiet, 0, 1 high, 2 crisis).

    The label of `features/regimes.py` in two columns: where volatility is unusual no trend is
    told.
    """

    columns = ("trend_regime", "volatility_regime")
    memory_bars = 2000

    def _fresh(self) -> tuple:
        return Volatility(), Momentum(), Regimes()

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        volatility, momentum, regimes = self._state
        label = regimes.over({**volatility.over(bars), **momentum.over(bars)})
        return self._columns(label)

    @staticmethod
    def _columns(label: NDArray[np.int64]) -> NDArray[np.float64]:
        both = np.stack([_table(TREND)[label], _table(TURMOIL)[label]])
        return np.stack([both, both])

    def update(self, bar: Bar) -> Forms:
        """Take the next bar; return its columns, one number each."""
        volatility, momentum, regimes = self._state
        label = regimes.update({**volatility.update(bar), **momentum.update(bar)})
        values = self._columns(np.array([label]))[0, :, 0].tolist()
        found = dict(zip(self.columns, values, strict=True))
        return Forms(found, dict(found))


class Sessions(Extra):
    """1 where a bar opens within the cash hours of Tokyo, London, New York, Monday to Friday.

    Each by its own clock, summer time included; holidays are not known.
    """

    columns = tuple(HOURS)
    memory_bars = 0

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        flags = []
        for zone, first, end in HOURS.values():
            local = local_time_ns(bars.open_time_ns, zone)
            day = local // DAY_NS
            minute = (local - day * DAY_NS) // MINUTE_NS
            working = (day + FIRST_WEEKDAY) % 7 < 5
            flags.append(working & (minute >= first) & (minute < end))
        return np.stack([np.array(flags, np.float64)] * 2)
