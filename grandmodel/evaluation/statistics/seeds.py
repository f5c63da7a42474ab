"""Scores of several seeds told as one. Source: ``docs/definitions.md``, Seeds."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import trim_mean

from grandmodel.core.random import numpy_stream
from grandmodel.evaluation.statistics.intervals import TAIL, Difference


def interquartile_mean(scores: NDArray[np.float64]) -> float:
    """Mean of the middle half of all scores of all tasks, any shape (Agarwal et al. 2021)."""
    return float(trim_mean(scores.ravel(), 0.25))


def seeds_interval(scores: NDArray[np.float64], *, draws: int, seed: int) -> Difference:
    """Interquartile mean and its 95 % interval by stratified bootstrap.

    Seeds are drawn anew within each task (a fold, a regime), so every resample holds as many
    scores of each task as there are.

    Args:
        scores: [seed, task].
        draws: resamples.
        seed: of the resamples.
    """
    count, tasks = scores.shape
    rows = numpy_stream(seed, "seeds").integers(0, count, size=(draws, count, tasks))
    drawn = scores[rows, np.arange(tasks)].reshape(draws, count * tasks)
    low, high = np.quantile(trim_mean(drawn, 0.25, axis=1), [TAIL, 1.0 - TAIL])
    return Difference(interquartile_mean(scores), float(low), float(high))
