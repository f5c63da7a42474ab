"""Checkpoints: tensors, numbers, strings, lists and dicts, written whole or not at all."""

import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grandmodel.core.checks import UserError, require
from grandmodel.core.files import atomic_path

FORMAT = "grandmodel-checkpoint-1"
_PLAIN = (Tensor, int, float, str, bool, type(None))
_UNREADABLE = (RuntimeError, EOFError, ValueError, KeyError, OSError, pickle.UnpicklingError)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` to ``path``: to a temporary name beside it, flushed, then renamed.

    Equal states give equal bytes: nothing in the file depends on the clock or its name.

    Raises:
        TypeError: ``state`` holds something that is not a tensor, number, string, list or dict.
    """
    _check_plain(state, "checkpoint")
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        torch.save({"format": FORMAT, **state}, file)


def load(path: Path, device: str | torch.device = "cpu") -> dict[str, Any]:
    """Read what :func:`save` wrote; no code in the file is ever executed.

    Raises:
        UserError: there is no such file, it is truncated, or it is not a checkpoint.
    """
    require(path.is_file(), f"{path} does not exist; give the folder of a run with checkpoints")
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except _UNREADABLE as error:
        raise UserError(
            f"{path} is truncated or no checkpoint and cannot be read; use another "
            "checkpoint of the run or train again"
        ) from error
    require(
        isinstance(state, dict) and state.get("format") == FORMAT and "state_dict" in state,
        f"{path} is not a checkpoint of this program (format {FORMAT}); give one that "
        "train.py wrote",
    )
    return state


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that a killed process left among the checkpoints."""
    if folder.is_dir():
        for leftover in folder.glob(".*.ckpt.*.tmp"):
            with suppress(FileNotFoundError):
                leftover.unlink()


def _check_plain(value: Any, where: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str | int):
                raise TypeError(f"{where} has a key of type {type(key).__name__}")
            _check_plain(item, f"{where}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_plain(item, f"{where}[{index}]")
    elif not isinstance(value, _PLAIN) or type(value).__module__.startswith("numpy"):
        raise TypeError(f"{where} is a {type(value).__name__}; checkpoints hold plain values only")


def plain(value: Any) -> Any:
    """Return ``value`` with tuples turned into lists (optimisers keep their betas as a tuple)."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
