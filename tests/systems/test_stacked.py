"""Stacked convolutional trunks give what each trunk gives for the same window."""

import numpy as np
import pytest
import torch

from grandmodel.core.types import Stretch
from grandmodel.systems.config import (
    AgentConfig,
    ConvConfig,
    ConvMemberConfig,
    MemberConfig,
    NetworkConfig,
)
from grandmodel.systems.stacked import StackedTrunks, stackable
from grandmodel.systems.team import build_team

COLUMNS = ("a", "b", "c", "d", "e")


def team_of(members, network, seed=0):
    generator = torch.Generator().manual_seed(seed)
    team = build_team(AgentConfig(members=members), network, None, ("hour", "day"), generator)
    with torch.no_grad():
        for parameter in team.parameters():  # biases, norms and temperatures away from their start
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return team.eval()


def member(*inputs, bars=20, context=()):
    return MemberConfig(inputs=list(inputs), window_bars=bars, context=list(context))


def conv(**sizes):
    given = {"channels": [6, 9], "kernel": 3, "bins": 5}
    return ConvConfig(**(given | sizes))


NETWORKS = {
    "plain": NetworkConfig(kind="conv", trunk=[16], head=8, layer_norm=False, conv=conv()),
    "normalised": NetworkConfig(kind="conv", trunk=[16, 12], head=8, layer_norm=True, conv=conv()),
    "one layer": NetworkConfig(
        kind="conv", trunk=[7], head=8, conv=conv(channels=[4], kernel=5, bins=16)
    ),
    "attention": NetworkConfig(
        kind="conv",
        trunk=[16],
        head=8,
        conv=conv(members={"two": ConvMemberConfig(attention=[0.7, -0.2])}),
    ),
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_all_members_at_once_are_the_members_one_by_one(network):
    team = team_of(
        {
            "one": member("a", "b", "c", "d", "e"),
            "two": member("d", "b", context=["week"]),
            "three": member("c", "e", "a"),
        },
        network,
    )
    if network.layer_norm:
        assert any(isinstance(layer, torch.nn.LayerNorm) for layer in team.modules())
    assert stackable(team.policies)
    stacked = StackedTrunks(team.policies, COLUMNS)
    generator = torch.Generator().manual_seed(1)
    values = {name: torch.randn(1, generator=generator) for name in stacked.context}
    window = torch.randn(24, len(COLUMNS), generator=generator)
    joined = torch.cat([values[name] for name in stacked.context])
    found = torch.from_numpy(stacked(window.numpy(), joined.numpy()))
    with torch.inference_mode():
        for place, policy in enumerate(team.policies):
            own = window[-20:, [COLUMNS.index(name) for name in policy.spec.window]]
            context = torch.cat([values[name] for name in policy.spec.context])[None]
            alone = policy.embed(Stretch(own, torch.tensor([19])), context)
            torch.testing.assert_close(found[place : place + 1], alone, rtol=1e-5, atol=1e-6)


def test_members_of_other_sizes_are_not_stacked():
    network = NETWORKS["plain"]
    assert stackable(team_of({"one": member("a"), "two": member("b", "c")}, network).policies)
    longer = {"one": member("a"), "two": member("b", bars=30)}
    assert not stackable(team_of(longer, network).policies)
    pooled = NetworkConfig(kind="mlp", trunk=[16], head=8)
    assert not stackable(team_of({"one": member("a"), "two": member("b")}, pooled).policies)


def test_later_training_does_not_reach_a_stack():
    team = team_of({"one": member("a", "b")}, NETWORKS["plain"])
    stacked = StackedTrunks(team.policies, COLUMNS)
    window = np.ones((20, 5), np.float32)
    context = np.ones(len(stacked.context), np.float32)
    before = stacked(window, context)
    with torch.no_grad():
        for parameter in team.parameters():
            parameter.zero_()
    assert np.array_equal(before, stacked(window, context))
