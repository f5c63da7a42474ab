"""The weights that a training begins with: those of another run, known again by their content."""

import hashlib
from dataclasses import dataclass
from typing import Any

import torch

from grandmodel.learning import checkpoint
from grandmodel.wiring.run_folder import existing_run


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
    chosen = source.best_checkpoint if source.best_checkpoint.exists() else source.last_checkpoint
    state = checkpoint.load(chosen)
    return Start(
        weights=state["state_dict"],
        value_norm=state["training"]["value_norm"],
        content=hashlib.sha256(chosen.read_bytes()).hexdigest(),
        source=str(chosen),
        facts=source.read_run_json(),
    )
