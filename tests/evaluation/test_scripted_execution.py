"""Scripted accounts follow the whole execution model as the environment does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import halves
from test_scripted import rough_tape, sticky_targets

from grandmodel.core.random import torch_stream
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.orders import Ended, Outcome
from grandmodel.envs.starts import SegmentStarts
from grandmodel.evaluation.accounts.scripted import Desk
from grandmodel.evaluation.accounts.track import FLAT_REASONS
from grandmodel.evaluation.accounts.trades import round_trips, trades_frame
from grandmodel.evaluation.judging.judge import Unrewarded

BRACKETS = {"stop_atr": 1.0, "target_atr": 1.5}


def rich_tape(seed=0, wick=4e-3, **settings):
    """A rough tape with ranges, volume, carry, rolls, late prices and a volatility column."""
    rng = np.random.default_rng(seed)
    tape = rough_tape(seed=seed, **settings)
    count = len(tape)
    wick = 1.0 + torch.tensor(rng.exponential(wick, (2, count)))
    high = torch.maximum(tape.close, tape.open) * wick[0]
    low = torch.minimum(tape.close, tape.open) / wick[1]
    part = torch.tensor(rng.random(count))
    late = low + part * (high - low)
    atr = torch.tensor(np.where(rng.random(count) < 0.05, 0.0, 0.6))
    tape = replace(
        tape,
        high=high,
        low=low,
        atr14=atr,
        volume=torch.tensor(np.where(rng.random(count) < 0.1, 0.0, rng.uniform(0, 4e4, count))),
        volume_kind="traded",
        carry_long=torch.tensor(rng.normal(0.0, 0.02, count)),
        carry_short=torch.tensor(rng.normal(0.0, 0.02, count)),
        rolls=torch.tensor(rng.random(count) < 0.02),
        late_open=late,
        late_high=torch.maximum(late, torch.maximum(tape.close, late + part * (high - late))),
        late_low=torch.minimum(late, torch.minimum(tape.close, late - part * (late - low))),
        instrument=replace(tape.instrument, lot=5.0),
    )
    return tape.with_column("raw_volatility_30", torch.tensor(rng.uniform(0.5, 3.0, count)).float())


def by_environment(tape, segments, targets, env, cost_scale):
    starts = SegmentStarts(segments)
    market = MarketEnv(tape, env, Unrewarded(1e-3), starts=starts, generator=torch_stream(0, "x"))
    market.cost_scale = cost_scale
    wanted, unit = torch.tensor(targets, dtype=torch.int64), tape.instrument.multiplier
    names = ("equity", "pnl_gross", "cost", "executed", "ended", "outcome")
    rows = []
    for _ in range(starts.steps):
        step = market.step(wanted[market.bar])
        legs = market.legs
        rows.append(
            [
                *(getattr(step, name) for name in names),
                market.quantity,
                legs.entry_value / unit,
                legs.exit_cost,
            ]
        )
    lengths = [segment.stop - segment.start - 1 for segment in segments]
    tables = [torch.stack(column, dim=1).numpy() for column in zip(*rows, strict=True)]
    joined = [np.concatenate([table[k, :n] for k, n in enumerate(lengths)]) for table in tables]
    return dict(zip((*names, "quantity", "entry_price", "exit_cost"), joined, strict=True))


CONFIGS = {
    "brackets": BRACKETS,
    "limits": {"entry": "limit", **BRACKETS},
    "late": {"fill": "next_open+1m", "entry": "limit", **BRACKETS},
    "volume": {"slippage": "volume_share", "lots": "whole", **BRACKETS},
    "volatility": {"slippage": "volatility", "stop_atr": 0.4, "entry": "limit"},
    "contracts": {"size": "contracts", "contracts": 1_750.0, "target_atr": 2.0, "lots": "whole"},
    "vol_target": {"size": "vol_target", "fill": "next_open+1m", **BRACKETS},
    "carry": {},
}


@pytest.mark.parametrize("edge", ["carry", "flat"])
@pytest.mark.parametrize("name", CONFIGS)
def test_equal_to_the_environment_to_the_cent(name, edge):
    wick = 3e-4 if name == "limits" else 4e-3
    tape = rich_tape(seed=len(name), bars=400, edge=edge, wick=wick)
    if name == "contracts":
        tape = replace(tape, atr14=tape.atr14 * 8)
    segments = halves(tape, 3)
    change = 0.1 if name == "contracts" else 0.5
    targets = sticky_targets(np.random.default_rng(1), len(tape), change)
    env = EnvConfig(max_hold_bars=12, **CONFIGS[name])
    expected = by_environment(tape, segments, targets, env, 0.5)
    desk = Desk(tape, segments, env, sd_floor=1e-3, cost_scale=0.5)
    track = desk.track(desk.at_rows(targets))
    np.testing.assert_array_equal(track.position, expected["executed"])
    np.testing.assert_array_equal(track.ended, expected["ended"])
    for key in ("equity", "pnl_gross", "cost", "quantity"):
        np.testing.assert_allclose(getattr(track, key), expected[key], rtol=0, atol=1e-6)
    entered = (expected["outcome"] > 0) & (expected["outcome"] <= Outcome.RESTED)
    np.testing.assert_allclose(
        track.legs.entry_price[entered], expected["entry_price"][entered], rtol=1e-12
    )
    np.testing.assert_allclose(track.legs.exit_cost, expected["exit_cost"], rtol=0, atol=1e-6)
    trips = round_trips(track, desk.market)
    np.testing.assert_allclose(trips.pnl_gross.sum(), track.pnl_gross.sum(), atol=1e-5)
    np.testing.assert_allclose(trips.cost.sum(), track.cost.sum(), atol=1e-5)
    moved = (trips.exit_price - trips.entry_price) * trips.side * trips.quantity
    np.testing.assert_allclose(
        moved * desk.market.multiplier, trips.pnl_gross, rtol=1e-6, atol=1e-5
    )
    told = set(trades_frame(track, trips, desk.market)["exit_reason"])
    told |= {FLAT_REASONS[code] for code in np.unique(track.reason)}
    assert told <= set(FLAT_REASONS)
    wanted = {
        "brackets": {"stop", "target", "signal"},
        "limits": {"stop", "target", "missed"},
        "volume": {"stop", "target", "no_volume"},
        "contracts": {"liquidated"},
    }
    assert wanted.get(name, set()) <= told


def test_a_thousand_paths_are_told_like_one():
    tape = rich_tape(bars=300)
    env = EnvConfig(entry="limit", **BRACKETS)
    desk = Desk(tape, halves(tape), env)
    rng = np.random.default_rng(0)
    targets = np.stack([sticky_targets(rng, len(desk)) for _ in range(3)])
    net = desk.session_returns(targets)
    for k, target in enumerate(targets):
        track = desk.track(target)
        ends = np.concatenate([track.first[1:] - 1])
        growth = track.equity[ends] / track.capital
        sessions = np.unique(desk._session_row[: desk.first[1]])
        assert np.prod(1.0 + net[k, sessions]) == pytest.approx(growth[0], rel=1e-12)
        assert (track.ended == Ended.STOP).any()
