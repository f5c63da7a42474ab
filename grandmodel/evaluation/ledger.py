"""The ledger: one line for every training, evaluation and backtest, appended under a lock.

Source: ``docs/definitions.md``, Trials and the ledger.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BufferedRandom
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from grandmodel.core.checks import require
from grandmodel.core.files import atomic_path
from grandmodel.evaluation.overlap import UsedSpan, overlapping

RETURNS_FOLDER = "ledger_returns"
NO_TRIAL_KEYS = frozenset(  # full names: they cannot change what a trial earns
    {
        "allow_overlap",
        "callbacks.checkpoint_every_s",
        "callbacks.progress",
        "data.cache",
        "data.events",  # the calendar enters by what is in it
        "data.path",  # the bars enter by their fingerprint
        "evaluation.references",
        "evaluation.report",
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
    """What makes two results the same trial: deciding settings, bars, split and seed."""

    config: str  # hash of the settings that can change a result
    data: str  # fingerprint of the bars alone
    split: str
    seed: int

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
        with self._locked() as file:
            self._store(self.path.parent / line["returns"], net, close_time_ns)
            file.write(json.dumps(line, sort_keys=False, allow_nan=False).encode() + b"\n")
        return line

    def lines(self) -> list[dict[str, Any]]:
        """Read every line, oldest first; a missing ledger is empty.

        A last line without its end is one whose writer was killed (or is still writing): it is
        left out.

        Raises:
            UserError: any other line is no JSON object.
        """
        if not self.path.exists():
            return []
        whole, torn = _parted(self.path.read_bytes())
        texts = [*whole, torn] if _is_object(torn) else whole
        return [self._parsed(number, text) for number, text in enumerate(texts, start=1)]

    def _parsed(self, number: int, text: bytes) -> dict[str, Any]:
        require(
            _is_object(text),
            f"{self.path} line {number} is not JSON; restore the ledger from a copy, a line is "
            "never edited by hand",
        )
        return json.loads(text)

    def trials(self, data: str, split: str | None = None) -> int:
        """Count the different trials on the bars ``data`` (and one split)."""
        return len(
            {
                line["trial"]
                for line in self.lines()
                if line["data"] == data and split in (None, line["split"])
            }
        )

    def openings(self, sealed: Sequence[UsedSpan]) -> int:
        """Count how often bars of the ``sealed`` spans were looked at, repeats included.

        The bars themselves are compared: other costs, another cut of the file or another name
        for it break the same seal.
        """
        opened = [
            [UsedSpan.from_record(record) for record in line.get("opened", ())]
            for line in self.lines()
        ]
        return sum(any(overlapping(span, spans) for span in sealed) for spans in opened)

    def returns(self, trial: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Session closes and net session returns of a trial, both [session]."""
        with np.load(self.path.parent / RETURNS_FOLDER / f"{trial}.npz") as stored:
            return stored["close_time_ns"], stored["net"]

    @contextmanager
    def _locked(self) -> Iterator[BufferedRandom]:
        """Open for appending with an exclusive lock, and flush before it is released."""
        with self.path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _end_last_line(file)
            yield file
            file.flush()

    @staticmethod
    def _store(target: Path, net: NDArray[np.float64], close_time_ns: NDArray[np.int64]) -> None:
        with atomic_path(target) as temporary, temporary.open("wb") as file:
            np.savez(file, close_time_ns=close_time_ns, net=net)


def _parted(text: bytes) -> tuple[list[bytes], bytes]:
    """Return the lines that have an end, and what stands behind the last end."""
    *whole, torn = text.split(b"\n")
    return whole, torn


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:  # no JSON, or not even text
        return False


def _end_last_line(file: BufferedRandom) -> None:
    """End a last line that lacks only its end; cut off one that was never completed."""
    file.seek(0)
    text = file.read()
    _, torn = _parted(text)
    if _is_object(torn):
        file.write(b"\n")
    elif torn:
        file.truncate(len(text) - len(torn))
