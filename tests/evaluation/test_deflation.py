import numpy as np
import pytest

from grandmodel.evaluation.statistics.deflation import (
    deflate,
    expected_best,
    minimum_detectable_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    trial_variance,
)
from grandmodel.evaluation.trials.ledger import Moments


@pytest.mark.parametrize(("skew", "kurtosis", "value"), [(0, 3, 0.982), (-2.448, 10.164, 0.913)])
def test_the_probabilistic_ratio_of_the_published_fund(skew, kurtosis, value):
    """Bailey and Lopez de Prado 2012, The Sharpe ratio efficient frontier: two years of months."""
    found = probabilistic_sharpe(0.458, skew, kurtosis, 24)
    assert found == pytest.approx(value, abs=5e-4)


@pytest.mark.parametrize(
    ("per_year", "skew", "kurtosis", "years"),
    [(252, 0, 3, 2.73), (52, 0, 3, 2.83), (12, 0, 3, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_the_track_record_that_a_ratio_of_two_needs_above_one(per_year, skew, kurtosis, years):
    """The same paper, Minimum track record length, daily to monthly returns."""
    root = np.sqrt(per_year)
    found = minimum_track_record(2 / root, skew, kurtosis, 1 / root)
    assert found / per_year == pytest.approx(years, abs=5e-3)
    assert minimum_track_record(0.1, 0, 3, 0.1) == np.inf


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "value"),
    [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)],
)
def test_the_deflated_ratio_of_the_published_example(trials, skew, kurtosis, value):
    """Bailey and Lopez de Prado 2014, The deflated Sharpe ratio, A numerical example."""
    lucky = expected_best(trials, 0.5 / 250)
    if trials == 100:
        assert lucky == pytest.approx(0.1132, abs=5e-5)
    found = probabilistic_sharpe(2.5 / np.sqrt(250), skew, kurtosis, 1250, lucky)
    assert found == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize("trials", [20, 200])
def test_the_expected_best_is_that_of_normal_draws(trials):
    best = np.random.default_rng(0).normal(0, 0.1, (20_000, trials)).max(axis=1)
    assert expected_best(trials, 0.01) == pytest.approx(best.mean(), rel=0.02)
    assert expected_best(1, 0.01) == 0.0


def test_trials_of_several_lengths_stand_together():
    rng = np.random.default_rng(0)
    sessions = np.repeat([100, 400], 5_000)
    luck = rng.normal(0, 1, 10_000) / np.sqrt(sessions)
    assert trial_variance(luck, sessions, 400) == pytest.approx(1 / 400, rel=0.05)
    assert trial_variance(3 * luck, sessions, 400) == pytest.approx(9 / 400, rel=0.05)
    assert trial_variance(0 * luck, sessions, 400) == 1 / 400
    assert trial_variance(luck[:1], sessions[:1], 400) == 1 / 400


def test_every_trial_counts_and_one_that_never_traded_too():
    own = Moments(0.001, 0.01, 0.0, 3.0, 1_000)
    idle = Moments(0.0, 0.0, 0.0, 3.0, 1_000)
    alone, many = deflate(own, [own]), deflate(own, [own] + [idle] * 99)
    assert alone.deflated == alone.probabilistic == many.probabilistic
    assert alone.lucky_sharpe == 0.0
    assert many.trials == 100
    assert many.lucky_sharpe == pytest.approx(expected_best(100, 1 / 1_000))
    assert many.deflated < 0.8 < many.probabilistic
    assert np.isnan(deflate(idle, [own, idle]).deflated)


def test_the_detectable_ratio_is_that_of_a_two_sided_test():
    assert minimum_detectable_sharpe(1.0) == pytest.approx(1.959964 + 0.841621, abs=2e-3)
    assert minimum_detectable_sharpe(4.0) == pytest.approx(1.4, abs=1e-3)
    assert minimum_detectable_sharpe(0.0) == np.inf
