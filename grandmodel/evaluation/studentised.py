"""Intervals of means, Sharpe ratios and their differences by a studentised block bootstrap.

Every resample is measured in units of its own standard error, told by its own blocks (Goetze and
Kuensch 1996; Ledoit and Wolf 2008), so that few blocks make wide intervals, as few observations
make wide ones of Student's t. Source: ``docs/definitions.md``, Intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.random import numpy_stream

CONFIDENCE = 0.95
STILL = 1e-12  # an sd below it is none


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of a figure."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A figure of one track minus that of another over the same sessions, with its interval."""

    value: float
    low: float
    high: float


class Estimates(NamedTuple):
    """A figure and its squared standard error, float64 [draw] each."""

    value: NDArray[np.float64]
    squared_error: NDArray[np.float64]


def studentised(
    paths: Sequence[NDArray[np.float64]], *, ratio: bool, block: int, draws: int, seed: int
) -> Difference:
    """Mean over paths of a figure, or of the difference of two tracks' figures, and its interval.

    The interval is symmetric, value +- q x error: q is the 95 % quantile over resamples of
    |resampled value - value| / resampled error. A resample in which nothing varies counts as
    infinitely far. All tracks of a path are resampled with the same blocks.

    Args:
        paths: net session returns of each path, [track, session]: one track, or two, of which
            the second is taken from the first.
        ratio: mean / sd (ddof 0), 0 where nothing varies, instead of the mean.
        block: sessions of a circular block, at most those of the shortest path.
        draws: resamples.
        seed: of the resamples.
    """
    generator = numpy_stream(seed, f"bootstrap/{block}")
    own, drawn = [], []
    for net in paths:
        length = net.shape[1]
        centre = net.mean(axis=1)
        sums = running_sums(net - centre[:, None])
        every = np.arange(length)[None]
        starts = generator.integers(0, length, size=(draws, length // block))
        found = _estimates(every, block, sums, centre, ratio)
        own.append(Estimates(found[:, 0], found[:, 1] * block))  # blocks that overlap
        drawn.append(Estimates(*_estimates(starts, block, sums, centre, ratio).T))
    value, error = (float(one[0]) for one in _averaged(own))
    if not error > 0.0:
        return Difference(value, value, value)
    found = _averaged(drawn)
    away = np.abs(found.value - value)
    far = np.divide(
        away, found.squared_error, out=np.full(draws, np.inf), where=found.squared_error > 0.0
    )
    reach = float(np.quantile(far, CONFIDENCE, method="higher")) * error
    return Difference(value, value - reach, value + reach)


def _averaged(paths: Sequence[Estimates]) -> Estimates:
    """Average values over paths; errors become roots of the mean's variance."""
    count = len(paths)
    value = np.sum([found.value for found in paths], axis=0) / count
    squared = np.sum([found.squared_error for found in paths], axis=0)
    return Estimates(value, np.sqrt(squared) / count)


def running_sums(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of values and squares before each row of the rows laid out twice.

    Args:
        centred: [track, row].

    Returns:
        [2, track, 2 x row + 1]: a circular block costs two look-ups.
    """
    twice = np.concatenate([centred, centred], axis=1)
    sums = np.zeros((2, len(centred), twice.shape[1] + 1))
    np.cumsum(np.stack([twice, twice**2]), axis=2, out=sums[:, :, 1:])
    return sums


@njit(cache=True)
def _estimates(starts, block, sums, centre, ratio):  # pragma: no cover - compiled
    """Figure and squared error of the blocks of each draw, float64 [draw, 2].

    The error is that of a smooth function of mean and mean square: blocks of their sums, weighed
    by the function's slopes, are independent.
    """
    draws, count = starts.shape
    tracks = sums.shape[1]
    rows = count * block
    out = np.zeros((draws, 2))
    slope = np.zeros((2, tracks))
    mean = np.zeros((2, tracks))
    for draw in range(draws):
        for track in range(tracks):
            for power in range(2):
                own = sums[power, track]
                total = 0.0
                for start in starts[draw]:
                    total += own[start + block] - own[start]
                mean[power, track] = total / rows
            sign = 1.0 if track == 0 else -1.0
            level = mean[0, track] + centre[track]
            variance = mean[1, track] - mean[0, track] ** 2
            slope[0, track], slope[1, track] = sign, 0.0
            if ratio:
                slope[0, track] = 0.0
                if variance > 1e-24 * max(1.0, level * level):
                    sd = np.sqrt(variance)
                    out[draw, 0] += sign * level / sd
                    slope[0, track] = sign * (1.0 / sd + level * mean[0, track] / sd**3)
                    slope[1, track] = -sign * level / (2.0 * sd**3)
            else:
                out[draw, 0] += sign * level
        for start in starts[draw]:
            score = 0.0
            for track in range(tracks):
                for power in range(2):
                    own = sums[power, track]
                    apart = own[start + block] - own[start] - block * mean[power, track]
                    score += slope[power, track] * apart
            out[draw, 1] += score * score
        out[draw, 1] /= float(rows) ** 2
    return out
