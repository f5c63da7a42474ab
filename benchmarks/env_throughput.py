"""Steps per second of the batched environment, beside a plain Python environment loop.

    python benchmarks/env_throughput.py [--full] [--envs 4096] [--threads 1] [--json FILE]

Prints steps/s with random actions for tapes of growing length (the cost of a step must not
grow with the tape), and the ratio to a Gymnasium environment that keeps one account in Python
floats, stepped in a loop in the same run. Every figure is the best of several rounds, because
other work on the machine only ever slows a round down; rounds over the tapes take turns.

`--full` adds the whole execution model: limit entries, stops, targets, margins on a fixed number
of contracts, and carry; beside it vectorbt and backtesting.py follow the same positions, with the
same stops and targets (`pip install -e .[bench]`). The targets are 2 000 000 steps/s on two
cores, and a step over 5 000 000 bars within 30 % of one over 10 000.
"""

import argparse
import json
import platform
import time
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from execution_peers import backtesting_rate, vectorbt_rate

from grandmodel.envs.config import EnvConfig, RewardConfig
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.reward import Reward
from grandmodel.envs.starts import RandomStarts
from grandmodel.features.tape import Tape
from grandmodel.market.instruments import Instrument

COST_BPS = 1.0
EPISODE_BARS = 256
MAX_HOLD_BARS = 96
PLAIN_STEPS = 30_000
STEPS_PER_ROUND = 128
PEER_BARS, PEER_ONE_BARS = 256, 4_000
FULL = {
    "entry": "limit",
    "stop_atr": 2.0,
    "target_atr": 3.0,
    "size": "contracts",
    "contracts": 1_500.0,
    "edge": "carry",
}


def walk_tape(bars: int) -> Tape:
    """A random walk of `bars` bars, 46 a session, without feature columns."""
    draw = torch.Generator().manual_seed(0)
    moves = torch.randn(bars, generator=draw, dtype=torch.float64) * 1.1e-3
    close = 100.0 * torch.exp(moves.cumsum(0) - 0.5 * moves.square().cumsum(0))
    opened = torch.cat([close[:1], close[:-1]])
    index = torch.arange(bars)
    flat = torch.ones(bars, dtype=torch.float64)
    return Tape(
        columns=(),
        features=torch.zeros(bars, 0),
        open_time_ns=index * 1_800_000_000_000,
        open=opened,
        high=torch.maximum(opened, close) * 1.0005,
        low=torch.minimum(opened, close) * 0.9995,
        close=close,
        trailing_sd=flat * 1.1e-3,
        atr14=flat * 0.2,
        session=index // 46,
        scheduled=flat > 0.0,
        edge_ahead=index % 46 == 44,
        break_ahead_hours=flat * 0.0,
        break_hours=flat * 0.0,
        spread_multiplier=flat,
        path=torch.zeros_like(index),
        minutes=30,
        instrument=Instrument(name="bench", fee_bps=COST_BPS),
        fingerprint="bench",
    )


class PlainEnv(gym.Env):
    """What one would write by hand: one account, Python floats, the same money and reward."""

    def __init__(self, tape: Tape) -> None:
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
        self.action_space = gym.spaces.Discrete(3)
        self.opens, self.closes = tape.open.tolist(), tape.close.tolist()
        self.sd = tape.trailing_sd.tolist()
        self.atr = tape.atr14.tolist()
        self.last = (tape.session.diff(append=tape.session[-1:] + 1) != 0).tolist()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.bar = int(self.np_random.integers(len(self.closes) - EPISODE_BARS - 1))
        self.end = self.bar + EPISODE_BARS
        self.cash = self.equity = self.session_equity = self.peak = 100_000.0
        self.quantity, self.position, self.held, self.entry = 0.0, 0, 0, 0.0
        return self.observe(), {}

    def observe(self) -> np.ndarray:
        profit = self.position * (self.closes[self.bar] - self.entry) / self.atr[self.bar]
        depth = min(1.0, 20.0 * (1.0 - self.equity / self.peak))
        held = min(4.0, self.held / 48.0)
        return np.array([self.position, profit, held, depth], dtype=np.float32)

    def step(self, action):
        if self.last[self.bar]:
            self.session_equity = self.equity
        target = 0 if self.held >= MAX_HOLD_BARS else int(action) - 1
        price = self.opens[self.bar + 1]
        if target != self.position:
            order = target * self.session_equity / price - self.quantity
            self.cash -= order * price + abs(order) * price * COST_BPS * 1e-4
            self.quantity += order
            self.position, self.held, self.entry = target, 0, price
        self.held += abs(target)
        self.bar += 1
        before, self.equity = self.equity, self.cash + self.quantity * self.closes[self.bar]
        self.peak = max(self.peak, self.equity)
        reward = (self.equity - before) / (before * self.sd[self.bar - 1])
        reward = min(10.0, max(-10.0, reward))
        return self.observe(), reward, self.equity <= 0.0, self.bar == self.end, {}


