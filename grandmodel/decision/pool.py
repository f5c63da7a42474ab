"""How the agents' logits become one probability vector, its confidence and uncertainty."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from grandmodel.core.checks import require_choice

POOL_MODES = ("log", "linear")


def pool_logits(
    logits: Float[Tensor, "batch agent 3"],
    weights: Float[Tensor, "*batch agent"],
    mode: str = "log",
) -> Float[Tensor, "batch 3"]:
    """Pool the agents' adjusted logits into ensemble probabilities [bear, neutral, bull].

    ``log``: softmax of the weighted sum of logits; ``linear``: the weighted sum of the agents'
    probabilities. Differentiable in logits and weights; a row never depends on its neighbours.
    Source: `docs/definitions.md`, The pooled decision.

    Args:
        logits: after temperature and modifiers.
        weights: one per agent, summing to 1; a leading batch axis is allowed.
        mode: ``log`` or ``linear``.
    """
    require_choice("agent.pool", mode, POOL_MODES)
    votes = logits if mode == "log" else torch.softmax(logits, dim=-1)
    pooled = (votes * weights[..., None]).sum(dim=-2)
    return torch.softmax(pooled, dim=-1) if mode == "log" else pooled


def pool_log_probs(
    logits: Float[Tensor, "batch agent 3"],
    weights: Float[Tensor, "*batch agent"],
    mode: str = "log",
) -> Float[Tensor, "batch 3"]:
    """Return the logarithm of :func:`pool_logits`, finite where a probability underflows.

    Arguments as there. Learning needs it: the logarithm of a probability that has become 0 turns
    the gradient into NaN.
    """
    require_choice("agent.pool", mode, POOL_MODES)
    if mode == "log":
        return torch.log_softmax((logits * weights[..., None]).sum(dim=-2), dim=-1)
    votes = torch.log_softmax(logits, dim=-1)
    return torch.logsumexp(votes + weights.log()[..., None], dim=-2)


def confidence(probabilities: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
    """Return the largest class probability."""
    return probabilities.amax(dim=-1)


def uncertainty(probabilities: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
    """Return entropy / ln 3: 0 for a certain vector, 1 for the uniform one."""
    return torch.special.entr(probabilities).sum(dim=-1) / math.log(3.0)
