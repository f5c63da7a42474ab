"""The update: who learns from what, switches flipped, stops, clips and accumulation."""

import pytest
import torch
from learning_worlds import world

from grandmodel.learning import returns
from grandmodel.learning.risk import learner_reward


def begun(made, **changes):
    return made.learner.begin(made.collector.collect(), **({"progress": 0.0} | changes))


def weights_of(module):
    return torch.cat([parameter.detach().flatten().clone() for parameter in module.parameters()])


def test_an_agent_learns_from_its_own_environments_alone():
    made = world()
    batch = begun(made)
    for agent, rows in enumerate(batch.learner_rows):
        assert (batch.rows.executor[rows] == agent).all()
        assert rows.numel() == (batch.rows.executor == agent).sum()
    assert sum(rows.numel() for rows in batch.learner_rows) < batch.rows.executor.numel()


def test_one_agents_loss_moves_no_other_agent():
    made = world()
    batch = begun(made)
    made.learner._divergence = [torch.zeros(()), torch.zeros(())]
    made.learner._policy_loss(batch, 0, batch.rows.take(batch.learner_rows[0]), 1.0).backward()
    first, second = made.team.policies
    assert all(p.grad is not None for n, p in first.named_parameters() if "trunk" in n)
    assert all(p.grad is None for p in second.parameters())
    assert all(p.grad is None for p in made.team.critic.parameters())


def test_pool_option_moves_all_agents_and_learned_weights():
    made = world(executor="pool", ensemble_learn="gradient")
    batch = begun(made)
    assert made.learner.learners == ("pool",)
    assert batch.learner_rows[0].numel() == len(batch.rows)
    part = next(made.learner.gradient_steps(batch))[0]
    sum(made.learner.losses(batch, part)).backward()
    assert all(p.grad is not None for p in made.team.actor_parameters())
    assert made.team.pool_weights.raw.grad.abs().sum() > 0


def number(rows):
    """Tell rows apart: no environment stands on one bar twice in a rollout of one episode."""
    return rows.bar * 64 + rows.environment


def test_critic_sees_every_environment_once_per_epoch():
    made = world(epochs=2)
    batch = begun(made)
    steps = list(made.learner.gradient_steps(batch))
    assert len(steps) == 2 * 4
    for epoch in (steps[:4], steps[4:]):
        rows = torch.cat([number(part.critic) for parts in epoch for part in parts])
        assert torch.equal(rows.sort().values, number(batch.rows).sort().values)
        for learner, expected in enumerate(batch.learner_rows):
            own = torch.cat([number(part.policy[learner]) for parts in epoch for part in parts])
            assert torch.equal(own.sort().values, number(batch.rows)[expected].sort().values)
    first, second = (number(epoch[0][0].critic) for epoch in (steps[:4], steps[4:]))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("enabled", [True, False])
