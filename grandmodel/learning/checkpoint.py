"""Checkpoints: tensors, numbers, strings, lists and dicts, written whole or not at all."""

import pickle
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grandmodel.core.checks import UserError, require
from grandmodel.core.files import atomic_path

FORMAT = "grandmodel-checkpoint-1"
_PLAIN = (int, float, bool, type(None))
_UNREADABLE = (RuntimeError, EOFError, ValueError, KeyError, OSError, pickle.UnpicklingError)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` to ``path``: to a temporary name beside it, flushed, then renamed.

    Equal states give equal bytes: nothing in the file depends on the clock or its name.

    Raises:
        TypeError: ``state`` holds something that is not a tensor, number, string, list or dict.
    """
    canonical = _canonical(state, "checkpoint")
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        torch.save({"format": FORMAT, **canonical}, file)


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


def _canonical(value: Any, where: str) -> Any:
    """Return a copy that shares nothing, so that equal values are written as equal bytes.

    Pickle writes an object that it meets twice as a reference: strings are interned and all
    else is copied. Tensors lose the storage that they are a view of.
    """
    if isinstance(value, dict):
        return {_key(key, where): _canonical(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):  # optimisers keep their betas as a tuple
        return [_canonical(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Tensor):
        return value.detach().cpu().clone(memory_format=torch.contiguous_format)
    if isinstance(value, str):
        return sys.intern(value)
    if type(value) in _PLAIN:
        return value
    raise TypeError(f"{where} is a {type(value).__name__}; checkpoints hold plain values only")


def _key(key: Any, where: str) -> str | int:
    if isinstance(key, str):
        return sys.intern(key)
    if type(key) is int:
        return key
    raise TypeError(f"{where} has a key of type {type(key).__name__}")
