"""How every command line ends: one sentence and a status, never a traceback for bad input."""

import os
import re
import sys
from collections.abc import Callable
from typing import NoReturn

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from grandmodel.core.checks import UserError

BAD_INPUT_STATUS = 2
INTERRUPTED_STATUS = 130


class Interrupted(Exception):
    """The user pressed Ctrl-C; the message says how to go on."""


def one_sentence(error: BaseException) -> str:
    """Return the useful part of an error of ours, of Hydra or of OmegaConf, on one line."""
    text = _root_message(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [
        line
        for line in lines
        if not re.match(
            r"(reference_type|object_type|full_key|Set the environment|See https)", line
        )
    ]
    key = next((line.split("=", 1)[-1] for line in lines if "full_key" in line), None)
    key = re.sub(r"^full_key:\s*", "", key) if key else None
    sentence = " ".join(kept) if kept else type(error).__name__
    if key and key not in sentence:
        sentence = f"{key}: {sentence}"
    return re.sub(r"\s+", " ", sentence)


def _root_message(error: BaseException) -> str:
    """Prefer our own sentence where a library wrapped it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UserError):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    return str(error)


def fail(error: BaseException) -> NoReturn:
    """Print the one sentence of ``error`` and leave with the status of bad input."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(one_sentence(error), markup=False, style="red")
    sys.stdout.flush()
    sys.exit(BAD_INPUT_STATUS)


def guarded(main: Callable[[], None]) -> None:
    """Run a command line and leave the process with the house's exit statuses.

    0 when everything was written, 2 for what the user can mend, 130 after Ctrl-C; a
    defect of ours keeps its traceback and exits with 1.
    """
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    status = 0
    try:
        main()
    except (UserError, HydraException, OmegaConfBaseException) as error:
        fail(error)
    except Interrupted as interruption:
        console.print(str(interruption), markup=False)
        status = INTERRUPTED_STATUS
    except KeyboardInterrupt:
        console.print("interrupted before anything was written", markup=False)
        status = INTERRUPTED_STATUS
    sys.stdout.flush()
    sys.exit(status)
