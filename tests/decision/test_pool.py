import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.core.checks import UserError
from grandmodel.decision.pool import confidence, pool_log_probs, pool_logits, uncertainty

LOGITS = torch.tensor([[[math.log(2.0), 0.0, 0.0], [0.0, 0.0, math.log(4.0)]]])
WEIGHTS = torch.tensor([0.5, 0.5])


def test_log_pool_is_the_softmax_of_the_weighted_logits():
    root = math.sqrt(2.0)
    expected = torch.tensor([[root, 1.0, 2.0]]) / (root + 3.0)
    torch.testing.assert_close(pool_logits(LOGITS, WEIGHTS, "log"), expected)


def test_linear_pool_is_the_weighted_mean_of_probabilities():
    expected = torch.tensor([[(1 / 2 + 1 / 6) / 2, (1 / 4 + 1 / 6) / 2, (1 / 4 + 2 / 3) / 2]])
    torch.testing.assert_close(pool_logits(LOGITS, WEIGHTS, "linear"), expected)


def test_softmax_happens_once_for_a_single_agent():
    logits = torch.tensor([[[1.0, -2.0, 0.5]]])
    for mode in ("log", "linear"):
        pooled = pool_logits(logits, torch.ones(1), mode)
        torch.testing.assert_close(pooled, torch.softmax(logits[:, 0], -1))


def test_weights_may_differ_by_row():
    logits = LOGITS.expand(2, -1, -1)
    weights = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    pooled = pool_logits(logits, weights, "log")
    torch.testing.assert_close(pooled, torch.softmax(LOGITS[0], -1))


@pytest.mark.parametrize("mode", ["log", "linear"])
def test_log_probabilities_are_those_of_the_pool_and_stay_finite(mode):
    torch.testing.assert_close(
        pool_log_probs(LOGITS, WEIGHTS, mode), pool_logits(LOGITS, WEIGHTS, mode).log()
    )
    sure = torch.tensor([[[240.0, 0.0, 0.0], [240.0, 0.0, 0.0]]], requires_grad=True)
    log_probs = pool_log_probs(sure, WEIGHTS, mode)
    (log_probs.exp() * log_probs).sum().backward()
    assert log_probs.isfinite().all()
    assert sure.grad is not None
    assert sure.grad.isfinite().all()


def test_unknown_mode_is_refused_by_key():
    with pytest.raises(UserError, match=r"agent\.pool must be one of log, linear, was mean"):
        pool_logits(LOGITS, WEIGHTS, "mean")


@settings(max_examples=30, deadline=None)
@given(agents=st.integers(1, 8), seed=st.integers(0, 999), mode=st.sampled_from(["log", "linear"]))
def test_pooled_rows_are_distributions_and_do_not_see_their_neighbours(agents, seed, mode):
    generator = torch.Generator().manual_seed(seed)
    logits = 5.0 * torch.randn(70, agents, 3, generator=generator)
    weights = torch.softmax(torch.randn(agents, generator=generator), 0)
    pooled = pool_logits(logits, weights, mode)
    torch.testing.assert_close(pooled.sum(-1), torch.ones(70))
    for count in (1, 2, 17):
        assert torch.equal(pool_logits(logits[:count], weights, mode), pooled[:count])


def test_confidence_and_uncertainty_span_zero_to_one():
    rows = torch.tensor([[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0.0]])
    torch.testing.assert_close(confidence(rows), torch.tensor([1.0, 1 / 3, 0.5]))
    expected = torch.tensor([0.0, 1.0, math.log(2.0) / math.log(3.0)])
    torch.testing.assert_close(uncertainty(rows), expected)
