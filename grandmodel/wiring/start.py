"""The weights that a training begins with: those of another run, known again by their content."""

import hashlib
from dataclasses import dataclass
from typing import Any

import torch

from grandmodel.core.checks import require
from grandmodel.learning import checkpoint
from grandmodel.wiring.run_folder import RunFolder, existing_run, require_training
from grandmodel.wiring.schema import TrainConfig


@dataclass(frozen=True)
class Start:
    """What ``init_from`` gives: weights, the scale of returns they mean, and what they were."""

    weights: dict[str, torch.Tensor]
    value_norm: dict[str, Any]
    content: str  # SHA-256 of the checkpoint, hexadecimal: the same wherever the run lies
    source: str  # the checkpoint's file
    facts: dict[str, Any]  # run.json of that run


def read_start(run: str) -> Start:
    """Read the best weights of ``run``, the last where none was validated.

    Raises:
        UserError: there is no such run, or its checkpoint cannot be read.
    """
    source, _ = existing_run(run, key="init_from")
    require_training(source, "init_from")
    chosen = source.best_checkpoint if source.best_checkpoint.exists() else source.last_checkpoint
    state = checkpoint.load(chosen)
    return Start(
        weights=state["state_dict"],
        value_norm=state["training"]["value_norm"],
        content=hashlib.sha256(chosen.read_bytes()).hexdigest(),
        source=str(chosen),
        facts=source.read_run_json(),
    )


def require_same_start(folder: RunFolder, start: Start) -> None:
    """Refuse to begin a run again with other weights than those it was begun with.

    Raises:
        UserError: the content differs from that in ``run.json``.
    """
    require(
        folder.read_run_json().get("start_weights", start.content) == start.content,
        f"resume={folder.path}: {start.source} no longer holds the weights that the run began "
        "with; restore them, or start anew with init_from=",
    )


def starting_weights(config: TrainConfig, folder: RunFolder, *, resume: bool) -> Start | None:
    """Read the weights to begin with; a run with a checkpoint goes on from that, without them.

    Raises:
        UserError: they cannot be read, or are no longer those that the run began with.
    """
    if config.init_from is None or (resume and folder.last_checkpoint.exists()):
        return None
    start = read_start(config.init_from)
    if resume:
        require_same_start(folder, start)
    return start
