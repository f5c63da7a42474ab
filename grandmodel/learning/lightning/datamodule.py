"""Rollouts as data: each one is collected when it is asked for, with the weights of then."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, IterableDataset

from grandmodel.core.types import Rollout
from grandmodel.learning.collector import Collector


class Rollouts(IterableDataset[Rollout]):
    """A known number of rollouts.

    The length matters: of a dataset without one Lightning fetches an item ahead, and every
    rollout but the first would come from weights one update old.

    Args:
        collect: returns the next rollout.
        remaining: how many are left when iteration begins.
    """

    def __init__(self, collect: Callable[[], Rollout], remaining: Callable[[], int]) -> None:
        self.collect = collect
        self.remaining = remaining

    def __len__(self) -> int:
        return self.remaining()

    def __iter__(self) -> Iterator[Rollout]:
        for _ in range(self.remaining()):
            yield self.collect()


class RolloutDataModule(LightningDataModule):
    """Feeds the training step.

    Args:
        collector: rolls the team out.
        cost_scale: factor on costs for the next rollout.
        remaining: rollouts left to collect.
    """

    def __init__(
        self,
        collector: Collector,
        *,
        cost_scale: Callable[[], float],
        remaining: Callable[[], int],
    ) -> None:
        super().__init__()
        self.collector = collector
        self.rollouts = Rollouts(lambda: collector.collect(cost_scale()), remaining)

    def setup(self, stage: str) -> None:
        """Collect under the precision of the update, so that the first ratio is 1."""
        del stage
        if self.trainer is not None:
            self.collector.autocast = self.trainer.precision_plugin.forward_context

    def train_dataloader(self) -> DataLoader[Rollout]:
        """Return the rollouts one by one, collected in this process."""
        return DataLoader(self.rollouts, batch_size=None, generator=torch.Generator())

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Leave rollouts where they are: the environments live on the device already."""
        del device, dataloader_idx
        return batch
