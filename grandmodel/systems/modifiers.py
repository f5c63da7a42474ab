"""Adjustments of an agent's logits by named market columns at the last bar.

Each is affine in the logits, with a factor and an offset that depend on the market alone: they
can be computed once for many bars. Source: `docs/definitions.md`, Logit modifiers.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Adjustment(NamedTuple):
    """What modifiers do to logits: factor x logits + offset."""

    factor: Float[Tensor, "*batch 1"]
    offset: Float[Tensor, "*batch 3"]

    def apply(self, logits: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Return the adjusted logits."""
        return torch.addcmul(self.offset, logits, self.factor)

    def after(self, first: "Adjustment") -> "Adjustment":
        """Return ``first`` and then this one, as one."""
        factor, offset = self.factor * first.factor, first.offset * self.factor + self.offset
        return Adjustment(factor, offset)

    def rows(self, index: Tensor | slice) -> "Adjustment":
        """Return the adjustment of some rows."""
        return Adjustment(self.factor[index], self.offset[index])


class VolatilityFactor(nn.Module):
    """Multiply the logits by clip(1 / volatility ratio, 0.5, 2): bolder when the market is calm."""

    columns = ("raw_volatility_30",)

    def forward(self, values: Float[Tensor, "batch 1"]) -> Adjustment:
        """Return the adjustment; ``values`` is the unscaled ratio, 1 = normal."""
        factor = values.reciprocal().clamp(0.5, 2.0)
        return Adjustment(factor, torch.zeros_like(factor).expand(-1, 3))


class SupportPrior(nn.Module):
    """Lean with the regression's slope and away from volume nodes, with learned strength.

    With s = -side x support strength (a node below supports) and b learned from 0.1, 0.1, 0:
    bull += b1 slope_z + b2 s, bear -= the same, neutral += b3 (1 - abs(s)).
    """

    columns = ("slope_z", "lvn_side", "support_strength")

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.tensor([0.1, 0.1, 0.0]))

    def forward(self, values: Float[Tensor, "batch 3"]) -> Adjustment:
        """Return the adjustment; ``values`` holds :attr:`columns` in order."""
        slope, side, support = values.unbind(-1)
        pull = -side * support
        lean = self.strength[0] * slope + self.strength[1] * pull
        neutral = self.strength[2] * (1.0 - pull.abs())
        offset = torch.stack((-lean, neutral, lean), dim=-1)
        return Adjustment(torch.ones_like(offset[:, :1]), offset)


MODIFIERS: dict[str, type[VolatilityFactor] | type[SupportPrior]] = {
    "volatility_factor": VolatilityFactor,
    "support_prior": SupportPrior,
}


def modifier_columns(names: list[str]) -> tuple[str, ...]:
    """Return the columns that the named modifiers read, each once, in order of first use."""
    return tuple(dict.fromkeys(column for name in names for column in MODIFIERS[name].columns))


class Modifiers(nn.Module):
    """The modifiers of one agent, applied in order."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        columns = modifier_columns(names)
        self.steps = nn.ModuleList(MODIFIERS[name]() for name in names)
        wanted = [[columns.index(c) for c in MODIFIERS[name].columns] for name in names]
        everything = list(range(len(columns)))
        self.positions = [None if places == everything else places for places in wanted]

    def __len__(self) -> int:
        return len(self.steps)

    def adjustment(self, values: Float[Tensor, "batch column"]) -> Adjustment:
        """Return all of them as one; ``values`` holds :func:`modifier_columns` in order."""
        total: Adjustment | None = None
        for step, positions in zip(self.steps, self.positions, strict=True):
            own = step(values if positions is None else values[:, positions])
            total = own if total is None else own.after(total)
        if total is None:
            return Adjustment(values.new_ones(len(values), 1), values.new_zeros(len(values), 3))
        return total

    def forward(
        self, logits: Float[Tensor, "batch 3"], values: Float[Tensor, "batch column"]
    ) -> Float[Tensor, "batch 3"]:
        """Return the adjusted logits."""
        return self.adjustment(values).apply(logits) if len(self) else logits
