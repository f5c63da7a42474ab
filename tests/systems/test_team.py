import io

import pytest
import torch
from team_factory import CONTEXT, RandomView, agent_config, inputs, make_team, member_configs

from grandmodel.core.checks import UserError
from grandmodel.decision.pool import pool_logits
from grandmodel.systems.config import MemberConfig, NetworkConfig
from grandmodel.systems.modifiers import Adjustment
from grandmodel.systems.team import blocked_embed, build_team


def stacked(team, n_rows, seed=0):
    windows, contexts, modifiers, account = inputs(team, n_rows, seed)
    with torch.no_grad():
        return torch.stack(team.embed_all(windows, contexts), 1), account, modifiers


def test_stacked_heads_equal_each_policy_alone(team):
    embeddings, account, modifiers = stacked(team, 300)
    with torch.no_grad():
        together = team.logits_all(embeddings, account, modifiers)
        alone = torch.stack(
            [
                policy.logits(embeddings[:, i], account, modifiers[i])
                for i, policy in enumerate(team.policies)
            ],
            1,
        )
    assert together.abs().max() > 2.0
    old, new = torch.log_softmax(together, -1), torch.log_softmax(alone, -1)
    assert ((new - old).exp() - 1.0).abs().max() < 1e-6


def test_decisions_do_not_depend_on_how_many_are_taken_together(team):
    embeddings, account, modifiers = stacked(team, 200)
    heads = team.heads()
    with torch.no_grad():
        whole = team.logits_all(embeddings, account, modifiers, heads=heads)
        for rows in (slice(0, 1), slice(5, 7), slice(9, 26), slice(3, 131)):
            part = [values[rows] for values in modifiers]
            got = team.logits_all(embeddings[rows], account[rows], part, heads=heads)
            assert torch.equal(got, whole[rows])


def test_precomputed_adjustments_give_the_same_logits(team):
    embeddings, account, modifiers = stacked(team, 40)
    adjustment = team.adjustment(modifiers)
    assert isinstance(adjustment, Adjustment)
    rows = torch.tensor([3, 3, 17])
    got = team.logits_all(embeddings[rows], account[rows], adjustment.rows(rows))
    expected = team.logits_all(embeddings, account, modifiers)[rows]
    assert torch.equal(got, expected)
    plain = member_configs()
    for member in plain.values():
        member.modifiers = []
    bare = make_team(agent_config(members=plain))
    assert bare.adjustment([torch.zeros(40, 0)] * 3) is None


def test_stacked_heads_carry_gradients_to_every_parameter(team):
    windows, contexts, modifiers, account = inputs(team, 20)
    logits = team.logits_all(team.embed_all(windows, contexts), account, modifiers)
    torch.log_softmax(logits, -1)[..., 2].sum().backward()
    silent = [n for n, p in team.members.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


@pytest.mark.parametrize("pool", ["log", "linear"])
def test_pooling_mode_and_weights_are_the_teams(pool):
    team = make_team(agent_config(pool=pool))
    logits = torch.randn(6, 3, 3, generator=torch.Generator().manual_seed(0))
    expected = pool_logits(logits, torch.tensor([0.40, 0.35, 0.25]), pool)
    torch.testing.assert_close(team.pooled(logits), expected)


@pytest.mark.parametrize("block", [32, 256])
def test_blocks_make_a_value_independent_of_its_neighbours(team, block):
    policy = team.policies[1]
    view = RandomView(policy.spec, 700)
    with torch.no_grad():
        whole = blocked_embed(policy, view, 700, block)
        # a shorter tape, scattered rows, one row, a perturbed future
        assert torch.equal(blocked_embed(policy, view, 333, block), whole[:333])
        rows = torch.tensor([699, 5, 5, 258, 31])
        assert torch.equal(blocked_embed(policy, view, rows, block), whole[rows])
        assert torch.equal(blocked_embed(policy, view, rows[:1], block), whole[699:])
        view.windows["pooled"][400:] += 1.0
        assert torch.equal(blocked_embed(policy, view, 700, block)[:400], whole[:400])
        assert blocked_embed(policy, view, 0, block).shape == (0, 64)
    torch.testing.assert_close(
        whole[:9], policy.embed(view.windows["pooled"][:9], view.contexts[:9])
    )


def test_blocks_of_all_members_are_stacked(team):
    views = [RandomView(spec, 40, i) for i, spec in enumerate(team.specs)]
    rows = torch.tensor([3, 39])
    with torch.no_grad():
        together = team.blocked_embed_all(views, rows)
        assert together.shape == (2, 3, 64)
        assert torch.equal(together[:, 2], blocked_embed(team.policies[2], views[2], rows))


def test_building_uses_the_given_generator_and_nothing_else():
    before = torch.get_rng_state()
    one, two, other = make_team(seed=4), make_team(seed=4), make_team(seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    three = make_team(seed=4)
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])
        assert torch.equal(value, three.state_dict()[name])
    assert not torch.equal(other.policies[0].head.out.weight, one.policies[0].head.out.weight)


