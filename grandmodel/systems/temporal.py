"""The trunk of `network=temporal`: convolution, recurrence and attention over the 48 bars.

Sizes and cells per agent come from configuration. Source: `docs/definitions.md`, Networks.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from grandmodel.core.types import ObservationSpec
from grandmodel.systems.config import TemporalConfig, TemporalMemberConfig
from grandmodel.systems.init import ScaledLinear
from grandmodel.systems.policy import Trunk, mlp_layers

_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class SequenceConvolution(nn.Module):
    """Same-length convolution, ReLU, and LayerNorm over the channels of each bar."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels_in, channels_out, kernel, padding=kernel // 2)
        self.norm = nn.LayerNorm(channels_out)

    def forward(self, x: Float[Tensor, "batch time channel"]) -> Float[Tensor, "batch time out"]:
        """Return one row per bar."""
        return self.norm(torch.relu(self.convolution(x.transpose(1, 2))).transpose(1, 2))


class LastBarAttention(nn.Module):
    """Multi-head attention with the last bar as the query, added to it, then normalised."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = ScaledLinear(width, width, 1.0)
        self.key = ScaledLinear(width, width, 1.0)
        self.value = ScaledLinear(width, width, 1.0)
        self.out = ScaledLinear(width, width, 1.0)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch width"]:
        """Return the attended last bar."""
        last = x[:, -1]
        query = self._split(self.query(last[:, None]))
        attended = F.scaled_dot_product_attention(
            query, self._split(self.key(x)), self._split(self.value(x))
        )
        return self.norm(last + self.out(attended.transpose(1, 2).flatten(1)))

    def _split(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch head time d"]:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class TemporalTrunk(Trunk):
    """Window -> convolutions -> LSTM or GRU -> attention; with the context -> dense layers."""

    reads = "sequence"

    def __init__(
        self,
        spec: ObservationSpec,
        sizes: TemporalConfig,
        member: TemporalMemberConfig,
        hidden: list[int],
        *,
        layer_norm: bool,
    ) -> None:
        """Derive the input widths from the spec.

        Args:
            spec: window and context columns.
            sizes: widths shared by the team.
            member: this agent's kernels, cell, depth and direction.
            hidden: widths of the dense layers that join the context.
            layer_norm: whether those normalise.
        """
        super().__init__()
        channels = [len(spec.window)] + [sizes.channels] * len(member.kernels)
        self.convolutions = nn.Sequential(
            *[
                SequenceConvolution(channels[i], channels[i + 1], kernel)
                for i, kernel in enumerate(member.kernels)
            ]
        )
        self.recurrence = _CELLS[member.cell](
            channels[-1],
            sizes.recurrent,
            num_layers=member.layers,
            bidirectional=member.bidirectional,
            batch_first=True,
        )
        both = ScaledLinear(2 * sizes.recurrent, sizes.recurrent, 1.0)
        self.join = both if member.bidirectional else nn.Identity()
        self.attention = LastBarAttention(sizes.recurrent, sizes.heads)
        widths = [sizes.recurrent + len(spec.context), *hidden]
        self.layers = mlp_layers(widths, layer_norm=layer_norm)
        self.width = hidden[-1]

    def forward(
        self,
        window: Float[Tensor, "batch time column"],
        context: Float[Tensor, "batch context"],
    ) -> Float[Tensor, "batch width"]:
        """Return market features."""
        states, _ = self.recurrence(self.convolutions(window))
        summary = self.attention(self.join(states))
        return self.layers(torch.cat((summary, context), dim=-1))
