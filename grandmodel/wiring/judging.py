"""Judge a team on a stretch of bars and write all that is known about the result."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

from omegaconf import DictConfig
from rich.console import Console

from grandmodel.evaluation.accounts.track import Market, Track
from grandmodel.evaluation.judging.execution import JudgeRule, beside_names, rules_beside
from grandmodel.evaluation.judging.judge import Judge
from grandmodel.evaluation.judging.judgement import Judgement
from grandmodel.evaluation.measures.kpi import kpi_rows
from grandmodel.evaluation.measures.metrics import Measured, measure
from grandmodel.evaluation.measures.scorecard import Scored, scorecard
from grandmodel.evaluation.measures.trader import Traded, trader
from grandmodel.evaluation.measures.vote_report import VoteJudge
from grandmodel.evaluation.outputs import (
    equity_frame,
    metrics_record,
    sessions_frame,
    tidy,
    write_metrics,
    write_tables,
)
from grandmodel.evaluation.report.folds import terminal_folds
from grandmodel.evaluation.report.kpi_tables import kpis_line
from grandmodel.evaluation.report.page import write_report
from grandmodel.evaluation.report.section import Section
from grandmodel.evaluation.report.tables import terminal_table
from grandmodel.evaluation.report.votes import terminal_rules, terminal_votes
from grandmodel.evaluation.report.words import control_lines
from grandmodel.evaluation.statistics.intervals import (
    Difference,
    block_sessions,
    intervals,
    sharpe_difference,
    sharpe_interval,
    with_intervals,
)
from grandmodel.evaluation.statistics.standing import standing_in, standing_record
from grandmodel.evaluation.trials.ledger import TRAINED, Ledger, Trial
from grandmodel.evaluation.verdict import Evidence, gather, judge_evidence
from grandmodel.systems.config import VOTES
from grandmodel.wiring.controls import Controls, find_controls
from grandmodel.wiring.judged_facts import judged_facts
from grandmodel.wiring.learned.rivals import LearnedRival, beaten, list_rivals, told_beaten
from grandmodel.wiring.market import Stage
from grandmodel.wiring.occasion import Occasion, Subject, build_validator
from grandmodel.wiring.reporting import report_data
from grandmodel.wiring.rerun import Rerun
from grandmodel.wiring.rivals import Rivals, find_rivals
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.trial import facts_of, trial_of


class Draws(TypedDict):
    """Settings of every bootstrap of a judgement."""

    draws: int
    seed: int


class Judging:
    """One judgement: the account, its rivals, the verdict, and the files that tell them."""

    def __init__(
        self,
        config: TrainConfig,
        stage: Stage,
        subject: Subject,
        occasion: Occasion,
        learned: Sequence[LearnedRival] = (),
    ) -> None:
        self.config, self.stage, self.subject, self.occasion = config, stage, subject, occasion
        self.learned = tuple(learned)
        self.market = Market.of(stage.tape)
        self.judgement, self.row, self.beside_rows = self._judge()
        self.beside = {
            name: self.measure(self.judgement.track(row, self.market))
            for name, row in self.beside_rows.items()
        }
        horizon = config.evaluation.vote_horizon_bars
        vote_judge = VoteJudge(stage.tape, config.env, subject.team.roles, horizon)
        self.votes = vote_judge(self.judgement, self.row)
        self.measured = self.measure(self.judgement.track(self.row, self.market))
        # before the rivals: their compiled loops change the number of threads that torch uses
        self.controls = self._find_controls()
        self.rivals = self._find_rivals()
        self.metrics = self._metrics()
        self.told: dict[str, str] = {}  # by the ledger, once its line is written

    def measure(self, track: Track) -> Measured:
        """Tell the figures of an account on the judged bars."""
        return measure(track, self.market, self.stage.sessions_per_year)

    def _find_rivals(self) -> Rivals:
        found = (self.config, self.stage, self.subject, self.occasion, self.measured)
        return find_rivals(*found, self.measure, self.learned)

    def _find_controls(self) -> Controls:
        rerun = Rerun(self.config, self.stage, self.subject, self.occasion)
        return find_controls(rerun, self.measured, self.measure)

    def _judge(self) -> tuple[Judgement, int, dict[str, int]]:
        config, subject = self.config, self.subject
        names = beside_names(config.agent.execute)
        if self.occasion.split == "validation" and self.occasion.chosen_here:
            listed = any(abs(subject.gate - gate) < 1e-9 for gate in config.evaluation.gates)
            calibrated = config.agent.execute in ("challenger", VOTES)
            if not calibrated or not (listed or subject.gate >= 1.0):
                config = replace(config, agent=config.agent.passing(subject.gate))
            validator = build_validator(config, self.stage, subject.sd_floor, detail=True)
            found = validator(subject.team, subject.gate)
            beside = zip(names, found.beside_rows.values(), strict=True)
            return found.judgement, found.row, dict(beside)
        own = JudgeRule(config.agent.execute, subject.gate)
        rules = (own, *rules_beside(config.agent.execute))
        judge = Judge(
            self.stage.tape,
            self.occasion.segments,
            config.env,
            rules,
            sd_floor=subject.sd_floor,
            detail=True,
            block=config.evaluation.block,
        )
        return judge(subject.team), 0, dict(zip(names, (1, 2), strict=True))

    def _metrics(self) -> dict[str, Any]:
        differences = {
            name: sharpe_difference(self.measured, found, **self._draws)
            for name, found in self.rivals.baselines.items()
        }
        self.evidence = self._evidence(differences)
        verdict = judge_evidence(self.evidence)
        subject = self.subject
        record = metrics_record(
            self.measured,
            intervals(self.measured, **self._draws),
            split=self.occasion.split,
            verdict=verdict.verdict,
            verdict_reason=verdict.reason,
            env_steps=subject.env_steps,
            env_steps_per_s=subject.env_steps_per_s,
            seconds=subject.seconds,
            baselines=self.rivals.record(differences, self._of_baseline),
            **self._facts(),
        )
        record |= scorecard(self._scored(), **self._draws)
        record["trader"] = trader(self._traded(), **self._draws)
        record |= beaten(differences, [rival.name for rival in self.learned])
        record["kpis"] = kpi_rows(record, votes=bool(self.subject.team.roles))
        record["controls"] = self.controls.record
        return tidy(record)

    def _scored(self) -> Scored:
        env, tape = self.config.env, self.stage.tape
        distance = None if env.stop_atr is None else env.stop_atr * tape.atr14.cpu().numpy()
        decisions = self.judgement.decisions(self.row, self.market)
        volume = None
        if tape.volume is not None and tape.volume_kind == "traded":
            volume = tape.volume.cpu().numpy()
        found = (self.measured, self.market, decisions, self.votes, distance)
        return Scored(*found, volume, env.impact)

    def _traded(self) -> Traded:
        missed = self.judgement.missed(self.row)
        return Traded(self.measured, self.market, self.stage.tape.instrument, missed)

    @property
    def _draws(self) -> Draws:
        return {"draws": self.config.evaluation.draws, "seed": self.config.evaluation.seed}

    def figures(self, found: Measured) -> dict[str, Any]:
        """Return the figures of an account with their intervals."""
        return with_intervals(found.scalars, intervals(found, **self._draws))

    def _of_baseline(self, found: Measured) -> dict[str, Any]:
        return self.figures(found) | {"block_sessions": block_sessions(found.sessions, found.trips)}

    def _evidence(self, differences: Mapping[str, Difference]) -> Evidence:
        counted = {
            name: found for name, found in differences.items() if name not in ("flat", "random")
        }
        return gather(
            self.measured,
            sharpe_interval(self.measured, **self._draws),
            counted,
            self.rivals.random_p,
            chosen_here=self.occasion.chosen_here,
            strain=self.controls.strain,
            causal=self.occasion.causal,
        )

    def _facts(self) -> dict[str, Any]:
        return judged_facts(self)

    def show(self, console: Console) -> None:
        """Print the tables and the reason of the verdict; thresholds where the team votes."""
        console.print(terminal_votes(self.metrics))
        if self.subject.team.roles:
            console.print(terminal_rules(self.metrics))
        console.print(terminal_table(self.metrics))
        if (folds := terminal_folds(self.metrics)) is not None:
            console.print(folds)
        reason = self.metrics["verdict_reason"]
        for line in (*control_lines(self.metrics), kpis_line(self.metrics), reason):
            console.print(line, markup=False)
        if beside := told_beaten(self.metrics):
            console.print(beside, markup=False)
        if "ledger" in self.told:
            console.print(f"note: {self.told['ledger']}", markup=False, style="yellow")

    def write(self, folder: Path, config: DictConfig, words: Sequence[str] = ()) -> list[Section]:
        """Write the ledger's line, the tables, the report and, last, ``metrics.json``.

        A report that fails does not keep ``metrics.json`` from being written. What fails before it
        does: without a line in the ledger, or without its tables, a judgement is not finished.

        Args:
            folder: of the run or judgement.
            config: the whole configuration.
            words: settings of the command line that made it.

        Returns:
            What the report shows, nothing where none is written.
        """
        trial = self._append_to_ledger(folder, config)
        decisions = self.judgement.decisions(self.row, self.market).assign(**self.votes.columns)
        accounts = {**self.controls.strained, **self.rivals.baselines}
        write_tables(
            folder,
            equity=equity_frame(self.measured.track, self.market),
            trades=self.measured.trades(self.market),
            decisions=decisions,
            sessions=sessions_frame(self.measured, accounts),
        )
        try:
            if not self.config.evaluation.report:
                return []
            return write_report(folder, report_data(self, decisions, folder, trial, words))
        finally:
            write_metrics(folder, self.metrics)

    def _append_to_ledger(self, folder: Path, config: DictConfig) -> Trial:
        trial = self._trial(config)
        sessions = self.measured.sessions
        ledger = Ledger(Path(self.config.paths.ledger))
        list_rivals(ledger, self.learned, self.rivals.baselines, self.stage, self.occasion)
        self._judge_among_trials(ledger, trial)
        ledger.append(
            self.occasion.kind,
            trial,
            sessions.net,
            close_time_ns=sessions.close_time_ns,
            run=str(folder),
            opened=self.occasion.opened,
            **{TRAINED: self.subject.trained or trial.config},
            **facts_of(self.config.agent.name, self.stage.dataset),
            sharpe=self.metrics["sharpe"],
            verdict=self.metrics["verdict"],
        )
        found = ledger.read()
        self.metrics["test_openings"] = found.openings(self.occasion.sealed)
        self.told = {"trials on these bars": str(found.trials(trial.data))}
        if found.complaint:
            self.told["ledger"] = found.complaint
        return trial

    def _trial(self, config: DictConfig) -> Trial:
        dataset, split = self.stage.dataset, self.occasion.split
        return trial_of(config, dataset, split, self.subject.start_weights)

    def _judge_among_trials(self, ledger: Ledger, trial: Trial) -> None:
        """Judge again, now with the trials on these bars."""
        own, long_only = self.measured, self.rivals.baselines["long_only"]
        standing = standing_in(ledger, trial, own, long_only, **self._draws)
        verdict = judge_evidence(replace(self.evidence, standing=standing))
        self.metrics |= tidy(
            {
                "verdict": verdict.verdict,
                "verdict_reason": verdict.reason,
                **standing_record(standing, own.sessions_per_year),
            }
        )
