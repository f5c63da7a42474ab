"""One training from configuration to judged run folder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from lightning.pytorch.loggers.logger import Logger
from omegaconf import DictConfig
from rich.console import Console

from grandmodel.core.checks import require
from grandmodel.envs.reward import Reward
from grandmodel.evaluation.judging.calibration import Validator
from grandmodel.evaluation.report.training import terminal_training
from grandmodel.evaluation.trials.overlap import UsedSpan
from grandmodel.learning import checkpoint
from grandmodel.learning.algorithms.mappo import Mappo
from grandmodel.learning.collector import Collector
from grandmodel.learning.lightning.fit import FitPlan, FitResult, fit
from grandmodel.systems.team import Team
from grandmodel.wiring.compose import typed
from grandmodel.wiring.exit import InterruptedRunError
from grandmodel.wiring.hardware import use_hardware
from grandmodel.wiring.judging import Judging
from grandmodel.wiring.leaks import sample_audit
from grandmodel.wiring.learned.policies import Watch, part_of
from grandmodel.wiring.learned.rivals import find_learned, trainings_of
from grandmodel.wiring.learned.settings import Origin
from grandmodel.wiring.loggers import build_loggers, check_logger, close_loggers, log_report
from grandmodel.wiring.market import Stage, build_stage
from grandmodel.wiring.occasion import build_validator, own_split, say_where_it_never_trades
from grandmodel.wiring.quality import save_quality, show_quality
from grandmodel.wiring.rules import check_rules
from grandmodel.wiring.run_folder import RunFolder
from grandmodel.wiring.same import require_same_market
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.start import Start, starting_weights
from grandmodel.wiring.subject import load_subject
from grandmodel.wiring.system import (
    build_learner,
    build_system,
    fitted_reward,
    load_team,
    read_columns,
    rollout_votes,
    with_needed_features,
)
from grandmodel.wiring.unseen import Seen, seen_by_start

VALIDATIONS = 10


@dataclass(frozen=True)
class Training:
    """Everything of one training that is built before it starts."""

    config: TrainConfig
    stage: Stage
    team: Team
    reward: Reward
    collector: Collector
    learner: Mappo
    validator: Validator
    start: Start | None  # None: freshly drawn weights


def run_training(
    raw: DictConfig,
    folder: RunFolder,
    overrides: list[str],
    console: Console,
    *,
    resume: bool,
    watch: Watch | None = None,
    tell_bars: bool = True,
) -> float:
    """Train, judge and write a run; return its validation score.

    ``tell_bars=False`` prints no data quality, for the rivals of a run that has printed the same.
    ``watch`` is told steps taken and steps in all after every update, those of its rivals included.

    Raises:
        UserError: the configuration, the bars or a checkpoint cannot be used.
        InterruptedRunError: Ctrl-C; the last checkpoint is written.
    """
    config = with_needed_features(typed(raw, TrainConfig))
    device = use_hardware(config.trainer, folder, resume=resume)
    check_logger(config.logger)
    start = starting_weights(config, folder, resume=resume)
    trainings = trainings_of(config, Origin(folder, raw))
    training = _prepare(config, device, console, start, tell_bars=tell_bars)
    if resume:
        require_same_market(folder, training.stage, "resume")
    else:
        folder.write_run_json(**_facts(training, folder))
        save_quality(training.stage.dataset, folder.path)
    leaks = sample_audit(config, training.stage, training.reward.scale, console)
    folder.write_run_json(audit=leaks.as_record())
    if not resume:
        folder.write_start(raw, overrides)
    last = folder.last_checkpoint
    steps = checkpoint.load(last)["env_steps"] if resume and last.exists() else 0
    resumed_at = steps if resume else None
    loggers = build_loggers(config.logger, folder, raw, resumed_at=resumed_at)
    with close_loggers(loggers):
        own = part_of(watch, 0, trainings)
        result = _fit(training, folder, loggers, console, resume=resume, watch=own)
        if result.interrupted:
            raise InterruptedRunError(
                f"interrupted after {result.env_steps:,} steps",
                f"python train.py resume={folder.path}",
            )
        return _tell(training, folder, raw, result, loggers, console, watch)


def _tell(
    training: Training,
    folder: RunFolder,
    raw: DictConfig,
    result: FitResult,
    loggers: Sequence[Logger],
    console: Console,
    watch: Watch | None,
) -> float:
    """Judge what was trained, write and log it; return the validation score."""
    folder.write_run_json(training_seconds=result.seconds, training=result.told)
    if result.told:
        console.print(terminal_training(result.told))
    console.print("judging, beside baselines and references")
    try:
        judging = _judge(training, Origin(folder, raw), result, console, watch)
        shown = judging.write(folder.path, raw, folder.read_overrides())
    except (KeyboardInterrupt, InterruptedRunError) as interruption:
        what = "interrupted after training, before the judgement was written"
        if isinstance(interruption, InterruptedRunError):
            what = interruption.what  # a rival's own folder is not the one to go on with
        raise InterruptedRunError(what, f"python train.py resume={folder.path}") from interruption
    log_report(loggers, shown, judging.metrics)
    say_where_it_never_trades(judging.subject, judging.config.agent.execute, console)
    judging.show(console)
    score = (result.best_row or {}).get("score")
    return float(score) if isinstance(score, int | float) else 0.0


def _prepare(
    config: TrainConfig,
    device: torch.device,
    console: Console,
    start: Start | None,
    *,
    tell_bars: bool,
) -> Training:
    said = "reading bars and making features"
    console.print(f"{said}; where kernels are compiled first, that takes half a minute")
    with console.status(said):
        stage = build_stage(
            config,
            max_hold_bars=config.env.max_hold_bars,
            episode_bars=config.env.episode_bars,
            columns=read_columns(config),
        )
    check_rules(config, stage.dataset)
    if tell_bars:
        show_quality(stage.dataset, console)
    stage = stage.to(device)
    team = build_system(config)
    if start is not None:
        load_team(team, start.weights, start.source)
    team = team.to(device)
    reward = fitted_reward(config, stage)
    collector, learner = build_learner(config, stage, team, reward)
    if start is not None:
        learner.value_norm.load_state_dict(start.value_norm)
    validator = build_validator(config, stage, reward.scale.sd_floor, detail=False)
    return Training(config, stage, team, reward, collector, learner, validator, start)


def _facts(training: Training, folder: RunFolder) -> dict[str, Any]:
    """Facts of the bars and of what they were used for, those of ``init_from`` included.

    Raises:
        UserError: start weights were made from a split, and ``allow_overlap`` is false.
    """
    config, stage, start = training.config, training.stage, training.start
    seen: Seen = {}
    if config.init_from is not None and start is not None:
        began = [UsedSpan.from_record(record) for record in start.facts.get("used", [])]
        seen = seen_by_start(stage, began, config.init_from, allowed=config.allow_overlap)
    used = [
        span.as_record()
        for split in ("train", "validation", "test")
        for span in stage.used(split, folder.path.name)
    ]
    if start is not None:
        used += start.facts.get("used", [])
    return {
        "seed": config.seed,
        **stage.facts(),
        "synergies_seen": stage.synergies_seen,
        "sd_floor": training.reward.scale.sd_floor,
        "seen": seen,
        "start_weights": None if start is None else start.content,
        "used": used,
    }


def _fit(
    training: Training,
    folder: RunFolder,
    loggers: Sequence[Logger],
    console: Console,
    *,
    resume: bool,
    watch: Watch | None,
) -> FitResult:
    config, learner = training.config, training.learner

    def validate(team: Team) -> dict[str, float | int | str | None]:
        found = training.validator(team)
        return {
            "score": found.sharpe,
            **found.scalars(),
            **{f"gate_sharpe_{gate:.2f}": value for gate, value in found.gate_sharpes.items()},
        }

    plan = FitPlan(
        learner=learner,
        collector=training.collector,
        total_steps=config.total_steps,
        folder=folder.last_checkpoint.parent,
        validate=validate,
        validate_every=_validate_every(config, learner.config.rows),
        patience=config.callbacks.early_stopping_patience,
        resume=resume and folder.last_checkpoint.exists(),
        identity={"agent": config.agent.name, "seed": config.seed},
        loggers=loggers,
        accelerator=config.trainer.accelerator,
        devices=config.trainer.devices,
        precision=config.trainer.precision,
        checkpoint_seconds=config.callbacks.checkpoint_every_s,
        monitor_updates=config.callbacks.monitor_updates,
        votes=rollout_votes(config, training.stage, training.team),
        progress=config.callbacks.progress,
        watch=watch,
        console=console,
    )
    whole = learner.config.whole_rollouts(config.total_steps)
    if whole != config.total_steps and not resume:
        console.print(f"total_steps {config.total_steps:,} -> {whole:,}: whole rollouts")
    console.print(f"training for {whole:,} steps")
    return fit(plan)


def _validate_every(config: TrainConfig, rollout: int) -> int:
    """Validate at every tenth of the training unless the user says otherwise."""
    given = config.evaluation.every_steps
    return given if given is not None else max(rollout, config.total_steps // VALIDATIONS)


def _judge(
    training: Training, origin: Origin, result: FitResult, console: Console, watch: Watch | None
) -> Judging:
    config, stage, folder = training.config, training.stage, origin.folder
    require(
        result.best is not None and result.best_row is not None,
        "no validation happened; lower evaluation.every_steps below total_steps",
    )
    subject = load_subject(training.team, folder, training.reward.scale.sd_floor)
    subject = replace(
        subject,
        env_steps=result.env_steps,
        env_steps_per_s=result.steps_per_second,
        seconds=result.seconds,
    )
    synthetic = stage.dataset.synthetic
    split = ("test" if synthetic else "validation") if config.judge == "auto" else config.judge
    seen = tuple(folder.read_run_json().get("seen", {}).get(split, ()))
    occasion = own_split("train", config, stage, split).seen_before(seen)
    whole = (config, stage, subject, occasion, origin, run_training)
    learned = find_learned(*whole, console, watch)
    return Judging(config, stage, subject, occasion, learned)
