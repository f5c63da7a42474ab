"""Orthogonal initialisation from a generator that is handed in, so that no global state moves."""

import math

import torch
from torch import Tensor, nn

from grandmodel.systems.head import Head

RELU_GAIN = math.sqrt(2.0)
POLICY_GAIN = 0.01
VALUE_GAIN = 1.0


class ScaledLinear(nn.Linear):
    """A linear layer that is initialised with a gain of its own instead of sqrt(2)."""

    def __init__(self, wide: int, narrow: int, gain: float, *, bias: bool = True) -> None:
        super().__init__(wide, narrow, bias=bias)
        self.init_gain = gain


@torch.no_grad()
def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Set weights orthogonal and biases zero, in the order of the module tree.

    Linear layers and convolutions that feed a ReLU get gain sqrt(2), recurrent and attention
    matrices gain 1 (each gate apart), a policy's last layer gain 0.01. A head's first layer is
    one matrix over [market, account] and is initialised as such.
    """
    if isinstance(module, Head):
        _initialise_head(module, generator)
        return
    if isinstance(module, nn.Linear | nn.Conv1d):
        gain = module.init_gain if isinstance(module, ScaledLinear) else RELU_GAIN
        nn.init.orthogonal_(module.weight, gain, generator=generator)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.RNNBase):
        _initialise_recurrent(module, generator)
    for child in module.children():
        initialise(child, generator)


def _initialise_head(head: Head, generator: torch.Generator) -> None:
    width = head.market.in_features
    joined = torch.empty(head.market.out_features, width + head.account.in_features)
    nn.init.orthogonal_(joined, RELU_GAIN, generator=generator)
    head.market.weight.copy_(joined[:, :width])
    head.account.weight.copy_(joined[:, width:])
    nn.init.zeros_(head.market.bias)
    nn.init.orthogonal_(head.out.weight, POLICY_GAIN, generator=generator)
    nn.init.zeros_(head.out.bias)


def _initialise_recurrent(module: nn.RNNBase, generator: torch.Generator) -> None:
    for name, parameter in module.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
            continue
        gates: list[Tensor] = list(parameter.split(module.hidden_size, dim=0))
        for gate in gates:
            nn.init.orthogonal_(gate, 1.0, generator=generator)
