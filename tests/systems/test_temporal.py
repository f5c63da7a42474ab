import pytest
import torch
from team_factory import RandomView, inputs, make_team, temporal_network

from grandmodel.core.checks import UserError
from grandmodel.core.types import ObservationSpec
from grandmodel.systems.config import TemporalConfig, TemporalMemberConfig
from grandmodel.systems.team import blocked_embed
from grandmodel.systems.temporal import TemporalTrunk


@pytest.fixture(scope="module")
def temporal():
    return make_team(network=temporal_network())


def test_each_member_has_its_own_shape(temporal):
    mlmi, nwrqk, regime = (policy.trunk for policy in temporal.policies)
    kernels = [
        [block.convolution.kernel_size[0] for block in trunk.convolutions]
        for trunk in (mlmi, nwrqk, regime)
    ]
    assert kernels == [[3, 5], [7, 9], [5, 7]]
    assert isinstance(mlmi.recurrence, torch.nn.LSTM)
    assert isinstance(regime.recurrence, torch.nn.GRU)
    assert [t.recurrence.num_layers for t in (mlmi, nwrqk, regime)] == [2, 3, 2]
    assert [t.recurrence.bidirectional for t in (mlmi, nwrqk, regime)] == [False, True, False]
    assert mlmi.recurrence.hidden_size == 64
    assert mlmi.convolutions[0].convolution.out_channels == 32
    assert mlmi.attention.heads == 4


def test_nwrqk_reads_its_six_columns(temporal):
    assert temporal.specs[1].window == (
        "nwrqk_pred",
        "lvn_strength",
        "fvg_size",
        "price_distance",
        "volume_imbalance",
        "level_touches",
    )
    assert temporal.specs[0].window == ("mlmi_value", "mlmi_signal", "momentum_20", "momentum_50")


def test_shapes_and_the_same_head(temporal):
    windows, contexts, modifiers, account = inputs(temporal, 7)
    assert windows[1].shape == (7, 48, 6)
    embeddings = temporal.embed_all(windows, contexts)
    assert [tuple(e.shape) for e in embeddings] == [(7, 64)] * 3
    logits = temporal.logits_all(embeddings, account, modifiers)
    assert logits.shape == (7, 3, 3)
    torch.log_softmax(logits, -1)[..., 0].sum().backward()
    members = temporal.members.named_parameters()
    assert [n for n, p in members if p.grad is None or not p.grad.any()] == []


def test_the_order_of_bars_matters(temporal):
    windows, contexts, _, _ = inputs(temporal, 3)
    for policy, window, context in zip(temporal.policies, windows, contexts, strict=True):
        forward = policy.embed(window, context)
        assert not torch.allclose(forward, policy.embed(window.flip(1), context), atol=1e-3)


def test_blocks_hold_for_sequences(temporal):
    policy = temporal.policies[2]
    view = RandomView(policy.spec, 40)
    with torch.no_grad():
        whole = blocked_embed(policy, view, 40, 16)
        assert torch.equal(blocked_embed(policy, view, 21, 16), whole[:21])
        assert torch.equal(blocked_embed(policy, view, torch.tensor([33]), 16), whole[33:34])


def test_unnamed_members_get_the_default_trunk():
    network = temporal_network()
    network.temporal.members = {}
    team = make_team(network=network)
    assert [t.trunk.recurrence.num_layers for t in team.policies] == [2, 2, 2]
    assert team.specs[1].window[0] == "nwrqk_value"


def test_sizes_are_switches():
    sizes = TemporalConfig(channels=8, recurrent=16, heads=2)
    spec = ObservationSpec("a", ("x",), ("c",))
    trunk = TemporalTrunk(spec, sizes, TemporalMemberConfig(), [12], layer_norm=True)
    assert trunk(torch.randn(2, 48, 1), torch.randn(2, 1)).shape == (2, 12)


def test_the_critic_is_residual_and_pooled(temporal):
    assert temporal.critic.reads == "pooled"
    assert type(temporal.critic.layers[0]).__name__ == "ResidualBlock"
    # union of 4 + 6 + 3 columns, as the guide's 13 of combined state
    assert len(temporal.critic.spec.window) == 13


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: TemporalMemberConfig(kernels=[4]), "kernels must be odd"),
        (lambda: TemporalMemberConfig(cell="rnn"), "cell must be one of lstm, gru, was rnn"),
        (lambda: TemporalMemberConfig(layers=0), "layers must be at least 1"),
        (lambda: TemporalConfig(heads=5), "recurrent must be a multiple of"),
    ],
)
def test_impossible_sizes_are_refused(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()
