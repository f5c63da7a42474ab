"""The head of a policy: joins the account to the market's embedding and gives logits.

Its first layer is linear in [market, account], so its market half is evaluated once per bar with
the trunk and only four account numbers remain to be multiplied per decision.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from grandmodel.core.types import ACCOUNT_BLOCK, CLASS_NAMES

TEMPERATURE_RANGE = (0.1, 3.0)
_MIN_ROWS = 16
_COLUMNS = 16


class _ClampInward(torch.autograd.Function):
    """Clamp whose gradient still leads back inside once a step has left the range."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(value)
        ctx.edges = (low, high)
        return value.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (value,) = ctx.saved_tensors
        low, high = ctx.edges
        (grad,) = grads
        outward = ((value >= high) & (grad < 0)) | ((value <= low) & (grad > 0))
        return grad.masked_fill(outward, 0.0), None, None


def clamp_temperature(temperature: Tensor) -> Tensor:
    """Clamp to [0.1, 3] with a gradient that vanishes only where it leads further out."""
    if torch.is_grad_enabled() and temperature.requires_grad:
        return _ClampInward.apply(temperature, *TEMPERATURE_RANGE)
    return temperature.clamp(*TEMPERATURE_RANGE)


class Head(nn.Module):
    """Trunk output and account -> hidden (LayerNorm, ReLU, dropout) -> logits / temperature."""

    def __init__(
        self,
        trunk_width: int,
        hidden: int,
        *,
        layer_norm: bool,
        learn_temperature: bool,
        temperature: float = 1.0,
        account: int = len(ACCOUNT_BLOCK),
    ) -> None:
        super().__init__()
        self.market = nn.Linear(trunk_width, hidden)
        self.account = nn.Linear(account, hidden, bias=False)
        self.norm = nn.LayerNorm(hidden) if layer_norm else nn.Identity()
        self.out = nn.Linear(hidden, len(CLASS_NAMES))
        started = torch.full((1,), temperature)
        if learn_temperature:
            self.temperature = nn.Parameter(started)
        else:
            self.register_buffer("temperature", started)

    def forward(
        self,
        embedding: Float[Tensor, "batch hidden"],
        account: Float[Tensor, "batch value"],
        dropout: Float[Tensor, "batch hidden"] | None = None,
    ) -> Float[Tensor, "batch 3"]:
        """Return logits after temperature.

        Args:
            embedding: the market half of the hidden layer, bias included.
            account: the account block.
            dropout: multipliers of the hidden layer (0 or 1 / (1 - rate)), or None.
        """
        hidden = self.norm(torch.addmm(embedding, account, self.account.weight.T))
        hidden = torch.relu(hidden)
        if dropout is not None:
            hidden = hidden * dropout
        out, bias = _joined_outputs([self])
        return torch.addmm(bias, hidden, out)[:, : len(CLASS_NAMES)]


class HeadStack:
    """The heads of several agents evaluated together in a handful of operations.

    Holds the stacked parameters of the moment it was made: make one per rollout or judgement,
    and a new one after each optimiser step. Differentiable unless made under ``no_grad``.
    Small batches are padded, so that a row's logits do not depend on how many rows there are.
    """

    def __init__(self, heads: Sequence[Head]) -> None:
        """Stack heads of one hidden width."""
        self.n_agents = len(heads)
        self.hidden = heads[0].market.out_features
        self.account = torch.cat([head.account.weight for head in heads]).T.contiguous()
        self.out, self.bias = _joined_outputs(heads)
        norms = [head.norm for head in heads if isinstance(head.norm, nn.LayerNorm)]
        self.eps = norms[0].eps if norms else 0.0
        self.scale = torch.stack([norm.weight for norm in norms]) if norms else None
        self.shift = torch.stack([norm.bias for norm in norms]) if norms else None
        self._unit = (self.account.new_ones(self.hidden), self.account.new_zeros(self.hidden))

    def __call__(
        self,
        embeddings: Float[Tensor, "batch agent hidden"],
        account: Float[Tensor, "batch value"],
        dropout: Float[Tensor, "batch agent hidden"] | None = None,
    ) -> Float[Tensor, "batch agent 3"]:
        """Return every agent's logits after temperature, before the modifiers."""
        batch = embeddings.shape[0]
        flat = embeddings.reshape(batch, -1)
        missing = _MIN_ROWS - batch
        if missing > 0:
            flat, account = F.pad(flat, (0, 0, 0, missing)), F.pad(account, (0, 0, 0, missing))
        hidden = torch.addmm(flat, account, self.account)
        hidden = hidden.view(-1, self.n_agents, self.hidden)
        if self.scale is not None and self.shift is not None:
            hidden = F.layer_norm(hidden, (self.hidden,), *self._unit, self.eps)
            hidden = torch.addcmul(self.shift, hidden, self.scale)
        hidden = torch.relu(hidden)
        if dropout is not None:
            hidden = hidden[:batch] * dropout
            hidden = F.pad(hidden, (0, 0, 0, 0, 0, missing)) if missing > 0 else hidden
        logits = torch.addmm(self.bias, hidden.flatten(1), self.out)
        logits = logits[:batch, : self.n_agents * len(CLASS_NAMES)]
        return logits.unflatten(1, (self.n_agents, len(CLASS_NAMES)))


def _joined_outputs(heads: Sequence[Head]) -> tuple[Tensor, Tensor]:
    """Return one block-diagonal output layer, temperatures divided out.

    Its width is padded to a multiple of 16 columns: products with three columns per agent take
    a slower kernel, whose last bits differ with the number of agents.
    """
    temperatures = [clamp_temperature(head.temperature) for head in heads]
    pairs = list(zip(heads, temperatures, strict=True))
    out = torch.block_diag(*[head.out.weight / temperature for head, temperature in pairs]).T
    bias = torch.cat([head.out.bias / temperature for head, temperature in pairs])
    empty = -bias.shape[0] % _COLUMNS
    return F.pad(out, (0, empty)).contiguous(), F.pad(bias, (0, empty))
