"""What every extra column has in common: one compiled step for whole arrays and single bars.

Source: `docs/definitions.md`, "Extra columns".
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.features.inputs import Bar, BarArrays
from grandmodel.features.smooth import Z_ALPHA

LIMIT = 3.0
LOG_GAIN = 2.0  # of logarithms over their mean, which spread little


class Forms(NamedTuple):
    """Columns in both forms by name, [bar] each or one number each."""

    raw: dict  # in their own units, nan where undefined
    scaled: dict  # of about unit size, finite, 0 where undefined


def single(bar: Bar) -> BarArrays:
    """Return arrays of one bar."""
    return BarArrays(
        np.array([bar.open_time_ns]),
        np.array([bar.open]),
        np.array([bar.high]),
        np.array([bar.low]),
        np.array([bar.close]),
        np.array([bar.volume]),
        np.array([bar.day]),
        np.array([bar.hour], np.float64),
        np.array([bar.weekday]),
        bar.minutes,
        0.0,
        "none",
    )


@njit(cache=True, nogil=True)
def clip(value, limit):
    """Clip to +-limit; nan, which is unknown, becomes 0."""
    return 0.0 if math.isnan(value) else min(max(value, -limit), limit)


@njit(cache=True, nogil=True)
def log_over_usual(value, state):
    """Return log(value) less its exponential mean (0.01), which it then moves; nan if unknown.

    ``state`` holds the mean and whether there is one; values that are not positive count nothing.
    """
    if not value > 0.0:
        return np.nan
    level = math.log(value)
    if state[1] == 0.0:
        state[0], state[1] = level, 1.0
    step = level - state[0]
    state[0] += Z_ALPHA * step
    return step


class Extra:
    """Some columns that read bars alone.

    A subclass names its ``columns`` and ``memory_bars``, makes its state in ``_fresh`` and moves
    it on in ``_take``, which returns [2, column, bar]: raw values, then scaled ones.
    """

    columns: tuple[str, ...]
    memory_bars: int

    def __init__(self) -> None:
        self._state = self._fresh()

    def _fresh(self) -> tuple:
        return ()

    def _take(self, bars: BarArrays) -> NDArray[np.float64]:
        raise NotImplementedError

    def _walk(self, step: Callable[..., None], *inputs: Any, out: NDArray[np.float64]) -> None:
        """Move the state on over bars by a compiled step; write its columns into ``out``."""
        step(*inputs, *self._state, out)

    def over(self, bars: BarArrays) -> Forms:
        """Return the columns [bar], from nothing; `update` may go on from the last bar."""
        self._state = self._fresh()
        raw, scaled = self._take(bars)
        return Forms(
            dict(zip(self.columns, raw, strict=True)), dict(zip(self.columns, scaled, strict=True))
        )

    def update(self, bar: Bar) -> Forms:
        """Take the next bar; return its columns, one number each."""
        raw, scaled = self._take(single(bar))[:, :, 0].tolist()
        return Forms(
            dict(zip(self.columns, raw, strict=True)), dict(zip(self.columns, scaled, strict=True))
        )
