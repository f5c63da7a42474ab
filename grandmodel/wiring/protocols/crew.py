"""Folds side by side: processes, one display, and Ctrl-C that loses nothing."""

import multiprocessing
import os
import queue
import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.context import SpawnProcess

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from grandmodel.core.checks import UserError
from grandmodel.wiring.exit import BAD_INPUT_STATUS, INTERRUPTED_STATUS, InterruptedRunError
from grandmodel.wiring.protocols.worker import Job, Refusal, train_fold

POLL_SECONDS = 0.2
JOIN_SECONDS = 120.0


class Crew:
    """Trains folds in processes of their own, some at a time.

    Args:
        workers: processes at a time.
        console: where the display goes.
        progress: whether to draw it; without a terminal a line per fold is printed.
    """

    def __init__(self, workers: int, console: Console, *, progress: bool) -> None:
        self.workers, self.console = workers, console
        self.context = multiprocessing.get_context("spawn")
        self.said = self.context.Queue()
        self.running: dict[str, SpawnProcess] = {}
        self.refused: dict[str, str] = {}
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeRemainingColumn(),
            console=console,
            disable=not (progress and console.is_terminal),
        )
        self.tasks = {}

    def train(self, jobs: Sequence[Job]) -> None:
        """Train all that is not finished, in order.

        Raises:
            UserError: a fold cannot be trained; the others are stopped with their checkpoints.
            KeyboardInterrupt: the user stopped it; likewise.
        """
        waiting = list(jobs)
        try:
            with self.bars:
                while waiting or self.running:
                    while waiting and len(self.running) < self.workers:
                        self._start(waiting.pop(0))
                    self._listen()
                    self._reap()
        except BaseException:
            self.stop()
            raise

    def _start(self, job: Job) -> None:
        process = self.context.Process(target=train_fold, args=(job, self.said), name=job.name)
        process.start()
        self.running[job.name] = process
        self.tasks[job.name] = self.bars.add_task(f"fold {job.name}", total=None)

    def _listen(self, seconds: float = POLL_SECONDS) -> None:
        """Take in what the folds say, waiting a little for the first word."""
        with suppress(queue.Empty):
            while True:
                word = self.said.get(timeout=seconds)
                seconds = 0.0
                if isinstance(word, Refusal):
                    self.refused[word.name] = word.sentence
                else:
                    self.bars.update(self.tasks[word.name], completed=word.taken, total=word.total)

    def _reap(self) -> None:
        """Take note of folds that have ended."""
        for name, process in list(self.running.items()):
            if process.exitcode is None:
                continue
            process.join()
            del self.running[name]
            self._listen(0.0)
            if process.exitcode:
                raise self._failure(name, process.exitcode)
            self.bars.update(self.tasks[name], visible=False)
            self.console.print(f"fold {name} is trained", highlight=False)

    def _failure(self, name: str, status: int) -> Exception:
        if status == BAD_INPUT_STATUS:
            return UserError(f"fold {name}: {self.refused.get(name, 'cannot be trained')}")
        if status == INTERRUPTED_STATUS:
            return InterruptedRunError(f"fold {name} was interrupted")
        if status < 0:
            return UserError(
                f"fold {name} was ended from outside (signal {-status}), perhaps for lack of "
                "memory: give the same command again, with fewer workers"
            )
        return RuntimeError(f"fold {name} ended with status {status}; its train.log says where")

    def stop(self) -> None:
        """Interrupt every fold, as Ctrl-C would, and wait for its checkpoint."""
        for process in self.running.values():
            with suppress(ProcessLookupError):
                os.kill(process.pid or 0, signal.SIGINT)
        for process in self.running.values():
            process.join(JOIN_SECONDS)
            if process.exitcode is None:
                process.kill()
                process.join()
        self.running.clear()


def workers_and_threads(
    workers: int | None, threads: int | None, folds: int, cores: int
) -> tuple[int, int]:
    """Return how many folds run at a time and how many threads each has.

    Args:
        workers: as given; None: as many as the cores carry.
        threads: `trainer.threads` as given; None: the cores divided among the workers.
        folds: that are to be trained.
        cores: of the machine.
    """
    if workers is None:
        workers = max(1, min(folds, cores // (threads or 1)))
    return workers, threads or max(1, cores // workers)
