"""What one member is paid beside the team reaches that member's advantage and no other's."""

from dataclasses import replace

import pytest
import torch
from learning_worlds import world

from grandmodel.learning import returns


def shaped_world(executor):
    return world(
        executor=executor, shaped=("second",), value_norm=False, normalise_advantages="off"
    )


def paid(made, rollout, amount):
    draw = torch.rand(*rollout.reward.shape, 1, generator=torch.Generator().manual_seed(3))
    return made.learner.begin(replace(rollout, shaping=amount * draw), 0.0)


def gradient_of(policy):
    return torch.cat([p.grad.flatten() for p in policy.parameters() if p.grad is not None])


@pytest.mark.parametrize("executor", ["votes", "episode"])
def test_shaping_moves_one_members_advantage_and_return_alone(executor):
    made = shaped_world(executor)
    rollout = made.collector.collect()
    without, with_it = paid(made, rollout, 0.0).rows, paid(made, rollout, 1.0).rows
    assert torch.equal(with_it.advantage[:, 0], without.advantage[:, 0])
    assert torch.equal(with_it.target[:, 0], without.target[:, 0])
    extra = torch.rand(*rollout.reward.shape, generator=torch.Generator().manual_seed(3))
    nothing = torch.zeros_like(extra)
    more = returns.advantages(
        extra, nothing, nothing, rollout.terminated, rollout.truncated, gamma=0.95, gae_lambda=0.8
    )
    got = with_it.advantage[:, 1] - without.advantage[:, 1]
    torch.testing.assert_close(got, more.flatten(), atol=1e-4, rtol=1e-4)
    assert with_it.value.shape == with_it.target.shape == (rollout.reward.numel(), 2)


def test_the_gradient_of_the_other_member_does_not_move():
    made = shaped_world("votes")
    rollout = made.collector.collect()
    made.learner._divergence = [torch.zeros(()), torch.zeros(())]
    gradients = []
    for amount in (0.0, 1.0):
        batch = paid(made, rollout, amount)
        made.team.zero_grad()
        for learner in (0, 1):
            made.learner._policy_loss(batch, learner, batch.rows, 1.0).backward()
        gradients.append([gradient_of(policy) for policy in made.team.policies])
    before, after = gradients
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


def test_whole_updates_run_with_heads_of_the_critic():
    made = shaped_world("votes")
    step = made.env.step

    def shaped(targets):
        result = step(targets)
        return replace(result, shaping=result.reward[:, None] * 0.1)

    made.env.step = shaped
    report = made.update(made.learner.optimiser(fused=False))
    assert report["gradient/second"] > 0.0
    assert made.team.critic.out.weight.shape[0] == 2
