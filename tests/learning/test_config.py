"""The learner's settings: shipped defaults, schedules, and one sentence per breach."""

import pytest

from grandmodel.core.checks import UserError
from grandmodel.learning.config import AlgorithmConfig, CostCurriculum


def test_schedules_at_start_middle_and_end():
    config = AlgorithmConfig(actor_lr=5e-4, critic_lr=1e-3)
    assert config.learning_rates(0.0) == (5e-4, 1e-3)
    assert config.learning_rates(1.0) == (pytest.approx(5e-5), pytest.approx(1e-4))
    assert config.learning_rates(0.5) == (pytest.approx(2.75e-4), pytest.approx(5.5e-4))
    assert config.entropy_weight(0.0) == 0.1
    assert config.entropy_weight(0.5) == pytest.approx((0.1 * 0.003) ** 0.5)
    assert config.entropy_weight(1.0) == pytest.approx(0.003)
    assert AlgorithmConfig(entropy_start=0.0, entropy_end=0.0).entropy_weight(0.3) == 0.0


def test_cost_curriculum_reaches_full_costs_after_a_quarter():
    costs = CostCurriculum()
    assert costs.scale(0.0) == 0.25
    assert costs.scale(0.125) == pytest.approx(0.625)
    assert costs.scale(0.25) == costs.scale(1.0) == 1.0
    assert CostCurriculum(start=1.0).scale(0.0) == 1.0
    assert CostCurriculum(share=0.0).scale(0.0) == 1.0


def test_total_steps_round_up_to_whole_rollouts():
    config = AlgorithmConfig()
    assert config.rows == 32_768
    assert config.minibatches == 8
    assert config.whole_rollouts(1) == 32_768
    assert config.whole_rollouts(32_768) == 32_768
    assert config.whole_rollouts(32_769) == 65_536


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("clip_ratio", 2.0, r"algorithm.clip_ratio must lie in \(0, 1\), was 2.0"),
        ("gamma", 1.5, r"algorithm.gamma must lie in \[0, 1\], was 1.5"),
        ("epochs", 0, "algorithm.epochs must be at least 1, was 0"),
        ("kl_target", 0.0, r"algorithm.kl_target must lie in \(0, inf\), was 0.0"),
        ("actor_lr", float("inf"), r"algorithm.actor_lr must lie in \(0, inf\), was inf"),
        ("entropy_start", float("inf"), r"algorithm.entropy_start must lie in \[0, inf\)"),
        ("normalise_advantages", "yes", "algorithm.normalise_advantages must be one of"),
        ("critic_sees", "future", "algorithm.critic_sees must be one of state, state_action, own"),
        ("entropy_end", 0.5, "algorithm.entropy_end must lie between"),
        ("accumulate", 5000, "algorithm.accumulate must not exceed"),
    ],
)
def test_values_out_of_range_are_refused_in_one_sentence(key, value, sentence):
    with pytest.raises(UserError, match=sentence):
        AlgorithmConfig(**{key: value})


def test_absent_means_off():
    config = AlgorithmConfig(kl_target=None, grad_clip=None, value_clip=None)
    assert config.kl_target is config.grad_clip is config.value_clip is None
