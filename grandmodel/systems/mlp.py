"""The trunk of `network=mlp`: window mean, last bar and context through dense layers."""

import torch
from jaxtyping import Float
from torch import Tensor

from grandmodel.core.types import ObservationSpec
from grandmodel.systems.policy import Trunk, mlp_layers


class MlpTrunk(Trunk):
    """Pooled window (mean over the 48 bars, last bar) and context -> dense layers."""

    reads = "pooled"

    def __init__(self, spec: ObservationSpec, hidden: list[int], *, layer_norm: bool) -> None:
        """Derive the input width from the spec; ``hidden`` are the widths of the layers."""
        super().__init__()
        inputs = 2 * len(spec.window) + len(spec.context)
        self.layers = mlp_layers([inputs, *hidden], layer_norm=layer_norm)
        self.width = hidden[-1]

    def forward(
        self,
        window: Float[Tensor, "batch pooled"],
        context: Float[Tensor, "batch context"],
    ) -> Float[Tensor, "batch width"]:
        """Return market features."""
        return self.layers(torch.cat((window, context), dim=-1))
