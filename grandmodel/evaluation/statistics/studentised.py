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
from grandmodel.evaluation.measures.metrics import session_sharpe

CONFIDENCE = 0.95
STILL = 1e-3  # a resample whose sd is a smaller share of the sample's does not vary


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


class Resampled(NamedTuple):
    """A figure, its standard error, and those of every resample, [draw] each."""

    value: float
    error: float
    values: NDArray[np.float64]  # not finite where a track that varies does not vary in a draw
    errors: NDArray[np.float64]


def studentised(
    paths: Sequence[NDArray[np.float64]], *, ratio: bool, block: int, draws: int, seed: int
) -> Difference:
    """Mean over paths of a figure, or of the difference of two tracks' figures, and its interval.

    The interval is symmetric, value +- q x error: q is the 95 % quantile over resamples of
    |resampled value - value| / resampled error. A resample in which nothing varies counts as
    infinitely far: where one in twenty is, the interval is infinite.

    Args:
        paths: as :func:`resample`.
        ratio: likewise.
        block: likewise.
        draws: likewise.
        seed: likewise.
    """
    found = resample(paths, ratio=ratio, block=block, draws=draws, seed=seed)
    if not found.error > 0.0:
        return Difference(found.value, found.value, found.value)
    finite = np.isfinite(found.values)
    away = np.where(finite, np.abs(found.values - found.value), np.inf)
    far = np.divide(away, found.errors, out=np.full(draws, np.inf), where=found.errors > 0.0)
    reach = float(np.quantile(far, CONFIDENCE, method="higher")) * found.error
    return Difference(found.value, found.value - reach, found.value + reach)


def resample(
    paths: Sequence[NDArray[np.float64]], *, ratio: bool, block: int, draws: int, seed: int
) -> Resampled:
    """Tell a figure and its error from the sample and from resamples of its blocks.

    Args:
        paths: net session returns of each path, [track, session]: one track, or two, of which
            the second is taken from the first. Both are resampled with the same blocks.
        ratio: mean / sd (ddof 0), 0 where nothing varies, instead of the mean.
        block: sessions of a circular block, at most those of the shortest path.
        draws: resamples.
        seed: of the resamples.
    """
    generator = numpy_stream(seed, f"bootstrap/{block}")
    own, drawn = np.zeros(2), np.zeros((draws, 2))
    for net in paths:
        length = net.shape[1]
        centre = net.mean(axis=1)
        floor = np.where(session_sharpe(net, 1.0) == 0.0, 0.0, STILL**2 * net.var(axis=1))
        given = (block, _running_sums(net - centre[:, None]), centre, floor, ratio)
        starts = generator.integers(0, length, size=(draws, length // block))
        drawn += _estimates(starts, *given)
        own += _estimates(np.arange(length)[None], *given)[0] * (1, block)  # blocks overlap
    value, error = _averaged(own, len(paths))
    return Resampled(float(value), float(error), *_averaged(drawn, len(paths)))


def _averaged(
    found: NDArray[np.float64], paths: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and its standard error from sums over paths of values and squared errors, [..., 2]."""
    return found[..., 0] / paths, np.sqrt(found[..., 1]) / paths


def _running_sums(centred: NDArray[np.float64]) -> NDArray[np.float64]:
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
def _estimates(starts, block, sums, centre, floor, ratio):  # pragma: no cover - compiled
    """Figure and squared error of the blocks of each draw, float64 [draw, 2].

    The error is that of a smooth function of mean and mean square: sums over blocks, weighed by
    the function's slopes, are independent. A draw in which a track that varies does not vary has
    no finite figure.
    """
    draws, count = starts.shape
    tracks = sums.shape[1]
    rows = float(count * block)
    out = np.zeros((draws, 2))
    mean = np.zeros((2, tracks))
    slope = np.zeros((2, tracks))
    for draw in range(draws):
        for track in range(tracks):
            for power in range(2):
                own = sums[power, track]
                total = 0.0
                for start in starts[draw]:
                    total += own[start + block] - own[start]
                mean[power, track] = total / rows
            value, first, second = _slopes(
                mean[0, track], mean[1, track], centre[track], floor[track], ratio
            )
            sign = 1.0 if track == 0 else -1.0
            out[draw, 0] += sign * value
            slope[0, track], slope[1, track] = sign * first, sign * second
        for start in starts[draw]:
            score = 0.0
            for track in range(tracks):
                for power in range(2):
                    own = sums[power, track]
                    apart = own[start + block] - own[start] - block * mean[power, track]
                    score += slope[power, track] * apart
            out[draw, 1] += score * score / rows**2
    return out


@njit(cache=True)
def _slopes(mean, square, centre, floor, ratio):  # pragma: no cover - compiled
    """A figure and its slopes in the centred mean and mean square; floor 0: nothing varies."""
    level = mean + centre
    variance = square - mean * mean
    if floor > 0.0 and variance <= floor:
        return np.inf, 0.0, 0.0
    if not ratio:
        return level, 1.0, 0.0
    if floor == 0.0:
        return 0.0, 0.0, 0.0
    sd = np.sqrt(variance)
    return level / sd, 1.0 / sd + level * mean / sd**3, -level / (2.0 * sd**3)
