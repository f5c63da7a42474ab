"""The adapters pass the checks of Gymnasium, PettingZoo and Stable-Baselines3, and agree."""

import os
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from adapter_worlds import OTHER, SPANS, SPEC, TAPE, digest, market, reward, zoo
from env_worlds import segment_env
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from grandmodel.core.checks import UserError
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.episodes import flat_observation
from grandmodel.envs.gym_env import GymMarketEnv, GymVectorMarketEnv
from grandmodel.envs.observation import MarketView
from grandmodel.envs.orders import Ended, Outcome
from grandmodel.envs.peak import WindowPeak

UNBOUNDED = "ignore:.*A Box observation space (min|max)imum value is -?infinity"
NO_SPEC = "ignore:.*Not able to test alternative render modes"
OFFICIAL = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.filterwarnings(UNBOUNDED),
    pytest.mark.filterwarnings(NO_SPEC),
    pytest.mark.filterwarnings("ignore:Agent.*observation space"),
    pytest.mark.filterwarnings("ignore:We recommend agents to be named"),
    pytest.mark.filterwarnings("ignore:Observations are different shapes"),
]


def official(test):
    """No warning but of unbounded, unequal observations and of names without numbers."""
    for mark in OFFICIAL:
        test = mark(test)
    return test


@official
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("in_turn", [False, True])
def test_gymnasium_accepts_the_single_environment(normalise, in_turn):
    check_env(market(normalise=normalise, in_turn=in_turn))


@official
def test_stable_baselines3_accepts_the_single_environment():
    checker = pytest.importorskip(
        "stable_baselines3.common.env_checker", reason="needs the package stable-baselines3"
    )
    checker.check_env(market())


@official
@pytest.mark.parametrize("rewards", ["own", "shared"])
@pytest.mark.parametrize("in_turn", [False, True])
def test_pettingzoo_accepts_the_parallel_environment(rewards, in_turn):
    test = pytest.importorskip("pettingzoo.test", reason="needs the package pettingzoo")
    utils = pytest.importorskip("pettingzoo.utils")

    def make():
        return zoo(rewards=rewards, in_turn=in_turn)

    test.parallel_api_test(make(), num_cycles=300)
    test.parallel_seed_test(make, num_cycles=300)
    test.api_test(utils.parallel_to_aec(make()), num_cycles=300)
    test.seed_test(lambda: utils.parallel_to_aec(make()), num_cycles=300)


@pytest.mark.parametrize("length", [12, 140])
def test_the_vector_environment_is_many_single_ones_in_mode_same_step(length):
    """Each segment has an environment; episodes shorter and longer than the drawdown's window."""
    vector = market(GymVectorMarketEnv, n_envs=2, in_turn=True, episode_bars=length)
    single = [lambda s=s: market(spans=[s], in_turn=True, episode_bars=length) for s in SPANS]
    many = SyncVectorEnv(single, autoreset_mode=AutoresetMode.SAME_STEP)
    assert vector.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert data_equivalence(vector.reset(seed=1), many.reset(seed=1), exact=True)
    draw = np.random.default_rng(0)
    ends = 0
    for _ in range(300):
        actions = draw.integers(0, 3, 2)
        got, want = vector.step(actions), many.step(actions)
        assert data_equivalence(got[0], want[0], exact=True)
        assert np.array_equal(got[1], want[1])
        assert data_equivalence(got[2:4], want[2:4])
        assert got[4].keys() == want[4].keys()
        assert all(data_equivalence(got[4][key], want[4][key], exact=True) for key in got[4])
        ends += int(got[3].sum())
    assert ends == 300 // 101 + 300 // 139


def test_segments_in_turn_are_judged_as_the_judge_does():
    env = market(in_turn=True)
    view = MarketView(TAPE, SPEC)
    for span in [*SPANS, *SPANS]:
        judged = segment_env(TAPE, [span], episode_bars=12)
        seen, info = env.reset()
        assert info["equity"] == 100_000.0
        draw = np.random.default_rng(2)
        truncated = False
        last = span.stop - span.start - 2
        for step in range(last + 1):
            assert not truncated
            action = 2 if step >= last - 1 else draw.integers(0, 3)
            want = judged.step(torch.tensor([int(action) - 1]))
            seen, paid, _, truncated, info = env.step(action)
            assert paid == float(want.reward)
            assert info["equity"] == float(want.equity)
            assert info["position"] == int(want.executed)
            assert np.array_equal(seen, flat_observation(view, want.final)[0].numpy())
        assert truncated
        assert info["position"] == 0
    env.reset(seed=4)
    assert env.reset()[1]["close_time_ns"] != env.reset(seed=4)[1]["close_time_ns"]


