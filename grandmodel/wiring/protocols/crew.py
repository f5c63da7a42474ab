"""Folds side by side: processes, one display, and an end that loses nothing."""

import multiprocessing
import os
import queue
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.context import SpawnProcess

from rich.console import Console

from grandmodel.core.checks import UserError
from grandmodel.wiring.exit import BAD_INPUT_STATUS, INTERRUPTED_STATUS, InterruptedRunError
from grandmodel.wiring.protocols.display import Display
from grandmodel.wiring.protocols.worker import STOPS, Job, Refusal, train_fold

POLL_SECONDS = 0.2
JOIN_SECONDS = 120.0
AT_ONCE_SECONDS = 10.0


class Crew:
    """Trains folds in processes of their own, some at a time.

    Args:
        workers: processes at a time.
        console: where the display goes.
        progress: whether to tell how far each fold is.
    """

    def __init__(self, workers: int, console: Console, *, progress: bool) -> None:
        self.workers, self.console, self.progress = workers, console, progress
        self.context = multiprocessing.get_context("spawn")
        self.said = self.context.Queue()
        self.running: dict[str, SpawnProcess] = {}
        self.refused: dict[str, str] = {}
        self.display = Display([], console, progress=progress)

    def train(self, jobs: Sequence[Job]) -> None:
        """Train all that is not finished, in order.

        Raises:
            UserError: a fold cannot be trained; the others are stopped with their checkpoints.
            KeyboardInterrupt: the user stopped it; likewise.
        """
        waiting = list(jobs)
        self.display = Display([it.name for it in jobs], self.console, progress=self.progress)
        try:
            with self.display.bars:
                while waiting or self.running:
                    while waiting and len(self.running) < self.workers:
                        self._start(waiting.pop(0))
                    self._listen()
                    self._reap()
        except BaseException:
            self.stop()
            raise

    def _start(self, job: Job) -> None:
        """Start a process; signals wait until it knows what to do with them."""
        process = self.context.Process(target=train_fold, args=(job, self.said), name=job.name)
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            process.start()
            self.running[job.name] = process
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        self.display.begins(job.name)

    def _listen(self, seconds: float = POLL_SECONDS) -> None:
        """Take in what the folds say, waiting a little for the first word."""
        with suppress(queue.Empty):
            while True:
                word = self.said.get(timeout=seconds)
                seconds = 0.0
                if isinstance(word, Refusal):
                    self.refused[word.name] = word.sentence
                else:
                    self.display.told(word)

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
            self.display.trained(name)

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
        """Stop every fold with its checkpoint and wait; asked again, stop at once.

        Checkpoints are written whole or not at all, so a fold that is stopped at once goes on
        from the one before.
        """
        if not self.running:
            return
        folds = f"{len(self.running)} folds write their checkpoints"
        if len(self.running) == 1:
            folds = "1 fold writes its checkpoint"
        self.console.print(f"stopping: {folds}; Ctrl-C again stops at once", highlight=False)
        try:
            self._send(signal.SIGTERM, JOIN_SECONDS)
        except KeyboardInterrupt:
            said = "stopping at once: folds go on from their last checkpoints"
            self.console.print(said, highlight=False)
            self._send(signal.SIGINT, AT_ONCE_SECONDS)
        finally:
            for process in self.running.values():
                process.kill()
                process.join()
            self.running.clear()

    def _send(self, number: signal.Signals, seconds: float) -> None:
        """Send a signal to every fold and wait until all have ended, or the time is over."""
        for process in self.running.values():
            with suppress(ProcessLookupError):
                if process.pid is not None:
                    os.kill(process.pid, number)
        until = time.monotonic() + seconds
        while time.monotonic() < until and any(it.is_alive() for it in self.running.values()):
            self._hear()

    def _hear(self) -> None:
        """Empty the queue, so that nobody who leaves waits to be heard."""
        with suppress(queue.Empty):
            self.said.get(timeout=POLL_SECONDS)


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
