import pytest
import torch

from grandmodel.core.checks import UserError
from grandmodel.core.random import torch_stream
from grandmodel.decision.executor import (
    Executors,
    closed_positions,
    draw_agents,
    pool_environments,
)

W0 = torch.tensor([0.40, 0.35, 0.25])
NO = torch.zeros(4096, dtype=torch.bool)


def make(kind, n_envs=4096, seed=1, **options):
    return Executors(kind, W0, n_envs, torch_stream(seed, "executors"), **options)


def test_draws_follow_the_weights():
    drawn = draw_agents(torch.tensor([4.0, 3.5, 2.5]), 100_000, torch_stream(0, "draw"))
    shares = drawn.bincount(minlength=3) / 100_000
    torch.testing.assert_close(shares, W0, atol=0.006, rtol=0)


def test_an_agent_of_weight_zero_is_never_drawn():
    drawn = draw_agents(torch.tensor([0.0, 1.0, 0.0]), 1000, torch_stream(0, "draw"))
    assert (drawn == 1).all()


def test_a_draw_of_exactly_zero_passes_over_agents_of_weight_zero(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda count, **_: torch.zeros(count, dtype=torch.float64))
    drawn = draw_agents(torch.tensor([0.0, 1.0]), 2, torch_stream(0, "draw"))
    assert drawn.tolist() == [1, 1]


def test_exactly_one_environment_in_eight_belongs_to_the_pool():
    assert pool_environments(512).sum() == 64
    assert pool_environments(16).nonzero().flatten().tolist() == [7, 15]
    assert pool_environments(16, 0).sum() == 0
    executors = make("episode")
    assert torch.equal(executors.current == 3, pool_environments(4096))


def test_an_episode_keeps_its_agent_until_it_ends():
    executors = make("episode")
    first = executors.current.clone()
    done = NO.clone()
    done[:2048] = True
    second = executors.advance(done, ~NO, W0)
    assert torch.equal(second[2048:], first[2048:])
    assert (second[:2048] != first[:2048]).float().mean() > 0.4
    assert torch.equal(second == 3, executors.is_pool)


def test_episodes_are_drawn_with_the_initial_weights_whatever_was_learned():
    learned = torch.tensor([0.0, 0.0, 1.0])
    shares = make("episode").advance(~NO, NO, learned).bincount() / (4096 * 7 / 8)
    torch.testing.assert_close(shares[:3], W0, atol=0.03, rtol=0)


def test_step_redraws_one_in_twelve_and_at_closes_with_the_learned_weights():
    executors = make("step")
    assert (executors.current < 3).all()
    learned = torch.tensor([0.0, 0.0, 1.0])
    first = executors.current.clone()
    closed = NO.clone()
    closed[:1024] = True
    second = executors.advance(NO, closed, learned)
    assert (second[:1024] == 2).all()
    moved = (second != first)[1024:]
    others = (first != 2)[1024:]
    assert moved.sum() / others.sum() == pytest.approx(1 / 12, abs=0.02)
    never = make("step", redraw_probability=0.0)
    assert torch.equal(never.current, never.advance(NO, NO, learned))


def test_pool_executes_everywhere():
    executors = make("pool")
    assert (executors.advance(~NO, ~NO, W0) == 3).all()


def test_unknown_kind_is_refused_by_key():
    with pytest.raises(UserError, match=r"agent\.executor must be one of"):
        make("agent")


def test_resume_continues_the_same_draws():
    one = make("step", n_envs=64)
    none = torch.zeros(64, dtype=torch.bool)
    one.advance(none, none, W0)
    state = one.state_dict()
    expected = [one.advance(none, none, W0).clone() for _ in range(5)]
    other = make("step", n_envs=64, seed=9)
    other.load_state_dict(state)
    assert all(torch.equal(other.advance(none, none, W0), e) for e in expected)


def test_closed_positions_are_exits_and_reversals():
    before, after = torch.tensor([0, 1, 1, 1, -1]), torch.tensor([1, 1, 0, -1, 0])
    assert closed_positions(before, after).tolist() == [False, False, True, True, True]


def test_a_single_agent_draws_itself():
    executors = Executors("episode", torch.ones(1), 16, torch_stream(0, "one"))
    assert set(executors.current.tolist()) == {0, 1}
