"""Everything a training continues from, gathered into one checkpoint and put back."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer

from grandmodel.core.checks import UserError, require
from grandmodel.learning import checkpoint
from grandmodel.learning.collector import Collector
from grandmodel.learning.lightning.module import MappoModule

Row = dict[str, float | int | str | None]


@dataclass
class Validations:
    """What validations found so far, in order; the best is the highest, of equals the later."""

    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> bool:
        """Append a row with the key ``score``; return whether it is the best so far."""
        self.rows.append(row)
        return self.best is row

    @property
    def best(self) -> Row | None:
        """The row with the highest score, None before the first validation."""
        if not self.rows:
            return None
        return max(reversed(self.rows), key=_score)

    @property
    def since_best(self) -> int:
        """Validations after the best one."""
        best = self.best
        if best is None:
            return 0
        return next(age for age, row in enumerate(reversed(self.rows)) if row is best)


def _score(row: Row) -> float:
    score = row["score"]
    return float(score) if isinstance(score, int | float) else float("-inf")


class TrainingState:
    """Reads and writes checkpoints of a running training; saving changes nothing.

    Args:
        module: weights, running scales and counters.
        collector: environments, executors and their generators.
        validations: what validations found.
        folder: where ``last.ckpt`` and ``best.ckpt`` stand.
        identity: what must agree on resume (names and settings, plain values).
    """

    def __init__(
        self,
        module: MappoModule,
        collector: Collector,
        validations: Validations,
        folder: Path,
        identity: dict[str, Any],
    ) -> None:
        self.module = module
        self.collector = collector
        self.validations = validations
        self.folder = folder
        self.identity = identity
        self.metrics: dict[str, Any] = {}
        self._restored: dict[str, Any] | None = None

    def save(self, trainer: Trainer, name: str) -> Path:
        """Write the checkpoint ``name``: all rows of the logs are on disk before it."""
        for logger in trainer.loggers:
            logger.save()
        path = self.folder / name
        checkpoint.save(path, self.gather(trainer))
        return path

    def gather(self, trainer: Trainer) -> dict[str, Any]:
        """Return the present state as plain values."""
        best = self.validations.best
        return {
            "state_dict": self.module.team.state_dict(),
            "identity": self.identity,
            "env_steps": self.module.env_steps,
            "threads": torch.get_num_threads(),
            "gate": None if not self.validations.rows else self.validations.rows[-1].get("gate"),
            "best_score": None if best is None else best["score"],
            "validations": self.validations.rows,
            "training": self.module.training_state(),
            "optimizer": trainer.optimizers[0].state_dict(),
            "scaler": trainer.precision_plugin.state_dict(),
            "collector": self.collector.state_dict(),
            "metrics": self.metrics,
        }

    def restore(self, path: Path) -> int:
        """Put a checkpoint back, all but optimiser and scaler; return its environment steps.

        The number of threads becomes that of the checkpoint: another one rounds differently.

        Raises:
            UserError: the file is broken, or belongs to another team or configuration.
        """
        state = checkpoint.load(path, self.module.team.initial_weights.device)
        self._check_identity(path, state["identity"])
        try:
            self.module.team.load_state_dict(state["state_dict"])
        except RuntimeError as error:
            raise UserError(
                f"{path} holds the weights of another team or other network sizes; resume with "
                "the agent and network that it was trained with"
            ) from error
        self.module.load_training_state(state["training"])
        self.collector.load_state_dict(state["collector"])
        self.validations.rows[:] = state["validations"]
        self.metrics.clear()
        self.metrics.update(state["metrics"])
        torch.set_num_threads(int(state["threads"]))
        self._restored = state
        return self.module.env_steps

    def restore_optimiser(self, trainer: Trainer) -> None:
        """Put optimiser and scaler back, once Lightning has made them."""
        if self._restored is None:
            return
        trainer.optimizers[0].load_state_dict(self._restored["optimizer"])
        if self._restored["scaler"]:
            trainer.precision_plugin.load_state_dict(self._restored["scaler"])
        self._restored = None

    def _check_identity(self, path: Path, found: dict[str, Any]) -> None:
        for key, value in self.identity.items():
            require(
                found.get(key) == value,
                f"{path} was written with {key}={found.get(key)}, this run has {value}; resume "
                "with the same value, or start a new run with init_from=",
            )
