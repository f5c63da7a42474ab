"""The validation of a team: all gates in one pass, and the gate that it chooses.

Source: ``docs/definitions.md``, Calibration of the gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.config import EvaluationConfig
from grandmodel.evaluation.judging.judge import Judge, JudgeRule, gate_rules
from grandmodel.evaluation.judging.judgement import Judgement
from grandmodel.evaluation.measures.metrics import Measured, measure
from grandmodel.features.tape import Tape
from grandmodel.systems.config import VOTES
from grandmodel.systems.team import Team

NEVER = 1.0  # no probability exceeds it


def calibrate_gate(
    gates: Sequence[float],
    sharpes: NDArray[np.float64],
    round_trips: NDArray[np.int64],
    minimum_round_trips: int = 30,
) -> float:
    """Return the gate with the highest net Sharpe, or 1.0 where none qualifies.

    A gate qualifies with at least ``minimum_round_trips`` and a Sharpe above zero; of equals
    the larger is taken.
    """
    qualified = [
        (float(sharpe), float(gate))
        for gate, sharpe, trips in zip(gates, sharpes, round_trips, strict=True)
        if trips >= minimum_round_trips and sharpe > 0
    ]
    return max(qualified)[1] if qualified else NEVER


@dataclass(frozen=True)
class Validation:
    """What one validation found; the copy `row` is the team under its own rule."""

    judgement: Judgement
    row: int  # index into the copies of the judgement
    beside_rows: dict[str, int]  # likewise, of the rules beside
    execute: str
    gate: float
    measured: Measured
    beside: dict[str, Measured]  # argmax and literal
    gate_sharpes: dict[float, float]
    gate_round_trips: dict[float, int]

    @property
    def sharpe(self) -> float:
        """The figure that chooses checkpoints: net Sharpe, 0 without a trade."""
        return self.measured.scalars["sharpe"] or 0.0

    def scalars(self) -> dict[str, float | None]:
        """Metrics of the team's rule; Sharpe and turnover of the others beside it."""
        others = {
            f"{metric}_{name}": found.scalars[metric]
            for name, found in self.beside.items()
            for metric in ("sharpe", "turnover")
        }
        return {**self.measured.scalars, "gate": self.gate, **others}


class Validator:
    """Runs the same batch of rules at every validation, in training and after.

    Args:
        tape: bars and columns.
        segments: the validation stretches.
        env: money, sizes, session edges.
        config: gates and the least number of round trips.
        execute: the team's execution rule.
        gate: ``calibrated`` or a fixed value.
        sessions_per_year: of the instrument's calendar.
        sd_floor: smallest trailing sd of the training bars.
        detail: keep every decision.
    """

    def __init__(
        self,
        tape: Tape,
        segments: Sequence[Segment],
        env: EnvConfig,
        config: EvaluationConfig,
        *,
        execute: str = "challenger",
        gate: float | str = "calibrated",
        sessions_per_year: float,
        sd_floor: float = 0.0,
        detail: bool = False,
    ) -> None:
        self.config, self.execute, self.gate = config, execute, gate
        self.sessions_per_year = sessions_per_year
        self.market = Market.of(tape)
        rules = list(gate_rules(config.gates, execute))
        own = JudgeRule(execute, NEVER if isinstance(gate, str) else float(gate))
        if own.execute != "argmax" and own not in rules:
            rules.append(own)  # a gate that never trades, or a fixed one off the list
        self.rules = tuple(rules)
        self.judge = Judge(
            tape,
            segments,
            env,
            self.rules,
            sd_floor=sd_floor,
            detail=detail,
            block=config.block,
        )

    def __call__(self, team: Team, gate: float | None = None) -> Validation:
        """Judge ``team``; with ``gate`` that one is read off instead of calibrating anew.

        Raises:
            ValueError: ``gate`` is none of the batch.
        """
        judgement = self.judge(team)
        found = judgement.sharpes(self.market, self.sessions_per_year)
        trips = judgement.round_trips()
        count = len(self.config.gates)
        beside = {name: count + k for k, name in enumerate(("argmax", "literal"))}
        chosen = gate
        if chosen is None:
            chosen = self._choose(found[:count], trips[:count])
        row = self._row(chosen)
        return Validation(
            judgement=judgement,
            row=row,
            execute=self.execute,
            gate=chosen,
            measured=self._measured(judgement, row),
            beside_rows=beside,
            beside={name: self._measured(judgement, at) for name, at in beside.items()},
            gate_sharpes=dict(zip(self.config.gates, found[:count].tolist(), strict=True)),
            gate_round_trips=dict(zip(self.config.gates, trips[:count].tolist(), strict=True)),
        )

    def _choose(self, sharpes: NDArray[np.float64], trips: NDArray[np.int64]) -> float:
        """Calibrate, where the team's rule has a gate to calibrate."""
        if not isinstance(self.gate, str):
            return float(self.gate)
        if self.execute not in ("challenger", VOTES):
            return self.rules[len(self.config.gates) + 1].gate
        return calibrate_gate(self.config.gates, sharpes, trips, self.config.minimum_round_trips)

    def _row(self, gate: float) -> int:
        """Find the copy of the team's rule with ``gate``."""
        for index, rule in enumerate(self.rules):
            same_gate = self.execute == "argmax" or np.isclose(rule.gate, gate, atol=1e-9)
            if rule.execute == self.execute and same_gate:
                return index
        raise ValueError(
            f"gate {gate} is none of this validation's {[r.label for r in self.rules]}"
        )

    def _measured(self, judgement: Judgement, row: int) -> Measured:
        return measure(judgement.track(row, self.market), self.market, self.sessions_per_year)
