"""What a planted market allows, in the policy's environment with the policy's costs.

filter knows the law of the market, privileged_student learns from its truth, return_student
from realised returns, best_rule is one tuned signal. Source: `docs/definitions.md`, References
on planted markets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from grandmodel.core.types import ObservationSpec, Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.observation import MarketView
from grandmodel.evaluation.accounts.scripted import Desk
from grandmodel.evaluation.accounts.track import Track
from grandmodel.evaluation.references.dynamic_programming import best_positions
from grandmodel.evaluation.references.filters import FILTERS
from grandmodel.evaluation.references.rules import (
    Tuned,
    hysteresis_grid,
    hysteresis_positions,
    simple_rules,
    tune,
)
from grandmodel.evaluation.references.students import (
    InputsOf,
    StudentConfig,
    predict,
    train_student,
)
from grandmodel.features.tape import Tape
from grandmodel.market.dataset import Dataset
from grandmodel.market.synthetic.world import PathTruth

Setting = dict[str, float | int | str]


@dataclass(frozen=True)
class Reference:
    """A reference's account on the judged segments and the setting chosen on training bars."""

    name: str
    track: Track
    setting: Setting = field(default_factory=dict)


class ReferenceDesk:
    """Tunes signals on the training segments and runs them on the judged ones.

    Args:
        tape: the bars.
        training: segments of the training split.
        judged: segments of the split to judge.
        env: the policy's settings, its longest holding time included.
        sd_floor: smallest trailing sd, read by size=vol_target.
    """

    def __init__(
        self,
        tape: Tape,
        training: Sequence[Segment],
        judged: Sequence[Segment],
        env: EnvConfig,
        sd_floor: float = 0.0,
    ) -> None:
        self.tape = tape.to("cpu")
        self.training = Desk(tape, training, env, sd_floor=sd_floor)
        self.judged = Desk(tape, judged, env, sd_floor=sd_floor)

    def tune(self, signal: NDArray[np.float64], *, both_signs: bool = False) -> Tuned:
        """Return the thresholds with the best net Sharpe on the training segments.

        Args:
            signal: value at each tape row; only training rows are read, [bar].
            both_signs: also try trading against the signal.
        """
        there = self.training.at_rows(signal)

        def sharpe_of(rules: list) -> NDArray[np.float64]:
            return self.training.sharpe(segment_positions(self.training, there, rules))

        return tune(hysteresis_grid(there, both_signs=both_signs), sharpe_of)

    def run(
        self,
        name: str,
        signal: NDArray[np.float64],
        tuned: Tuned,
        setting: Setting | None = None,
    ) -> Reference:
        """Return the account of a tuned signal on the judged segments.

        Args:
            name: of the reference.
            signal: value at each tape row, [bar].
            tuned: its thresholds.
            setting: what else to record.
        """
        here = self.judged.at_rows(signal)
        targets = segment_positions(self.judged, here, [tuned.rule])[0]
        chosen: Setting = {
            "enter": tuned.rule.enter,
            "exit": tuned.rule.exit,
            "sign": tuned.rule.sign,
            "sharpe_where_tuned": tuned.sharpe,
            "tried": tuned.tried,
        }
        return Reference(name, self.judged.track(targets), chosen | (setting or {}))


def segment_positions(desk: Desk, signal: NDArray[np.float64], rules: list) -> NDArray[np.int8]:
    """Return hysteresis positions that start flat in every segment, int8 [rule, row]."""
    parts = [
        hysteresis_positions(signal[desk.rows_of(k)], rules) for k in range(len(desk.segments))
    ]
    return np.concatenate(parts, axis=1)


def truths_of(dataset: Dataset) -> list[PathTruth]:
    """Return the truth of every path.

    Raises:
        ValueError: for a dataset without it.
    """
    truths = [truth for truth in dataset.truth or () if isinstance(truth, PathTruth)]
    if len(truths) != len(dataset.paths):
        raise ValueError("references need the truth of every path: only planted markets have it")
    return truths


def filter_signal(dataset: Dataset) -> NDArray[np.float64]:
    """Return the filter's expected drift of the next bar at every tape row, float64 [bar]."""
    pairs = zip(dataset.paths, truths_of(dataset), strict=True)
    return np.concatenate([FILTERS[truth.world](path, truth) for path, truth in pairs])


