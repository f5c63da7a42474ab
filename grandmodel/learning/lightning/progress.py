"""A progress bar in environment steps, with steps per second and the time left."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from grandmodel.learning.lightning.state import TrainingState

TENTHS = 10


class _Steps(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed, left = task.fields["speed"], task.fields["left"]
        counts = f"{int(task.completed):,}/{int(task.total or 0):,} steps"
        if speed is None:
            return Text(counts)
        return Text(f"{counts}  {speed:,.0f} steps/s  {left} left")


class ProgressBar(Callback):
    """Shows how far training is.

    Args:
        state: counters and validations.
        console: where to draw; a bar on a terminal, else one line per tenth of the training.
    """

    def __init__(self, state: TrainingState, console: Console | None = None) -> None:
        self.state = state
        self.console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            _Steps(),
            TextColumn("{task.fields[score]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task: Any = None
        self._from = (0.0, 0)
        self._told = 0  # tenths of the training that a line was printed for

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin at the steps already taken."""
        del trainer, pl_module
        module = self.state.module
        self._from = (time.perf_counter(), module.env_steps)
        self._task = self._bar.add_task(
            "training",
            total=module.total_steps,
            completed=module.env_steps,
            speed=None,
            left="",
            score="",
        )
        self._bar.start()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Move the bar; speed is the mean since the start, validations included."""
        del trainer, pl_module, outputs, batch, batch_idx
        module = self.state.module
        began, steps = self._from
        speed = (module.env_steps - steps) / max(time.perf_counter() - began, 1e-9)
        left = timedelta(seconds=round((module.total_steps - module.env_steps) / max(speed, 1e-9)))
        rows = self.state.validations.rows
        score = f"validation {rows[-1]['score']:.2f}" if rows else ""
        self._bar.update(
            self._task, completed=module.env_steps, speed=speed, left=str(left), score=score
        )
        tenth = int(TENTHS * module.progress)
        if not self.console.is_terminal and tenth > self._told:
            self._told = tenth
            line = (
                f"training {module.env_steps:,}/{module.total_steps:,} steps  {speed:,.0f} steps/s"
            )
            self.console.print(f"{line}  {left} left  {score}".rstrip(), highlight=False)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the bar down, also after an error."""
        del trainer, pl_module, stage
        self._bar.stop()


class StepsTold(Callback):
    """Tells somebody else's display how far training is.

    Args:
        state: counters.
        tell: from steps taken and steps in all.
    """

    def __init__(self, state: TrainingState, tell: Callable[[int, int], None]) -> None:
        self.state, self.tell = state, tell

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell where training begins, or goes on."""
        del trainer, pl_module
        self.tell(self.state.module.env_steps, self.state.module.total_steps)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Tell the steps taken."""
        del trainer, pl_module, outputs, batch, batch_idx
        module = self.state.module
        self.tell(module.env_steps, module.total_steps)
