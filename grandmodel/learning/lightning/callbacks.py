"""What happens between updates: validation, logs, checkpoints, the bar, and Ctrl-C."""

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torchmetrics import MeanMetric

from grandmodel.learning.lightning.state import Row, TrainingState
from grandmodel.systems.team import Team

LAST, BEST = "last.ckpt", "best.ckpt"
Validate = Callable[[Team], Row]


class Restore(Callback):
    """Puts optimiser and scaler of a resumed training back."""

    def __init__(self, state: TrainingState) -> None:
        self.state = state

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore after Lightning made the optimiser and before the first rollout."""
        del pl_module
        self.state.restore_optimiser(trainer)


class MetricsLog(Callback):
    """Sends means over some rollouts to all loggers, at the environment steps reached.

    Args:
        state: its ``metrics`` hold the running means, so that a resumed log is the same.
        every: rollouts per logged row.
        terms: means of the last rollout's reward terms.
    """

    def __init__(
        self, state: TrainingState, every: int, terms: Callable[[], dict[str, float]]
    ) -> None:
        self.state = state
        self.every = every
        self.terms = terms
        self.means: dict[str, MeanMetric] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Continue the running means of a checkpoint."""
        del trainer, pl_module
        for name, (total, weight) in self.state.metrics.get("means", {}).items():
            self.means[name] = MeanMetric()
            self.means[name].update(total / weight, weight)
        self.state.metrics.setdefault("rollouts", 0)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Take in one update, and log where a row is full."""
        del pl_module, outputs, batch, batch_idx
        module = self.state.module
        terms = {f"rollout/{name}": value for name, value in self.terms().items()}
        for name, value in (module.report | terms).items():
            self.means.setdefault(name, MeanMetric()).update(value)
        self.state.metrics["rollouts"] += 1
        if self.state.metrics["rollouts"] >= self.every or module.finished:
            row = {name: float(mean.compute()) for name, mean in self.means.items()}
            for logger in trainer.loggers:
                logger.log_metrics(row, step=module.env_steps)
            self.means = {}
            self.state.metrics["rollouts"] = 0
        self.state.metrics["means"] = {
            name: [float(mean.mean_value), float(mean.weight)] for name, mean in self.means.items()
        }


class Validation(Callback):
    """Judges the team between updates; keeps the best weights; stops where nothing improves.

    Args:
        state: what to save, and where results are kept.
        validate: judges the present team; the row it returns has the key ``score`` and, where
            one is calibrated, ``gate``. It must not change the team or any generator of the
            training.
        every_steps: environment steps between validations; the last update has one as well.
        patience: validations without a new best after which training stops; None: never.
    """

    def __init__(
        self,
        state: TrainingState,
        validate: Validate,
        *,
        every_steps: int,
        patience: int | None = None,
    ) -> None:
        self.state = state
        self.validate = validate
        self.every_steps = every_steps
        self.patience = patience

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Validate where the environment steps have passed a multiple of ``every_steps``."""
        del pl_module, outputs, batch_idx
        module = self.state.module
        before = module.env_steps - batch.reward.numel()
        due = module.env_steps // self.every_steps > before // self.every_steps
        if not (due or module.finished):
            return
        with torch.no_grad():
            row: Row = {"env_steps": module.env_steps, **self.validate(module.team)}
        is_best = self.state.validations.add(row)
        self._log(trainer, row)
        if is_best:
            self.state.save(trainer, BEST)
        self.state.save(trainer, LAST)
        if self.patience is not None and self.state.validations.since_best >= self.patience:
            trainer.should_stop = True

    def _log(self, trainer: Trainer, row: Row) -> None:
        numbers = {
            f"validation/{name}": float(value)
            for name, value in row.items()
            if isinstance(value, int | float) and name != "env_steps"
        }
        for logger in trainer.loggers:
            logger.log_metrics(numbers, step=self.state.module.env_steps)


class CheckpointWriter(Callback):
    """Writes the last state at the first update boundary after some seconds, and at the end.

    Args:
        state: what to save.
        every_seconds: least time between two writes.
    """

    def __init__(self, state: TrainingState, every_seconds: float = 10.0) -> None:
        self.state = state
        self.every_seconds = every_seconds
        self._written = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Write where it is time; the end of training is always written."""
        del pl_module, outputs, batch, batch_idx
        elapsed = time.monotonic() - self._written
        if elapsed >= self.every_seconds or self.state.module.finished or trainer.should_stop:
            self.state.save(trainer, LAST)
            self._written = time.monotonic()


class Interruption(Callback):
    """Turns Ctrl-C or SIGTERM into a stop after the present update, with a checkpoint written.

    A second Ctrl-C stops at once; the last checkpoint is then the one to resume from.
    """

    def __init__(self, notify: Callable[[str], None] | None = None) -> None:
        self.interrupted = False
        self.notify = notify
        self._before: Any = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen for Ctrl-C."""
        del pl_module

        def stop(number: int, frame: FrameType | None) -> None:
            del frame
            if self.interrupted:
                if number == signal.SIGTERM:  # may come from several sides at once
                    return
                raise StoppedAtOnceError
            self.interrupted = True
            trainer.should_stop = True
            if self.notify is not None:
                self.notify("stopping after this update; press Ctrl-C again to stop at once")

        self._before = signal.signal(signal.SIGINT, stop)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen for SIGTERM: Lightning took it after the start, and gives it back at the end."""
        del trainer, pl_module
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Give Ctrl-C back."""
        del trainer, pl_module, stage
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None


class StoppedAtOnceError(Exception):
    """The user pressed Ctrl-C twice."""
