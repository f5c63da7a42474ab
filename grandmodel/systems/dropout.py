"""Consistent dropout: masks drawn once per environment, rollout and layer, kept as bits.

PPO's ratio is exactly 1 before the first step only if the update sees the very masks that the
rollout saw. One layer per agent: the hidden layer of its head.
Source: `docs/definitions.md`, Consistent dropout.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

_BITS = 8


def draw_masks(
    n_envs: int, n_agents: int, width: int, rate: float, generator: torch.Generator
) -> UInt8[Tensor, "env agent byte"]:
    """Draw keep masks, one bit per unit (1 = kept), packed eight to a byte.

    Args:
        n_envs: number of environments (or of Monte-Carlo passes).
        n_agents: number of agents, one hidden layer each.
        width: units of that layer.
        rate: probability that a unit is dropped, in [0, 1).
        generator: where the draws come from.
    """
    n_bytes = -(-width // _BITS)
    shape = (n_envs, n_agents, n_bytes, _BITS)
    keep = torch.rand(shape, generator=generator, device=generator.device) >= rate
    return (keep << _shifts(keep)).sum(-1, dtype=torch.uint8)


def unpack_masks(
    packed: UInt8[Tensor, "*batch byte"], width: int, rate: float
) -> Float[Tensor, "*batch width"]:
    """Return multipliers: 0 where dropped, 1 / (1 - rate) where kept."""
    bits = (packed[..., None] >> _shifts(packed)) & 1
    return bits.flatten(-2)[..., :width].to(torch.float32) / (1.0 - rate)


def _shifts(like: Tensor) -> UInt8[Tensor, " 8"]:
    return torch.arange(_BITS, dtype=torch.uint8, device=like.device)
