"""Adjustments of an agent's logits by named market columns at the last bar.

Source: `docs/definitions.md`, Logit modifiers.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class VolatilityFactor(nn.Module):
    """Multiply the logits by clip(1 / volatility ratio, 0.5, 2): bolder when the market is calm."""

    columns = ("raw_volatility_30",)

    def forward(
        self, logits: Float[Tensor, "batch 3"], values: Float[Tensor, "batch 1"]
    ) -> Float[Tensor, "batch 3"]:
        """Return the adjusted logits; ``values`` is the unscaled ratio, 1 = normal."""
        return logits * values.reciprocal().clamp(0.5, 2.0)


class SupportPrior(nn.Module):
    """Lean with the regression's slope and away from volume nodes, with learned strength.

    With s = -side x support strength (a node below supports) and b learned from 0.1, 0.1, 0:
    bull += b1 slope_z + b2 s, bear -= the same, neutral += b3 (1 - abs(s)).
    """

    columns = ("slope_z", "lvn_side", "support_strength")

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.tensor([0.1, 0.1, 0.0]))

    def forward(
        self, logits: Float[Tensor, "batch 3"], values: Float[Tensor, "batch 3"]
    ) -> Float[Tensor, "batch 3"]:
        """Return the adjusted logits; ``values`` holds :attr:`columns` in order."""
        slope, side, support = values.unbind(-1)
        pull = -side * support
        lean = self.strength[0] * slope + self.strength[1] * pull
        neutral = self.strength[2] * (1.0 - pull.abs())
        return logits + torch.stack((-lean, neutral, lean), dim=-1)


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
        self.positions = [[columns.index(c) for c in MODIFIERS[name].columns] for name in names]

    def __len__(self) -> int:
        return len(self.steps)

    def forward(
        self, logits: Float[Tensor, "batch 3"], values: Float[Tensor, "batch column"]
    ) -> Float[Tensor, "batch 3"]:
        """Return the adjusted logits; ``values`` holds :func:`modifier_columns` in order."""
        for step, positions in zip(self.steps, self.positions, strict=True):
            logits = step(logits, values[:, positions])
        return logits
