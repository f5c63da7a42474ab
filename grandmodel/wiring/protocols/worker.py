"""One fold in a process of its own: an ordinary training that tells how far it is."""

import logging
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.queues import Queue
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from grandmodel.core.checks import UserError
from grandmodel.wiring.compose import register
from grandmodel.wiring.exit import (
    BAD_INPUT_STATUS,
    INTERRUPTED_STATUS,
    InterruptedRunError,
    one_sentence,
    terminated,
)
from grandmodel.wiring.kept_console import KeptConsole
from grandmodel.wiring.learned.policies import Watch
from grandmodel.wiring.protocols.display import Steps
from grandmodel.wiring.run_config import closed, resumed
from grandmodel.wiring.run_folder import LOG_NAME, RunFolder, fresh_folder
from grandmodel.wiring.train import run_training

STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Job:
    """What a process needs to train a fold; plain values, because another process reads them."""

    name: str
    path: Path
    config: dict[str, Any]  # of the training, resolved
    overrides: list[str]
    again: str  # the command line of the protocol that goes on with it

    @property
    def finished(self) -> bool:
        """Whether the fold is trained and judged on its selection bars."""
        return (self.path / "metrics.json").is_file()


@dataclass(frozen=True)
class Refusal:
    """Why a fold cannot be trained, in one sentence."""

    name: str
    sentence: str


def train_fold(job: Job, said: "Queue[Steps | Refusal]") -> None:
    """Begin or continue the training of a fold; leave the process with the house's statuses."""
    os.setpgid(0, 0)  # Ctrl-C reaches the parent alone, which passes it on once
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")

    def watch(taken: int, total: int) -> None:
        said.put(Steps(job.name, taken, total))

    try:
        heed_signals()
        register()
        with _quiet(), logged(job):
            _train(job, watch)
        _leave(said, 0)
    except (UserError, HydraException, OmegaConfBaseException) as error:
        said.put(Refusal(job.name, one_sentence(error)))
        _leave(said, BAD_INPUT_STATUS)
    except (InterruptedRunError, KeyboardInterrupt):
        _leave(said, INTERRUPTED_STATUS)


def heed_signals() -> None:
    """Take SIGTERM as Ctrl-C, once: parent and system may both send it; hear what has waited."""
    heard = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        if not heard:
            heard = True
            terminated(number, frame)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in children of nohup and &
    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _leave(said: "Queue[Steps | Refusal]", status: int) -> NoReturn:
    """End the process once its last word is out: all files are written and closed by now.

    Taking the interpreter apart would keep whoever waits for another ten seconds: compiled
    kernels are many small objects.
    """
    said.close()
    said.join_thread()
    os._exit(status)


def _train(job: Job, watch: Watch) -> None:
    console = KeptConsole(file=sys.stdout, soft_wrap=True, highlight=False)
    if (job.path / "config.yaml").is_file():
        folder, config, overrides = resumed([f"resume={job.path}", "trust=true"])
        with folder.held(), console.kept(folder.log):
            run_training(config, folder, overrides, console, resume=True, watch=watch)
        return
    _clear(job.path)
    with fresh_folder(job.path) as folder, console.kept(folder.log):
        config = closed(OmegaConf.create(job.config))
        run_training(config, folder, job.overrides, console, resume=False, watch=watch)


def _clear(path: Path) -> None:
    """Remove what a process left that was killed before its fold had a configuration."""
    if path.is_dir():
        with RunFolder(path).held():
            shutil.rmtree(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Send everything that would reach the terminal to nobody."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        logging.getLogger().addHandler(logging.NullHandler())
        yield


@contextmanager
def logged(job: Job) -> Iterator[None]:
    """Write into the log of a fold how it ended, where it did not end well."""
    try:
        yield
    except BaseException as error:
        if job.path.is_dir():
            with (job.path / LOG_NAME).open("a", encoding="utf8") as log:
                log.write(f"{_last_words(error, job.again)}\n")
        raise


def _last_words(error: BaseException, again: str) -> str:
    """Return how a fold ended: a sentence, or the traceback of a defect."""
    if isinstance(error, KeyboardInterrupt | InterruptedRunError):
        what = error.what if isinstance(error, InterruptedRunError) else "interrupted"
        return f"{what}; continue with: {again}"
    if isinstance(error, UserError | HydraException | OmegaConfBaseException):
        return one_sentence(error)
    return "".join(traceback.format_exception(error)).rstrip()


def _stop_with_parent() -> None:
    """Interrupt this process, as Ctrl-C would, when the one that started it is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
