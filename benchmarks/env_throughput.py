"""Steps per second of the batched environment, beside a plain Python environment loop.

    python benchmarks/env_throughput.py [--envs 4096] [--threads 1] [--json FILE]

Prints steps/s with random actions for tapes of growing length (the cost of a step must not
grow with the tape), and the ratio to a Gymnasium environment that keeps one account in Python
floats, stepped in a loop in the same run.
"""

import argparse
import json
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch

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
ROUNDS, STEPS_PER_ROUND = 7, 256


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


def batched_rate(bars: int, envs: int) -> float:
    """Steps per second of MarketEnv: the best of some rounds, random actions."""
    tape = walk_tape(bars)
    spans = [range(600, bars)]
    env = MarketEnv(
        tape,
        EnvConfig(episode_bars=EPISODE_BARS, max_hold_bars=MAX_HOLD_BARS),
        Reward.fitted(RewardConfig(), tape, spans),
        n_envs=envs,
        starts=RandomStarts(spans, EPISODE_BARS),
        generator=torch.Generator().manual_seed(1),
    )
    draw = torch.Generator().manual_seed(2)
    targets = torch.randint(-1, 2, (STEPS_PER_ROUND, envs), generator=draw)
    for target in targets:
        env.step(target)
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for target in targets:
            env.step(target)
        rates.append(envs * STEPS_PER_ROUND / (time.perf_counter() - began))
    return max(rates)


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
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plain = plain_rate()
    print(f"plain Python environment: {plain:,.0f} steps/s")
    found: dict[str, float] = {"plain": plain}
    for bars in options.bars:
        rate = batched_rate(bars, options.envs)
        found[f"batched_{bars}"] = rate
        print(
            f"batched, {options.envs} environments, {bars:>9,} bars: {rate:,.0f} steps/s, "
            f"{options.envs / rate * 1e6:.0f} us per step, {rate / plain:.0f} times plain"
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
