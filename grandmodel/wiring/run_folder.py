"""The folder of a run: created once, never written into by another run."""

import errno
import fcntl
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

import grandmodel
from grandmodel.core.checks import UserError, require
from grandmodel.core.files import write_json, write_text

LOG_NAME = "train.log"  # Hydra opens it before a run begins
WITHOUT_LOCKS = (errno.EBADF, errno.ENOLCK, errno.ENOTSUP)  # some network file systems
REPORTED_LIBRARIES = ("torch", "lightning", "hydra-core", "numpy", "pandas", "numba")


class FolderHeldError(UserError):
    """Another process writes into the folder."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run (or judgement) and the way its files are written."""

    path: Path

    @property
    def last_checkpoint(self) -> Path:
        """The state to resume from."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best_checkpoint(self) -> Path:
        """The weights with the highest validation score."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def log(self) -> Path:
        """What a training said."""
        return self.path / LOG_NAME

    def write_start(self, config: DictConfig, overrides: Sequence[str]) -> None:
        """Write what makes the run repeatable; ``config.yaml``, last, makes it a run."""
        write_text(self.path / "overrides.txt", "".join(f"{line}\n" for line in overrides))
        write_text(self.path / "config.yaml", OmegaConf.to_yaml(config, resolve=True))

    def read_overrides(self) -> list[str]:
        """Return the settings that the run was begun with."""
        return (self.path / "overrides.txt").read_text().splitlines()

    def write_run_json(self, **facts: Any) -> None:
        """Merge ``facts`` into ``run.json``: what depends on machine, clock and data."""
        target = self.path / "run.json"
        known = json.loads(target.read_text()) if target.exists() else environment_facts()
        write_json(target, known | facts)

    def read_run_json(self) -> dict[str, Any]:
        """Return ``run.json``; UserError where the folder has none."""
        target = self.path / "run.json"
        try:
            return json.loads(target.read_text())
        except (FileNotFoundError, json.JSONDecodeError) as error:
            raise UserError(
                f"{target} is missing or broken; give run= the folder that train.py named"
            ) from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from writing into the folder until the block ends.

        The lock is the kernel's, on the folder itself: it leaves no file behind and ends with
        the process, however that ends.

        Raises:
            FolderHeldError: another process holds the folder.
        """
        handle = os.open(self.path, os.O_RDONLY)
        try:
            _lock(handle, self.path)
            yield
        finally:
            os.close(handle)

    def discard_if_unused(self) -> None:
        """Remove a folder of :func:`fresh_folder` that never became a run."""
        if self.path.is_dir() and not (self.path / "config.yaml").exists():
            shutil.rmtree(self.path)


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise FolderHeldError(
            f"{path} is being written by another process; wait until that has ended, or write "
            "elsewhere with hydra.run.dir="
        ) from error
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise


@contextmanager
def fresh_folder(path: Path) -> Iterator[RunFolder]:
    """Create the folder of a new run and hold it; refuse one that already holds anything.

    An error inside the block removes a folder that did not become a run.

    Raises:
        UserError: the folder holds a run or other files, is a file, or is another process's.
    """
    require(not path.is_file(), f"{path} is a file; give hydra.run.dir= a folder that is new")
    require(
        not (path / "config.yaml").exists(),
        f"{path} already holds a run; continue it with resume={path} or choose another "
        "hydra.run.dir",
    )
    path.mkdir(parents=True, exist_ok=True)
    folder = RunFolder(path)
    with folder.held():
        strangers = sorted(found.name for found in path.iterdir() if found.name != LOG_NAME)
        require(
            not strangers,
            f"{path} is not empty (it holds {', '.join(strangers[:3])}); give hydra.run.dir= a "
            "folder that is new",
        )
        try:
            yield folder
        except BaseException:
            folder.discard_if_unused()
            raise


def existing_run(path: str, key: str = "run") -> tuple[RunFolder, DictConfig]:
    """Return the run in ``path`` and its configuration.

    Raises:
        UserError: there is no such folder, or no readable ``config.yaml`` in it.
    """
    folder = Path(path)
    require(folder.is_dir(), f"{key}={path} is not a folder; give the folder that train.py named")
    config_file = folder / "config.yaml"
    require(
        config_file.is_file(),
        f"{key}={path} is not a run folder: it has no config.yaml; give the folder that "
        "train.py named",
    )
    try:
        config = OmegaConf.load(config_file)
    except (YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
        raise UserError(
            f"{config_file} cannot be read as YAML; restore it or train again"
        ) from error
    require(
        isinstance(config, DictConfig) and "agent" in config,
        f"{config_file} is not the configuration of a training; give the folder that "
        "train.py named",
    )
    assert isinstance(config, DictConfig)  # noqa: S101 - narrows the type after require
    require(
        "protocol" not in config,
        f"{key}={path} is the folder of a protocol and holds a run per fold; give one of them, "
        f"such as {key}={path}/folds/NAME",
    )
    return RunFolder(folder), config


def require_training(folder: RunFolder, key: str = "run") -> None:
    """Refuse the folder of a judgement where that of a training is wanted.

    Raises:
        UserError: it is one; the training that it judged is named.
    """
    judged = folder.read_run_json().get("judged_run")
    require(
        judged is None,
        f"{key}={folder.path} is the folder of a judgement, not of a training; give the run that "
        f"it judged: {key}={judged}",
    )


def shown_path(path: Path) -> str:
    """Return ``path`` as the user would type it: relative where it lies below this folder."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def fresh_name(parent: str) -> str:
    """Return a name that does not yet exist under ``parent``: the time, then a number."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%d_%H-%M-%S")
    name, number = stamp, 2
    while (Path(parent) / name).exists():
        name, number = f"{stamp}-{number}", number + 1
    return name


def environment_facts() -> dict[str, Any]:
    """Return version, commit, libraries, machine and start time for ``run.json``."""
    return {
        **code_facts(),
        "libraries": {name: importlib.metadata.version(name) for name in REPORTED_LIBRARIES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def code_facts() -> dict[str, str | None]:
    """Return version and, where the project runs from a checkout, commit of the code."""
    return {"version": grandmodel.__version__, "git_commit": _git_commit()}


def _git_commit() -> str | None:
    """Return the commit of the checkout, marked when it holds uncommitted changes."""
    root = Path(grandmodel.__file__).parents[1]
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