def best_rule(desk: ReferenceDesk) -> Reference:
    """Return the best of the simple rules, thresholds and sign tuned on training bars."""
    signals = simple_rules(desk.tape)
    tuned = {name: desk.tune(signal, both_signs=True) for name, signal in signals.items()}
    name = max(tuned, key=lambda key: tuned[key].sharpe)
    return desk.run(
        "best_rule", signals[name], tuned[name], {"signal": name, "rules": len(signals)}
    )


def union_inputs(tape: Tape, union: ObservationSpec) -> InputsOf:
    """Return the function from tape rows to pooled window and context, float32 [bar, input]."""
    view = MarketView(tape, union)

    def inputs_of(rows: Int[Tensor, " bar"]) -> Float[Tensor, "bar input"]:
        return torch.cat([view.pooled.index_select(0, rows), view.context(rows)], dim=1)

    return inputs_of


def student_signal(
    inputs_of: InputsOf,
    target: NDArray[np.float64],
    training: Desk,
    judged: Desk,
    seed: int,
    config: StudentConfig | None = None,
) -> NDArray[np.float64]:
    """Train a student on the training rows; return its signal there and on the judged rows.

    Args:
        inputs_of: the team's market inputs.
        target: what to predict at each tape row, [bar]; only training rows are read.
        training: where to learn.
        judged: where to predict as well.
        seed: of the student.
        config: size and schedule.

    Returns:
        Signal by tape row, float64 [bar], 0 on rows of neither.
    """
    rows = torch.from_numpy(training.bar)
    goal = torch.from_numpy(training.at_rows(target))
    student = train_student(inputs_of, rows, goal, seed, config)
    signal = np.zeros(len(target))
    for desk in (training, judged):
        signal[desk.bar] = predict(student, inputs_of, torch.from_numpy(desk.bar))
    return signal


def next_return(tape: Tape) -> NDArray[np.float64]:
    """Return the return of the bar after each row over the trailing sd at the row, [bar].

    Close over open; the unit is the one in which rewards are paid, so that wild bars do not
    drown the others. 0 at the end and where no sd is known yet.
    """
    out = np.zeros(len(tape))
    sd = tape.trailing_sd.numpy()[:-1]
    np.divide((tape.close / tape.open).numpy()[1:] - 1.0, sd, out=out[:-1], where=sd > 0.0)
    return out


def compute_references(
    dataset: Dataset,
    tape: Tape,
    union: ObservationSpec,
    training: Sequence[Segment],
    judged: Sequence[Segment],
    env: EnvConfig,
    *,
    seed: int = 0,
    student: StudentConfig | None = None,
    sd_floor: float = 0.0,
) -> dict[str, Reference]:
    """Return filter, privileged_student, return_student and best_rule of a planted market.

    Args:
        dataset: with the truth of each path.
        tape: built from `dataset`.
        union: the union by name of the team's market inputs, windows and context.
        training: segments of the training split.
        judged: segments of the split to judge.
        env: the policy's settings.
        seed: of the students.
        student: size and schedule of the students.
        sd_floor: smallest trailing sd, read by size=vol_target.

    Raises:
        ValueError: for a dataset without the truth of its paths.
    """
    truths = truths_of(dataset)
    tape = tape.to("cpu")
    desk = ReferenceDesk(tape, training, judged, env, sd_floor)
    signals = {"filter": filter_signal(dataset)}
    inputs_of = union_inputs(tape, union)
    targets = {
        "privileged_student": np.concatenate([truth.drift_next for truth in truths]),
        "return_student": next_return(tape),
    }
    for name, target in targets.items():
        signals[name] = student_signal(inputs_of, target, desk.training, desk.judged, seed, student)
    references = {
        name: desk.run(name, signal, desk.tune(signal)) for name, signal in signals.items()
    }
    references["best_rule"] = best_rule(desk)
    return references


def optimum(
    tape: Tape, segments: Sequence[Segment], env: EnvConfig, *, sd_floor: float = 0.0
) -> Reference:
    """Return the account of a trader who knows every price: the yardstick of leaked worlds.

    The positions maximise the sum of net returns from fill to fill; their account is told like
    any other, the longest holding time included.
    """
    desk = Desk(tape, segments, env, sd_floor=sd_floor)
    gain, unit_cost = desk.fill_returns()
    no_entry, must_be_flat = desk.entry_limits()
    targets = np.zeros(len(desk), np.int8)
    for k in range(len(desk.segments)):
        rows = desk.rows_of(k)
        targets[rows], _ = best_positions(
            gain[rows],
            unit_cost[rows],
            must_be_flat=must_be_flat[rows],
            no_entry=no_entry[rows],
        )
    return Reference("optimum", desk.track(targets))