def test_values_are_denormalised_before_advantages_and_targets_normalised_after(enabled):
    made = world(normalise_advantages="off", value_norm=enabled)
    norm = made.learner.targets.value_norm
    norm.update(torch.tensor([3.0, 7.0]))  # mean 5, sd 2: off, this does nothing
    rollout = made.collector.collect()
    with torch.no_grad():
        raw = made.seats.values(
            rollout.bar.flatten(), rollout.account.flatten(0, 1), rollout.executor.flatten()
        ).view_as(rollout.reward)
        last = made.seats.values(rollout.last_bar, rollout.last_account, rollout.last_executor)
        final = made.seats.values(
            rollout.final_bar.flatten(),
            rollout.final_account.flatten(0, 1),
            rollout.executor.flatten(),
        ).view_as(raw)
    scale, shift = (2.0, 5.0) if enabled else (1.0, 0.0)
    value, last, final = (v * scale + shift for v in (raw, last, final))
    following = returns.next_values(value, last, final, rollout.truncated)
    expected = returns.advantages(
        rollout.reward,
        value,
        following,
        rollout.terminated,
        rollout.truncated,
        gamma=0.95,
        gae_lambda=0.8,
    )
    batch = made.learner.begin(rollout, 0.0)
    torch.testing.assert_close(batch.rows.advantage, expected.flatten(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(batch.rows.value, raw.flatten(), atol=1e-5, rtol=1e-5)
    target = norm.normalise((expected + value).flatten())
    torch.testing.assert_close(batch.rows.target, target, atol=1e-4, rtol=1e-4)


def test_advantages_are_normalised_where_the_switch_says():
    per_batch = begun(world(normalise_advantages="per_batch")).rows.advantage
    assert per_batch.mean().abs() < 1e-5
    assert per_batch.std() == pytest.approx(1.0, abs=1e-2)
    made = world(normalise_advantages="per_agent")
    batch = begun(made)
    for rows in batch.learner_rows:
        assert batch.rows.advantage[rows].mean().abs() < 1e-5
    raw = begun(world(normalise_advantages="off")).rows.advantage
    assert raw.std() != pytest.approx(1.0, abs=1e-2)
    minibatch = begun(world(normalise_advantages="per_minibatch")).rows.advantage
    assert torch.equal(minibatch, raw)


def test_learner_reward_holds_the_risk_term_and_the_record_is_each_agents_own():
    made = world(risk=0.5)
    rollout = made.collector.collect()
    made.learner.begin(rollout, 1.0)
    reward = learner_reward(rollout.reward, 0.5)
    for agent in range(2):
        expected = 0.1 * reward[rollout.executor == agent].mean()
        assert made.team.pool_weights.record[agent] == pytest.approx(float(expected), rel=1e-4)


def test_risk_averages_come_from_the_pools_environments():
    made = world(risk=None)
    rollout = made.collector.collect()
    made.learner.begin(rollout, 0.0)
    term = made.learner.targets.risk
    pool = rollout.net[rollout.executor == 2]
    assert term.mean / term.weight == pytest.approx(float(pool.mean()), rel=1e-5)
    without = world(risk=None, pool_every=0)
    rollout = without.collector.collect()
    without.learner.begin(rollout, 0.0)
    term = without.learner.targets.risk
    assert term.mean / term.weight == pytest.approx(float(rollout.net.mean()), rel=1e-5)


def run_update(made):
    optimiser = made.learner.optimiser(fused=False)
    batch = begun(made)
    for count, parts in enumerate(made.learner.gradient_steps(batch), start=1):
        optimiser.zero_grad()
        for part in parts:
            sum(made.learner.losses(batch, part)).backward()
        made.learner.stop_diverged()
        made.learner.clip_gradients()
        optimiser.step()
        yield count


def test_divergence_stops_the_agents_and_not_the_critic():
    made = world(kl_target=1e-9, actor_lr=1e-2)
    first = before = torch.empty(0)
    for count in run_update(made):
        actors, critic = weights_of(made.team.members), weights_of(made.team.critic)
        if count == 1:
            assert made.learner.learning == [True, True]  # the ratio is 1: nothing to stop
            first = actors
        elif count == 3:
            assert made.learner.learning == [False, False]
            assert torch.equal(actors, first)
            assert not torch.equal(critic, before)
        before = critic
    assert made.learner.report()["epochs/seer"] == pytest.approx(4 / 16)


def test_one_agent_stops_and_the_other_goes_on():
    made = world(kl_target=0.05, actor_lr=1e-5)
    learner = made.learner
    batch = begun(made)
    part = next(learner.gradient_steps(batch))[0]
    with torch.no_grad():
        made.team.policies[0].head.out.bias.add_(torch.tensor([1.5, 0.0, 0.0]))
    sum(learner.losses(batch, part)).backward()
    learner.stop_diverged()
    assert learner.learning == [False, True]
    assert all(p.grad is None for p in made.team.policies[0].parameters())
    assert any(p.grad is not None for p in made.team.policies[1].parameters())


def test_without_a_target_nothing_stops():
    made = world(kl_target=None, actor_lr=5e-2)
    for _ in run_update(made):
        pass
    assert made.learner.learning == [True, True]
    assert made.learner.report()["epochs/seer"] == 4.0


def test_gradients_are_clipped_each_network_by_itself():
    made = world(grad_clip=0.01)
    batch = begun(made)
    part = next(made.learner.gradient_steps(batch))[0]
    (sum(made.learner.losses(batch, part)) * 1e3).backward()
    made.learner.clip_gradients()
    for module in (*made.team.policies, made.team.critic):
        norm = torch.stack([p.grad.norm() for p in module.parameters()]).norm()
        assert norm == pytest.approx(0.01, rel=1e-3)
    free = world(grad_clip=None)
    batch = begun(free)
    (sum(free.learner.losses(batch, part)) * 1e3).backward()
    free.learner.clip_gradients()
    norm = torch.stack([p.grad.norm() for p in free.team.critic.parameters()]).norm()
    assert norm > 1.0


@pytest.mark.parametrize("executor", ["episode", "pool"])
def test_accumulation_gives_the_same_step(executor):
    whole, parts = (world(executor=executor, accumulate=k, epochs=1) for k in (1, 4))
    for made in (whole, parts):
        made.update(torch.optim.SGD([*made.team.parameters()], lr=0.1))
    one, four = weights_of(whole.team), weights_of(parts.team)
    torch.testing.assert_close(one, four, atol=1e-6, rtol=1e-4)
    assert not torch.equal(one, weights_of(world(executor=executor).team))


def test_entropy_and_value_switches_change_the_loss():
    def first_loss(**given):
        made = world(**given)
        batch = begun(made)
        part = next(made.learner.gradient_steps(batch))[0]
        part.critic.value.add_(1.0)  # pretend that the critic has moved since
        return sum(made.learner.losses(batch, part)).item()

    base = first_loss()
    assert first_loss(entropy_start=0.0, entropy_end=0.0) > base
    assert first_loss(value_loss="mse", huber_delta=10.0) == pytest.approx(base, rel=1e-6)
    assert first_loss(huber_delta=0.1) < base
    assert first_loss(value_clip=0.2) > base


def test_performance_option_moves_the_weights_by_outcome_and_confidence():
    made = world(ensemble_learn="performance")
    made.update(made.learner.optimiser(fused=True))
    weights = made.team.weights
    assert weights.sum() == pytest.approx(1.0)
    assert weights.tolist() == pytest.approx([0.5, 0.5], abs=1e-2)


def test_adam_has_the_published_epsilon_and_two_rates():
    optimiser = world(actor_lr=1e-3, critic_lr=2e-3).learner.optimiser(fused=False)
    assert [group["lr"] for group in optimiser.param_groups] == [1e-3, 2e-3]
    assert all(group["eps"] == 1e-5 for group in optimiser.param_groups)


@pytest.mark.parametrize("sees", ["state", "own", "state_action"])
def test_every_critic_view_learns(sees):
    made = world("private", critic_sees=sees, critic_lr=1e-2, gamma=0.0)
    optimiser = made.learner.optimiser(fused=True)
    losses = [made.update(optimiser)["value_loss"] for _ in range(4)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("executor", ["episode", "pool"])
def test_sequence_networks_train(executor):
    made = world(network="temporal", executor=executor, environments=16, rollout_steps=4, epochs=1)
    before = weights_of(made.team.members)
    made.update(made.learner.optimiser(fused=True))
    assert not torch.equal(weights_of(made.team.members), before)
