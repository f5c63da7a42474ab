import math

import pytest
import torch
from team_factory import agent_config, inputs, make_team, member_configs

from grandmodel.core.types import ObservationSpec
from grandmodel.systems.config import NetworkConfig
from grandmodel.systems.head import clamp_temperature
from grandmodel.systems.mlp import MlpTrunk
from grandmodel.systems.modifiers import Adjustment, Modifiers, modifier_columns
from grandmodel.systems.policy import Policy


def small_policy(modifiers=(), learn_temperature=True, layer_norm=True):
    spec = ObservationSpec("a", ("x", "y"), ("c",), modifier_columns(list(modifiers)))
    return Policy(
        spec,
        MlpTrunk(spec, [8], layer_norm=layer_norm),
        head=4,
        layer_norm=layer_norm,
        learn_temperature=learn_temperature,
        modifiers=list(modifiers),
    )


def test_mlp_shapes_follow_the_spec(team):
    shapes = {
        policy.spec.agent: [tuple(m.weight.shape) for m in policy.modules() if hasattr(m, "bias")]
        for policy in team.policies
    }
    # (pooled window 2 x 4 + context 6) -> 128 -> 64 (+ 4 account) -> 3, with LayerNorms
    assert shapes["mlmi"] == [(128, 14), (128,), (64, 128), (64, 4), (64,), (3, 64)]
    assert shapes["regime"][0] == (128, 12)


def test_text_preset_has_two_trunk_layers():
    team = make_team(network=NetworkConfig(trunk=[256, 128]))
    widths = [m.out_features for m in team.policies[0].trunk.modules() if hasattr(m, "in_features")]
    assert widths == [256, 128]


def test_layer_norm_is_a_switch():
    plain = make_team(network=NetworkConfig(layer_norm=False))
    assert not any(isinstance(m, torch.nn.LayerNorm) for m in plain.members.modules())
    windows, contexts, modifiers, account = inputs(plain, 5)
    assert plain.logits_all(plain.embed_all(windows, contexts), account, modifiers).shape == (
        5,
        3,
        3,
    )


def test_head_is_linear_in_market_and_account_before_the_norm():
    policy = small_policy()
    trunk_out, account = torch.randn(6, 8), torch.randn(6, 4)
    joined = torch.cat([policy.head.market.weight, policy.head.account.weight], 1)
    hidden = torch.cat([trunk_out, account], 1) @ joined.T + policy.head.market.bias
    expected = policy.head.out(torch.relu(policy.head.norm(hidden)))
    got = policy.head(policy.head.market(trunk_out), account)
    torch.testing.assert_close(got, expected)


def test_the_trunk_does_not_see_the_account(team):
    windows, contexts, modifiers, account = inputs(team, 4)
    policy = team.policies[0]
    embedding = policy.embed(windows[0], contexts[0])
    one = policy.logits(embedding, account, modifiers[0])
    two = policy.logits(embedding, account + 1.0, modifiers[0])
    assert not torch.allclose(one, two)
    torch.testing.assert_close(policy(windows[0], contexts[0], account, modifiers[0]), one)


def test_a_policy_returns_logits_not_probabilities(team):
    windows, contexts, modifiers, account = inputs(team, 50)
    logits = team.logits_all(team.embed_all(windows, contexts), account, modifiers)
    assert logits.min() < 0
    assert (logits.sum(-1) - 1.0).abs().min() > 1e-4


@pytest.mark.parametrize(("value", "effective"), [(0.5, 0.5), (0.01, 0.1), (9.0, 3.0), (1.0, 1.0)])
def test_temperature_divides_the_logits_within_its_range(value, effective):
    policy = small_policy()
    embedding, account = torch.randn(7, 4), torch.randn(7, 4)
    plain = policy.logits(embedding, account)
    with torch.no_grad():
        policy.head.temperature.fill_(value)
    torch.testing.assert_close(policy.logits(embedding, account), plain / effective)


def test_temperature_outside_its_range_finds_the_way_back():
    for start, sign, moves in [
        (3.5, 1, True),
        (3.5, -1, False),
        (0.05, -1, True),
        (0.05, 1, False),
    ]:
        value = torch.tensor([start], requires_grad=True)
        (sign * clamp_temperature(value)).sum().backward()
        assert (value.grad.item() != 0.0) == moves
    inside = torch.tensor([1.0], requires_grad=True)
    clamp_temperature(inside).sum().backward()
    assert inside.grad.item() == 1.0


