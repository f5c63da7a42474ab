"""Tapes kept on disk, under a key of everything that they depend on."""

import hashlib
import json
import zipfile
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import grandmodel
from grandmodel.core.files import atomic_path
from grandmodel.features.config import FeatureConfig
from grandmodel.features.tape import Tape
from grandmodel.market.dataset import Dataset

ROOMS = ("market", "features")


def source_hash() -> str:
    """Return the SHA-256 of the sources that make bars and features, in hexadecimal."""
    digest = hashlib.sha256()
    root = Path(grandmodel.__file__).parent
    for room in ROOMS:
        for file in sorted((root / room).rglob("*.py")):
            digest.update(file.relative_to(root).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def cache_key(dataset: Dataset, config: FeatureConfig) -> str:
    """Return the key of a tape: data, feature configuration and sources, in hexadecimal."""
    facts = [dataset.fingerprint, json.dumps(asdict(config), sort_keys=True), source_hash()]
    return hashlib.sha256("/".join(facts).encode()).hexdigest()


def save_tape(tape: Tape, file: Path) -> None:
    """Write the tape's tensors and column names to ``file``, whole or not at all."""
    found = {name: getattr(tape, name) for name in (*_tensor_names(), *_optional_names())}
    arrays = {name: value.cpu().numpy() for name, value in found.items() if value is not None}
    with atomic_path(file) as temporary, temporary.open("wb") as out:
        np.savez(out, columns=np.array(tape.columns), **arrays)


def load_tape(file: Path, dataset: Dataset) -> Tape | None:
    """Read a tape of ``dataset``; None where the file is absent, cut short or not one."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            columns = tuple(str(name) for name in stored["columns"])
            there = [name for name in _optional_names() if name in stored]
            names = (*_tensor_names(), *there)
            tensors = {name: torch.from_numpy(stored[name]) for name in names}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return None
    first = dataset.paths[0].bars
    return Tape(
        columns=columns,
        minutes=first.minutes,
        instrument=dataset.instrument,
        fingerprint=dataset.fingerprint,
        volume_kind=first.volume_kind,
        **tensors,
    )


def _tensor_names() -> list[str]:
    return [field.name for field in fields(Tape) if field.type is Tensor]


def _optional_names() -> list[str]:
    return [field.name for field in fields(Tape) if field.type == Tensor | None]
