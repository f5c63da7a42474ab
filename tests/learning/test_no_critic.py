"""Learning without a critic, and with one for each agent of a team that votes."""

import torch
from learning_worlds import world

from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.schema import TrainConfig

PLAIN = {"value_norm": False, "normalise_advantages": "off", "gamma": 0.9}


def whole_returns(rollout, gamma):
    """Discounted rewards until the episode or the rollout ends, row by row."""
    out = torch.zeros_like(rollout.reward)
    ends = rollout.terminated | rollout.truncated
    for t in reversed(range(len(out))):
        later = torch.where(ends[t], 0.0, out[t + 1]) if t + 1 < len(out) else 0.0
        out[t] = rollout.reward[t] + gamma * later
    return out


def test_advantages_are_whole_returns_whatever_lambda_is():
    made = world(critic_sees="none", gae_lambda=0.1, **PLAIN)
    rollout = made.collector.collect()
    rows = made.learner.begin(rollout, 0.0).rows
    torch.testing.assert_close(rows.advantage, whole_returns(rollout, 0.9).flatten())
    assert not rows.value.any()


def test_the_mean_return_stands_for_every_state():
    made = world(critic_sees="none", **(PLAIN | {"value_norm": True}))
    made.learner.begin(made.collector.collect(), 0.0)
    mean = made.learner.value_norm.scale()[0]
    rollout = made.collector.collect()
    rows = made.learner.begin(rollout, 0.0).rows
    got = rows.advantage.view_as(rollout.reward)
    ends = rollout.terminated[-1] | rollout.truncated[-1]
    last = rollout.reward[-1] + torch.where(rollout.terminated[-1], 0.0, 0.9 * mean) - mean
    torch.testing.assert_close(got[-1], last)
    assert mean != 0.0
    assert len(ends) == 64


def test_actors_learn_and_there_is_nothing_else_to_learn():
    made = world(critic_sees="none")
    assert not list(made.team.critic.parameters())
    optimiser = made.learner.optimiser(fused=True)
    before = torch.cat([p.flatten() for p in made.team.members.parameters()]).clone()
    report = made.update(optimiser)
    after = torch.cat([p.flatten() for p in made.team.members.parameters()])
    assert not torch.equal(before, after)
    assert "value_loss" not in report
    optimiser.load_state_dict(optimiser.state_dict())
    rewards = [float(made.collector.collect().reward.mean())]
    for _ in range(12):
        made.update(optimiser)
    rewards.append(float(made.collector.collect().reward.mean()))
    assert rewards[1] > rewards[0] + 0.1


def test_a_voting_team_of_independent_learners_has_a_value_for_each():
    made = world("private", executor="votes", critic_sees="own", critic_lr=1e-2)
    rollout = made.collector.collect()
    rows = made.learner.begin(rollout, 0.0).rows
    assert rows.value.shape == (*rollout.reward.flatten().shape, 2)
    critics, view = made.team.critic.critics, made.seats.critic_view
    bar = rollout.bar.flatten()
    window = view.window(bar, "pooled")
    account = rollout.account.flatten(0, 1)
    context = view.context(bar)
    for k, critic in enumerate(critics):
        alone = critic(window[:, made.team.critic._window[k]], context[:, :0], account, account)
        torch.testing.assert_close(rows.value[:, k], alone[:, 0].detach())
    assert made.learner._heads == [0, 1]
    losses = [made.update(made.learner.optimiser(fused=True))["value_loss"] for _ in range(3)]
    assert losses[-1] < losses[0]


def test_the_command_line_knows_it():
    config = typed(compose("train", ["algorithm.critic_sees=none"]), TrainConfig)
    assert config.network.critic.sees == "none"
    assert config.algorithm.advantage_lambda == 1.0
    assert typed(compose("train", []), TrainConfig).algorithm.advantage_lambda == 0.8
