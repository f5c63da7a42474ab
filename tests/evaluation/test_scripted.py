"""Scripted accounts are the environment's accounts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import fake_tape, halves
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.core.checks import UserError
from grandmodel.core.random import torch_stream
from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig, RewardConfig
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.reward import Reward
from grandmodel.envs.starts import SegmentStarts
from grandmodel.evaluation.accounts.scripted import Desk, run_positions
from grandmodel.evaluation.accounts.track import FLAT_REASONS, Market
from grandmodel.evaluation.measures.metrics import measure


def rough_tape(seed=0, bars=700, **settings):
    """A tape with price gaps, long breaks, spreads in ticks and uneven sessions."""
    rng = np.random.default_rng(seed + 100)
    tape = fake_tape(bars, seed=seed, paths=2, sd=settings.pop("sd", 4e-3), **settings)
    gap = np.exp(rng.normal(0.0, 2e-3, len(tape)))
    opens = tape.open * torch.tensor(gap)
    breaks = np.where(rng.random(len(tape)) < 0.02, 49.0, 0.0)
    facts = replace(
        tape.instrument,
        tick=0.01,
        multiplier=5.0,
        commission=0.3,
        half_spread_ticks=0.5,
        slippage_ticks=0.25,
    )
    return replace(
        tape,
        open=opens,
        high=torch.maximum(tape.high, opens),
        low=torch.minimum(tape.low, opens),
        break_hours=torch.tensor(breaks),
        break_ahead_hours=torch.tensor(np.roll(breaks, -1)),
        scheduled=torch.tensor(rng.random(len(tape)) > 0.01),
        spread_multiplier=torch.tensor(np.where(breaks > 0, 4.0, 1.0)),
        trailing_sd=torch.tensor(rng.uniform(1e-3, 5e-3, len(tape))),
        instrument=facts,
    )


def sticky_targets(rng, count, change=0.1):
    """Positions that stay for ten bars on average."""
    drawn = rng.integers(-1, 2, count)
    keep = rng.random(count) > change
    for i in range(1, count):
        if keep[i]:
            drawn[i] = drawn[i - 1]
    return drawn.astype(np.int8)


def by_environment(tape, segments, targets, env, cost_scale=1.0):
    """Run targets by tape row through MarketEnv; return its figures segment after segment."""
    reward = Reward.fitted(RewardConfig(), tape, segments)
    starts = SegmentStarts(segments)
    market = MarketEnv(tape, env, reward, starts=starts, generator=torch_stream(0, "x"))
    market.cost_scale = cost_scale
    wanted = torch.tensor(targets, dtype=torch.int64)
    steps = [market.step(wanted[market.bar]) for _ in range(starts.steps)]
    lengths = [segment.stop - segment.start - 1 for segment in segments]
    out = {}
    for name in ("equity", "pnl_gross", "cost", "executed", "liquidated"):
        table = torch.stack([getattr(step, name) for step in steps], dim=1).numpy()
        out[name] = np.concatenate([table[k, :n] for k, n in enumerate(lengths)])
    return out, reward.scale.sd_floor


def assert_same(tape, segments, targets, env, cost_scale=1.0):
    expected, floor = by_environment(tape, segments, targets, env, cost_scale)
    track = run_positions(tape, segments, targets, env, sd_floor=floor, cost_scale=cost_scale)
    np.testing.assert_array_equal(track.position, expected["executed"])
    np.testing.assert_array_equal(track.liquidated, expected["liquidated"])
    for name in ("equity", "pnl_gross", "cost"):
        np.testing.assert_allclose(getattr(track, name), expected[name], rtol=0, atol=1e-6)
    return track


@pytest.mark.parametrize("edge", ["carry", "flat"])
@pytest.mark.parametrize("size", ["notional", "contracts", "vol_target"])
def test_equal_to_the_environment_to_the_cent(edge, size):
    tape = rough_tape(edge=edge)
    targets = sticky_targets(np.random.default_rng(1), len(tape))
    env = EnvConfig(size=size, contracts=100.0, max_hold_bars=12)
    track = assert_same(tape, halves(tape, 3), targets, env)
    told = set(track.reason.tolist())
    assert FLAT_REASONS.index("max_hold") in told
    assert FLAT_REASONS.index("segment_end" if edge == "carry" else "session_end") in told


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    change=st.floats(0.01, 1.0),
    max_hold=st.integers(1, 60),
    long_only=st.booleans(),
    cost_scale=st.sampled_from([0.0, 0.25, 1.0, 2.0]),
)
def test_equal_to_the_environment_whatever_is_asked(seed, change, max_hold, long_only, cost_scale):
    tape = rough_tape(seed=seed % 7, bars=250, long_only=long_only)
    targets = sticky_targets(np.random.default_rng(seed), len(tape), change)
    assert_same(tape, halves(tape), targets, EnvConfig(max_hold_bars=max_hold), cost_scale)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("contracts", [700.0, 1_900.0])
def test_equal_to_the_environment_through_liquidations_and_ruin(contracts, side):
    tape = rough_tape(seed=3, sd=0.02)
    targets = side * np.abs(sticky_targets(np.random.default_rng(2), len(tape), 0.05))
    env = EnvConfig(size="contracts", contracts=contracts, max_hold_bars=500)
    track = assert_same(tape, halves(tape), targets.astype(np.int8), env)
    assert track.liquidated.any()


def test_refused_margin_like_the_environment():
    tape = rough_tape(seed=4)
    targets = sticky_targets(np.random.default_rng(5), len(tape))
    env = EnvConfig(size="contracts", contracts=2_100.0)  # margin 105 000 of 100 000
    track = assert_same(tape, halves(tape), targets, env)
    assert np.mean(track.position != 0) < 0.5


def test_a_round_trip_by_hand():
    tape = fake_tape(60)
    prices = torch.full((60,), 100.0, dtype=torch.float64)
    opens = prices.clone()
    opens[4:] = 110.0
    prices[4:] = 121.0
    tape = replace(tape, open=opens, high=opens.maximum(prices), low=opens, close=prices)
    targets = np.zeros(60, np.int8)
    targets[3:5] = 1  # bought at open 4 (110), sold at open 6 (110)
    track = run_positions(tape, [Segment(0, 60)], targets, EnvConfig())
    units = 100_000 / 110
    fee = 100_000 * 1e-4
    np.testing.assert_allclose(track.quantity[3:6], [units, units, 0.0])
    np.testing.assert_allclose(track.pnl_gross[3:6], [units * 11, 0.0, -units * 11])
    np.testing.assert_allclose(track.cost[3:6], [fee, 0.0, fee])
    assert track.equity[-1] == pytest.approx(100_000 - 2 * fee)


@pytest.mark.parametrize("cut", [138, 150])  # at a session's edge and inside a session
def test_session_returns_and_sharpe_are_those_of_the_metrics(cut):
    tape = rough_tape()
    segments = [Segment(0, cut), Segment(cut, 700), Segment(700, 1_400, path=1)]
    desk = Desk(tape, segments, EnvConfig(max_hold_bars=30))
    rng = np.random.default_rng(3)
    targets = np.stack([sticky_targets(rng, len(desk)) for _ in range(5)])
    net, sharpe = desk.session_returns(targets), desk.sharpe(targets)
    for draw, wanted in enumerate(targets):
        told = measure(desk.track(wanted), Market.of(tape), 252.0)
        np.testing.assert_allclose(net[draw], told.sessions.net, atol=1e-12)
        assert sharpe[draw] == pytest.approx(told.scalars["sharpe"], abs=1e-9)


def test_fill_returns_are_what_a_held_unit_earns():
    tape = rough_tape()
    segment = Segment(10, 60)
    desk = Desk(tape, [segment], EnvConfig(), cost_scale=2.0)
    gain, cost = desk.fill_returns()
    opens = tape.open.numpy()
    assert gain[0] == pytest.approx(opens[12] / opens[11] - 1)
    assert gain[-1] == 0.0
    fee = (0.3 + (0.5 + 0.25) * 0.01 * 5.0 + 1e-4 * opens[11] * 5.0) / (opens[11] * 5.0)
    if tape.spread_multiplier[11] == 1.0:
        assert cost[0] == pytest.approx(2 * fee)
    _, must_be_flat = desk.entry_limits()
    assert must_be_flat.nonzero()[0].tolist() == [48]


def without_volatility(rows: slice):
    tape = fake_tape(400)
    tape.trailing_sd[rows] = 0.0
    return tape, [Segment(100, 300)], np.ones(400, np.int8), EnvConfig(size="vol_target")


def test_bars_without_volatility_are_refused_where_they_size_a_position():
    with pytest.raises(UserError, match=r"env\.size=vol_target needs a volatility above zero"):
        run_positions(*without_volatility(slice(200, 201)))


def test_a_position_is_never_larger_than_the_initial_margin_allows():
    tape, segments, targets, env = without_volatility(slice(200, 201))
    targets[:200] = 0
    track = run_positions(tape, segments, targets, env, sd_floor=1e-9)
    assert np.isfinite(track.equity).all()
    value = track.quantity[100] * tape.open[201].item()
    assert value == pytest.approx(100_000.0 / tape.instrument.initial_margin)


@pytest.mark.parametrize("rows", [slice(0, 100), slice(299, 400)])
def test_bars_without_volatility_do_not_matter_where_nothing_is_decided(rows):
    track = run_positions(*without_volatility(rows))
    plain = run_positions(*without_volatility(slice(0, 0)))
    np.testing.assert_array_equal(track.equity, plain.equity)