def test_limits_and_brackets_come_from_the_settings_alone():
    settings = {"entry": "limit", "stop_atr": 0.5, "target_atr": 0.75}
    config = EnvConfig(episode_bars=12, **settings)
    env = GymVectorMarketEnv(TAPE, SPEC, config, reward(), [SPANS[0]], n_envs=1, in_turn=True)
    judged = segment_env(TAPE, [SPANS[0]], episode_bars=12, **settings)
    env.reset()
    draw = np.random.default_rng(2)
    seen: dict[str, set] = {"outcome": set(), "ended": set()}
    for _ in range(len(SPANS[0]) - 2):
        action = draw.integers(0, 3, 1)
        want, info = judged.step(torch.from_numpy(action) - 1), env.step(action)[4]
        for name, codes in seen.items():
            assert info[name] == getattr(want, name).numpy()
            codes.add(int(info[name][0]))
        assert info["equity"] == want.equity.numpy()
    assert {Outcome.NONE, Outcome.FILLED, Outcome.RESTED, Outcome.MISSED} <= seen["outcome"]
    assert {Ended.NONE, Ended.STOP, Ended.TARGET} <= seen["ended"]


@pytest.mark.parametrize("window", [2, 3, 5])
def test_a_restarted_window_peak_forgets_what_was(window):
    draw = torch.Generator().manual_seed(window)
    values = torch.rand(60, 3, generator=draw, dtype=torch.float64)
    starts = torch.rand(60, 3, generator=draw) < 0.15
    peak, seen = WindowPeak(3, window), [[], [], []]
    for value, restart in zip(values, starts, strict=True):
        got = peak.push(value)
        for env in range(3):
            seen[env].append(float(value[env]))
            assert float(got[env]) == max(seen[env][-window:])
            if restart[env]:
                seen[env] = [0.5]
        peak.restart(restart, 0.5)


@pytest.mark.parametrize("action", [-1, 3, 1.0, 0.9, float("nan"), True, "1", None, [1]])
def test_actions_that_are_none_are_refused(action):
    single, vector = market(), market(GymVectorMarketEnv, n_envs=2)
    single.reset()
    vector.reset()
    refusal = r"an action must be the integer 0 \(short\), 1 \(flat\) or 2 \(long\), . in all, was"
    with pytest.raises(UserError, match=refusal):
        single.step(action)
    with pytest.raises(UserError, match=refusal):
        vector.step(action if isinstance(action, list) else [action, action])
    for kind in (int, np.int8, np.uint32, np.array):
        single.step(kind(2))


@pytest.mark.parametrize("make", [market, lambda: market(GymVectorMarketEnv, n_envs=1)])
def test_no_step_without_an_episode(make):
    with pytest.raises(UserError, match=r"no episode to step: call reset\(\) first"):
        make().step(np.array([1]) if isinstance(make(), gym.vector.VectorEnv) else 1)


def test_an_ended_episode_is_not_stepped_on():
    env = market()
    env.reset()
    for _ in range(12):
        truncated = env.step(0)[3]
    assert truncated
    with pytest.raises(UserError, match=r"call reset\(\) first"):
        env.step(0)


def test_the_running_scale_moves_every_so_many_steps_and_begins_anew_with_a_seed():
    plain, scaled = (
        market(GymVectorMarketEnv, kind, n_envs=4, rollout_steps=5) for kind in (False, True)
    )
    for _ in range(2):
        plain.reset(seed=1)
        scaled.reset(seed=1)
        divided = []
        for step in range(11):
            want, got = (env.step([step % 3, 0, 2, 2])[1] for env in (plain, scaled))
            divided.append(want / got)
        assert np.allclose(divided[:5], 1.0)
        assert np.ptp(divided[5:10]) < 1e-5
        assert abs(divided[5][0] - 1.0) > 0.01
        assert abs(divided[10][0] - divided[5][0]) > 1e-7
    with pytest.raises(UserError, match="rollout_steps must be at least 1, was 0"):
        market(rollout_steps=0)


def test_vector_environment_keeps_its_shapes_and_gives_copies():
    env = market(GymVectorMarketEnv, n_envs=5)
    seen, _ = env.reset(seed=1)
    assert seen.shape == env.observation_space.shape == (5, 9)
    assert seen.dtype == np.float32
    again, _ = env.reset(seed=1)
    assert np.array_equal(seen, again)
    twin = market(GymVectorMarketEnv, n_envs=5)
    twin.reset(seed=1)
    draw = np.random.default_rng(0)
    for _ in range(30):
        actions = draw.integers(0, 3, 5)
        seen, paid, terminated, truncated, info = env.step(actions)
        assert paid.shape == terminated.shape == truncated.shape == (5,)
        assert ("final_obs" in info) == bool((terminated | truncated).any())
        for values in (seen, info["equity"], info["position"], truncated):
            values[...] = 0  # the account does not notice
        assert np.array_equal(paid, twin.step(actions)[1])
    with pytest.raises(UserError, match="seed must be one integer"):
        env.reset(seed=[1, 2, 3, 4, 5])
    with pytest.raises(UserError, match="reset_mask"):
        env.reset(options={"reset_mask": np.ones(5, bool)})


