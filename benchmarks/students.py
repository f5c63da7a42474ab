"""What each agent's inputs hold of a planted market: students with and without them, no learning.

    python benchmarks/students.py experiment=planted_flips
    python benchmarks/students.py experiment=planted_nodes --stretches 26

Prints filter, best rule and the students on the union of all agents' inputs, on the union without
each agent, and on each agent alone, net Sharpe on the test paths. Words of `train.py` choose world
and sizes; --stretches N learns from the first N of the 64 training stretches, to save time.
"""

import argparse

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from grandmodel.core.types import ObservationSpec
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.measures.metrics import measure
from grandmodel.evaluation.references.tuned import (
    Reference,
    ReferenceDesk,
    best_rule,
    filter_signal,
    next_return,
    student_signal,
    truths_of,
    union_inputs,
)
from grandmodel.systems.critic import union_spec
from grandmodel.wiring.compose import compose, register, typed
from grandmodel.wiring.market import Stage, build_stage
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.system import build_system, read_columns, with_needed_features

STRETCHES = 64


class Students:
    """Trains students on some inputs and trades them on the test paths."""

    def __init__(self, config: TrainConfig, stage: Stage, stretches: int) -> None:
        training = stage.segments("train", STRETCHES)[:stretches]
        self.stage = stage
        self.desk = ReferenceDesk(
            stage.tape, training, stage.segments("test", STRETCHES), config.env
        )
        truths = truths_of(stage.dataset)
        self.truth = np.concatenate([truth.drift_next for truth in truths])

    def sharpe(self, reference: Reference) -> str:
        """Return net Sharpe and position changes per decision of an account."""
        scalars = measure(reference.track, Market.of(self.stage.tape), 252.0).scalars
        return f"{scalars['sharpe']:.2f}"

    def of(self, spec: ObservationSpec, target: np.ndarray) -> str:
        """Return the Sharpe of a student that sees ``spec`` and learns ``target``."""
        inputs = union_inputs(self.stage.tape, spec)
        signal = student_signal(inputs, target, self.desk.training, self.desk.judged, 0)
        return self.sharpe(self.desk.run("student", signal, self.desk.tune(signal)))


def report(config: TrainConfig, stretches: int, console: Console) -> None:
    """Train all students and print one table."""
    config = with_needed_features(config)
    hold, episode = config.env.max_hold_bars, config.env.episode_bars
    columns = read_columns(config)
    stage = build_stage(config, max_hold_bars=hold, episode_bars=episode, columns=columns)
    specs = dict(zip(config.agent.active_names, build_system(config).specs, strict=True))
    students = Students(config, stage, stretches)
    desk, everything = students.desk, union_spec(list(specs.values()))
    known = filter_signal(stage.dataset)
    table = Table("who", "net Sharpe")
    table.add_row("filter", students.sharpe(desk.run("filter", known, desk.tune(known))))
    rule = best_rule(desk)
    table.add_row(f"best rule ({rule.setting['signal']})", students.sharpe(rule))
    table.add_row("return student, all inputs", students.of(everything, next_return(stage.tape)))
    table.add_row("privileged student, all inputs", students.of(everything, students.truth))
    for name in specs:
        others = union_spec([spec for other, spec in specs.items() if other != name])
        table.add_row(f"privileged student without {name}", students.of(others, students.truth))
    for name, spec in specs.items():
        table.add_row(f"privileged student on {name} alone", students.of(spec, students.truth))
    console.print(table)


def main() -> None:
    """Read the command line and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="words of train.py")
    parser.add_argument("--stretches", type=int, default=STRETCHES)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    register()
    report(typed(compose("train", given.words), TrainConfig), given.stretches, Console())


if __name__ == "__main__":
    main()
