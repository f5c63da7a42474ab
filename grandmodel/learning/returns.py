"""Returns and advantages of rollouts: pure functions over [time, env] tensors."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def next_values(
    value_t: Float[Tensor, "time env *head"],
    last_value: Float[Tensor, " env *head"],
    final_value_t: Float[Tensor, "time env *head"],
    truncated_t: Bool[Tensor, "time env"],
) -> Float[Tensor, "time env *head"]:
    """Return V of the state that each step led to (`docs/definitions.md`, Returns).

    Within an episode this is the value of the next row. Where an episode was cut by its
    length the next row already belongs to a new episode, so the value of the final
    observation, taken before the auto-reset, stands in its place. Rows that terminated keep
    an arbitrary value: :func:`advantages` multiplies it by zero.

    Args:
        value_t: V(s_t), t in [0, T).
        last_value: V(s_T) of the observation after the last step.
        final_value_t: V(final observation of step t), read only where ``truncated_t``.
        truncated_t: whether step t ended an episode by its length.
    """
    following = torch.cat([value_t[1:], last_value[None]])
    cut = truncated_t.reshape(truncated_t.shape + (1,) * (value_t.dim() - 2))
    return torch.where(cut, final_value_t, following)


def advantages(
    reward_t: Float[Tensor, "time env"],
    value_t: Float[Tensor, "time env"],
    value_tp1: Float[Tensor, "time env"],
    terminated_t: Bool[Tensor, "time env"],
    truncated_t: Bool[Tensor, "time env"],
    *,
    gamma: float,
    gae_lambda: float,
) -> Float[Tensor, "time env"]:
    """Return generalised advantage estimates (`docs/definitions.md`, Returns).

    delta_t = r_t + gamma V(s_{t+1}) [not terminated] - V(s_t)
    A_t = delta_t + gamma lambda A_{t+1} [neither terminated nor truncated]

    Args:
        reward_t: r_t, t in [0, T).
        value_t: V(s_t).
        value_tp1: V of the state each step led to, from :func:`next_values`.
        terminated_t: the episode is over for good: nothing follows.
        truncated_t: the episode was cut: its future counts, but lies in no later row.
        gamma: discount per step, in [0, 1].
        gae_lambda: weight of longer estimates, in [0, 1].
    """
    delta_t = reward_t + gamma * value_tp1 * (~terminated_t) - value_t
    carry_t = (gamma * gae_lambda) * (~(terminated_t | truncated_t)).to(delta_t.dtype)
    advantage_t = torch.empty_like(delta_t)
    running = torch.zeros_like(delta_t[0])
    for t in range(delta_t.shape[0] - 1, -1, -1):
        running = torch.addcmul(delta_t[t], carry_t[t], running)
        advantage_t[t] = running
    return advantage_t


def standardise(values: Float[Tensor, " row"], *, floor: float = 1e-5) -> Float[Tensor, " row"]:
    """Return values with mean 0 and sd 1 (ddof 0), ``floor`` added to the sd."""
    if values.numel() == 0:
        return values
    return (values - values.mean()) / (values.std(correction=0) + floor)
