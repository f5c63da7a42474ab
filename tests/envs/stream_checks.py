"""One batch of streams through the environment and, stream by stream, through decimals."""

import numpy as np
import torch
from decimal_account import DecimalAccount, Told
from decimal_rows import rows_of, rules_of
from env_worlds import SCALE, segment_env
from order_streams import Streams, World, drawn

from grandmodel.envs.config import EnvConfig
from grandmodel.envs.orders import Ended, Orders, Outcome

MONEY = ("equity", "cost", "gross", "traded", "quantity")
CODES = ("executed", "position", "bars_held", "outcome", "ended")
NEAR = 1e-9  # of the capital; a cent of 100 000 is 1e-7


def by_environment(world: World, tape, streams: Streams) -> dict[str, np.ndarray]:
    """Run all streams at once; figures [stream, step]."""
    env = segment_env(tape, world.segments, **world.config())
    env.cost_scale = world.cost_scale
    told: dict[str, list] = {name: [] for name in (*MONEY, *CODES, "cash", "close")}
    for step in range(world.bars - 1):
        columns = streams.column(step)
        result = env.step(Orders(**columns) if world.own_orders(step) else columns["target"])
        told_now = {
            "equity": result.equity,
            "cost": result.cost,
            "gross": result.pnl_gross,
            "traded": env.quantity,
            "quantity": env._account.state.quantity,
            "executed": result.executed,
            "position": result.final.position,
            "bars_held": result.final.bars_held,
            "outcome": result.outcome,
            "ended": result.ended,
            "cash": env._account.state.cash,
            "close": tape.close[env.bar],
        }
        for name, values in told_now.items():
            told[name].append(values.clone())
    return {name: torch.stack(values, dim=1).numpy() for name, values in told.items()}


def by_decimals(world: World, tape, streams: Streams) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Run one stream after the other; figures [stream, step] and which of them count."""
    config = EnvConfig(**world.config())
    rules = rules_of(tape, config, SCALE.sd_floor, world.cost_scale)
    rows, orders = rows_of(tape), streams.orders()
    told = np.zeros((world.streams, world.bars - 1, len(MONEY + CODES)))
    counts = np.zeros(told.shape[:2], dtype=bool)
    for stream, segment in enumerate(world.segments):
        account = DecimalAccount(rows, rules, segment.start, segment.stop)
        for step, order in enumerate(orders[stream]):
            if account.over:
                break
            sent = order if world.own_orders(step) else order.target
            told[stream, step] = figures(account.step(sent))
            counts[stream, step] = True
    return {name: told[:, :, k] for k, name in enumerate(MONEY + CODES)}, counts


def figures(told: Told) -> list[float]:
    """What the account says, in the order of MONEY and CODES, as numbers."""
    told = told._replace(outcome=Outcome[told.outcome], ended=Ended[told.ended])
    return [float(getattr(told, name)) for name in MONEY + CODES]


def disagreements(world: World, tape, streams: Streams, got: dict, want: dict, counts) -> list[str]:
    """Tell each stream's first step on which a figure differs."""
    capital = EnvConfig(**world.config()).capital
    wrong = np.zeros(counts.shape, dtype=bool)
    for name in MONEY + CODES:
        scale = np.maximum(np.abs(want[name]), capital if name in MONEY[:3] else 1.0)
        off = np.abs(got[name] - want[name]) > (NEAR * scale if name in MONEY else 0.0)
        wrong |= (off | np.isnan(got[name])) & counts
    out, orders = [], streams.orders()
    for stream in np.flatnonzero(wrong.any(axis=1)):
        step = int(wrong[stream].argmax())
        n = int(stream) * world.bars + step + 1
        bar = {name: getattr(tape, name)[n].item() for name in ("open", "high", "low", "close")}
        pairs = {
            name: (got[name][stream, step].item(), want[name][stream, step].item())
            for name in MONEY + CODES
        }
        pairs = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
        out.append(f"stream {stream} step {step}: {orders[stream][step]} over {bar}: {pairs}")
    return out


def assert_agreement(world: World, bars: dict | None = None) -> dict[str, np.ndarray]:
    """Hold the environment to the decimal account after every step; return what that one said.

    `bars` are prices to take instead of random ones (`order_streams.drawn`).
    """
    tape, streams = drawn(world, bars)
    want, counts = by_decimals(world, tape, streams)
    told = disagreements(world, tape, streams, by_environment(world, tape, streams), want, counts)
    assert not told, f"(environment, decimals), {len(told)} streams:\n" + "\n".join(told[:5])
    return {name: values[counts] for name, values in want.items()}
