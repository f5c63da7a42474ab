"""Runs a training: Lightning's trainer around our module, rollouts and callbacks."""

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers.logger import Logger
from rich.console import Console

from grandmodel.core.checks import require
from grandmodel.core.types import Rollout
from grandmodel.learning import checkpoint
from grandmodel.learning.algorithms.mappo import Mappo
from grandmodel.learning.collector import Collector
from grandmodel.learning.lightning.callbacks import (
    BEST,
    LAST,
    CheckpointWriter,
    Interruption,
    MetricsLog,
    Restore,
    StoppedAtOnceError,
    Validate,
    Validation,
)
from grandmodel.learning.lightning.datamodule import RolloutDataModule
from grandmodel.learning.lightning.module import MappoModule
from grandmodel.learning.lightning.monitor import KEPT, TrainingMonitor
from grandmodel.learning.lightning.progress import ProgressBar, StepsTold
from grandmodel.learning.lightning.state import Row, TrainingState, Validations


@dataclass(kw_only=True)
class FitPlan:
    """One training, ready to run.

    Attributes:
        learner: targets, losses and stops; holds the team.
        collector: rolls the same team out.
        total_steps: environment steps; rounded up to whole rollouts.
        folder: where ``last.ckpt`` and ``best.ckpt`` are written.
        validate: judges a team between updates; None: no validation, no ``best.ckpt``.
        validate_every: environment steps between validations.
        patience: validations without a new best after which training stops; None: never.
        resume: continue from ``last.ckpt`` in the folder.
        identity: plain values that must agree with those of the checkpoint on resume.
        loggers: Lightning loggers; they receive environment steps.
        callbacks: further callbacks.
        accelerator: ``cpu``, ``gpu``.
        devices: how many of them.
        precision: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        log_every: rollouts per logged row.
        monitor_updates: updates over which convergence and trends are told; 0: no monitor.
        votes: how right the votes of a rollout were, by name, for the monitor; None: not told.
        checkpoint_seconds: least time between two writes of ``last.ckpt``.
        progress: whether to draw a bar.
        watch: is told steps taken and steps in all after every update; None: nobody is.
        console: where the bar and the word on Ctrl-C go.
    """

    learner: Mappo
    collector: Collector
    total_steps: int
    folder: Path
    validate: Validate | None = None
    validate_every: int = 0
    patience: int | None = None
    resume: bool = False
    identity: dict[str, Any] = field(default_factory=dict)
    loggers: Sequence[Logger] = ()
    callbacks: Sequence[Callback] = ()
    accelerator: str = "cpu"
    devices: int = 1
    precision: str = "32-true"
    log_every: int = 1
    monitor_updates: int = 0
    votes: Callable[[Rollout], dict[str, float]] | None = None
    checkpoint_seconds: float = 10.0
    progress: bool = True
    watch: Callable[[int, int], None] | None = None
    console: Console | None = None

    def __post_init__(self) -> None:
        """Refuse what Lightning would silently turn into something else."""
        require(
            not (self.precision == "16-mixed" and self.accelerator == "cpu"),
            "trainer.precision=16-mixed needs a GPU, this run is on the CPU: use "
            "trainer.precision=bf16-mixed or 32-true",
        )


@dataclass(frozen=True)
class FitResult:
    """What a training came to."""

    env_steps: int
    seconds: float  # of this session alone
    steps_per_second: float | None  # of this session; None where it trained nothing
    interrupted: bool  # by Ctrl-C, also in the last update: what follows waits for another call
    last: Path
    best: Path | None  # None where nothing was validated
    validations: list[Row]
    told: dict[str, float]  # by the monitor after the last update, empty without one

    @property
    def best_row(self) -> Row | None:
        """The validation of the best checkpoint."""
        return Validations(self.validations).best


def fit(plan: FitPlan) -> FitResult:
    """Train until the steps are taken, nothing improves, or the user stops it.

    Raises:
        UserError: a checkpoint to resume from is missing, broken or of another run.
    """
    began = time.perf_counter()
    total_steps = plan.learner.config.whole_rollouts(plan.total_steps)
    module = MappoModule(plan.learner, total_steps)
    validations = Validations()
    state = TrainingState(module, plan.collector, validations, plan.folder, plan.identity)
    checkpoint.remove_leftovers(plan.folder)
    if plan.resume:
        state.restore(plan.folder / LAST)
    interruption = Interruption(_notify(plan.console))
    stopped = _patience_spent(validations, plan.patience)
    first = module.env_steps
    if not (module.finished or stopped):
        with _quiet():
            _run(plan, module, state, interruption)
    return FitResult(
        env_steps=module.env_steps,
        seconds=time.perf_counter() - began,
        steps_per_second=(module.env_steps - first) / (time.perf_counter() - began)
        if module.env_steps > first
        else None,
        interrupted=interruption.interrupted,
        last=plan.folder / LAST,
        best=plan.folder / BEST if validations.rows else None,
        validations=validations.rows,
        told=state.metrics.get(KEPT, {}).get("told", {}),
    )


def _run(
    plan: FitPlan, module: MappoModule, state: TrainingState, interruption: Interruption
) -> None:
    config = plan.learner.config
    data = RolloutDataModule(
        plan.collector,
        cost_scale=lambda: config.costs.scale(module.progress),
        remaining=lambda: (module.total_steps - module.env_steps) // config.rows,
    )
    trainer = Trainer(
        accelerator=plan.accelerator,
        devices=plan.devices,
        precision=plan.precision,  # pyright: ignore[reportArgumentType]
        max_epochs=1,
        logger=list(plan.loggers) or False,
        callbacks=[*_callbacks(plan, state, interruption), *plan.callbacks],
        log_every_n_steps=1,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    try:
        trainer.fit(module, datamodule=data)
    except StoppedAtOnceError:
        interruption.interrupted = True


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's greetings and its advice on workers off the console."""
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*IterableDataset.*")
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*treespec.*")
            yield
    finally:
        log.setLevel(level)


def _callbacks(plan: FitPlan, state: TrainingState, interruption: Interruption) -> list[Callback]:
    """Return the callbacks in the order in which they must run after an update."""
    chosen: list[Callback] = [Restore(state), interruption]
    if plan.monitor_updates:
        chosen.append(TrainingMonitor(state, plan.monitor_updates, votes=plan.votes))
    chosen.append(MetricsLog(state, plan.log_every, plan.collector.term_means))
    if plan.validate is not None:
        require(
            plan.validate_every >= 1,
            f"evaluation.every_steps must be at least 1, was {plan.validate_every}",
        )
        chosen.append(
            Validation(
                state, plan.validate, every_steps=plan.validate_every, patience=plan.patience
            )
        )
    chosen.append(CheckpointWriter(state, plan.checkpoint_seconds))
    if plan.progress:
        chosen.append(ProgressBar(state, plan.console))
    if plan.watch is not None:
        chosen.append(StepsTold(state, plan.watch))
    return chosen


def _patience_spent(validations: Validations, patience: int | None) -> bool:
    return patience is not None and validations.since_best >= patience


def _notify(console: Console | None) -> Callable[[str], None]:
    target = console or Console(stderr=True)
    return lambda text: target.print(text, highlight=False)
