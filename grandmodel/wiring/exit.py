"""How every command line ends: one sentence and a status, never a traceback for bad input."""

import atexit
import gc
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from grandmodel.core.checks import UserError

BAD_INPUT_STATUS = 2
INTERRUPTED_STATUS = 130
SEE_ALL = "python train.py --cfg job lists every key"
TRANSLATIONS = (  # what Hydra and OmegaConf say -> one sentence with key, value, rule, remedy
    (
        r"Could not find '([^'/]+)/([^']+)'\s+Available options in '[^']+':\s*"
        r"((?:\S+\s+)*?)Config search path",
        "{0}={1} does not exist; choose one of: {2}",
    ),
    (
        r"In '([^']+)'.*?Key '[^']+' not in '\w+'\s+full_key: (\S+)",
        "{1} in conf/{0}.yaml is not a configuration key; correct or remove it (" + SEE_ALL + ")",
    ),
    (
        r"Value (.+?) of type '\w+' could not be converted to (\w+)\s+full_key: (\S+)",
        "{2} must be of type {1}, was {0}; give such a value",
    ),
    (
        r"Error merging override ([^=\s]+)=(\S+)\s.*Invalid value assigned: \w+ is not a "
        r"ListConfig",
        "{0} must be a list, was {1}: write {0}=[{1}]",
    ),
    (
        r"Value (.+?) of type '\w+' is not a subclass of (\w+).*?full_key: (\S+)",
        "{2} must be of type {1}, was {0}; give such a value",
    ),
    (
        r"Incompatible value 'None' for field of type '(\w+)'\s+full_key: (\S+)",
        "{1} must be of type {0}, was null; give such a value",
    ),
    (
        r"Invalid type assigned: \w+ is not a subclass of \w+\. value: (.+?)\s+full_key: (\S+)",
        "{1} has keys of its own and was {0}: give one of them, as {1}.KEY=VALUE (" + SEE_ALL + ")",
    ),
    (
        r"merging override [^=\s]+=(\S+)\s.*Cannot assign \w+ to Dict\[.*?\]\s+full_key: (\S+)",
        "{1} has keys of its own and was {0}: give one of them, as {1}.KEY=VALUE (" + SEE_ALL + ")",
    ),
    (
        r"Value '(.+?)' of type '\w+' is incompatible with type hint '(?:Union|Optional)\[(.+?)\]'"
        r"\s+full_key: (\S+)",
        "{2} must be one of the types {1}, was {0}; give such a value",
    ),
    (
        r"Key '[^']+' not in '\w+'\s+full_key: (\S+)",
        "{0} is not a configuration key; correct or remove it (" + SEE_ALL + ")",
    ),
    (
        r"Could not override '([^']+)'",
        "{0} is not a configuration key; correct or remove it (" + SEE_ALL + ")",
    ),
    (
        r"Ambiguous value for argument '([^'=]+)=(.*?)'\s+1\. To use",
        "{0}={1} names several values; add -m to train one run after another, or write "
        "{0}=[{1}] for a list",
    ),
    (
        r"mismatched input|no viable alternative|extraneous input|token recognition error",
        "the command line is not understood; write key=value, and quote values with blanks, "
        "brackets or commas",
    ),
)


INTERRUPTED = "interrupted; what was written is whole, and the same command may be given again"


class InterruptedRunError(Exception):
    """The user pressed Ctrl-C; the message says how to go on.

    Args:
        what: what was interrupted, and where it stands.
        command: the command line that goes on with it.
    """

    def __init__(self, what: str, command: str | None = None) -> None:
        super().__init__(what if command is None else f"{what}; continue with: {command}")
        self.what = what


def one_sentence(error: BaseException) -> str:
    """Return what the user can act on, of an error of ours, of Hydra or of OmegaConf."""
    chain = list(_chain(error))
    own = next((cause for cause in chain if isinstance(cause, UserError)), None)
    if own is not None:
        return str(own)
    text = " ".join(str(cause) for cause in chain)
    for pattern, sentence in TRANSLATIONS:
        found = re.search(pattern, text, re.DOTALL)
        if found:
            return _flat(sentence.format(*(_flat(group) for group in found.groups())))
    return _flat(str(error)) or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def leave(error: BaseException) -> NoReturn:
    """Print one sentence and leave: status 130 after Ctrl-C, else the status of bad input."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    interrupted = isinstance(error, InterruptedRunError)
    text = str(error) if interrupted else one_sentence(error)
    console.print(text, markup=False, style=None if interrupted else "red")
    sys.stdout.flush()
    sys.exit(INTERRUPTED_STATUS if interrupted else BAD_INPUT_STATUS)


def guarded(main: Callable[[], None]) -> None:
    """Run a command line and leave the process with the house's exit statuses.

    0 when everything was written, 2 for what the user can mend, 130 after Ctrl-C or SIGTERM;
    a defect of ours keeps its traceback and exits with 1.
    """
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    signal.signal(signal.SIGTERM, terminated)
    # the interpreter's last collection takes seconds over what compiled kernels are made of
    atexit.register(gc.freeze)
    try:
        main()
    except (UserError, HydraException, OmegaConfBaseException, InterruptedRunError) as error:
        leave(error)
    except KeyboardInterrupt:
        leave(InterruptedRunError(INTERRUPTED))
    except OSError as error:
        if error.filename is None:
            raise  # not about a file, such as a reader of the output that went away
        leave(cannot_write(error))
    sys.exit(0)


def terminated(number: int, frame: FrameType | None) -> NoReturn:
    """Take an end from outside (`kill`, a batch system, a shutdown) as Ctrl-C."""
    del number, frame
    raise KeyboardInterrupt


def cannot_write(error: OSError) -> UserError:
    """Return the sentence about a file or folder that is missing or that the system refused."""
    if isinstance(error, FileNotFoundError):
        return UserError(
            f"{error.filename} is missing or cannot be written: {error.strerror}; restore it, or "
            "choose another folder with hydra.run.dir= or paths.output="
        )
    return UserError(
        f"{error.filename} cannot be written: {error.strerror}; choose another folder with "
        "hydra.run.dir= or paths.output="
    )
