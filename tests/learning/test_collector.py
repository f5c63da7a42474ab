"""The collector: who acts, what is stored, and that the update sees the same probabilities."""

import pytest
import torch
from learning_worlds import world

from grandmodel.learning.losses import probability_ratio


def first_ratio(made, batch):
    """Probability ratios of all learners on all their rows, before any step."""
    ratios = []
    for learner, rows in enumerate(batch.learner_rows):
        own = batch.rows.take(rows)
        log_probs = made.learner._log_probs(batch, learner, own)
        action, collected = own.acted(learner)
        log_prob = log_probs.gather(1, action[:, None])[:, 0]
        ratios.append(probability_ratio(log_prob, collected))
    return torch.cat(ratios)


def trained(**given):
    """A world whose policies are no longer near uniform."""
    made = world(actor_lr=3e-3, **given)
    optimiser = made.learner.optimiser(fused=True)
    for _ in range(3):
        made.update(optimiser)
    return made


@pytest.mark.parametrize("executor", ["episode", "step", "pool", "votes"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_ratio_is_one_before_the_first_step(executor, dropout):
    made = trained(executor=executor, dropout=dropout)
    batch = made.learner.begin(made.collector.collect(), 0.0)
    ratio = first_ratio(made, batch)
    assert ratio.numel() > 100
    assert (ratio - 1.0).abs().max() < 1e-6


def test_ratio_is_not_one_with_other_dropout_masks():
    made = trained(dropout=0.3)
    rollout = made.collector.collect()
    rollout.dropout.copy_(rollout.dropout.roll(1, dims=0))
    ratio = first_ratio(made, made.learner.begin(rollout, 0.0))
    assert (ratio - 1.0).abs().max() > 1e-2


def test_ratio_under_bf16_is_one_within_a_hundredth():
    made = trained()

    def autocast():
        return torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False)

    made.collector.autocast = autocast
    rollout = made.collector.collect()
    with autocast():
        ratio = first_ratio(made, made.learner.begin(rollout, 0.0))
    assert (ratio - 1.0).abs().max() < 1e-2


def test_shapes_and_who_executes():
    made = world()
    rollout = made.collector.collect()
    assert rollout.bar.shape == rollout.action.shape == (16, 64)
    assert rollout.account.shape == (16, 64, 4)
    pool = rollout.executor == 2
    assert pool[:, 7::8].all()
    assert not pool[:, :7].any()
    assert set(rollout.executor.unique().tolist()) == {0, 1, 2}


def test_executor_changes_only_where_an_episode_ended():
    made = world()
    rollout = made.collector.collect()
    changed = rollout.executor[1:] != rollout.executor[:-1]
    done = rollout.truncated[:-1]
    assert changed.any()
    assert not (changed & ~done).any()


def test_pool_environments_take_the_likeliest_class():
    made = trained()
    rollout = made.collector.collect()
    rows = rollout.executor == 2
    probabilities = made.seats.pooled_log_probs(rollout.bar[rows], rollout.account[rows], None)
    assert torch.equal(rollout.action[rows], probabilities.argmax(-1))
    assert (rollout.log_prob[rows] == 0).all()


def test_actions_follow_the_executors_probabilities():
    made = world(environments=2048, rollout_steps=4, pool_every=0)
    with torch.no_grad():
        for policy in made.team.policies:
            policy.head.out.weight.zero_()
            policy.head.out.bias.copy_(torch.tensor([0.5, 0.2, 0.3]).log())
    shares = made.collector.collect().action.flatten().bincount(minlength=3) / (4 * 2048)
    assert shares.tolist() == pytest.approx([0.5, 0.2, 0.3], abs=0.02)


def test_rows_continue_from_one_rollout_to_the_next():
    made = world()
    first, second = made.collector.collect(), made.collector.collect()
    assert torch.equal(first.last_bar, second.bar[0])
    assert torch.equal(first.last_account, second.account[0])
    assert torch.equal(first.last_executor, second.executor[0])


def test_final_observation_is_the_one_before_the_reset():
    rollout = world().collector.collect()
    cut = rollout.truncated[:-1]
    assert cut.any()
    assert torch.equal(rollout.final_bar[:-1][cut], rollout.bar[:-1][cut] + 1)
    assert torch.equal(rollout.final_bar[:-1][~cut], rollout.bar[1:][~cut])
    assert (rollout.account[1:][cut] == 0).all()  # the next row is another episode's
    position = rollout.final_account[..., 0]
    own = rollout.action - 1
    assert torch.equal(position, own.float())
    assert position[:-1][cut].any()


def test_costs_are_those_of_the_curriculum():
    made = world()
    made.collector.collect(0.4)
    assert made.env.cost_scale == 0.4


def test_state_round_trip_continues_bit_for_bit():
    made, other = world(dropout=0.2), world(dropout=0.2)
    made.collector.collect()
    for _ in range(3):
        other.collector.collect()
    other.collector.load_state_dict(made.collector.state_dict())
    one, two = made.collector.collect(), other.collector.collect()
    for name in ("bar", "account", "action", "log_prob", "executor", "reward", "dropout"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name
    assert not torch.equal(one.action, made.collector.collect().action)


def test_every_agent_of_a_voting_team_learns_from_every_row():
    made = world(executor="votes")
    batch = made.learner.begin(made.collector.collect(), 0.0)
    count = made.learner.config.rows
    assert batch.rows.action.shape == batch.rows.log_prob.shape == (count, 2)
    assert [len(rows) for rows in batch.learner_rows] == [count, count]


def test_agents_learn_from_the_bars_at_which_votes_count_and_from_no_others():
    made = world(executor="votes")
    decides = torch.arange(100_000) % 3 == 0
    made.learner.targets.decides = decides
    rollout = made.collector.collect()
    batch = made.learner.begin(rollout, 0.0)
    counted = int(decides[rollout.bar].sum())
    assert [len(rows) for rows in batch.learner_rows] == [counted, counted]
    assert decides[batch.rows.bar[batch.learner_rows[0]]].all()
    assert len(batch.rows) == made.learner.config.rows  # the critic learns from all


def test_a_rollout_in_which_no_vote_counted_moves_the_critic_alone():
    made = world(executor="votes")
    made.learner.targets.decides = torch.zeros(100_000, dtype=torch.bool)
    before = [p.clone() for policy in made.seats.team.policies for p in policy.parameters()]
    critic = [p.clone() for p in made.seats.team.critic.parameters()]
    made.update(made.learner.optimiser(fused=True), 0.0)
    after = [p for policy in made.seats.team.policies for p in policy.parameters()]
    assert all(torch.equal(one, two) for one, two in zip(before, after, strict=True))
    moved = zip(critic, made.seats.team.critic.parameters(), strict=True)
    assert any(not torch.equal(one, two) for one, two in moved)


def test_votes_are_drawn_from_each_agents_own_distribution():
    made = trained(executor="votes")
    rollout = made.collector.collect()
    bar, account = rollout.bar.flatten(), rollout.account.flatten(0, 1)
    for agent in range(2):
        wanted = made.seats.log_probs(agent, bar, account, None).exp().mean(0)
        drawn = torch.bincount(rollout.action[:, :, agent].flatten(), minlength=3) / len(bar)
        assert (wanted - drawn).abs().max() < 0.05


def test_a_voting_team_learns_whose_vote_counts():
    made = world(executor="votes", entropy_start=0.01)
    optimiser = made.learner.optimiser(fused=True)
    reports = [made.update(optimiser, index / 40) for index in range(40)]
    assert reports[-1]["entropy/seer"] < 0.5 * reports[0]["entropy/seer"]
    assert reports[-1]["learner_reward"] > 0.8


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_dealing_environments_deals_every_row_once_and_in_order(network):
    made = world(executor="votes", deal="environments", network=network)
    batch = made.learner.begin(made.collector.collect(), 0.0)
    steps = list(made.learner.gradient_steps(batch))
    per_epoch = len(steps) // made.learner.config.epochs
    seen = torch.cat([parts[0].critic.environment for parts in steps[:per_epoch]])
    assert torch.equal(seen.bincount(), torch.full((64,), 16))
    for (part,) in steps:
        change = part.critic.environment.diff() != 0
        assert int(change.sum()) + 1 == len(part.critic.environment.unique())
    assert (first_ratio(made, batch) - 1.0).abs().max() < 1e-6
