"""The convolutional trunk: equal to the plain layers window by window, shared and causal."""

import pytest
import torch
from team_factory import CONTEXT
from torch import nn

from grandmodel.core.checks import UserError
from grandmodel.core.types import ObservationSpec, Stretch
from grandmodel.systems.config import ConvConfig, ConvMemberConfig
from grandmodel.systems.convolution import ConvTrunk, averaging_bins

COLUMNS = tuple("abcdefg")
SPEC = ObservationSpec("fvg", COLUMNS, CONTEXT, window_bars=60)
ATTENTION = [0.4, 0.4, 0.1, 0.05, 0.05, 0.0, 0.0]


@pytest.fixture(scope="module")
def trunk():
    torch.manual_seed(0)
    member = ConvMemberConfig(attention=ATTENTION)
    return ConvTrunk(SPEC, ConvConfig(), member, [256], layer_norm=False).eval()


def market(rows=400, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 7, generator=draw)


def plain(trunk, values, last, context):
    """The same layers on one window after another."""
    pool = nn.AdaptiveAvgPool1d(16)
    out = []
    for row, beside in zip(last.tolist(), context, strict=True):
        x = (values[row - 59 : row + 1] * trunk.attention).T[None]
        for layer in trunk.convolutions:
            x = torch.relu(layer(x))
        features = pool(x).transpose(1, 2).flatten()
        out.append(trunk.layers(torch.cat((features, beside))))
    return torch.stack(out)


def test_it_equals_the_plain_layers(trunk):
    values, last = market(), torch.tensor([399, 59, 120, 121, 121])
    context = torch.randn(5, len(CONTEXT))
    found = trunk(Stretch(values, last), context)
    torch.testing.assert_close(found, plain(trunk, values, last, context), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bins", [16, 9])
def test_windows_one_by_one_give_what_shared_rows_give(bins):
    torch.manual_seed(0)
    trunk = ConvTrunk(SPEC, ConvConfig(bins=bins), ConvMemberConfig(), [32], layer_norm=False)
    values, last = market(), torch.tensor([399, 59, 120, 121, 121])
    context = torch.randn(5, len(CONTEXT))
    apart = values[last[:, None] + torch.arange(-59, 1)]
    shared = trunk(Stretch(values, last), context)
    torch.testing.assert_close(trunk(apart, context), shared, atol=1e-5, rtol=1e-5)


def test_nothing_of_a_window_depends_on_later_rows(trunk):
    values, last = market(), torch.tensor([200])
    context = torch.zeros(1, len(CONTEXT))
    before = trunk(Stretch(values, last), context)
    values[201:] += 5.0
    assert torch.equal(before, trunk(Stretch(values, last), context))
    values[200] += 1.0
    assert not torch.equal(before, trunk(Stretch(values, last), context))


def test_a_window_is_sixty_rows_and_no_more(trunk):
    values, last = market(), torch.tensor([200])
    context = torch.zeros(1, len(CONTEXT))
    before = trunk(Stretch(values, last), context)
    values[:141] += 5.0
    assert torch.equal(before, trunk(Stretch(values, last), context))
    values[141] += 5.0
    assert not torch.equal(before, trunk(Stretch(values, last), context))


def test_the_parts_are_those_of_adaptive_averages():
    assert averaging_bins(60, 16)[:4] == [(0, 4), (3, 8), (7, 12), (11, 15)]
    x = torch.arange(60.0)[None, None]
    found = [float(x[0, 0, start:stop].mean()) for start, stop in averaging_bins(60, 16)]
    assert found == nn.AdaptiveAvgPool1d(16)(x)[0, 0].tolist()


def test_attention_learns_and_weighs_columns(trunk):
    values, last = market(), torch.tensor([100, 300])
    context = torch.zeros(2, len(CONTEXT))
    before = trunk(Stretch(values, last), context)
    blind = values.clone()
    blind[:, 5:] = 9.0  # the two columns of weight zero
    assert torch.equal(before, trunk(Stretch(blind, last), context))
    trunk(Stretch(values, last), context).sum().backward()
    assert (trunk.attention.grad.abs() > 0).all()


def test_attention_of_another_width_is_refused():
    with pytest.raises(UserError, match=r"attention must hold one weight for each of the 7"):
        ConvTrunk(SPEC, ConvConfig(), ConvMemberConfig(attention=[1.0]), [256], layer_norm=False)


@pytest.mark.parametrize("given", [{"kernel": 24}, {"bins": 57}])
def test_too_short_a_window_is_refused(given):
    with pytest.raises(UserError, match=r"fewer than network\.conv\.bins"):
        ConvTrunk(SPEC, ConvConfig(**given), ConvMemberConfig(), [256], layer_norm=False)


@pytest.mark.parametrize("given", [{"kernel": 0}, {"bins": 0}, {"channels": []}])
def test_empty_layers_are_refused(given):
    with pytest.raises(UserError, match=r"network\.conv"):
        ConvConfig(**given)
