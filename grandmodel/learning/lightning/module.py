"""The training step of multi-agent PPO under Lightning's manual optimisation."""

from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch.optim import Optimizer

from grandmodel.core.types import Rollout
from grandmodel.learning.algorithms.mappo import Mappo


class MappoModule(LightningModule):
    """Updates a team from rollouts; environments and data live elsewhere.

    Lightning's ``global_step`` counts optimiser steps; everything here counts environment steps
    (``env_steps``: decisions x environments).

    Args:
        learner: targets, losses and stops.
        total_steps: environment steps of the whole training, whole rollouts.
    """

    def __init__(self, learner: Mappo, total_steps: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.learner = learner
        self.team = learner.seats.team
        self.value_norm = learner.targets.value_norm
        self.total_steps = total_steps
        self.env_steps = 0
        self.report: dict[str, float] = {}

    @property
    def progress(self) -> float:
        """Share of the training that is done, in [0, 1]."""
        return min(1.0, self.env_steps / self.total_steps)

    @property
    def finished(self) -> bool:
        """Whether all environment steps were taken."""
        return self.env_steps >= self.total_steps

    def configure_optimizers(self) -> Optimizer:
        """Return one Adam over agents and critic; fused where nothing must unscale before it."""
        scaled = getattr(self.trainer.precision_plugin, "scaler", None) is not None
        return self.learner.optimiser(fused=not scaled)

    def training_step(self, rollout: Rollout, batch_index: int) -> None:
        """Targets, then epochs x minibatches of loss, backward, clip and step."""
        del batch_index
        learner = self.learner
        optimizer = cast(LightningOptimizer, self.optimizers())
        rates = learner.config.learning_rates(self.progress)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        batch = learner.begin(rollout, self.progress)
        for parts in learner.gradient_steps(batch):
            optimizer.zero_grad()
            for part in parts:
                for loss in learner.losses(batch, part):
                    self.manual_backward(loss)
            learner.stop_diverged()
            optimizer.step()  # clips in on_before_optimizer_step, after any unscaling
        self.report = learner.report() | {
            "actor_lr": rates[0],
            "critic_lr": rates[1],
            "entropy_weight": batch.entropy_weight,
        }
        self.env_steps += rollout.reward.numel()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip here: earlier, a scaled gradient would be clipped at the wrong size."""
        del optimizer
        self.learner.clip_gradients()

    def training_state(self) -> dict[str, Any]:
        """Return what the update depends on beside weights and optimiser."""
        return {
            "env_steps": self.env_steps,
            "total_steps": self.total_steps,
            "value_norm": self.value_norm.state_dict(),
            "risk": self.learner.targets.risk.state_dict(),
            "shuffle": self.learner.generator.get_state(),
        }

    def load_training_state(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`training_state`."""
        self.env_steps = int(state["env_steps"])
        self.value_norm.load_state_dict(state["value_norm"])
        self.learner.targets.risk.load_state_dict(state["risk"])
        self.learner.generator.set_state(state["shuffle"].to(torch.device("cpu")))
