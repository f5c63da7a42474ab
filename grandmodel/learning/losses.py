"""Losses of clipped policy optimisation, one number per row: the caller averages.

Every function takes log probabilities or normalised values of the same rows and returns a
tensor over those rows, so that masks, accumulation and diagnostics need no second version.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def probability_ratio(
    log_prob: Float[Tensor, " row"], old_log_prob: Float[Tensor, " row"]
) -> Float[Tensor, " row"]:
    """Return r = pi(a|s) / pi_old(a|s)."""
    return torch.exp(log_prob - old_log_prob)


def clipped_surrogate(
    ratio: Float[Tensor, " row"], advantage: Float[Tensor, " row"], clip_ratio: float
) -> Float[Tensor, " row"]:
    """Return -min(r A, clip(r, 1 - c, 1 + c) A) (`docs/definitions.md`, Policy loss).

    Source: Schulman et al. 2017, "Proximal policy optimization algorithms", equation 7.
    """
    clipped = ratio.clamp(1.0 - clip_ratio, 1.0 + clip_ratio)
    return -torch.minimum(ratio * advantage, clipped * advantage)


def k3_divergence(
    log_prob: Float[Tensor, " row"], old_log_prob: Float[Tensor, " row"]
) -> Float[Tensor, " row"]:
    """Return (r - 1) - log r: never negative, unbiased for KL(old || new).

    Source: `docs/definitions.md`, Policy loss. The mean of old - new can cancel; this cannot.
    """
    log_ratio = log_prob - old_log_prob
    return torch.expm1(log_ratio) - log_ratio


def entropy(log_probs: Float[Tensor, "row action"]) -> Float[Tensor, " row"]:
    """Return -sum p log p in nats of log probabilities over actions."""
    return -(log_probs.exp() * log_probs).sum(dim=-1)


def value_error(error: Float[Tensor, " row"], huber_delta: float | None) -> Float[Tensor, " row"]:
    """Return e^2/2, linear beyond ``huber_delta`` where one is given."""
    if huber_delta is None:
        return 0.5 * error.square()
    return functional.huber_loss(
        error, torch.zeros_like(error), reduction="none", delta=huber_delta
    )


def value_loss(
    value: Float[Tensor, " row"],
    old_value: Float[Tensor, " row"],
    target: Float[Tensor, " row"],
    *,
    clip: float | None,
    huber_delta: float | None,
) -> Float[Tensor, " row"]:
    """Return the critic's loss (`docs/definitions.md`, Value loss).

    Args:
        value: the critic's output, in normalised units.
        old_value: its output when the rollout was collected, in the same units.
        target: the return, in the same units.
        clip: the output may leave ``old_value`` by this much before the larger of the clipped
            and unclipped loss counts; None switches this off.
        huber_delta: errors beyond it count linearly; None is the squared error.
    """
    plain = value_error(value - target, huber_delta)
    if clip is None:
        return plain
    near = old_value + (value - old_value).clamp(-clip, clip)
    return torch.maximum(plain, value_error(near - target, huber_delta))