@pytest.mark.parametrize("learn", ["record", "performance", "gradient", "fixed"])
def test_state_loads_with_weights_only(learn):
    team = make_team(agent_config(ensemble_learn=learn))
    team.pool_weights.update(torch.tensor([0.1, 0.0, -0.1]), torch.ones(3, dtype=torch.bool))
    buffer = io.BytesIO()
    torch.save(team.state_dict(), buffer)
    buffer.seek(0)
    fresh = make_team(agent_config(ensemble_learn=learn), seed=8)
    fresh.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(fresh.weights, team.weights)
    embeddings, account, modifiers = stacked(team, 5)
    assert torch.equal(
        fresh.logits_all(embeddings, account, modifiers),
        team.logits_all(embeddings, account, modifiers),
    )


def test_active_chooses_members_and_rescales_their_shares():
    team = make_team(agent_config(active=["nwrqk", "mlmi"]))
    assert team.names == ("nwrqk", "mlmi")
    torch.testing.assert_close(team.weights, torch.tensor([0.35, 0.40]) / 0.75)
    assert team.n_agents == 2
    embeddings, account, modifiers = stacked(team, 3)
    assert team.pooled(team.logits_all(embeddings, account, modifiers)).shape == (3, 3)


def test_a_single_agent_on_the_union_is_its_own_pool():
    union = [column for member in member_configs().values() for column in member.inputs]
    single = agent_config(members={"single": MemberConfig(inputs=union)})
    team = make_team(single)
    embeddings, account, modifiers = stacked(team, 9)
    logits = team.logits_all(embeddings, account, modifiers)
    torch.testing.assert_close(team.pooled(logits), torch.softmax(logits[:, 0], -1))
    assert team.policies[0].trunk.layers[0].in_features == 2 * 11 + 6
    assert torch.equal(team.weights, torch.ones(1))


def test_a_member_may_see_context_of_its_own():
    members = member_configs()
    members["regime"].context = ["leak"]
    team = make_team(agent_config(members=members))
    assert team.specs[2].context == (*CONTEXT, "leak")
    assert team.specs[0].context == CONTEXT
    assert team.critic.spec.context == (*CONTEXT, "leak")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"active": ["mlmi", "fvg"]}, "agent.active may name members only .* was fvg"),
        ({"active": []}, "agent.active must name each member once"),
        ({"active": ["mlmi", "mlmi"]}, "agent.active must name each member once"),
        ({"members": {}}, "agent.members must name at least one agent"),
        ({"members": {"a": MemberConfig()}}, r"agent\.members\.a\.inputs must name at least one"),
        ({"members": {"a": MemberConfig(inputs=["x", "x"])}}, "each column once, was x twice"),
    ],
)
def test_impossible_teams_are_refused_in_one_sentence(changes, sentence):
    with pytest.raises(UserError, match=sentence):
        make_team(agent_config(**changes))


def test_actor_parameters_hold_pool_weights_only_where_they_learn_by_gradient():
    fixed, learned = make_team(), make_team(agent_config(ensemble_learn="gradient"))
    assert len(learned.actor_parameters()) == len(fixed.actor_parameters()) + 1
    logits = torch.randn(6, 3, 3, generator=torch.Generator().manual_seed(0))
    learned.pooled(logits)[:, 2].sum().backward()
    assert learned.pool_weights.raw.grad.abs().sum() > 0


def test_critic_may_be_given_apart_from_the_network():
    team = build_team(
        agent_config(), NetworkConfig(), None, CONTEXT, torch.Generator().manual_seed(0)
    )
    assert team.critic.layers[0].out_features == 128


def test_a_member_has_its_own_window_and_starting_temperature():
    members = {"one": MemberConfig(inputs=["a"], window_bars=60, temperature=1.2)}
    team = make_team(agent_config(members=members))
    assert team.specs[0].window_bars == team.critic.spec.window_bars == 60
    assert team.policies[0].head.temperature.item() == pytest.approx(1.2)


@pytest.mark.parametrize("given", [{"temperature": 5.0}, {"window_bars": 0}])
def test_a_members_numbers_out_of_range_are_refused(given):
    with pytest.raises(UserError, match=r"agent\.members\.<name>\."):
        MemberConfig(inputs=["a"], **given)
