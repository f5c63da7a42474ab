"""Value normalisation: golden numbers, the floor, and both directions of the switch."""

import pytest
import torch

from grandmodel.learning.value_norm import ValueNorm


def test_golden_first_and_second_rollout():
    norm = ValueNorm(rate=0.05, variance_floor=0.01)
    norm.update(torch.tensor([1.0, 3.0]))
    mean, deviation = norm.scale()
    assert (mean, deviation) == (pytest.approx(2.0), pytest.approx(1.0))  # debiased at once
    norm.update(torch.tensor([4.0, 4.0]))
    # weights 0.95 * 0.05 and 0.05 over their sum: means 2 and 4, squares 5 and 16
    old, new = 0.0475 / 0.0975, 0.05 / 0.0975
    mean, deviation = norm.scale()
    assert mean == pytest.approx(2 * old + 4 * new)
    assert deviation == pytest.approx((5 * old + 16 * new - mean**2) ** 0.5)


def test_the_floor_binds_for_small_returns_and_only_there():
    small = torch.tensor([-0.05, 0.05])
    floored, free = ValueNorm(variance_floor=0.01), ValueNorm(variance_floor=1e-6)
    floored.update(small)
    free.update(small)
    assert floored.scale()[1] == pytest.approx(0.1)
    assert free.scale()[1] == pytest.approx(0.05)


def test_normalise_and_denormalise_are_inverse():
    norm = ValueNorm()
    norm.update(torch.tensor([5.0, 9.0]))
    values = torch.tensor([-1.0, 0.0, 8.0])
    torch.testing.assert_close(norm.denormalise(norm.normalise(values)), values)
    assert norm.normalise(torch.tensor(7.0)).item() == pytest.approx(0.0)


def test_switched_off_it_is_the_identity_in_both_directions():
    norm = ValueNorm(enabled=False)
    norm.update(torch.tensor([5.0, 9.0]))
    values = torch.tensor([1.0, 2.0])
    assert torch.equal(norm.normalise(values), values)
    assert torch.equal(norm.denormalise(values), values)


def test_state_round_trip():
    norm, other = ValueNorm(), ValueNorm()
    norm.update(torch.tensor([5.0, 9.0]))
    other.load_state_dict(norm.state_dict())
    assert other.scale() == norm.scale()
