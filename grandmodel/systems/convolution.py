"""The trunk of `network=conv`: weighed columns, two convolutions, averages over time.

A convolution looks at some neighbouring bars of the window and nothing beside them, so its value
is the same in every window that holds those bars: it is computed once and shared. Source:
`docs/definitions.md`, Networks.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from grandmodel.core.checks import require
from grandmodel.core.types import ObservationSpec, Stretch
from grandmodel.systems.config import ConvConfig, ConvMemberConfig
from grandmodel.systems.policy import Trunk, mlp_layers


def averaging_bins(bars: int, bins: int) -> list[tuple[int, int]]:
    """Return [start, stop) of each of ``bins`` nearly equal, overlapping parts of ``bars``."""
    return [(i * bars // bins, math.ceil((i + 1) * bars / bins)) for i in range(bins)]


class ConvTrunk(Trunk):
    """Columns x attention -> convolutions -> averages over parts of the window -> dense layers."""

    reads = "stretch"

    def __init__(
        self,
        spec: ObservationSpec,
        sizes: ConvConfig,
        member: ConvMemberConfig,
        hidden: list[int],
        *,
        layer_norm: bool,
    ) -> None:
        """Derive the input widths from the spec.

        Args:
            spec: window and context columns.
            sizes: widths shared by the team.
            member: this agent's attention to the columns.
            hidden: widths of the dense layers that join the context.
            layer_norm: whether those normalise.

        Raises:
            UserError: another number of attention weights than of columns, or too short a window.
        """
        super().__init__()
        columns = len(spec.window)
        weights = member.attention or [1.0 / columns] * columns
        require(
            len(weights) == columns,
            f"network.conv.members.{spec.agent}.attention must hold one weight for each of the "
            f"{columns} inputs of the agent, has {len(weights)}",
        )
        self.attention = nn.Parameter(torch.tensor(weights, dtype=torch.float32))
        widths = [columns, *sizes.channels]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(wide, narrow, sizes.kernel) for wide, narrow in pairwise(widths)
        )
        self._bars = spec.window_bars
        places = spec.window_bars - len(sizes.channels) * (sizes.kernel - 1)
        require(
            places >= sizes.bins,
            f"network.conv leaves {places} of the {spec.window_bars} bars of a window, fewer than "
            f"network.conv.bins={sizes.bins}: lower bins or kernel",
        )
        self._bins = averaging_bins(places, sizes.bins)
        inputs = sizes.channels[-1] * sizes.bins + len(spec.context)
        self.layers = mlp_layers([inputs, *hidden], layer_norm=layer_norm)
        self.width = hidden[-1]

    def forward(
        self, window: Stretch, context: Float[Tensor, "batch context"]
    ) -> Float[Tensor, "batch width"]:
        """Return market features."""
        x = (window.values * self.attention).T[None]
        for convolution in self.convolutions:
            x = torch.relu(convolution(x))
        averages = self._averages(x, window.last)
        return self.layers(torch.cat((averages, context), dim=-1))

    def _averages(self, x: Float[Tensor, "1 channel row"], last: Tensor) -> Tensor:
        """Return the mean of each part of each window, [batch, part x channel].

        What the convolutions made of the rows r and following stands at r.
        """
        out: list[Tensor] = [last] * len(self._bins)
        for width in sorted({stop - start for start, stop in self._bins}):
            running = F.avg_pool1d(x, width, stride=1)[0].T
            for part, (start, stop) in enumerate(self._bins):
                if stop - start == width:
                    # `running` at r is the mean of the rows r .. r + width - 1
                    out[part] = running.index_select(0, last - (self._bars - 1) + start)
        return torch.cat(out, dim=1)
