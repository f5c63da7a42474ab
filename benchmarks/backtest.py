"""How long judging takes: one year of decisions, and all gates over 64 segments.

    python benchmarks/backtest.py [--threads N] [--repeats N] [--run DIR]

The tactical rows are a year of five-minute decisions on the planted gaps, with fresh weights or
those of a trained run. Times are the best of several repeats, after start-up; the machine should
be idle.
"""

import argparse
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "evaluation"))

from fakes import fake_tape, fake_team

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.config import standard_gates
from grandmodel.evaluation.judging.judge import ARGMAX, LITERAL, Judge, JudgeRule, gate_rules
from grandmodel.features.build import build_tape
from grandmodel.market.splits import warmup_of
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.systems.team import Team
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.run_config import from_run
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.system import build_system
from grandmodel.wiring.train import load_subject

YEAR_DECISIONS = 11_700
TACTICAL_YEAR = 70_000
SEGMENT_DECISIONS = 3_125
Case = tuple[str, Team, Judge]


def timed(judge: Judge, team, repeats: int) -> tuple[float, float]:
    """Best wall and CPU time of a judgement, seconds (on a busy machine only CPU says much)."""
    wall, cpu = [], []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        judge(team)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return min(wall), min(cpu)


def strategic_cases() -> list[Case]:
    """A year on half hours, and what a validation during training judges."""
    team, env = fake_team(), EnvConfig()
    year, whole = fake_tape(YEAR_DECISIONS + 1), [Segment(0, YEAR_DECISIONS + 1)]
    many = fake_tape((SEGMENT_DECISIONS + 1) * 64)
    cuts = [
        Segment(k * (SEGMENT_DECISIONS + 1), (k + 1) * (SEGMENT_DECISIONS + 1), 0, k)
        for k in range(64)
    ]
    own = JudgeRule("challenger", 0.4)
    gates = tuple(JudgeRule("challenger", gate) for gate in standard_gates())
    cases = (
        ("one year, one gate, every decision kept", year, whole, (own,), True),
        ("one year, with argmax and literal beside", year, whole, (own, ARGMAX, LITERAL), True),
        ("64 segments x 17 gates x 3 125 steps", many, cuts, gates, False),
        ("the same with argmax and literal", many, cuts, gate_rules(standard_gates()), False),
    )
    return [(label, team, Judge(tape, cut, env, r, detail=d)) for label, tape, cut, r, d in cases]


def tactical_cases(run: str | None) -> list[Case]:
    """A year on five-minute bars: one threshold, and one for each that is calibrated."""
    if run is None:
        config = typed(compose("train", ["agent=tactical"]), TrainConfig)
        team = build_system(config)
    else:
        command = from_run([f"run={run}"], {})
        config = typed(command.config, TrainConfig)
        team = load_subject(build_system(config), command.source, 0.0).team
    first = warmup_of(config.features.minutes)
    world = SyntheticConfig(world="gaps", train_bars=first + TACTICAL_YEAR + 1, seed=1)
    tape = build_tape(make_dataset(world), config.features)
    whole = [Segment(first, first + TACTICAL_YEAR + 1)]
    own = JudgeRule(config.agent.execute, 0.2)
    all_ = tuple(JudgeRule(config.agent.execute, gate) for gate in standard_gates())
    cases = (
        ("tactical, one year, every decision kept", (own,), True),
        (f"tactical, one year, {len(all_)} thresholds", all_, False),
    )
    return [(label, team, Judge(tape, whole, config.env, r, detail=d)) for label, r, d in cases]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--run", help="folder of a trained tactical run")
    parser.add_argument("--only", choices=("strategic", "tactical"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cases = [] if options.only == "tactical" else strategic_cases()
    cases += [] if options.only == "strategic" else tactical_cases(options.run)
    for label, team, judge in cases:
        seconds, cpu = timed(judge, team, options.repeats)
        per_step = 1e6 * seconds / judge.steps
        rate = judge.env_steps * len(judge.rules) / seconds
        times = f"{seconds:7.2f} s (CPU {cpu:6.2f})  {per_step:7.0f} us/step"
        print(f"{label:45s} {times}  {rate:12,.0f} decisions/s")


if __name__ == "__main__":
    main()
