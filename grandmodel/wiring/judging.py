"""Judge a team on a stretch of bars and write all that is known about the result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from grandmodel.core.types import Segment
from grandmodel.evaluation import baselines as rivals
from grandmodel.evaluation.calibration import Validator
from grandmodel.evaluation.judge import ARGMAX, LITERAL, Judge, JudgeRule
from grandmodel.evaluation.judgement import Judgement
from grandmodel.evaluation.ledger import Ledger, Trial, config_hash
from grandmodel.evaluation.metrics import Measured, mean_decision_return, measure
from grandmodel.evaluation.outputs import equity_frame, metrics_record, tidy, write_outputs
from grandmodel.evaluation.references import Reference, compute_references, optimum
from grandmodel.evaluation.report.page import ReportData, write_report
from grandmodel.evaluation.statistics import (
    intervals,
    sharpe_difference,
    sharpe_interval,
    with_intervals,
)
from grandmodel.evaluation.track import Market, Track
from grandmodel.evaluation.verdict import gather, judge_evidence
from grandmodel.market.instruments import COST_KEYS
from grandmodel.market.quality import quality_table
from grandmodel.systems.team import Team
from grandmodel.wiring.market import Stage
from grandmodel.wiring.schema import TrainConfig

UNPLANTED = ("random_walk",)  # worlds without anything that a reference could know


@dataclass(frozen=True)
class Subject:
    """A trained team as it is judged: weights, gate, and what its training measured."""

    team: Team
    gate: float
    sd_floor: float
    env_steps: int
    env_steps_per_s: float | None  # null where nothing was trained
    seconds: float | None
    gate_sharpes: Mapping[float, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Occasion:
    """Why and where a team is judged."""

    kind: str  # train | evaluate | backtest
    split: str
    segments: tuple[Segment, ...]
    opens_test: bool
    chosen_here: bool  # checkpoint or gate was chosen on these bars
    tuned_on: tuple[Segment, ...] = ()  # where the moving-average cross is tuned
    ma_pair: tuple[int, int] | None = None  # or how it was tuned before: fast, slow bars
    references: bool = False
    notes: tuple[str, ...] = ()


def own_split(kind: str, config: TrainConfig, stage: Stage, split: str) -> Occasion:
    """Return the occasion of judging a run on a split of its own bars."""
    synthetic = stage.dataset.synthetic
    count = config.evaluation.segments_for(synthetic)
    return Occasion(
        kind=kind,
        split=split,
        segments=tuple(stage.segments(split, count)),
        tuned_on=tuple(stage.segments("validation", count)),
        opens_test=split == "test" and not synthetic,
        chosen_here=split == "validation",
        references=synthetic,
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
        gate=config.agent.gate,
        sessions_per_year=stage.sessions_per_year,
        sd_floor=sd_floor,
        detail=detail,
    )


class Judging:
    """One judgement: the account, its rivals, the verdict, and the files that tell them."""

    def __init__(
        self, config: TrainConfig, stage: Stage, subject: Subject, occasion: Occasion
    ) -> None:
        self.config, self.stage, self.subject, self.occasion = config, stage, subject, occasion
        self.market = Market.of(stage.tape)
        self.judgement, self.row, self.beside = self._judge()
        self.measured = self._measure(self.judgement.track(self.row, self.market))
        self.rivals = self._rivals()
        self.metrics = self._metrics()

    def _measure(self, track: Track) -> Measured:
        return measure(track, self.market, self.stage.sessions_per_year)

    def _judge(self) -> tuple[Judgement, int, dict[str, Measured]]:
        config, subject = self.config, self.subject
        if self.occasion.split == "validation" and self.occasion.chosen_here:
            listed = any(abs(subject.gate - gate) < 1e-9 for gate in config.evaluation.gates)
            if config.agent.execute != "challenger" or not (listed or subject.gate >= 1.0):
                config = replace(config, agent=replace(config.agent, gate=subject.gate))
            validator = build_validator(config, self.stage, subject.sd_floor, detail=True)
            found = validator(subject.team, subject.gate)
            return found.judgement, found.row, found.beside
        rules = (JudgeRule(config.agent.execute, subject.gate), ARGMAX, LITERAL)
        judge = Judge(
            self.stage.tape,
            self.occasion.segments,
            config.env,
            rules,
            sd_floor=subject.sd_floor,
            detail=True,
            block=config.evaluation.block,
        )
        judgement = judge(subject.team)
        names = ("argmax", "literal")
        beside = {
            name: self._measure(judgement.track(row, self.market))
            for row, name in enumerate(names, start=1)
        }
        return judgement, 0, beside

    def _rivals(self) -> "Rivals":
        tape, env, segments = self.stage.tape, self.config.env, self.occasion.segments
        evaluation, floor = self.config.evaluation, self.subject.sd_floor
        sharpe = self.measured.scalars["sharpe"] or 0.0
        tracks = {
            "flat": rivals.flat(tape, segments, env, sd_floor=floor),
            "long_only": rivals.long_only(tape, segments, env, sd_floor=floor),
            "ma_cross": rivals.ma_cross(
                tape,
                self.occasion.tuned_on,
                segments,
                env,
                pair=self.occasion.ma_pair,
                sd_floor=floor,
            ),
        }
        measured = {name: self._measure(found.track) for name, found in tracks.items()}
        settings = {name: found.setting for name, found in tracks.items()}
        random_p = None
        if len(self.measured.trips):
            drawn = rivals.random_trades(
                tape,
                self.measured.track,
                sharpe,
                env,
                seed=evaluation.seed,
                draws=evaluation.random_draws,
                sd_floor=floor,
            )
            measured["random"] = self._measure(drawn.median)
            random_p = drawn.p_value
            settings["random"] = {"draws": len(drawn.sharpe), "p_value": random_p}
        return Rivals(measured, settings, random_p, self._references())

    def _references(self) -> dict[str, Reference]:
        if not (self.occasion.references and self.config.evaluation.references):
            return {}
        tape, env, dataset = self.stage.tape, self.config.env, self.stage.dataset
        segments = self.occasion.segments
        if self.config.data.leak != "none":
            return {"optimum": optimum(tape, segments, env, sd_floor=self.subject.sd_floor)}
        if dataset.truth is None or self.config.data.world in UNPLANTED:
            return {}
        count = self.config.evaluation.segments_for(dataset.synthetic)
        union = self.subject.team.critic.spec
        training = self.stage.segments("train", count)
        return compute_references(
            dataset, tape, union, training, segments, env, sd_floor=self.subject.sd_floor
        )

    def _metrics(self) -> dict[str, Any]:
        evaluation, own = self.config.evaluation, self.measured
        draws, seed = evaluation.draws, evaluation.seed
        differences = {
            name: sharpe_difference(own, found, draws=draws, seed=seed)
            for name, found in self.rivals.baselines.items()
        }
        evidence = gather(
            own,
            sharpe_interval(own, draws=draws, seed=seed),
            {name: found for name, found in differences.items() if name not in ("flat", "random")},
            self.rivals.random_p,
            chosen_here=self.occasion.chosen_here,
        )
        verdict = judge_evidence(evidence)
        references = {
            name: self._measure(found.track) for name, found in self.rivals.references.items()
        }
        facts: dict[str, Any] = {
            "gate": self.subject.gate,
            "weights": dict(
                zip(self.subject.team.names, self.subject.team.weights.tolist(), strict=True)
            ),
            "beside": {name: found.scalars for name, found in self.beside.items()},
        }
        if "optimum" in references:
            best = mean_decision_return(references["optimum"].track)
            mine = mean_decision_return(own.track)
            facts["share_of_optimum"] = mine / best if best > 0 else None
        subject = self.subject
        record = metrics_record(
            own,
            intervals(own, draws=draws, seed=seed),
            split=self.occasion.split,
            verdict=verdict.verdict,
            verdict_reason=verdict.reason,
            env_steps=subject.env_steps,
            env_steps_per_s=subject.env_steps_per_s,
            seconds=subject.seconds,
            baselines={
                name: {
                    **with_intervals(found.scalars, intervals(found, draws=draws, seed=seed)),
                    **self.rivals.settings[name],
                    "sharpe_difference": differences[name].value,
                    "sharpe_difference_ci_low": differences[name].low,
                    "sharpe_difference_ci_high": differences[name].high,
                }
                for name, found in self.rivals.baselines.items()
            },
            references={
                name: {
                    **with_intervals(found.scalars, intervals(found, draws=draws, seed=seed)),
                    **{f"setting_{k}": v for k, v in self.rivals.references[name].setting.items()},
                }
                for name, found in references.items()
            },
            **facts,
        )
        return tidy(record)

    def write(self, folder: Path, config: DictConfig) -> None:
        """Write tables, report and the ledger's line; ``metrics.json`` comes last."""
        decisions = self.judgement.decisions(self.row, self.market)
        if self.config.evaluation.report:
            write_report(folder / "report.html", self._report(decisions, folder))
        self._append_to_ledger(folder, config)
        write_outputs(
            folder,
            self.metrics,
            equity=equity_frame(self.measured.track, self.market),
            trades=self.measured.trades(self.market),
            decisions=decisions,
        )

    def _report(self, decisions: Any, folder: Path) -> ReportData:
        instrument = self.stage.dataset.instrument
        track = self.measured.track
        quality = quality_table(self.stage.dataset.paths[0].bars)
        return ReportData(
            title=f"{self.config.agent.name} on {instrument.name}, {self.occasion.split}",
            facts={
                "run": folder.name,
                "instrument": instrument.name,
                "split": self.occasion.split,
                "seed": str(self.config.seed),
                "environment steps": f"{self.subject.env_steps:,}",
            },
            metrics=self.metrics,
            own=self.measured,
            baselines=self.rivals.baselines,
            decisions=decisions,
            close=self.market.close[track.bar],
            agents=self.subject.team.names,
            costs=_costs(instrument),
            quality=_records(quality),
            gate_sharpes=self.subject.gate_sharpes,
            gate=self.subject.gate,
            notes=(*self.stage.dataset.notes, *self.occasion.notes),
            band_seed=self.config.evaluation.seed,
        )

    def _append_to_ledger(self, folder: Path, config: DictConfig) -> None:
        settings = OmegaConf.to_container(config, resolve=True)
        trial = Trial(
            config=config_hash(settings),  # pyright: ignore[reportArgumentType]
            data=self.stage.dataset.fingerprint,
            split=self.occasion.split,
            seed=self.config.seed,
        )
        sessions = self.measured.sessions
        Ledger(Path(self.config.paths.ledger)).append(
            self.occasion.kind,
            trial,
            sessions.net,
            close_time_ns=sessions.close_time_ns,
            run=str(folder),
            opens_test=self.occasion.opens_test,
            sharpe=self.metrics["sharpe"],
            verdict=self.metrics["verdict"],
        )


@dataclass(frozen=True)
class Rivals:
    """What the team is compared with."""

    baselines: dict[str, Measured]
    settings: Mapping[str, Mapping[str, Any]]
    random_p: float | None
    references: dict[str, Reference]


def _costs(instrument: Any) -> dict[str, float | str | None]:
    return {key: getattr(instrument, key) for key in COST_KEYS}


def _records(frame: Any) -> Sequence[Mapping[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
