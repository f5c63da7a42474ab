import pytest
import torch
from team_factory import CONTEXT, RandomView, make_team

from grandmodel.core.checks import UserError
from grandmodel.core.types import ObservationSpec
from grandmodel.systems.config import CriticConfig
from grandmodel.systems.critic import Critic, OwnCritics, build_critic, union_spec

SPECS = (
    ObservationSpec("a", ("x", "y"), ("c", "d")),
    ObservationSpec("b", ("y", "z"), ("d", "leak")),
)


def view(n_rows=6, window=3, context=3, executors=3):
    generator = torch.Generator().manual_seed(0)
    executor = torch.nn.functional.one_hot(torch.arange(n_rows) % executors, executors).float()
    return (
        torch.randn(n_rows, 2 * window, generator=generator),
        torch.randn(n_rows, context, generator=generator),
        torch.randn(n_rows, 4, generator=generator),
        executor,
    )


def test_union_reads_each_column_once_in_order():
    union = union_spec(SPECS)
    assert union.window == ("x", "y", "z")
    assert union.context == ("c", "d", "leak")


def test_state_critic_sees_market_context_account_and_executor(team):
    assert isinstance(team.critic, Critic)
    # 2 x 11 columns + 6 context + 4 account + 3 agents and the pool
    assert team.critic.layers[0].in_features == 22 + 6 + 4 + 4
    rows = torch.arange(5)
    market = RandomView(team.critic.spec, 5)
    window, context = market.window(rows, team.critic.reads), market.context(rows)
    account, executor = torch.randn(5, 4), torch.eye(4)[torch.tensor([0, 1, 2, 3, 3])]
    base = team.critic(window, context, account, executor)
    assert base.shape == (5, 1)
    changes = [
        (window + 1, context, account, executor),
        (window, context + 1, account, executor),
        (window, context, account + 1, executor),
        (window, context, account, executor.roll(1, 1)),
    ]
    for changed in changes:
        assert (team.critic(*changed) != base).all()


def test_state_action_critic_sees_action_probabilities():
    team = make_team(critic=CriticConfig(sees="state_action"))
    assert team.critic.layers[0].in_features == 36 + 9
    market = RandomView(team.critic.spec, 2)
    rows = torch.arange(2)
    arguments = (market.window(rows, "pooled"), market.context(rows), torch.zeros(2, 4))
    executor, probabilities = torch.eye(4)[:2], torch.full((2, 3, 3), 1 / 3)
    one = team.critic(*arguments, executor, probabilities)
    two = team.critic(*arguments, executor, probabilities.flip(0) + 0.1)
    assert (one != two).all()
    with pytest.raises(TypeError, match="action_probabilities"):
        team.critic(*arguments, executor)


def test_literal_and_residual_sizes():
    widths = [512, 256, 128]
    literal = Critic(SPECS, 3, CriticConfig(hidden=widths))
    assert [m.out_features for m in literal.modules() if hasattr(m, "in_features")] == [*widths, 1]
    residual = Critic(SPECS, 3, CriticConfig(kind="residual", hidden=[32, 32]))
    assert isinstance(residual.layers[1].skip, torch.nn.Identity)
    assert residual(*view()).shape == (6, 1)


def test_the_critic_has_no_dropout():
    for kind in ("mlp", "residual"):
        critic = Critic(SPECS, 3, CriticConfig(kind=kind))
        assert not any(isinstance(m, torch.nn.Dropout) for m in critic.modules())
        assert torch.equal(critic(*view()), critic(*view()))


def test_one_value_for_each_reward_of_its_own():
    assert Critic(SPECS, 3, CriticConfig(), n_heads=2)(*view()).shape == (6, 2)


def test_own_critics_value_an_executor_by_its_own_inputs():
    critic = build_critic(SPECS, CriticConfig(sees="own"))
    assert isinstance(critic, OwnCritics)
    window, context, account, executor = view()
    values = critic(window, context, account, executor)
    own = critic.critics[1](window[:, [1, 2, 4, 5]], context[:, [1, 2]], account, account)
    other = critic.critics[0](window[:, [0, 1, 3, 4]], context[:, [0, 1]], account, account)
    torch.testing.assert_close(values[1], own[1])
    torch.testing.assert_close(values[0], other[0])
    torch.testing.assert_close(values[2], (own[2] + other[2]) / 2)  # the pool: the mean
    hidden = window.clone()
    hidden[:, [0, 3]] += 1.0  # a column that only the first agent sees
    torch.testing.assert_close(critic(hidden, context, account, executor)[1], values[1])
    assert critic(hidden, context, account, executor)[0] != values[0]


def test_without_a_critic_every_state_has_the_mean_value():
    critic = build_critic(SPECS, CriticConfig(sees="none"), n_heads=2)
    assert not list(critic.parameters())
    assert critic.spec == union_spec(SPECS)
    assert torch.equal(critic(*view()), torch.zeros(6, 2))


def test_own_critics_of_a_team_that_votes_stand_side_by_side():
    critic = build_critic(SPECS, CriticConfig(sees="own"), apart=True)
    window, context, account, executor = view()
    own = critic.critics[1](window[:, [1, 2, 4, 5]], context[:, [1, 2]], account, account)
    values = critic(window, context, account, executor)
    torch.testing.assert_close(values[:, 1:2], own)
    assert values.shape == (6, 2)


def test_own_critics_belong_to_independent_learners():
    team = make_team(critic=CriticConfig(sees="own"))
    assert [c.layers[0].in_features for c in team.critic.critics] == [18, 18, 16]
    assert team.critic.spec.context == CONTEXT


def test_unknown_view_is_refused_by_key():
    with pytest.raises(UserError, match=r"algorithm\.critic_sees must be one of"):
        CriticConfig(sees="all")