def test_temperature_learns_only_where_asked():
    learned, fixed = small_policy(), small_policy(learn_temperature=False)
    assert any(name.endswith("temperature") for name, _ in learned.named_parameters())
    assert not any(name.endswith("temperature") for name, _ in fixed.named_parameters())
    learned.logits(torch.randn(7, 4), torch.randn(7, 4))[:, 0].sum().backward()
    assert learned.head.temperature.grad.abs().item() > 0


def test_volatility_factor_golden():
    modifiers = Modifiers(["volatility_factor"])
    logits = torch.tensor([[1.0, -2.0, 0.5]] * 4)
    ratio = torch.tensor([[0.25], [0.8], [1.6], [20.0]])
    expected = logits * torch.tensor([[2.0], [1.25], [0.625], [0.5]])
    torch.testing.assert_close(modifiers(logits, ratio), expected)


def test_support_prior_golden():
    modifiers = Modifiers(["support_prior"])
    logits = torch.tensor([[1.0, -2.0, 0.5]] * 3)
    # slope_z, lvn_side, support_strength: a node below (-1) supports
    values = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, 0.4], [0.0, 0.0, 0.0]])
    lean = torch.tensor([0.25, -0.04, 0.0])
    expected = logits + torch.stack([-lean, torch.zeros(3), lean], -1)
    torch.testing.assert_close(modifiers(logits, values), expected)
    with torch.no_grad():
        modifiers.steps[0].strength.copy_(torch.tensor([0.0, 0.0, 1.0]))
    expected = logits + torch.tensor([[0.0, 0.5, 0.0], [0.0, 0.6, 0.0], [0.0, 1.0, 0.0]])
    torch.testing.assert_close(modifiers(logits, values), expected)


def test_prior_strength_learns():
    policy = small_policy(["support_prior"])
    values = torch.tensor([[2.0, -1.0, 0.5]])
    logits = policy.logits(torch.randn(1, 4), torch.randn(1, 4), values)
    torch.log_softmax(logits, -1)[0, 2].backward()
    assert (policy.modifiers.steps[0].strength.grad.abs() > 0).all()


def test_two_modifiers_apply_in_order_and_share_columns():
    names = ["volatility_factor", "support_prior"]
    assert modifier_columns(names) == (
        "raw_volatility_30",
        "slope_z",
        "lvn_side",
        "support_strength",
    )
    values = torch.tensor([[0.5, 2.0, 0.0, 0.0]])
    logits = torch.tensor([[1.0, -2.0, 0.5]])
    both = Modifiers(names)(logits, values)
    torch.testing.assert_close(both, 2.0 * logits + torch.tensor([[-0.2, 0.0, 0.2]]))
    reverse = Modifiers(names[::-1])(logits, values[:, [1, 2, 3, 0]])
    torch.testing.assert_close(reverse, 2.0 * (logits + torch.tensor([[-0.2, 0.0, 0.2]])))


def test_adjustments_compose_like_applying_one_after_the_other():
    generator = torch.Generator().manual_seed(0)
    one, two = (
        Adjustment(
            torch.rand(5, 1, generator=generator) + 0.5, torch.randn(5, 3, generator=generator)
        )
        for _ in range(2)
    )
    logits = torch.randn(5, 3, generator=generator)
    torch.testing.assert_close(two.after(one).apply(logits), two.apply(one.apply(logits)))


def test_modifiers_belong_to_a_member_by_configuration_alone():
    members = member_configs()
    members["nwrqk"].modifiers = []
    members["mlmi"].modifiers = ["volatility_factor"]
    team = make_team(agent_config(members=members))
    assert [len(policy.modifiers) for policy in team.policies] == [1, 0, 1]
    assert team.specs[0].modifiers == ("raw_volatility_30",)
    assert team.specs[1].modifiers == ()


def test_orthogonal_initialisation_with_a_quiet_last_layer():
    team = make_team(loud=False)
    for policy in team.policies:
        out = policy.head.out.weight
        torch.testing.assert_close(out @ out.T, 1e-4 * torch.eye(3), atol=1e-9, rtol=1e-4)
        first = policy.trunk.layers[0].weight
        torch.testing.assert_close(
            first.T @ first, 2.0 * torch.eye(first.shape[1]), atol=1e-5, rtol=0
        )
        joined = torch.cat([policy.head.market.weight, policy.head.account.weight], 1)
        torch.testing.assert_close(joined @ joined.T, 2.0 * torch.eye(64), atol=1e-5, rtol=0)
    value = team.critic.out.weight
    assert value.norm().item() == pytest.approx(1.0)
    probabilities = torch.softmax(team.policies[0].head.out.weight.sum(1), -1)
    assert (probabilities - 1 / 3).abs().max() < math.log(1.1)
