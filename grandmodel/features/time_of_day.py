"""Time of day and day of the week, from the bar's open stamp in the exchange's time zone."""

import math

import numpy as np
from numpy.typing import NDArray

from grandmodel.features.inputs import Bar, BarArrays

MINUTES_PER_DAY = 1440

# One table for both forms: sin and cos of single numbers and of whole arrays may differ in the
# last bit, entries of a table cannot.
_ANGLE = [2.0 * math.pi * minute / MINUTES_PER_DAY for minute in range(MINUTES_PER_DAY)]
_SIN = np.array([math.sin(angle) for angle in _ANGLE])
_COS = np.array([math.cos(angle) for angle in _ANGLE])


class TimeOfDay:
    """Where the bar stands in the day and in the week.

    Columns (`docs/definitions.md`, section Time of day): ``hour_sin`` and ``hour_cos`` of the
    hour of the open as an angle, 24 hours to the turn; ``weekday`` / 6, Monday = 0.
    """

    columns = ("hour_sin", "hour_cos", "weekday")
    memory_bars = 0

    def over(self, bars: BarArrays) -> dict[str, NDArray[np.float64]]:
        """Return the columns [bar]."""
        minute = np.rint(bars.hour * 60.0).astype(np.int64) % MINUTES_PER_DAY
        return {"hour_sin": _SIN[minute], "hour_cos": _COS[minute], "weekday": bars.weekday / 6.0}

    def update(self, bar: Bar) -> dict[str, float]:
        """Return the columns of one bar."""
        minute = round(bar.hour * 60.0) % MINUTES_PER_DAY
        return {
            "hour_sin": float(_SIN[minute]),
            "hour_cos": float(_COS[minute]),
            "weekday": bar.weekday / 6.0,
        }
