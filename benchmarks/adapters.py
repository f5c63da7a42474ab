"""What the adapters to other frameworks cost, beside the bare environment, in one run.

    python benchmarks/adapters.py [--seconds S]

Random actions on the small planted market, one thread. Needs the extras `bench` and `pettingzoo`.
Results go to benchmarks/results/.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import SyncVectorEnv
from rich.console import Console
from rich.table import Table

from grandmodel.envs.episodes import flat_observation
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.observation import MarketView
from grandmodel.envs.starts import RandomStarts
from grandmodel.systems.critic import union_spec
from grandmodel.wiring.environments import OpenMarket, open_market
from grandmodel.wiring.system import fitted_reward

RESULTS = Path(__file__).parent / "results" / "adapters.json"
BATCHES = (1, 64, 512, 4096)
FEW = 8
BLOCK = 32
ROUNDS = 3

Step = Callable[[], object]


def bare(market: OpenMarket, n_envs: int, *, observe: bool) -> Step:
    """Step the environment alone, or with the observations that its adapters hand out."""
    generator = torch.Generator().manual_seed(0)
    env = MarketEnv(
        market.stage.tape,
        market.config.env,
        fitted_reward(market.config, market.stage),
        n_envs=n_envs,
        starts=RandomStarts(market.stage.segments("train", 1), market.config.env.episode_bars),
        generator=generator,
    )
    view = MarketView(market.stage.tape, union_spec(market.specs))

    def step() -> None:
        result = env.step(torch.randint(-1, 2, (n_envs,), generator=generator))
        if observe:
            flat_observation(view, result.observation)

    return step


def vector(env: gym.vector.VectorEnv) -> Step:
    """Step a Gymnasium vector environment."""
    draw = np.random.default_rng(0)
    env.reset(seed=0)
    return lambda: env.step(draw.integers(0, 3, env.num_envs))


def stable_baselines3(market: OpenMarket, n_envs: int) -> Step:
    """Step a VecEnv."""
    draw = np.random.default_rng(0)
    env = market.stable_baselines3(n_envs=n_envs)
    env.reset()
    return lambda: env.step(draw.integers(0, 3, n_envs))


def pettingzoo(market: OpenMarket) -> Step:
    """Step the one account of the parallel environment."""
    draw = np.random.default_rng(0)
    env = market.pettingzoo()
    env.reset(seed=0)

    def step() -> None:
        if not env.agents:
            env.reset()
        env.step({name: draw.integers(0, 3) for name in env.agents})

    return step


def rate(step: Step, n_envs: int, seconds: float) -> float:
    """Environment steps per second."""
    step()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        for _ in range(BLOCK):
            step()
        count += BLOCK
    return count * n_envs / (time.perf_counter() - began)


def measure(seconds: float) -> dict[str, float]:
    """Medians of rounds in which all take turns, so that a busy moment hits each."""
    market = open_market("agent=strategic")
    runs: dict[str, tuple[Step, int]] = {}
    for n in BATCHES:
        runs[f"bare, {n}"] = (bare(market, n, observe=False), n)
        runs[f"bare with observations, {n}"] = (bare(market, n, observe=True), n)
        runs[f"gymnasium vector, {n}"] = (vector(market.gymnasium_vector(n_envs=n)), n)
        runs[f"stable-baselines3, {n}"] = (stable_baselines3(market, n), n)
    single = [lambda k=k: market.gymnasium(seed=k) for k in range(FEW)]
    runs[f"gymnasium, {FEW} in SyncVectorEnv"] = (vector(SyncVectorEnv(single)), FEW)
    runs["pettingzoo, 1"] = (pettingzoo(market), 1)
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, (step, n) in runs.items():
            rates[name].append(rate(step, n, seconds))
    return {name: float(np.median(values)) for name, values in rates.items()}


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    found = measure(seconds)
    table = Table("environments", "steps/s", "of the bare ones")
    for name, value in found.items():
        base = found.get(f"bare, {name.rsplit(', ', 1)[1]}")
        table.add_row(name, f"{value:,.0f}", f"{value / base:.2f}" if base else "")
    Console().print(table)
    RESULTS.parent.mkdir(exist_ok=True)
    facts = {"python": platform.python_version(), "torch": torch.__version__}
    RESULTS.write_text(json.dumps(facts | found, indent=1) + "\n")


if __name__ == "__main__":
    main()
