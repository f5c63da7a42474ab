"""Losses: golden numbers and every switch flipped once."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grandmodel.learning.losses import (
    clipped_surrogate,
    entropy,
    k3_divergence,
    probability_ratio,
    value_loss,
)


def test_clipped_surrogate_by_hand():
    ratio = torch.tensor([1.5, 1.5, 0.5, 0.5, 1.1])
    advantage = torch.tensor([1.0, -1.0, 1.0, -1.0, 2.0])
    # gains are capped at 1.2 A and 0.8 A, losses never are
    expected = [-1.2, 1.5, -0.5, 0.8, -2.2]
    assert clipped_surrogate(ratio, advantage, 0.2).tolist() == pytest.approx(expected)


def test_clip_ratio_changes_the_loss():
    ratio, advantage = torch.tensor([1.5]), torch.tensor([1.0])
    assert clipped_surrogate(ratio, advantage, 0.1) > clipped_surrogate(ratio, advantage, 0.3)


def test_gradient_dies_outside_the_clip_only_where_it_would_gain():
    log_prob = torch.tensor([0.5, 0.5], requires_grad=True)
    ratio = probability_ratio(log_prob, torch.zeros(2))
    clipped_surrogate(ratio, torch.tensor([1.0, -1.0]), 0.2).sum().backward()
    assert log_prob.grad is not None
    assert log_prob.grad[0] == 0.0
    assert log_prob.grad[1] == pytest.approx(math.exp(0.5))


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_k3_is_never_negative_and_zero_only_at_equality(new, old):
    divergence = k3_divergence(
        torch.tensor([new], dtype=torch.float64), torch.tensor([old], dtype=torch.float64)
    )
    assert divergence.item() >= 0.0
    ratio = math.exp(new - old)
    assert divergence.item() == pytest.approx(ratio - 1 - math.log(ratio), abs=1e-9)


def test_k3_does_not_cancel_where_the_mean_log_ratio_does():
    old = torch.zeros(2)
    new = torch.tensor([0.3, -0.3])
    assert (old - new).mean() == 0.0
    assert k3_divergence(new, old).mean() > 0.04


def test_entropy_of_uniform_and_certain():
    rows = torch.tensor([[1 / 3, 1 / 3, 1 / 3], [1.0, 1e-30, 1e-30]]).log()
    assert entropy(rows).tolist() == pytest.approx([math.log(3), 0.0], abs=1e-6)


def test_value_loss_squared_huber_and_clip():
    value, target = torch.tensor([3.0, 3.0]), torch.tensor([0.0, 0.0])
    old = torch.tensor([1.0, 3.0])
    plain = value_loss(value, old, target, clip=None, huber_delta=None)
    assert plain.tolist() == [4.5, 4.5]
    huber = value_loss(value, old, target, clip=None, huber_delta=1.0)
    assert huber.tolist() == [2.5, 2.5]
    # below the target the clip pretends that the value moved less: the larger loss counts
    low, far = torch.tensor([2.0]), torch.tensor([5.0])
    clipped = value_loss(low, torch.tensor([1.0]), far, clip=0.2, huber_delta=None)
    assert clipped.item() == pytest.approx(0.5 * (5.0 - 1.2) ** 2)
    assert value_loss(low, torch.tensor([1.0]), far, clip=None, huber_delta=None).item() == 4.5
