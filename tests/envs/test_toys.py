"""Toys keep their promises, and the Gymnasium adapters pass Gymnasium's own check."""

import numpy as np
import pytest
import torch
from env_worlds import SCALE, random_tape
from gymnasium.utils.env_checker import check_env

from grandmodel.core.checks import UserError
from grandmodel.core.types import ObservationSpec
from grandmodel.envs.config import EnvConfig, RewardConfig
from grandmodel.envs.gym_env import GymMarketEnv, GymVectorMarketEnv
from grandmodel.envs.observation import MarketView
from grandmodel.envs.reward import Reward
from grandmodel.envs.toys import endless_toy, identity_toy, private_view_toy

SPEC = ObservationSpec("a", ("momentum_20", "raw_volatility_30"), ("synergy_direction",))
CONFIG = EnvConfig(episode_bars=12)


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


def market(kind, normalise=False, **more):
    tape = random_tape(300)
    reward = Reward(RewardConfig(normalise=normalise), SCALE)
    return kind(tape, SPEC, CONFIG, reward, [range(48, 300)], **more)


UNBOUNDED = "ignore:.*A Box observation space (min|max)imum value is -?infinity:UserWarning"


@pytest.mark.filterwarnings("error", UNBOUNDED)
@pytest.mark.parametrize("normalise", [False, True])
def test_gymnasium_accepts_the_single_environment(normalise):
    check_env(market(GymMarketEnv, normalise), skip_render_check=True)


@pytest.mark.parametrize("action", [-1, 3, 1.0, 0.9, float("nan"), True, "1", None, [1]])
def test_actions_that_are_none_are_refused(action):
    single, vector = market(GymMarketEnv), market(GymVectorMarketEnv, n_envs=2)
    refusal = r"an action must be the integer 0 \(short\), 1 \(flat\) or 2 \(long\), . in all, was"
    with pytest.raises(UserError, match=refusal):
        single.step(action)
    with pytest.raises(UserError, match=refusal):
        vector.step(action if isinstance(action, list) else [action, action])
    for kind in (int, np.int8, np.uint32, np.array):
        single.step(kind(2))


def test_the_running_scale_moves_every_so_many_steps():
    plain, scaled = (
        market(GymVectorMarketEnv, kind, n_envs=4, rollout_steps=5) for kind in (False, True)
    )
    divided = []
    for step in range(11):
        want, got = (env.step([step % 3, 0, 2, 2])[1] for env in (plain, scaled))
        divided.append(want / got)
    assert np.allclose(divided[:5], 1.0)
    assert np.ptp(divided[5:10]) < 1e-5
    assert abs(divided[5][0] - 1.0) > 0.01
    assert abs(divided[10][0] - divided[5][0]) > 1e-7
    with pytest.raises(UserError, match="rollout_steps must be at least 1, was 0"):
        market(GymMarketEnv, rollout_steps=0)


def test_single_and_vector_environment_agree():
    single, vector = market(GymMarketEnv), market(GymVectorMarketEnv, n_envs=1)
    alone, _ = single.reset(seed=7)
    many, _ = vector.reset(seed=7)
    assert np.array_equal(alone, many[0])
    for step in range(40):
        action = step % 3
        seen, reward, terminated, truncated, _ = single.step(action)
        many, rewards, _, cut, info = vector.step(np.array([action]))
        assert reward == rewards[0]
        assert truncated == cut[0]
        assert not terminated
        assert np.array_equal(seen, info["final_obs"][0] if truncated else many[0])
        assert seen in single.observation_space


def test_vector_environment_keeps_its_shapes():
    env = market(GymVectorMarketEnv, n_envs=5)
    seen, _ = env.reset(seed=1)
    assert seen.shape == env.observation_space.shape == (5, 9)
    assert seen.dtype == np.float32
    again, _ = env.reset(seed=1)
    assert np.array_equal(seen, again)
    for _ in range(30):
        seen, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert reward.shape == terminated.shape == truncated.shape == (5,)
        assert ("final_obs" in info) == bool((terminated | truncated).any())
