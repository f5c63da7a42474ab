"""Episodes: starts, ends, resets, resume, and what is shown."""

import pytest
import torch
from env_worlds import SCALE, hand_tape, random_env, random_tape, run, segment_env

from grandmodel.core.checks import UserError
from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig, RewardConfig
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.peak import WindowPeak
from grandmodel.envs.reward import Reward
from grandmodel.envs.starts import RandomStarts, SegmentStarts

TAPE = random_tape(900, 7)


def sampled(env, steps, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return [env.step(torch.randint(-1, 2, (env.n_envs,), generator=draw)) for _ in range(steps)]


def same(left, right):
    if left is None:
        return right is None
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    return all(same(a, b) for a, b in zip(vars(left).values(), vars(right).values(), strict=True))


def test_episodes_end_by_truncation_after_episode_bars():
    env = random_env(TAPE, n_envs=16, episode_bars=32)
    results = sampled(env, 96)
    ends = torch.stack([r.truncated for r in results])
    assert not torch.stack([r.terminated for r in results]).any()
    for column in ends.T:
        steps = column.nonzero()[:, 0]
        assert steps[0] < 32  # the first episode is cut so that resets do not coincide
        assert torch.equal(steps.diff(), torch.full((len(steps) - 1,), 32))
    assert ends.sum(dim=1).max() <= 1


def test_a_new_episode_begins_flat_and_the_final_observation_is_kept():
    env = random_env(TAPE, n_envs=4, episode_bars=8)
    seen = env.observation()
    for _ in range(40):
        result = env.step(torch.ones(4, dtype=torch.int64))
        ended = result.truncated
        assert torch.equal(result.final.bar, seen.bar + 1)
        assert (result.final.account[:, 0] == 1.0).all()
        fresh = result.observation
        assert (fresh.account[ended] == 0.0).all()
        assert (fresh.position[ended] == 0).all()
        assert (fresh.bars_held[ended] == 0).all()
        assert torch.equal(fresh.account[~ended], result.final.account[~ended])
        assert torch.equal(fresh.bar[~ended], result.final.bar[~ended])
        assert (env._account.state.equity[ended] == 100_000.0).all()
        assert (env._account.state.session_equity[ended] == 100_000.0).all()
        seen = fresh


def test_drawdown_is_from_the_peak_of_the_present_episode():
    env = random_env(TAPE, n_envs=6, episode_bars=16)
    peak = torch.full((6,), 100_000.0, dtype=torch.float64)
    for result in sampled(env, 80):
        peak = peak.maximum(result.equity)
        want = (20.0 * (1.0 - result.equity / peak)).clamp_max(1.0)
        assert torch.allclose(result.final.account[:, 3].double(), want, atol=1e-6)
        peak = torch.where(result.truncated, 100_000.0, peak)


def test_what_is_returned_does_not_change_later():
    env = random_env(TAPE, n_envs=4, episode_bars=8)
    first = env.step(torch.ones(4, dtype=torch.int64))
    kept = [value.clone() for value in (first.equity, first.final.account, first.observation.bar)]
    sampled(env, 20)
    now = (first.equity, first.final.account, first.observation.bar)
    assert all(torch.equal(a, b) for a, b in zip(kept, now, strict=True))


def test_equity_at_or_below_zero_terminates_and_starts_anew():
    bars = [[100.0] * 4] * 5 + [[60.0] * 4] * 8
    env = random_env(hand_tape(bars), 6, size="contracts", contracts=1500.0, episode_bars=6)
    results = run(env, [1] * 8)
    fell = torch.stack([r.terminated for r in results])
    assert fell.any()
    for result in results:
        assert torch.equal(result.terminated, result.equity <= 0.0)
        assert not (result.terminated & result.truncated).any()
        assert (result.observation.position[result.terminated] == 0).all()
    assert (env._account.state.equity > 0).all()


def test_same_seed_same_bytes_and_another_seed_another_run():
    first, second = (sampled(random_env(TAPE, seed=4), 40) for _ in range(2))
    other = sampled(random_env(TAPE, seed=5), 40)
    assert all(same(a, b) for a, b in zip(first, second, strict=True))
    assert not same(first[-1], other[-1])


@pytest.mark.parametrize("kind", ["net", "text"])
def test_resume_is_exact(kind):
    reward = RewardConfig(kind=kind, normalise=True)
    env = random_env(TAPE, episode_bars=16, reward=reward)
    env.cost_scale = 0.4
    sampled(env, 21)
    env.end_rollout()
    sampled(env, 5)
    saved = {key: value.clone() for key, value in env.state_dict().items()}
    assert all(isinstance(value, torch.Tensor) for value in saved.values())
    want = sampled(env, 40, seed=9)
    env.end_rollout()
    again = random_env(TAPE, episode_bars=16, reward=reward, seed=99)
    again.load_state_dict(saved)
    got = sampled(again, 40, seed=9)
    again.end_rollout()
    assert all(same(a, b) for a, b in zip(want, got, strict=True))
    assert same(again.state_dict(), env.state_dict())


def test_resume_of_a_judgement_is_exact():
    segments = [Segment(0, 300), Segment(300, 500)]
    env = segment_env(TAPE, segments, copies=2, episode_bars=20)
    env.cost_scale = torch.tensor([1.0, 1.0, 2.0, 2.0], dtype=torch.float64)  # a factor per copy
    sampled(env, 70)
    saved = {key: value.clone() for key, value in env.state_dict().items()}
    want = sampled(env, 90)
    again = segment_env(TAPE, segments, copies=2, episode_bars=20)
    again.load_state_dict(saved)
    assert same(again.observation(), env.observation()) is False
    got = sampled(again, 90)
    assert all(same(a, b) for a, b in zip(want, got, strict=True))


def test_the_observation_is_a_function_of_the_state():
    env = random_env(TAPE, episode_bars=16)
    for result in sampled(env, 40):
        last = result.observation
    assert same(env.observation(), last)


def test_a_checkpoint_with_another_number_of_environments_is_refused():
    state = random_env(TAPE, n_envs=4).state_dict()
    with pytest.raises(UserError, match="4 environments"):
        random_env(TAPE, n_envs=8).load_state_dict(state)


def test_segments_run_in_lockstep_end_flat_and_rest():
    segments = [Segment(10, 40), Segment(40, 60), Segment(60, 100)]
    env = segment_env(TAPE, segments, copies=2)
    assert env.n_envs == 6
    assert env.starts.steps == 39
    assert env.bar.tolist() == [10, 40, 60] * 2
    results = run(env, [1] * 39)
    ends = torch.stack([r.truncated for r in results]).nonzero()
    assert sorted(map(tuple, ends.tolist())) == [
        (18, 1), (18, 4), (28, 0), (28, 3), (38, 2), (38, 5)
    ]  # fmt: skip
    assert env.bar.tolist() == [39, 59, 99] * 2
    assert [r.executed[1].item() for r in results] == [1] * 18 + [0] * 21
    assert results[18].cost[1].item() > 0.0
    assert sum(r.cost[1].item() for r in results[19:]) == 0.0
    assert len({r.equity[1].item() for r in results[18:]}) == 1
    assert all(r.net[1].item() == 0.0 for r in results[19:])
    assert not env.active.any()


def test_a_segment_does_not_depend_on_what_lies_behind_it_or_beside_it():
    alone = run(segment_env(TAPE, [Segment(100, 160)]), [1, -1, 1, 0, 1] * 11)
    beside = segment_env(TAPE, [Segment(10, 90), Segment(100, 160)], copies=3)
    beside = run(beside, [1, -1, 1, 0, 1] * 11)
    poisoned = TAPE.close.clone()
    poisoned[160:] = torch.nan
    tape = random_tape(900, 7)
    tape.close[160:] = torch.nan
    tape.open[160:] = torch.nan
    cut = run(segment_env(tape, [Segment(100, 160)]), [1, -1, 1, 0, 1] * 11)
    for one, many, blind in zip(alone, beside, cut, strict=True):
        assert (many.equity[[1, 3, 5]] == one.equity).all()
        assert torch.equal(one.equity, blind.equity)
        assert torch.equal(one.final.account, blind.final.account)


def test_random_starts_stay_inside_their_spans_and_reach_all_of_them():
    spans = [range(5, 30), range(40, 46), range(50, 75)]
    starts = RandomStarts(spans, 8)
    bar, last = starts.again(20_000, torch.Generator().manual_seed(0), torch.ones(20_000).bool())
    allowed = set(range(5, 22)) | set(range(50, 67))
    assert set(bar.tolist()) == allowed
    assert torch.equal(last, bar + 8)
    counts = torch.bincount(bar)
    counts = counts[counts > 0].double()
    assert counts.std() < 3 * (20_000 / 34) ** 0.5


def test_spans_that_are_too_short_are_refused():
    with pytest.raises(UserError, match=r"env.episode_bars is 8.*longest stretch.* 6 bars"):
        RandomStarts([range(6)], 8)
    with pytest.raises(UserError, match="fewer than 2 bars"):
        SegmentStarts([Segment(3, 4)])
    with pytest.raises(UserError, match="need 2 environments"):
        MarketEnv(
            TAPE,
            EnvConfig(),
            Reward(RewardConfig(), SCALE),
            n_envs=3,
            starts=SegmentStarts([Segment(0, 40)], 2),
            generator=torch.Generator(),
        )


def test_config_refuses_in_the_house_style():
    with pytest.raises(UserError, match=r"env.size must be one of notional, .*, was huge"):
        EnvConfig(size="huge")
    with pytest.raises(UserError, match=r"env.capital must lie in \(0, inf\), was -1"):
        EnvConfig(capital=-1)
    with pytest.raises(UserError, match=r"env.episode_bars must be >= 2, was 1"):
        EnvConfig(episode_bars=1)
    with pytest.raises(UserError, match=r"env.edge must be one of carry, flat, was round"):
        EnvConfig(edge="round")
    with pytest.raises(UserError, match=r"reward.terms.pnl is no term of reward.kind=net"):
        RewardConfig(terms={"pnl": 1.0})
    with pytest.raises(UserError, match=r"reward.risk must be sharpe or a number >= 0, was -1"):
        RewardConfig(risk="-1")
    assert RewardConfig(risk="0.03").fixed_risk == 0.03
    assert RewardConfig().fixed_risk is None
    assert RewardConfig(kind="text").fixed_risk == 0.0


@pytest.mark.parametrize("window", [1, 2, 5, 64])
def test_the_peak_is_that_of_the_last_values(window):
    values = torch.randn(60, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    peak = WindowPeak(3, window)
    for bar, value in enumerate(values):
        want = values[max(0, bar + 1 - window) : bar + 1].max(dim=0).values
        assert torch.equal(peak.push(value), want)