@pytest.mark.parametrize("rewards", ["own", "shared"])
def test_only_the_executor_trades(rewards):
    """Against a Gymnasium environment that is given the executor's actions alone."""
    pytest.importorskip("pettingzoo", reason="needs the package pettingzoo")
    env, alone = zoo(rewards=rewards), market()
    draw = np.random.default_rng(1)
    executors = []
    for episode in range(40):
        seed = 9 if episode == 0 else None
        seen, infos = env.reset(seed=seed)
        own, _ = alone.reset(seed=seed)
        executor = env.executor
        executors.append(executor)
        while env.agents:
            assert np.array_equal(seen["a"][:-1], own)
            assert {name: row[-1] for name, row in seen.items()} == {
                name: float(name == executor) for name in "ab"
            }
            for name, info in infos.items():
                assert info["executor"] == executor
                assert info["executes"] == (name == executor)
            onehot = [executor == "a", executor == "b"]
            assert env.state().tolist() == [*own.tolist(), *onehot]
            assert env.state() in env.state_space
            actions = {name: draw.integers(0, 3) for name in env.agents}
            own, paid, _, ended, told = alone.step(actions[executor])
            seen, rewarded, _, truncated, infos = env.step(actions)
            other = "b" if executor == "a" else "a"
            assert rewarded == {executor: paid, other: paid if rewards == "shared" else 0.0}
            assert set(truncated.values()) == {ended}
            assert infos[executor]["equity"] == told["equity"]
        assert env.step({}) == ({}, {}, {}, {}, {})
    assert 22 <= executors.count("a") <= 38  # three of four


def test_a_seed_settles_the_executors_too():
    pytest.importorskip("pettingzoo", reason="needs the package pettingzoo")
    env = zoo(weights=(1.0, 1.0))

    def executors(seed):
        found = []
        for again in (seed, *[None] * 19):
            env.reset(seed=again)
            found.append(env.executor)
        return found

    first = executors(3)
    assert executors(4) != first
    assert executors(3) == first


def test_what_pettingzoo_refuses():
    pytest.importorskip("pettingzoo", reason="needs the package pettingzoo")
    env = zoo(weights=(0.0, 1.0))
    with pytest.raises(UserError, match="call reset"):
        env.state()
    for _ in range(5):
        env.reset()
        assert env.executor == "b"
    env.step({"b": 2})
    with pytest.raises(UserError, match="that of b, who executes, among them; was a"):
        env.step({"a": 2})
    with pytest.raises(UserError, match="actions must be those of a, b"):
        env.step({"b": 2, "c": 2})
    with pytest.raises(UserError, match="an action must be the integer"):
        env.step({"a": 3, "b": 2})
    with pytest.raises(UserError, match="rewards must be one of own, shared, was team"):
        zoo(rewards="team")
    for weights in ((1.0,), (0.0, 0.0), (-1.0, 2.0), (float("nan"), 1.0)):
        with pytest.raises(UserError, match="weights must be numbers >= 0, not all 0, one for"):
            zoo(weights=weights)


def test_equal_seeds_lead_to_equal_episodes_in_another_process_too():
    pytest.importorskip("pettingzoo", reason="needs the package pettingzoo")
    program = Path(__file__).with_name("adapter_worlds.py")
    environment = os.environ | {"PYTHONPATH": str(program.parents[2])}
    command = [sys.executable, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    one, other = digest(5), digest(6)
    assert done.stdout.split() == [one, other]
    assert one != other


def test_a_fresh_environment_begins_as_with_its_seed():
    one, other = market(seed=7), market()
    assert np.array_equal(one.reset()[0], other.reset(seed=7)[0])
    assert np.array_equal(one.reset()[0], other.reset()[0])


def test_stable_baselines3_steps_the_batch():
    pytest.importorskip("stable_baselines3", reason="needs the package stable-baselines3")
    from grandmodel.envs.sb3_env import StableBaselinesMarketEnv

    env = StableBaselinesMarketEnv(market(GymVectorMarketEnv, n_envs=4))
    plain = market(GymVectorMarketEnv, n_envs=4)
    env.seed(3)
    assert np.array_equal(env.reset(), plain.reset(seed=3)[0])
    draw = np.random.default_rng(0)
    for _ in range(30):
        actions = draw.integers(0, 3, 4)
        seen, paid, done, infos = env.step(actions)
        want, reward_, terminated, truncated, told = plain.step(actions)
        assert np.array_equal(seen, want)
        assert np.array_equal(paid, reward_)
        assert np.array_equal(done, terminated | truncated)
        for index, info in enumerate(infos):
            if not done[index]:
                assert info == {}
                continue
            assert np.array_equal(info["terminal_observation"], told["final_obs"][index])
            assert info["TimeLimit.truncated"]
            assert info["equity"] == told["final_info"]["equity"][index]
    assert env.get_attr("num_envs", [0, 1]) == [4, 4]
    assert env.env_is_wrapped(gym.Wrapper) == [False] * 4
    with pytest.raises(UserError, match="one batch; use kind=gymnasium"):
        env.env_method("reset")


def test_views_of_a_tape_can_be_shared():
    view = MarketView(TAPE, OTHER)
    config = EnvConfig(episode_bars=12)
    env = GymMarketEnv(TAPE, view, config, reward(), SPANS)
    assert env.reset(seed=1)[0].shape == (2 + 1 + 4,)
