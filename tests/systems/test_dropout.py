import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from team_factory import inputs, make_team

from grandmodel.core.random import torch_stream
from grandmodel.systems.config import NetworkConfig
from grandmodel.systems.dropout import draw_masks, unpack_masks


def test_bits_unpack_to_multipliers():
    packed = torch.tensor([[0b00000101, 0b00000010]], dtype=torch.uint8)
    expected = torch.tensor([[1, 0, 1, 0, 0, 0, 0, 0, 0, 1]]) / 0.75
    torch.testing.assert_close(unpack_masks(packed, 10, 0.25), expected)


@settings(max_examples=10, deadline=None)
@given(width=st.integers(1, 70), agents=st.integers(1, 4), rate=st.sampled_from([0.0, 0.1, 0.5]))
def test_masks_keep_the_asked_share(width, agents, rate):
    packed = draw_masks(100, agents, width, rate, torch_stream(1, "dropout"))
    assert packed.dtype == torch.uint8
    masks = unpack_masks(packed, width, rate)
    assert masks.shape == (100, agents, width)
    torch.testing.assert_close(masks[masks > 0].max().item(), 1 / (1 - rate))
    kept = (masks > 0).float().mean().item()
    assert kept == pytest.approx(1 - rate, abs=5 * (0.25 / masks.numel()) ** 0.5 + 1e-9)


def test_the_same_masks_give_the_same_logits_and_so_a_ratio_of_one():
    team = make_team(network=NetworkConfig(dropout=0.1))
    windows, contexts, modifiers, account = inputs(team, 300)
    packed = draw_masks(300, 3, 64, team.dropout_rate, torch_stream(2, "dropout"))
    masks = unpack_masks(packed, 64, team.dropout_rate)
    with torch.no_grad():
        embeddings = torch.stack(team.embed_all(windows, contexts), 1)
        rollout = team.logits_all(embeddings, account, modifiers, masks)
        again = team.logits_all(embeddings, account, modifiers, unpack_masks(packed, 64, 0.1))
        plain = team.logits_all(embeddings, account, modifiers)
    assert torch.equal(rollout, again)
    assert not torch.allclose(rollout, plain)
    update = team.policies[1].logits(
        team.policies[1].embed(windows[1], contexts[1]), account, modifiers[1], masks[:, 1]
    )
    old, new = torch.log_softmax(rollout[:, 1], -1), torch.log_softmax(update, -1)
    assert ((new - old).exp() - 1).abs().max() < 1e-6
    small = team.logits_all(embeddings[:3], account[:3], [m[:3] for m in modifiers], masks[:3])
    assert torch.equal(small, rollout[:3])


def test_masks_leave_the_norm_and_the_trunk_alone():
    team = make_team()
    policy = team.policies[0]
    windows, contexts, _, account = inputs(team, 2)
    embedding = policy.embed(windows[0], contexts[0])
    ones = torch.ones(2, 64)
    torch.testing.assert_close(
        policy.logits(embedding, account, None, ones), policy.logits(embedding, account)
    )
    nothing = policy.logits(embedding, account, None, torch.zeros(2, 64))
    torch.testing.assert_close(nothing, policy.head.out.bias.expand(2, 3))


def test_draws_come_from_the_given_generator():
    before = torch.get_rng_state()
    one = draw_masks(9, 2, 64, 0.5, torch_stream(3, "dropout"))
    two = draw_masks(9, 2, 64, 0.5, torch_stream(3, "dropout"))
    assert torch.equal(one, two)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(one, draw_masks(9, 2, 64, 0.5, torch_stream(4, "dropout")))
