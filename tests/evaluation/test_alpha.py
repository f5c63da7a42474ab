import numpy as np
import pytest

from grandmodel.evaluation.statistics.alpha import alpha_beta


def test_t_values_are_those_of_newey_and_west():
    """Newey and West 1987, equation 5, with Bartlett weights, written out."""
    rng = np.random.default_rng(0)
    market = rng.normal(0.0005, 0.01, 300)
    net = 0.0004 + 0.5 * market + np.convolve(rng.normal(0, 0.005, 309), np.ones(10) / 3, "valid")
    found = alpha_beta(net, market, 252.0, lags=9)
    design = np.column_stack([np.ones(300), market])
    inverse = np.linalg.inv(design.T @ design)
    fitted = inverse @ design.T @ net
    score = design * (net - design @ fitted)[:, None]
    middle = score.T @ score
    for lag in range(1, 10):
        part = score[lag:].T @ score[:-lag]
        middle += (1 - lag / 10) * (part + part.T)
    error = np.sqrt(np.diag(inverse @ middle @ inverse) * 300 / 298)
    assert (found.alpha_t, found.beta_t) == pytest.approx(tuple(fitted / error))
    assert (found.alpha / 252, found.beta) == pytest.approx(tuple(fitted))
    assert abs(found.alpha_t) < abs(alpha_beta(net, market, 252.0, lags=0).alpha_t)


def test_what_cannot_be_regressed():
    rng = np.random.default_rng(0)
    assert alpha_beta(rng.normal(size=100), np.zeros(100), 252.0, lags=9) is None
    assert alpha_beta(rng.normal(size=11), rng.normal(size=11), 252.0, lags=9) is None
    idle = alpha_beta(np.zeros(100), rng.normal(size=100), 252.0, lags=9)
    assert (idle.alpha, idle.alpha_t, idle.beta) == (0.0, 0.0, 0.0)
