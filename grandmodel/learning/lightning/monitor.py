"""Whether training still moves: convergence, trends, exploration, episodes and right votes."""

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from torchmetrics.aggregation import RunningMean

from grandmodel.core.types import CLASS_NAMES, Rollout
from grandmodel.learning.episodes import Episodes
from grandmodel.learning.lightning.state import TrainingState

WINDOW_UPDATES = 20
CONVERGED_BELOW = 0.05
REWARD = "learner_reward"
KEPT = "watched"  # where checkpoints hold what the monitor has seen
MOST_ENTROPY = math.log(len(CLASS_NAMES))


class TrainingMonitor(Callback):
    """Adds what the last updates tell to each update's report, under ``monitor/``.

    ``convergence`` is the coefficient of variation of the mean reward per update (``converged``:
    it is below the threshold; ``converged_for``: updates in a row), ``trend/<loss>`` the slope of
    each loss per update by least squares, ``exploration/<agent>`` the mean entropy of its policy
    in units of the largest there is. None of these is told before the window is full. Beside them
    stand the last episodes that ended, and how right the votes of the update were.

    Source: `docs/definitions.md`, Logged metrics.

    Args:
        state: keeps the window, so that a resumed training tells the same.
        window: updates that are looked back on.
        converged_below: coefficient of variation that counts as converged.
        votes: how right the votes of a rollout were, by name; None: not told.
    """

    def __init__(
        self,
        state: TrainingState,
        window: int = WINDOW_UPDATES,
        converged_below: float = CONVERGED_BELOW,
        votes: Callable[[Rollout], dict[str, float]] | None = None,
    ) -> None:
        self.state = state
        self.window = window
        self.converged_below = converged_below
        self.votes = votes
        self._kept: dict[str, deque[float]] = {}
        self._episodes = Episodes()
        self._converged_for = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Continue the window of a checkpoint."""
        del trainer, pl_module
        stored = self.state.metrics.get(KEPT)
        if stored is None:
            return
        self._kept = {name: deque(kept, self.window) for name, kept in stored["window"].items()}
        self._episodes.load_state_dict(stored["episodes"])
        self._converged_for = stored["converged_for"]

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Take in one update; tell what the window shows where it is full."""
        del trainer, pl_module, outputs, batch_idx
        module = self.state.module
        for name, value in module.report.items():
            if name == REWARD or name.startswith(("value_loss", "policy_loss/", "entropy/")):
                self._kept.setdefault(name, deque(maxlen=self.window)).append(float(value))
        self._episodes.add(batch)
        told = {f"monitor/{name}": value for name, value in self._episodes.row().items()}
        if len(self._kept.get(REWARD, ())) == self.window:
            told |= self.row()
        if self.votes is not None:
            told |= self.votes(batch)
        module.report |= told
        self.state.metrics[KEPT] = {
            "window": {name: list(kept) for name, kept in self._kept.items()},
            "episodes": self._episodes.state_dict(),
            "converged_for": self._converged_for,
            "told": told,
        }

    def row(self) -> dict[str, float]:
        """Return what the window tells, by name; an update that converged is counted."""
        reward = np.array(self._kept[REWARD])
        mean = abs(float(reward.mean()))
        convergence = float(reward.std()) / mean if mean > 0.0 else 1.0
        converged = convergence < self.converged_below
        self._converged_for = self._converged_for + 1 if converged else 0
        out = {
            "monitor/convergence": convergence,
            "monitor/converged": float(converged),
            "monitor/converged_for": float(self._converged_for),
        }
        for name, values in self._kept.items():
            if name.startswith("entropy/"):
                average = RunningMean(self.window)
                for value in values:
                    average.update(value / MOST_ENTROPY)
                out[f"monitor/exploration/{name.removeprefix('entropy/')}"] = float(
                    average.compute()
                )
            elif name != REWARD:
                slope = np.polyfit(np.arange(len(values)), np.array(values), 1)[0]
                out[f"monitor/trend/{name}"] = float(slope)
        return out
