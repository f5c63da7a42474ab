"""How long judging takes: one year of decisions, and all gates over 64 segments.

Run: python benchmarks/backtest.py [--threads N] [--repeats N]
Times are the best of several repeats, after start-up; the machine should be idle.
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
from grandmodel.evaluation.judge import ARGMAX, LITERAL, Judge, JudgeRule, gate_rules

YEAR_DECISIONS = 11_700
SEGMENT_DECISIONS = 3_125


def timed(judge: Judge, team, repeats: int) -> tuple[float, float]:
    """Best wall and CPU time of a judgement, seconds (on a busy machine only CPU says much)."""
    wall, cpu = [], []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        judge(team)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return min(wall), min(cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    team = fake_team()
    year = fake_tape(YEAR_DECISIONS + 1)
    whole = [Segment(0, YEAR_DECISIONS + 1)]
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
    for label, tape, segments, rules, detail in cases:
        judge = Judge(tape, segments, EnvConfig(), rules, detail=detail)
        seconds, cpu = timed(judge, team, options.repeats)
        per_step = 1e6 * seconds / judge.steps
        rate = judge.env_steps * len(rules) / seconds
        times = f"{seconds:7.2f} s (CPU {cpu:6.2f})  {per_step:7.0f} us/step"
        print(f"{label:45s} {times}  {rate:12,.0f} decisions/s")


if __name__ == "__main__":
    main()
