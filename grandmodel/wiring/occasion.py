"""Who is judged, why and where: what a judgement is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rich.console import Console

from grandmodel.core.types import Segment
from grandmodel.evaluation.controls.sweep import Sweep
from grandmodel.evaluation.judging.calibration import Validator
from grandmodel.evaluation.trials.overlap import UsedSpan
from grandmodel.systems.config import VOTES
from grandmodel.systems.team import Team
from grandmodel.wiring.market import Stage
from grandmodel.wiring.schema import TrainConfig

NON_CAUSAL = "non-causal: later bars trained for earlier tests; read the spread, not the profit"


@dataclass(frozen=True)
class Subject:
    """A trained team as it is judged: weights, gate, and what its training measured."""

    team: Team
    gate: float
    sd_floor: float
    env_steps: int
    env_steps_per_s: float | None  # null where nothing was trained
    seconds: float | None
    start_weights: str | None = None  # content of the checkpoint that its training began with
    trained: str | None = None  # hash of the settings it was trained with; None: several teams
    gate_sharpes: Mapping[float, float] = field(default_factory=dict)
    training: Mapping[str, float] = field(default_factory=dict)  # the monitor's last readings


@dataclass(frozen=True)
class Occasion:
    """Why and where a team is judged."""

    kind: str  # train | evaluate | backtest
    split: str
    segments: tuple[Segment, ...]
    opened: tuple[UsedSpan, ...]  # bars of a sealed test split among them
    sealed: tuple[UsedSpan, ...]  # the test split whose openings are told
    chosen_here: bool  # weights, checkpoint or gate were made from these bars
    tuned_on: tuple[Segment, ...] = ()  # where the moving-average cross is tuned
    ma_pair: tuple[int, int] | None = None  # or how it was tuned before: fast, slow bars
    references: bool = False
    notes: tuple[str, ...] = ()
    causal: bool = True  # nothing was trained on bars after those that are judged
    sweep: Sweep = field(default_factory=Sweep)  # of costs and delays

    def seen_before(self, notes: tuple[str, ...]) -> "Occasion":
        """Return the occasion told as one whose bars the weights were made from, if they were."""
        if not notes:
            return self
        return replace(self, chosen_here=True, notes=(*self.notes, *notes))


def own_split(kind: str, config: TrainConfig, stage: Stage, split: str) -> Occasion:
    """Return the occasion of judging a run on a split of its own bars."""
    synthetic = stage.dataset.synthetic
    count = config.evaluation.segments_for(synthetic)
    sealed = () if synthetic else tuple(stage.used("test", ""))
    causal = split != "test" or not stage.learned_after_test()
    return Occasion(
        kind=kind,
        split=split,
        segments=tuple(stage.segments(split, count)),
        tuned_on=tuple(stage.segments("validation", count)),
        opened=sealed if split == "test" else (),
        sealed=sealed,
        chosen_here=split == "validation",
        references=synthetic,
        notes=() if causal else (NON_CAUSAL,),
        causal=causal,
    )


def build_validator(
    config: TrainConfig, stage: Stage, sd_floor: float, *, detail: bool
) -> Validator:
    """Build the one validation that training and ``evaluate.py split=validation`` run."""
    count = config.evaluation.segments_for(stage.dataset.synthetic)
    return Validator(
        stage.tape,
        stage.segments("validation", count),
        config.env,
        config.evaluation,
        execute=config.agent.execute,
        gate=config.agent.bar_to_pass,
        sessions_per_year=stage.sessions_per_year,
        sd_floor=sd_floor,
        detail=detail,
    )


def say_where_it_never_trades(subject: Subject, execute: str, console: Console) -> None:
    """Say that calibration found no gate at which the team earns, where a gate decides."""
    if subject.gate >= 1.0 and execute in ("challenger", VOTES):
        console.print(
            "gate 1.0: no gate earned on validation with enough round trips; the team never trades"
        )