def full_tape(tape: Tape) -> Tape:
    """The same walk with a tick, a spread in ticks and carry at every open."""
    carry = torch.full_like(tape.close, 1e-4)
    facts = replace(tape.instrument, tick=0.01, half_spread_ticks=0.5, slippage_ticks=0.5)
    return replace(tape, carry_long=carry, carry_short=-carry, instrument=facts)


def environment(bars: int, envs: int, full: bool) -> MarketEnv:
    """The batched environment over a walk, all of it but the warm-up to train on."""
    tape = full_tape(walk_tape(bars)) if full else walk_tape(bars)
    spans = [range(600, bars)]
    return MarketEnv(
        tape,
        EnvConfig(episode_bars=EPISODE_BARS, max_hold_bars=MAX_HOLD_BARS, **(FULL if full else {})),
        Reward.fitted(RewardConfig(), tape, spans),
        n_envs=envs,
        starts=RandomStarts(spans, EPISODE_BARS),
        generator=torch.Generator().manual_seed(1),
    )


def batched_rates(lengths: list[int], envs: int, full: bool, rounds: int) -> dict[int, float]:
    """Steps per second by length of tape: the best of some rounds that take turns."""
    stages = {bars: environment(bars, envs, full) for bars in lengths}
    draw = torch.Generator().manual_seed(2)
    targets = torch.randint(-1, 2, (STEPS_PER_ROUND, envs), generator=draw)
    best = dict.fromkeys(lengths, 0.0)
    for number in range(rounds + 1):
        for bars, env in stages.items():
            began = time.perf_counter()
            for target in targets:
                env.step(target)
            rate = envs * STEPS_PER_ROUND / (time.perf_counter() - began)
            if number:  # the first round warms up
                best[bars] = max(best[bars], rate)
    return best


def peer_rates(envs: int) -> dict[str, float]:
    """Steps per second of vectorbt and backtesting.py over the same kind of orders."""
    tape = walk_tape(200_000)
    draw = np.random.default_rng(2)
    starts = draw.integers(600, len(tape) - PEER_BARS, envs)
    targets = draw.integers(-1, 2, (PEER_BARS, envs))
    one = draw.integers(-1, 2, PEER_ONE_BARS)
    return {
        "vectorbt": vectorbt_rate(tape, starts, targets, rounds=3),
        "backtesting.py": backtesting_rate(tape, 600, one, rounds=2),
    }


def plain_rate() -> float:
    """Steps per second of the plain environment in a Python loop."""
    env = PlainEnv(walk_tape(10_000))
    actions = np.random.default_rng(0).integers(0, 3, PLAIN_STEPS).tolist()
    env.reset(seed=0)
    began = time.perf_counter()
    for action in actions:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
    return PLAIN_STEPS / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--envs", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bars", type=int, nargs="+", default=[10_000, 200_000, 5_000_000])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine = f"{platform.processor() or platform.machine()}, {options.threads} threads"
    found: dict[str, str | float] = {"machine": f"{machine}, torch {torch.__version__}"}
    beside = {"plain Python": plain_rate()}
    if options.full:
        beside |= peer_rates(options.envs)
    for name, rate in beside.items():
        print(f"{name}: {rate:,.0f} steps/s")
        found[f"{name}, steps/s"] = rate
    for label in ("plain market orders", "full model") if options.full else ("plain orders",):
        full = label == "full model"
        rates = batched_rates(options.bars, options.envs, full, options.rounds)
        for bars, rate in rates.items():
            found[f"{label}, {bars} bars, steps/s"] = rate
            ratios = ", ".join(f"{rate / other:.1f} x {name}" for name, other in beside.items())
            print(
                f"{label}, {options.envs} environments, {bars:>9,} bars: {rate:,.0f} steps/s, "
                f"{options.envs / rate * 1e6:.0f} us per step; {ratios}"
            )
            if full:
                found |= {f"full model over {name}": rate / other for name, other in beside.items()}
        found[f"{label}, cost of a step, longest over shortest tape"] = (
            rates[min(rates)] / rates[max(rates)]
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
