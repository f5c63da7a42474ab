import numpy as np
import pytest
import torch
from env_worlds import SCALE, random_tape
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.core.checks import UserError
from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig, RewardConfig
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.reward import Reward
from grandmodel.envs.starts import OverlapStarts, SegmentStarts
from grandmodel.market.splits import cut_segments

SPANS = [range(5, 30), range(40, 46), range(50, 78)]
WANTED = [5, 9, 13, 17, 21, 50, 54, 58, 62, 66]  # steps of 4 with room for 8 decisions


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def begun(starts, n_envs, steps, generator, share=0.3):
    """Return the starts that are begun while episodes end at random."""
    draw = np.random.default_rng(1)
    found = starts.first(n_envs, generator).bar.tolist()
    for _ in range(steps):
        done = torch.from_numpy(draw.random(n_envs) < share)
        bar, last = starts.again(n_envs, generator, done)
        assert torch.equal(last, bar + starts.episode_bars)
        found += bar[done].tolist()
    return found


@pytest.mark.parametrize("n_envs", [1, 3, 24])
def test_each_pass_begins_every_half_episode_once_in_another_order(n_envs):
    found = begun(OverlapStarts(SPANS, 8), n_envs, 200, seeded())
    passes = [found[k : k + 10] for k in range(0, len(found) - 9, 10)]
    assert len(passes) >= 5
    assert all(sorted(one) == WANTED for one in passes)
    assert passes[0] != passes[1]
    assert passes[0] != WANTED


def test_neighbouring_episodes_share_half_of_their_bars_and_none_leaves_its_span():
    found = sorted(OverlapStarts(SPANS, 8).first(10, seeded()).bar.tolist())
    for start in found:
        assert any(start in span and start + 8 in span for span in SPANS)
    steps = np.diff(found)
    assert (steps[steps < 8] == 4).all()
    assert (steps < 8).sum() == 8


def test_first_episodes_have_lengths_that_are_spread_evenly():
    bar, last = OverlapStarts(SPANS, 8).first(8, seeded())
    assert (last - bar).tolist() == [8, 7, 6, 5, 4, 3, 2, 1]


def test_a_stretch_too_short_is_refused():
    with pytest.raises(UserError, match=r"env.episode_bars is 8.*longest stretch.* 6 bars"):
        OverlapStarts([range(6)], 8)
    with pytest.raises(UserError, match=r"env.starts must be one of random, overlap, was often"):
        EnvConfig(starts="often")


def overlap_env(tape, seed):
    return MarketEnv(
        tape,
        EnvConfig(episode_bars=8),
        Reward(RewardConfig(), SCALE),
        n_envs=6,
        starts=OverlapStarts([range(20, 70), range(90, 160)], 8),
        generator=seeded(seed),
    )


def test_a_restored_environment_goes_on_with_the_same_episodes():
    tape = random_tape(200)
    env, other = overlap_env(tape, 3), overlap_env(tape, 4)
    draw = np.random.default_rng(0)
    targets = [torch.from_numpy(draw.integers(-1, 2, 6)) for _ in range(80)]
    for target in targets[:37]:
        env.step(target)
    other.load_state_dict(env.state_dict())
    for target in targets[37:]:
        one, two = env.step(target), other.step(target)
        assert torch.equal(env.bar, other.bar)
        assert torch.equal(one.equity, two.equity)
        assert ((env.bar >= 20) & (env.bar < 160)).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 9), st.integers(1, 12), st.integers(0, 10_000))
def test_judged_segments_cover_a_split_without_overlap(most, count, seed):
    draw = np.random.default_rng(seed)
    session = np.repeat(np.arange(30), draw.integers(2, most + 1, 30))
    first = int(draw.integers(0, len(session) // 2))
    pieces = cut_segments(session, first, len(session), count)
    rows = [row for start, stop in pieces for row in range(start, stop)]
    assert rows == list(range(first, len(session)))
    fit = [Segment(*piece) for piece in pieces if piece[1] - piece[0] >= 2]
    starts = SegmentStarts(fit)
    bar, last = starts.first(len(fit), seeded())
    assert (bar[1:] > last[:-1]).all()
