"""Judging beside what one would use instead: a year's backtest, and resamples of its equity.

    python benchmarks/judging_peers.py [--draws N] [--repeats N]

A year of half hours on a random walk with fresh weights. Ours decides (a team of three networks)
and accounts; vectorbt and backtesting.py are given the positions and only account for them.
The resamples are those behind the intervals of `metrics.json`; quantstats computes five of the
eleven figures on resamples of the same returns. One thread; wall and CPU seconds, the best of
several repeats. Writes benchmarks/results/judging_peers.json.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "evaluation"))

from execution_peers import backtesting_rate, vectorbt_rate
from fakes import fake_tape, fake_team

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import Desk
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.judging.judge import Judge, JudgeRule
from grandmodel.evaluation.measures.metrics import Measured, measure
from grandmodel.evaluation.statistics.intervals import intervals

YEAR = 11_700
SESSIONS = 252
QUANTSTATS_DRAWS = 100
RESULTS = Path(__file__).parent / "results" / "judging_peers.json"


def best(work: Callable[[], object], repeats: int) -> dict[str, float]:
    """Return the least wall and CPU seconds of several repeats, after one that warms up."""
    work()
    wall, cpu = [], []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return {"seconds": min(wall), "cpu_seconds": min(cpu)}


def by_rate(work: Callable[[], float], runs: int) -> dict[str, float]:
    """Return the least wall seconds of a year at a best rate, and mean CPU seconds of its runs."""
    start = time.process_time()
    rate = work()
    return {"seconds": YEAR / rate, "cpu_seconds": (time.process_time() - start) / runs}


def quantstats_draws(net: np.ndarray, draws: int) -> None:
    """Compute five figures of `draws` circular resamples of a year by quantstats."""
    import quantstats.stats as stats

    generator, days = np.random.default_rng(0), pd.bdate_range("2024-01-01", periods=len(net))
    for _ in range(draws):
        starts = generator.integers(0, len(net), -(-len(net) // 10))
        rows = (starts[:, None] + np.arange(10)).ravel()[: len(net)] % len(net)
        drawn = pd.Series(net[rows], index=days)
        for figure in ("sharpe", "comp", "max_drawdown", "win_rate", "profit_factor"):
            getattr(stats, figure)(drawn)


def backtests(repeats: int) -> tuple[dict[str, dict[str, float]], Measured]:
    """Time the backtest of a year; return the times and what it measured."""
    tape, team, env = fake_tape(YEAR + 1), fake_team(), EnvConfig()
    whole = [Segment(0, YEAR + 1)]
    judge = Judge(tape, whole, env, (JudgeRule("challenger", 0.4),), detail=True)
    market = Market.of(tape)
    track = judge(team).track(0, market)
    desk = Desk(tape, whole, env)
    found = {
        "our judge: decisions and account": best(lambda: judge(team), repeats),
        "our account of known positions": best(lambda: desk.track(track.position), repeats),
    }
    targets = track.position.astype(np.int64)
    first, column = np.array([0]), targets[:, None]
    vectorbt_rate(tape, first, column, 1, brackets=False)  # compiles
    found["vectorbt, known positions"] = by_rate(
        lambda: vectorbt_rate(tape, first, column, repeats, brackets=False), repeats + 1
    )
    found["backtesting.py, known positions"] = by_rate(
        lambda: backtesting_rate(tape, 0, targets, repeats, brackets=False), repeats
    )
    return found, measure(track, market, SESSIONS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found, measured = backtests(options.repeats)
    ours = f"our intervals, {options.draws} resamples of {len(measured.sessions)} sessions"
    found[ours] = best(lambda: intervals(measured, draws=options.draws, seed=0), options.repeats)
    few = best(lambda: quantstats_draws(measured.sessions.net, QUANTSTATS_DRAWS), options.repeats)
    scale = options.draws / QUANTSTATS_DRAWS
    name = f"quantstats, five figures, {options.draws} resamples (scaled from {QUANTSTATS_DRAWS})"
    found[name] = {key: scale * value for key, value in few.items()}
    for label, values in found.items():
        print(f"{label:70s} {values['seconds']:9.4f} s (CPU {values['cpu_seconds']:9.4f})")
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
