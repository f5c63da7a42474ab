"""Right votes: cases worked by hand, and every gain beside the account of an environment."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import fake_tape
from test_scripted_execution import rich_tape

from grandmodel.core.random import torch_stream
from grandmodel.core.types import Segment
from grandmodel.decision.aggregation import AGGRESSIVE, EXECUTE, WAIT
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.orders import Orders
from grandmodel.envs.starts import SegmentStarts
from grandmodel.envs.voting import MOMENTUM
from grandmodel.evaluation.judging.judge import Unrewarded
from grandmodel.evaluation.measures.vote_outcomes import VoteOutcomes
from grandmodel.market.instruments import Instrument

# a unit is two dollars a point; taker 1.50 a side, maker 1.00, half the spread one tick
CONTRACT = Instrument(
    name="hand", tick=0.25, multiplier=2.0, commission=1.0, half_spread_ticks=1.0, calendar="24/7"
)
ONE = torch.tensor([0])


def outcomes_of(bars, horizon=2, edge="carry", momentum=0.0, **changes):
    """Outcomes of one segment of hand-made (open, high, low, close) bars."""
    prices = torch.tensor(bars, dtype=torch.float64)
    count = len(bars)
    tape = replace(
        fake_tape(count, bars_per_session=1_000),
        open=prices[:, 0],
        high=prices[:, 1],
        low=prices[:, 2],
        close=prices[:, 3],
        instrument=CONTRACT,
        **changes,
    ).with_column(MOMENTUM, torch.full((count,), momentum))
    config = EnvConfig(edge=edge)
    return VoteOutcomes(tape, config, [Segment(0, count)], horizon)


def market(first_open, first_low, last_open, first_high=101.0):
    """Decision at a close of 100, then a bar, one between, and the bar that is left at."""
    flat = (100.0, 100.0, 100.0, 100.0)
    return [
        flat,
        (first_open, first_high, first_low, 100.0),
        flat,
        (last_open, last_open, last_open, last_open),
        flat,
    ]


@pytest.mark.parametrize(
    ("last_open", "right"), [(101.75, 2), (101.5, 1), (98.5, 1), (98.25, 0), (100.0, 1)]
)
def test_a_direction_is_right_where_it_pays_more_than_its_costs(last_open, right):
    cases = outcomes_of(market(100.0, 99.0, last_open)).direction(ONE)
    # 1.50 points are the three dollars of the round trip: no more than that is a hold
    assert cases.counts.tolist() == [True]
    assert cases.best.tolist() == [right]
    assert cases.right.tolist() == [[k == right for k in range(3)]]
    votes = torch.tensor([0, 1, 2])
    one = outcomes_of(market(100.0, 99.0, last_open)).direction(torch.zeros(3).long())
    assert one.truth(votes).tolist() == [right] * 3


@pytest.mark.parametrize(
    ("sign", "last_open", "right"),
    [(0.4, 103.0, 2), (-0.4, 103.0, 0), (0.4, 97.0, 0), (-0.4, 97.0, 2), (0.4, 100.0, 1)],
)
def test_momentum_is_judged_by_the_direction_it_stands_for(sign, last_open, right):
    cases = outcomes_of(market(100.0, 99.0, last_open), momentum=sign).momentum(ONE)
    assert cases.best.tolist() == [right]
    assert cases.counts.tolist() == [True]
    still = outcomes_of(market(100.0, 99.0, last_open)).momentum(ONE)
    assert still.counts.tolist() == [False]


# first open, first low, last open -> right to wait, execute, hurry; what paid most
ENTRIES = [
    (100.0, 99.75, 101.25, (True, False, False), WAIT),  # filled at 100: 2.50 less 1.00 and 1.50
    (100.0, 99.75, 101.5, (False, True, False), EXECUTE),  # 0.50 as a maker, nothing as a taker
    (100.0, 99.75, 102.0, (False, True, True), EXECUTE),  # 1.50 and 1.00
    (100.0, 100.0, 102.0, (False, False, True), AGGRESSIVE),  # the price never came back
    (100.0, 100.0, 101.0, (True, False, False), WAIT),
    (99.75, 99.0, 102.0, (False, True, True), EXECUTE),  # marketable: both take, at 99.75
    (99.75, 99.0, 101.0, (True, False, False), WAIT),  # 2.50 less 3.00
    (100.5, 99.5, 101.75, (False, True, False), EXECUTE),  # rests at 100, the market opened higher
]


@pytest.mark.parametrize("row", ENTRIES)
def test_entries_are_judged_by_the_fill_they_ask_for(row):
    first_open, first_low, last_open, right, best = row
    bars = market(first_open, first_low, last_open)
    mirrored = [(200.0 - o, 200.0 - low, 200.0 - high, 200.0 - c) for o, high, low, c in bars]
    for side, prices in ((1, bars), (-1, mirrored)):
        cases = outcomes_of(prices).entry(ONE, torch.tensor([side]))
        assert cases.counts.tolist() == [True]
        assert cases.right.tolist() == [[*right]]
        assert cases.best.tolist() == [best]
        votes = torch.tensor([WAIT, EXECUTE, AGGRESSIVE])
        many = outcomes_of(prices).entry(torch.zeros(3).long(), torch.full((3,), side))
        expected = [k if right[k] else best for k in range(3)]
        assert many.truth(votes).tolist() == expected
    assert outcomes_of(bars).entry(ONE, torch.tensor([0])).counts.tolist() == [False]


def test_a_horizon_ends_with_its_segment_and_the_last_decisions_have_nothing_at_stake():
    bars = [(100.0, 100.0, 100.0, 100.0)] * 4 + [(104.0, 104.0, 104.0, 104.0)]
    outcomes = outcomes_of(bars, horizon=50)
    cases = outcomes.direction(torch.arange(5))
    assert cases.counts.tolist() == [True, True, True, False, False]
    assert cases.best[:3].tolist() == [2, 2, 2]
    assert outcomes_of(bars, horizon=1).direction(torch.arange(3)).best.tolist() == [1, 1, 2]


def test_where_sessions_end_flat_the_horizon_ends_there():
    bars = [(100.0, 100.0, 100.0, 100.0)] * 3 + [(104.0, 104.0, 104.0, 104.0)] * 4
    must_leave = torch.zeros(7, dtype=torch.bool)
    must_leave[1] = True  # the decision of row 1 leaves at the open of row 2
    outcomes = outcomes_of(bars, horizon=3, edge="flat", edge_ahead=must_leave)
    cases = outcomes.direction(torch.arange(4))
    assert cases.best[0] == 1  # left at row 2, before the rise
    assert cases.counts.tolist() == [True, False, True, True]
    assert outcomes_of(bars, horizon=3).direction(ONE).best.tolist() == [2]


def test_entries_that_would_be_refused_are_not_judged():
    bars = [(100.0, 100.0, 100.0, 100.0)] * 6
    shut = torch.ones(6, dtype=torch.bool)
    shut[2] = False
    outcomes = outcomes_of(bars, edge="flat", edge_ahead=~torch.ones(6).bool(), scheduled=shut)
    assert outcomes.direction(torch.arange(4)).counts.tolist() == [True, False, True, True]
    pause = torch.zeros(6, dtype=torch.float64)
    pause[2] = 60.0
    weekend = outcomes_of(bars, break_ahead_hours=pause)
    assert weekend.direction(torch.arange(4)).counts.tolist() == [True, True, False, True]


def account_gains(tape, config, horizon, side, at_market):
    """What one entry at each row earns in an environment of its own, currency of the account."""
    segments = [Segment(t, t + horizon + 2) for t in range(len(tape) - horizon - 2)]
    env = MarketEnv(
        tape,
        config,
        Unrewarded(1e-3),
        starts=SegmentStarts(segments),
        generator=torch_stream(0, "votes"),
    )
    count = len(segments)
    limit = tape.close[:count].clone()
    if at_market:
        limit[:] = torch.nan
    flat = torch.zeros(count, dtype=torch.int64)
    step = env.step(Orders(flat + side, limit=limit))
    for _ in range(horizon - 1):
        step = env.step(Orders(step.observation.position))
    return (env.step(Orders(flat)).equity - config.capital).numpy()


@pytest.mark.parametrize("fill", ["next_open", "next_open+1m"])
def test_what_pays_is_what_pays_an_account(fill):
    horizon = 4
    tape = replace(rich_tape(seed=3, bars=500, edge="carry"), rolls=None, carry_long=None)
    tape = replace(tape, carry_short=None)
    config = EnvConfig(fill=fill, capital=1e9)
    outcomes = VoteOutcomes(tape, config, [Segment(0, len(tape))], horizon)
    bar = torch.arange(len(tape) - horizon - 2)
    seen = 0
    for side in (1, -1):
        cases = outcomes.entry(bar, torch.full_like(bar, side))
        kept = cases.counts.numpy()
        for column, at_market in ((EXECUTE, False), (AGGRESSIVE, True)):
            gains = account_gains(tape, config, horizon, side, at_market)
            paid = cases.right[:, column].numpy()
            np.testing.assert_array_equal(paid[kept], gains[kept] > 0.0)
            seen += int(paid.sum())
        lost = ~cases.right[:, EXECUTE] & ~cases.right[:, AGGRESSIVE]
        assert torch.equal(cases.right[:, WAIT], lost)
    assert 200 < seen < 1_800
