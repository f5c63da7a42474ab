"""Convolutional trunks of equal sizes as one, for a single window: a product per layer, in numpy.

A service decides on one window at a time, where the overhead of many small operations costs more
than the arithmetic. Source: `docs/definitions.md`, The tactical service.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from numpy import ndarray
from torch import Tensor, nn

from grandmodel.systems.convolution import ConvTrunk, averaging_bins
from grandmodel.systems.policy import Policy


class Convolution(NamedTuple):
    """One convolution of all agents."""

    rows: ndarray  # int64 [place, kernel]: what each place looks at
    weight: Float32[ndarray, "agent kernel_x_wide narrow"]
    bias: Float32[ndarray, "agent 1 narrow"]


class Layer(NamedTuple):
    """One dense layer of all agents."""

    weight: Float32[ndarray, "agent narrow wide"]
    bias: Float32[ndarray, "agent narrow"]
    norm: tuple[ndarray, ndarray, float] | None  # scale and shift [agent, narrow], epsilon


class StackedTrunks:
    """Embeds one window for all agents, as their own trunks do up to rounding.

    Holds a copy of the weights of the moment it was made, attention multiplied in; columns and
    context that an agent does not read weigh 0 for it.

    Args:
        policies: those that :func:`stackable` accepts.
        columns: names of the window's columns, those of every policy among them.
    """

    def __init__(self, policies: Sequence[Policy], columns: Sequence[str]) -> None:
        trunks = conv_trunks(policies)
        self.context = tuple(dict.fromkeys(name for p in policies for name in p.spec.context))
        self.bars = policies[0].spec.window_bars
        with torch.no_grad():
            self._convolutions = _convolutions(trunks, policies, columns)
            self._average = _copied(_average(policies[0], trunks[0]))
            joined = [
                _spread_context(*pair, self.context) for pair in zip(policies, trunks, strict=True)
            ]
            self._dense = [
                _layer(stages, joined if place == 0 else None)
                for place, stages in enumerate(zip(*map(_stages, trunks), strict=True))
            ]
            self._market = _layer([(policy.head.market, None) for policy in policies])

    def __call__(
        self, window: Float32[ndarray, "bar column"], context: Float32[ndarray, " name"]
    ) -> Float32[ndarray, "agent embedding"]:
        """Return the market half of each head's hidden layer.

        Args:
            window: the last bars, oldest first, columns as they were named.
            context: values of :attr:`context` at the last bar.
        """
        x = window[None, -self.bars :]
        for rows, weight, bias in self._convolutions:
            x = x.take(rows, axis=1).reshape(len(x), len(rows), -1) @ weight
            x += bias
            np.maximum(x, 0.0, out=x)
        parts = (self._average @ x).reshape(len(x), -1)
        x = np.concatenate((parts, np.broadcast_to(context, (len(x), len(context)))), axis=1)
        for layer in self._dense:
            x = _apply(layer, x)
            np.maximum(x, 0.0, out=x)
        return _apply(self._market, x)


def conv_trunks(policies: Sequence[Policy]) -> list[ConvTrunk]:
    """Return the trunks of those policies that have convolutional ones."""
    return [policy.trunk for policy in policies if isinstance(policy.trunk, ConvTrunk)]


def stackable(policies: Sequence[Policy]) -> bool:
    """Return whether all trunks are convolutional and of equal sizes."""
    trunks = conv_trunks(policies)
    return len(trunks) == len(policies) and len({*map(_sizes, policies, trunks)}) == 1


def _sizes(policy: Policy, trunk: ConvTrunk) -> tuple:
    convolutions = [(c.out_channels, c.kernel_size) for c in _own(trunk)]
    stages = _stages(trunk)
    inputs = stages[0][0].in_features - len(policy.spec.context)
    dense = [(linear.out_features, norm is None) for linear, norm in stages]
    return policy.spec.window_bars, *convolutions, inputs, *dense, policy.embedding_width


def _own(trunk: ConvTrunk) -> list[nn.Conv1d]:
    return [layer for layer in trunk.convolutions if isinstance(layer, nn.Conv1d)]


def _stages(trunk: ConvTrunk) -> list[tuple[nn.Linear, nn.LayerNorm | None]]:
    """Return the dense layers, each with what normalises it."""
    found: list[tuple[nn.Linear, nn.LayerNorm | None]] = []
    for layer, following in pairwise(trunk.layers):
        if isinstance(layer, nn.Linear):
            found.append((layer, following if isinstance(following, nn.LayerNorm) else None))
    return found


def _convolutions(
    trunks: Sequence[ConvTrunk], policies: Sequence[Policy], columns: Sequence[str]
) -> list[Convolution]:
    found, places = [], policies[0].spec.window_bars
    for k in range(len(trunks[0].convolutions)):
        layers = [_own(trunk)[k] for trunk in trunks]
        weights = [layer.weight for layer in layers]
        if k == 0:
            pairs = zip(policies, trunks, strict=True)
            weights = [_spread_columns(*pair, columns) for pair in pairs]
        kernel = layers[0].kernel_size[0]
        places -= kernel - 1
        rows = np.arange(places)[:, None] + np.arange(kernel)
        weight = torch.stack([weight.permute(2, 1, 0).flatten(0, 1) for weight in weights])
        biases = [layer.bias for layer in layers if layer.bias is not None]
        found.append(Convolution(rows, _copied(weight), _copied(torch.stack(biases)[:, None])))
    return found


def _spread_columns(policy: Policy, trunk: ConvTrunk, columns: Sequence[str]) -> Tensor:
    """Return the first kernel for all columns, times the attention to each of its own."""
    own = _own(trunk)[0].weight * trunk.attention[:, None]
    spread = own.new_zeros(own.shape[0], len(columns), own.shape[2])
    spread[:, [columns.index(name) for name in policy.spec.window]] = own
    return spread


def _spread_context(policy: Policy, trunk: ConvTrunk, context: Sequence[str]) -> Tensor:
    """Return the first dense weight for the context of all agents."""
    own = _stages(trunk)[0][0].weight
    parts = own.shape[1] - len(policy.spec.context)
    spread = own.new_zeros(own.shape[0], parts + len(context))
    spread[:, :parts] = own[:, :parts]
    spread[:, [parts + context.index(name) for name in policy.spec.context]] = own[:, parts:]
    return spread


def _average(policy: Policy, trunk: ConvTrunk) -> Float[Tensor, "part place"]:
    """Return the weights that average each part of the window."""
    convolutions = _own(trunk)
    places = policy.spec.window_bars - sum(layer.kernel_size[0] - 1 for layer in convolutions)
    inputs = _stages(trunk)[0][0].in_features - len(policy.spec.context)
    bins = averaging_bins(places, inputs // convolutions[-1].out_channels)
    weights = trunk.attention.new_zeros(len(bins), places)
    for part, (start, stop) in enumerate(bins):
        weights[part, start:stop] = 1.0 / (stop - start)
    return weights


def _layer(
    stages: Sequence[tuple[nn.Linear, nn.LayerNorm | None]],
    weights: Sequence[Tensor] | None = None,
) -> Layer:
    norms = [norm for _, norm in stages if norm is not None]
    return Layer(
        _copied(torch.stack([*weights] if weights else [linear.weight for linear, _ in stages])),
        _copied(torch.stack([linear.bias for linear, _ in stages])),
        (
            _copied(torch.stack([norm.weight for norm in norms])),
            _copied(torch.stack([norm.bias for norm in norms])),
            norms[0].eps,
        )
        if norms
        else None,
    )


def _copied(values: Tensor) -> ndarray:
    """Return a copy that later training does not reach."""
    return values.detach().cpu().float().contiguous().numpy().copy()


def _apply(layer: Layer, x: Float32[ndarray, "agent wide"]) -> Float32[ndarray, "agent narrow"]:
    x = (layer.weight @ x[:, :, None])[:, :, 0] + layer.bias
    if layer.norm is None:
        return x
    scale, shift, eps = layer.norm
    x -= x.mean(axis=1, keepdims=True)
    x /= np.sqrt(np.square(x).mean(axis=1, keepdims=True) + np.float32(eps))
    return x * scale + shift
