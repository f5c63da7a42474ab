"""Trunks over many bars in fixed, aligned, padded blocks.

Matrix products of another batch size may round differently; so a bar is always evaluated at the
same place of a block of the same size, whatever else is asked for and wherever the tape ends.
"""

from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grandmodel.core.types import Stretch
from grandmodel.systems.policy import Policy

BLOCK = 256


class MarketViewLike(Protocol):
    """The part of a market view that a trunk reads."""

    def window(self, bar: Tensor, reads: str) -> Tensor | Stretch:
        """Return the window of each row, as the trunk reads it."""
        ...

    def context(self, bar: Tensor) -> Tensor:
        """Return the context of each row."""
        ...


def blocked_embed(
    policy: Policy,
    view: MarketViewLike,
    rows: int | Int[Tensor, " row"],
    block: int = BLOCK,
) -> Float[Tensor, "row embedding"]:
    """Embed tape rows so that no value depends on which other rows are asked for.

    Rows are evaluated in blocks [k block, (k + 1) block) of the tape; places of a block outside
    the span of ``rows`` are filled with its nearest end and thrown away.

    Args:
        policy: whose trunk is evaluated.
        view: the policy's market view.
        rows: row indices in any order, or n for the rows 0 .. n - 1.
        block: rows per evaluation; results of two block sizes may differ in the last bits.
    """
    device = policy.head.market.weight.device
    wanted = torch.arange(rows, device=device) if isinstance(rows, int) else rows
    if wanted.numel() == 0:
        return policy.head.market.weight.new_zeros(0, policy.embedding_width)
    first, last = wanted.min(), wanted.max()
    number = wanted // block
    numbers, place = torch.unique(number, return_inverse=True)
    offsets = torch.arange(block, device=wanted.device)
    parts = []
    for start in (numbers * block).tolist():
        bar = (offsets + start).clamp(first, last)
        parts.append(policy.embed(view.window(bar, policy.reads), view.context(bar)))
    return torch.cat(parts)[place * block + wanted % block]
