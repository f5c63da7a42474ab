"""Settings of judging, `evaluation.*`."""

from dataclasses import dataclass, field

from grandmodel.core.checks import require, require_between, require_distinct

GATE_DIGITS = 9  # gates that differ by less are one: a stored gate is found again by its value


def standard_gates() -> list[float]:
    """The gates a calibration tries: 0.10, 0.15 ... 0.90."""
    return [round(0.10 + 0.05 * step, 2) for step in range(17)]


@dataclass(kw_only=True)
class EvaluationConfig:
    """How a team is judged, in training and after; keys `evaluation.*`."""

    segments: int | None = None  # parallel stretches; none: 64 on synthetic markets, else 1
    every_steps: int | None = None  # validate every so many steps; none: a tenth of total_steps
    gates: list[float] = field(default_factory=standard_gates)
    minimum_round_trips: int = 30  # a gate with fewer on validation is not chosen
    draws: int = 2_000  # bootstrap resamples behind each interval
    random_draws: int = 1_000  # random trades behind the rank
    seed: int = 0  # of resampling and random trades; never the learner's
    block: int = 256  # rows per block of a trunk's batch
    report: bool = True  # write report.html and report.md
    vote_horizon_bars: int = 6  # over which each agent's votes are judged, from fill to exit
    surrogates: int = 20  # draws of bars with random phases, after training; 0: none
    label_shifts: int = 200  # of the team's own positions against the prices; 0: none
    references: bool = True  # on planted markets: what the same inputs allow
    learned: bool = False  # train rivals with the same budget and judge them beside the team

    def __post_init__(self) -> None:
        if self.segments is not None:
            require_between("evaluation.segments", self.segments, 1, 4096, closed="both")
        if self.every_steps is not None:
            require_between("evaluation.every_steps", self.every_steps, 0, 1e15)
        require(
            len(self.gates) > 0 and all(0.0 <= gate <= 1.0 for gate in self.gates),
            f"evaluation.gates must hold values in [0, 1], was {list(self.gates)}",
        )
        require_distinct("evaluation.gates", [round(gate, GATE_DIGITS) for gate in self.gates])
        require(self.seed >= 0, f"evaluation.seed must not be negative, was {self.seed}")
        require_between("evaluation.minimum_round_trips", self.minimum_round_trips, 0, 1e9)
        require_between("evaluation.draws", self.draws, 100, 1e6, closed="both")
        require_between("evaluation.random_draws", self.random_draws, 20, 1e6, closed="both")
        require_between("evaluation.surrogates", self.surrogates, 0, 10_000, closed="both")
        require_between("evaluation.label_shifts", self.label_shifts, 0, 1e6, closed="both")
        require_between("evaluation.vote_horizon_bars", self.vote_horizon_bars, 1, 1e6)
        require_between("evaluation.block", self.block, 1, 65_536, closed="both")

    def segments_for(self, synthetic: bool) -> int:
        """Number of stretches over all paths of a split."""
        if self.segments is not None:
            return self.segments
        return 64 if synthetic else 1
