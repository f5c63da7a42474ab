import numpy as np
import pytest

from grandmodel.evaluation.statistics.seeds import interquartile_mean, seeds_interval


def test_the_middle_half_is_averaged():
    """Agarwal et al. 2021, section 4.3: 25 % at either end are left out, tasks pooled."""
    assert interquartile_mean(np.array([8.0, 1, 2, 100, 3, 4, 5, -50])) == 3.5
    assert interquartile_mean(np.arange(1.0, 9.0).reshape(4, 2)) == 4.5


def test_seeds_are_drawn_within_their_task():
    apart = np.array([0.0, 0.0, 10.0, 10.0]) + np.zeros((6, 1))
    same = seeds_interval(apart, draws=200, seed=0)
    assert (same.value, same.low, same.high) == (5.0, 5.0, 5.0)


def test_the_interval_of_normal_scores_is_as_wide_as_theory_says():
    """The 25 % trimmed mean of a normal sample has variance 1.195 / n (Huber 1981, table 1)."""
    scores = np.random.default_rng(0).normal(2.0, 1.0, (400, 1))
    found = seeds_interval(scores, draws=2_000, seed=0)
    assert found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(1.195 / 400), rel=0.15)
