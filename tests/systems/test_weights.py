import math

import pytest
import torch

from grandmodel.core.checks import UserError
from grandmodel.systems.weights import PoolWeights, initial_shares, pool_floor, record_weights

W0 = torch.tensor([0.40, 0.35, 0.25])
ALL = torch.ones(3, dtype=torch.bool)


def test_a_record_of_equal_entries_gives_back_the_initial_weights():
    torch.testing.assert_close(record_weights(W0, torch.zeros(3)), W0)
    torch.testing.assert_close(record_weights(W0, torch.full((3,), 0.7)), W0)


def test_record_weights_golden():
    # m / 0.02 = (0, ln 2, 0): free shares 3/7, 2.5/7, 1.5/7 become 3, 5, 1.5 of 9.5
    record = torch.tensor([0.0, 0.02 * math.log(2.0), 0.0])
    expected = 0.1 + 0.7 * torch.tensor([3.0, 5.0, 1.5]) / 9.5
    torch.testing.assert_close(record_weights(W0, record), expected)


def test_weights_stay_between_the_floor_and_eight_tenths():
    weights = record_weights(W0, torch.tensor([-5.0, 5.0, -5.0]))
    torch.testing.assert_close(weights, torch.tensor([0.1, 0.8, 0.1]))


def test_any_number_of_agents():
    assert pool_floor(3) == pytest.approx(0.1)
    assert pool_floor(8) == pytest.approx(0.0375)
    torch.testing.assert_close(record_weights(torch.ones(1), torch.tensor([3.0])), torch.ones(1))
    two = initial_shares(("a", "b"), [0.40, 0.35])
    torch.testing.assert_close(two, torch.tensor([0.40, 0.35]) / 0.75)
    eight = record_weights(torch.full((8,), 1 / 8), torch.randn(8).mul(0.1))
    assert eight.sum().item() == pytest.approx(1.0)
    assert eight.min() >= 0.0375 - 1e-6


def test_shares_are_equal_where_none_is_given():
    torch.testing.assert_close(initial_shares(("a", "b"), [None, None]), torch.full((2,), 0.5))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([0.5, None, 0.5], r"agent\.members\.b\.initial_weight must be given"),
        ([0.8, 0.15, 0.05], r"agent\.members\.c\.initial_weight must be more than 0\.1"),
    ],
)
def test_impossible_shares_are_refused(given, sentence):
    with pytest.raises(UserError, match=sentence):
        initial_shares(("a", "b", "c"), given)


def test_the_record_is_an_average_over_rollouts_of_agents_that_were_seen():
    weights = PoolWeights("record", W0)
    weights.update(torch.tensor([1.0, -1.0, 5.0]), torch.tensor([True, True, False]))
    torch.testing.assert_close(weights.record, torch.tensor([0.1, -0.1, 0.0]))
    weights.update(torch.tensor([0.0, -1.0, 0.5]), ALL)
    torch.testing.assert_close(weights.record, torch.tensor([0.09, -0.19, 0.05]))
    torch.testing.assert_close(weights(), record_weights(W0, weights.record))


def test_an_unseen_agent_may_bring_a_nan():
    weights = PoolWeights("record", W0)
    weights.update(torch.tensor([1.0, math.nan, 0.0]), torch.tensor([True, False, True]))
    assert torch.isfinite(weights()).all()


def test_fixed_keeps_a_record_but_not_its_lesson():
    weights = PoolWeights("fixed", W0)
    weights.update(torch.tensor([1.0, 0.0, 0.0]), ALL)
    assert torch.equal(weights(), W0)
    assert weights.record[0] > 0


def test_performance_moves_towards_the_softmax_of_twice_the_outcomes():
    weights = PoolWeights("performance", W0)
    torch.testing.assert_close(weights(), torch.full((3,), 1 / 3))
    target = torch.softmax(torch.tensor([2.0, 0.0, -2.0]), 0)
    before = (weights() - target).square().sum()
    for _ in range(50):
        weights.update(torch.zeros(3), ALL, torch.tensor([1.0, 0.0, -1.0]))
    assert (weights() - target).square().sum() < before
    assert weights()[0] > weights()[1:].max()


def test_performance_equals_adam_on_the_squared_error():
    weights = PoolWeights("performance", W0)
    raw = torch.zeros(3, requires_grad=True)
    adam = torch.optim.Adam([raw], lr=1e-3)
    for step in range(4):
        outcome = torch.tensor([0.3, -0.1 * step, 0.2])
        weights.update(torch.zeros(3), ALL, outcome)
        target = torch.softmax(2.0 * outcome, 0)
        adam.zero_grad()
        torch.nn.functional.mse_loss(torch.softmax(raw, 0), target).backward()
        adam.step()
    torch.testing.assert_close(weights.raw, raw.detach())


def test_performance_with_shared_outcomes_learns_nothing():
    weights = PoolWeights("performance", W0)
    for _ in range(20):
        weights.update(torch.zeros(3), ALL, torch.full((3,), 0.8))
    torch.testing.assert_close(weights(), torch.full((3,), 1 / 3))


def test_gradient_weights_start_at_the_initial_ones_and_learn():
    weights = PoolWeights("gradient", W0)
    torch.testing.assert_close(weights(), W0)
    (weights() * torch.tensor([1.0, 0.0, 0.0])).sum().backward()
    assert weights.raw.grad[0] > 0
    assert all(not p.requires_grad for p in PoolWeights("record", W0).parameters())
