"""Toys keep their promises."""

import torch

from grandmodel.envs.observation import MarketView
from grandmodel.envs.toys import endless_toy, identity_toy, private_view_toy


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def last_row(env, spec):
    view = MarketView(env.tape, spec)
    return view.window(env.bar)[:, -1].long()


def test_identity_toy_pays_for_what_is_shown():
    env = identity_toy(32, generator())
    for _ in range(40):
        assert (env.step(last_row(env, env.specs[0])).reward == 1.0).all()
    blind = torch.stack([env.step(torch.ones(32).long()).reward for _ in range(100)])
    assert 0.25 < blind.mean() < 0.42


def test_endless_toy_pays_one_for_ever_and_never_terminates():
    env = endless_toy(8, generator(), episode_bars=16)
    results = [env.step(torch.zeros(8).long()) for _ in range(64)]
    assert all((r.reward == 1.0).all() for r in results)
    assert not any(r.terminated.any() for r in results)
    assert torch.stack([r.truncated for r in results]).sum().item() == 8 * 4


def test_private_view_toy_hangs_on_what_the_seer_does_not_see():
    env = private_view_toy(64, generator())
    seer, holder = env.specs
    own, other = last_row(env, seer), last_row(env, holder)
    result = env.step(own)
    assert torch.equal(result.reward, 1.0 + 3.0 * other)
    assert set(other.tolist()) == {-1, 1}


def test_toys_resume_exactly():
    env = identity_toy(8, generator(3))
    env.step(torch.ones(8).long())
    saved = env.state_dict()
    want = [env.step(torch.ones(8).long()) for _ in range(40)]
    again = identity_toy(8, generator(3))
    again.load_state_dict(saved)
    got = [again.step(torch.ones(8).long()) for _ in range(40)]
    for a, b in zip(want, got, strict=True):
        assert torch.equal(a.reward, b.reward)
        assert torch.equal(a.observation.bar, b.observation.bar)
        assert torch.equal(a.final.account, b.final.account)
