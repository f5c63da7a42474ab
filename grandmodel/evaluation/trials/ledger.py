"""The ledger: one line for every training, evaluation and backtest, appended under a lock.

Source: ``docs/definitions.md``, Trials and the ledger.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BufferedRandom
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from grandmodel.core.checks import UserError
from grandmodel.core.files import atomic_path
from grandmodel.evaluation.trials.ledger_lines import (
    NUMBER,
    LedgerLines,
    as_line,
    next_number,
    parted,
    read_lines,
)
from grandmodel.evaluation.trials.overlap import UsedSpan

RETURNS_FOLDER = "ledger_returns"
TRAINED = "trained"  # of a line: hash of the settings that the judged team was trained with
NO_TRIAL_KEYS = frozenset(  # full names: they cannot change what a trial earns
    {
        "allow_overlap",
        "callbacks.checkpoint_every_s",
        "callbacks.progress",
        "data.cache",
        "data.events",  # the calendar enters by what is in it
        "data.path",  # the bars enter by their fingerprint
        "evaluation.draws",  # resamples, random traders and their seed change no account
        "evaluation.random_draws",
        "evaluation.seed",
        "evaluation.learned",  # rivals are trials of their own
        "evaluation.references",
        "evaluation.report",
        "evaluation.surrogates",  # and label_shifts: controls change no account
        "evaluation.label_shifts",
        "evaluation.vote_horizon_bars",  # votes are told by it, nothing is traded on it
        "hydra",
        "judge",  # the split has a place of its own in a trial
        "logger",
        "paths",
        "seed",  # so has the seed
        "trainer.threads",
    }
)


@dataclass(frozen=True)
class Trial:
    """What makes two results the same trial: deciding settings, bars, split and seed.

    ``origin`` makes no difference between trials: it says which others are on the same bars.
    """

    config: str  # hash of the settings that can change a result
    data: str  # fingerprint of the bars alone
    split: str
    seed: int
    origin: str | None = None  # fingerprint of the whole file behind the bars; None: themselves

    @property
    def key(self) -> str:
        """Short name of the trial, also of its stored returns."""
        text = f"{self.config}/{self.data}/{self.split}/{self.seed}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Moments:
    """Moments of the net session returns, not annualised."""

    mean: float
    sd: float  # ddof 0
    skew: float
    kurtosis: float  # 3 for a normal distribution
    n: int


def config_hash(config: Mapping[str, Any]) -> str:
    """Hash settings without :data:`NO_TRIAL_KEYS`.

    Keys are left out by their full name (``data.path``), never by their last part: moving a file
    makes no new trial, and an indicator that somebody calls ``path`` does. ``init_from`` counts:
    callers put the content of the start weights in place of their folder.
    """
    text = json.dumps(_deciding(config), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _deciding(section: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Keep the keys of a section that can change a result."""
    named = {f"{above}{key}": (str(key), value) for key, value in section.items()}
    return {
        key: _deciding(value, f"{name}.") if isinstance(value, Mapping) else value
        for name, (key, value) in named.items()
        if name not in NO_TRIAL_KEYS
    }


def moments(net: NDArray[np.float64]) -> Moments:
    """Mean, sd, skewness and kurtosis of net session returns; 0 and 3 where nothing varies."""
    if not len(net) or net.std() <= 1e-15:
        return Moments(float(net.mean()) if len(net) else 0.0, 0.0, 0.0, 3.0, len(net))
    return Moments(
        float(net.mean()),
        float(net.std()),
        float(stats.skew(net)),
        float(stats.kurtosis(net, fisher=False)),
        len(net),
    )


class Ledger:
    """An append-only file of JSON lines, with the returns of each trial in a folder beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(
        self,
        kind: str,
        trial: Trial,
        net: NDArray[np.float64],
        *,
        close_time_ns: NDArray[np.int64],
        run: str,
        opened: Sequence[UsedSpan] = (),
        **facts: Any,
    ) -> dict[str, Any]:
        """Append one line and store the returns; return the line.

        Args:
            kind: ``train``, ``evaluate`` or ``backtest``.
            trial: identity of the trial; a known one adds a line but no trial.
            net: net return of each session, fraction, [session].
            close_time_ns: close of each session's last bar, [session].
            run: folder of the result.
            opened: bars of a sealed test split that were looked at.
            **facts: anything else worth keeping (JSON values).
        """
        line = {
            "kind": kind,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "trial": trial.key,
            **asdict(trial),
            "opens_test": bool(opened),
            "run": run,
            **asdict(moments(net)),
            "returns": f"{RETURNS_FOLDER}/{trial.key}.npz",
            **facts,
            "opened": [span.as_record() for span in opened],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked() as (file, number):
            self._store(self.path.parent / line["returns"], net, close_time_ns)
            line = {NUMBER: number, **line}
            file.write(json.dumps(line, sort_keys=False, allow_nan=False).encode() + b"\n")
        return line

    def read(self) -> LedgerLines:
        """Read the ledger as it is found; a missing one is empty, damaged lines are marked."""
        return read_lines(self.path.read_bytes()) if self.path.exists() else LedgerLines()

    def lines(self) -> list[dict[str, Any]]:
        """Return every line that can be read, oldest first."""
        return self.read().lines

    def trials(self, data: str, split: str | None = None) -> int:
        """Count the different trials on the bars ``data`` and what was made of them."""
        return self.read().trials(data, split)

    def openings(self, sealed: Sequence[UsedSpan]) -> int:
        """Count how often bars of the ``sealed`` spans were looked at, repeats included.

        The bars themselves are compared: other costs, another cut of the file or another name
        for it break the same seal.
        """
        return self.read().openings(sealed)

    def unlisted(self) -> list[str]:
        """Return the trials whose returns are kept and whose line is not there."""
        listed = {line["trial"] for line in self.lines()}
        kept = (self.path.parent / RETURNS_FOLDER).glob("*.npz")
        return sorted({path.stem for path in kept} - listed)

    def returns(self, trial: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Session closes and net session returns of a trial, both [session].

        Raises:
            UserError: they are missing or damaged.
        """
        path = self.path.parent / RETURNS_FOLDER / f"{trial}.npz"
        try:
            with np.load(path) as stored:
                return stored["close_time_ns"], stored["net"]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise UserError(
                f"{path} is missing or damaged, so the returns of trial {trial} are not known; "
                "repeat the command that its line names under run"
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[tuple[BufferedRandom, int]]:
        """Open for appending under an exclusive lock; yield the file and the next line's number."""
        with self.path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file, _end_last_line(file)
            file.flush()

    @staticmethod
    def _store(target: Path, net: NDArray[np.float64], close_time_ns: NDArray[np.int64]) -> None:
        with atomic_path(target) as temporary, temporary.open("wb") as file:
            np.savez(file, close_time_ns=close_time_ns, net=net)


def _end_last_line(file: BufferedRandom) -> int:
    """End a last line that lacks only its end, cut off one that was never completed.

    Returns:
        The number of the line that comes next.
    """
    file.seek(0)
    text = file.read()
    _, torn = parted(text)
    if as_line(torn) is not None:
        file.write(b"\n")
        return next_number(text + b"\n")
    if torn:
        file.truncate(len(text) - len(torn))
    return next_number(text[: len(text) - len(torn)])
