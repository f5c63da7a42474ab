"""The risk term: golden coefficients, its ramp, its clips and its switches."""

import pytest
import torch

from grandmodel.core.checks import UserError
from grandmodel.learning.risk import RiskConfig, RiskTerm, learner_reward


def trained(config: RiskConfig, *values: float, fixed: float | None = None) -> RiskTerm:
    term = RiskTerm(config, fixed)
    term.update(torch.tensor(values))
    return term


def test_learner_reward_by_hand():
    x = torch.tensor([2.0, -2.0])
    assert learner_reward(x, 0.1).tolist() == pytest.approx([1.6, -2.4])
    assert learner_reward(x, 0.0) is x


def test_coefficient_follows_mean_over_square():
    # A = 0.02, B = 0.4: 1.5 * 0.02 / 0.8 = 0.0375, inside the clips
    term = RiskTerm(RiskConfig())
    term.mean, term.square, term.weight = 0.02, 0.4, 1.0
    assert term.coefficient(1.0) == pytest.approx(0.0375)
    assert term.coefficient(0.15) == pytest.approx(0.0375 / 2)  # half of the ramp
    assert term.coefficient(0.0) == 0.0


def test_clips_hold_on_both_sides():
    assert trained(RiskConfig(), 1.0, 1.0).coefficient(1.0) == 0.06
    assert trained(RiskConfig(), -1.0, -1.0).coefficient(1.0) == 0.01
    assert trained(RiskConfig(low=0.003), -1.0).coefficient(1.0) == 0.003


def test_moving_averages_are_debiased_and_move_by_a_tenth():
    term = trained(RiskConfig(), 1.0, 3.0)
    assert term.mean / term.weight == pytest.approx(2.0)
    term.update(torch.tensor([4.0]))
    assert term.mean == pytest.approx(0.9 * 0.2 + 0.4)
    term.update(torch.empty(0))
    assert term.mean == pytest.approx(0.58)


def test_floor_on_the_square_lowers_the_coefficient_of_a_rarely_invested_team():
    values = (0.1, 0.0, 0.0, 0.0)  # A = 0.025, B = 0.0025: 1.5 A / 2B = 7.5
    assert trained(RiskConfig(), *values).coefficient(1.0) == 0.06
    # with B = 0.5: 1.5 * 0.025 / 1 = 0.0375
    assert trained(RiskConfig(floor=0.5), *values).coefficient(1.0) == pytest.approx(0.0375)


def test_fixed_coefficient_and_off():
    assert trained(RiskConfig(), 1.0, fixed=0.03).coefficient(1.0) == 0.03
    assert trained(RiskConfig(), 1.0, fixed=0.0).coefficient(1.0) == 0.0
    assert trained(RiskConfig(ramp=0.0), 1.0, fixed=0.03).coefficient(0.0) == 0.03


def test_state_round_trip_and_refusals():
    term, other = trained(RiskConfig(), 1.0, 3.0), RiskTerm(RiskConfig())
    other.load_state_dict(term.state_dict())
    assert other.coefficient(0.7) == term.coefficient(0.7)
    with pytest.raises(UserError, match=r"algorithm\.risk\.low"):
        RiskConfig(low=0.1)
