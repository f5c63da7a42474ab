"""The trunk of `network=conv`: weighed columns, two convolutions, averages over time.

A convolution looks at some neighbouring bars of the window and nothing beside them, so its value
is the same in every window that holds those bars: where windows lie side by side it is computed
once and shared. Source: `docs/definitions.md`, Networks.
"""

import math
from itertools import pairwise
from typing import cast

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

    mean: Tensor
    reads = "stretch"
    reads_apart = "sequence"

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
        mean = torch.zeros(places, sizes.bins)
        for part, (start, stop) in enumerate(self._bins):
            mean[start:stop, part] = 1.0 / (stop - start)
        self.register_buffer("mean", mean, persistent=False)
        self._averages_width = sizes.channels[-1] * sizes.bins
        inputs = self._averages_width + len(spec.context)
        self.layers = mlp_layers([inputs, *hidden], layer_norm=layer_norm)
        self.width = hidden[-1]

    def forward(
        self,
        window: Stretch | Float[Tensor, "batch bar column"],
        context: Float[Tensor, "batch context"],
    ) -> Float[Tensor, "batch width"]:
        """Return market features of windows that share rows, or of windows one by one."""
        averages = self._shared(window) if isinstance(window, Stretch) else self._apart(window)
        first = cast(nn.Linear, self.layers[0])
        # one matrix product each: joined, the rows would be copied and lie unaligned in memory
        of_averages, of_context = first.weight.tensor_split([self._averages_width], dim=1)
        x = F.linear(averages, of_averages) + F.linear(context, of_context, first.bias)
        return self.layers[1:](x)

    def _apart(self, window: Float[Tensor, "batch bar column"]) -> Tensor:
        """Return the mean of each part of each window, [batch, part x channel]."""
        x = self._convolved((window * self.attention).transpose(1, 2))
        return (x @ self.mean).transpose(1, 2).flatten(1)

    def _shared(self, window: Stretch) -> Tensor:
        """Return what :meth:`_apart` does; what windows share is computed once.

        What the convolutions made of the rows r and following stands at r.
        """
        x = self._convolved((window.values * self.attention).T[None])[0]
        first = window.last[:, None] - (self._bars - 1)
        found, order = [], []
        for width in sorted({stop - start for start, stop in self._bins}):
            own = [part for part, (start, stop) in enumerate(self._bins) if stop - start == width]
            places = first + first.new_tensor([self._bins[part][0] for part in own])
            # an embedding's backward pass is quicker than that of an index
            found.append(F.embedding(places, _running_mean(x, width).T.contiguous()))
            order += own
        if len(found) == 1:
            return found[0].flatten(1)
        return torch.cat(found, dim=1)[:, torch.tensor(order).argsort()].flatten(1)

    def _convolved(self, x: Float[Tensor, "batch column row"]) -> Tensor:
        for convolution in self.convolutions:
            x = torch.relu(convolution(x))
        return x


def _running_mean(x: Float[Tensor, "channel row"], width: int) -> Float[Tensor, "channel place"]:
    """Return the means of the rows r .. r + width - 1, at r; adding shifted rows is quickest."""
    places = x.shape[-1] - width + 1
    total = x[:, :places]
    for shift in range(1, width):
        total = total + x[:, shift : shift + places]
    return total / width
