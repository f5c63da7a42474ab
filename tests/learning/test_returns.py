"""Returns: golden numbers, the loop that they replace, and truncation told from termination."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.learning.returns import advantages, next_values, standardise


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def flags(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.bool)[:, None]


def test_golden_numbers_by_hand():
    # gamma 0.5, lambda 0.5: delta = r + 0.5 V' - V; A = delta + 0.25 A' inside an episode
    value = column(1.0, 2.0, 4.0)
    after = next_values(value, torch.tensor([8.0]).double(), column(0, 10, 0), flags(0, 1, 0))
    assert after[:, 0].tolist() == [2.0, 10.0, 8.0]
    result = advantages(
        column(1, 1, 1), value, after, flags(0, 0, 0), flags(0, 1, 0), gamma=0.5, gae_lambda=0.5
    )
    # delta = [1 + 1 - 1, 1 + 5 - 2, 1 + 4 - 4] = [1, 4, 1]
    assert result[:, 0].tolist() == [1.0 + 0.25 * 4.0, 4.0, 1.0]


def test_termination_forgets_the_future_and_truncation_does_not():
    value, after = column(0.0, 0.0), column(6.0, 6.0)
    terminated = advantages(
        column(1, 1), value, after, flags(1, 0), flags(0, 0), gamma=0.5, gae_lambda=1.0
    )
    truncated = advantages(
        column(1, 1), value, after, flags(0, 0), flags(1, 0), gamma=0.5, gae_lambda=1.0
    )
    assert terminated[0, 0] == 1.0
    assert truncated[0, 0] == 4.0


def test_next_episode_never_leaks_into_the_one_before():
    value = column(0.0, 100.0)
    after = next_values(value, torch.tensor([100.0]).double(), column(3.0, 0.0), flags(1, 0))
    assert after[0, 0] == 3.0


def test_constant_critic_gives_the_discounted_sum():
    # lambda 1, V = 0: the advantage is the discounted return to the end of the rollout
    reward = torch.ones(5, 1, dtype=torch.float64)
    zero, no = torch.zeros_like(reward), torch.zeros(5, 1, dtype=torch.bool)
    result = advantages(reward, zero, zero, no, no, gamma=0.9, gae_lambda=1.0)
    assert result[0, 0] == pytest.approx((1 - 0.9**5) / (1 - 0.9))


def slow_advantages(reward, value, after, terminated, truncated, gamma, lam):
    """The definition as a double loop: a sum of discounted deltas up to the episode's end."""
    steps, envs = reward.shape
    result = torch.zeros_like(reward)
    for env in range(envs):
        for start in range(steps):
            weight, total = 1.0, 0.0
            for t in range(start, steps):
                future = 0.0 if terminated[t, env] else after[t, env]
                total += weight * (reward[t, env] + gamma * future - value[t, env])
                if terminated[t, env] or truncated[t, env]:
                    break
                weight *= gamma * lam
            result[start, env] = total
    return result


@given(st.integers(0, 10_000), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
@settings(max_examples=30, deadline=None)
def test_vectorised_equals_loop(seed, gamma, lam):
    generator = torch.Generator().manual_seed(seed)
    shape = (7, 3)
    reward, value, after = torch.randn(3, *shape, generator=generator, dtype=torch.float64)
    terminated = torch.rand(shape, generator=generator) < 0.2
    truncated = torch.rand(shape, generator=generator) < 0.2
    fast = advantages(reward, value, after, terminated, truncated, gamma=gamma, gae_lambda=lam)
    slow = slow_advantages(reward, value, after, terminated, truncated, gamma, lam)
    torch.testing.assert_close(fast, slow)


def test_standardise_centres_and_scales_and_survives_constants():
    scaled = standardise(torch.tensor([1.0, 3.0]))
    torch.testing.assert_close(scaled, torch.tensor([-1.0, 1.0]), atol=1e-4, rtol=0)
    assert standardise(torch.full((4,), 2.0)).abs().max() == 0.0
    assert standardise(torch.empty(0)).numel() == 0
