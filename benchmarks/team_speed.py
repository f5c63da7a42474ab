"""Training steps per second of both teams, and where the time of the tactical one goes.

    python benchmarks/team_speed.py [--threads 1]

The strategic team (pooled windows, dense layers) and the tactical team (convolutions over sixty
bars) train in turns on their planted markets with shipped settings, in float32 and in bfloat16.
Needs the extra `bench`. Results go to benchmarks/results/team_speed.json.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch.profiler import ProfilerActivity, profile
from training import PRECISIONS, RESULTS, ROUNDS, SHORT_TAPE, Bench, show

from grandmodel.wiring.system import build_learner, build_system, fitted_reward

TEAMS = ("strategic", "tactical")
STEPS = 65_536
SHOWN = 12


def rates(console: Console) -> dict[str, float]:
    """Return steps per second of each team and precision, medians of turns."""
    benches = {team: Bench([f"agent={team}", *SHORT_TAPE]) for team in TEAMS}
    told: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for team, bench in benches.items():
            for precision in PRECISIONS:
                name = f"{team}, {precision}"
                told.setdefault(name, []).append(bench.rate(STEPS, precision))
    found = {name: float(np.median(values)) for name, values in told.items()}
    for precision in PRECISIONS:
        ratio = found[f"tactical, {precision}"] / found[f"strategic, {precision}"]
        found[f"tactical over strategic, {precision}"] = ratio
    show(console, "environment steps per second of training", found)
    return found


def update_with(learner: Any, optimiser: torch.optim.Optimizer, rollout: Any) -> None:
    """Run one update as training does, in float32."""
    batch = learner.begin(rollout, 0.0)
    for parts in learner.gradient_steps(batch):
        optimiser.zero_grad(set_to_none=True)
        for part in parts:
            for loss in learner.losses(batch, part):
                loss.backward()
        learner.stop_diverged()
        learner.clip_gradients()
        optimiser.step()


def stages(console: Console) -> dict[str, float]:
    """Return seconds of one rollout of the tactical team and of its update, and shares by kind."""
    bench = Bench(["agent=tactical", *SHORT_TAPE])
    team = build_system(bench.config)
    reward = fitted_reward(bench.config, bench.stage)
    collector, learner = build_learner(bench.config, bench.stage, team, reward)
    optimiser = learner.optimiser(fused=True)
    update_with(learner, optimiser, collector.collect())
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        rollout, acting = timed(collector.collect)
        _, learning = timed(lambda: update_with(learner, optimiser, rollout))
    found = {"one rollout, seconds": acting, "its update, seconds": learning}
    events = sorted(seen.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events)
    for event in events[:SHOWN]:
        found[f"share of {event.key}"] = event.self_cpu_time_total / total
    show(console, "where the tactical team's training time goes", found)
    return found


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what ``work`` returns, and its seconds."""
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    console = Console()
    machine = f"{platform.machine()}, {threads} threads, torch {torch.__version__}"
    found = {"machine": machine, "rates": rates(console), "profile": stages(console)}
    target = RESULTS / "team_speed.json"
    target.write_text(json.dumps(found, indent=2) + "\n")
    console.print(f"written: {target}")


if __name__ == "__main__":
    main()
