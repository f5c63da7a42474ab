"""Rewards and lengths of the episodes that end in a rollout, also where they began before it.

Source: `docs/definitions.md`, Logged metrics.
"""

from typing import Any

import torch
from torch import Tensor

from grandmodel.core.types import Rollout

KEPT_EPISODES = 100


class Episodes:
    """The last episodes that ended, and how far those that go on have come."""

    def __init__(self) -> None:
        self.count = 0  # ended so far
        self.rewards: list[float] = []  # sums over the last `KEPT_EPISODES` that ended, in order
        self.lengths: list[int] = []  # their decisions
        self._running: Tensor | None = None  # float64 [2, env]: reward and decisions so far

    def add(self, rollout: Rollout) -> None:
        """Take in a rollout; one wait for the device."""
        done = rollout.terminated | rollout.truncated
        if self._running is None:
            self._running = torch.zeros(
                2, done.shape[1], dtype=torch.float64, device=rollout.reward.device
            )
        running = self._running.to(rollout.reward.device)
        reached = []
        for reward, ends in zip(rollout.reward, done, strict=True):
            running = running + torch.stack((reward.double(), torch.ones_like(running[1])))
            reached.append(running)
            running = running.masked_fill(ends, 0.0)
        self._running = running
        ended = torch.stack(reached).transpose(1, 2)[done].cpu()
        self.count += len(ended)
        self.rewards = [*self.rewards, *ended[:, 0].tolist()][-KEPT_EPISODES:]
        self.lengths = [*self.lengths, *ended[:, 1].long().tolist()][-KEPT_EPISODES:]

    def row(self) -> dict[str, float]:
        """Return what the last episodes tell, by name; nothing before one has ended."""
        if not self.rewards:
            return {}
        rewards = torch.tensor(self.rewards, dtype=torch.float64)
        return {
            "episodes": float(self.count),
            "episode_reward": float(rewards.mean()),
            "episode_reward_sd": float(rewards.std(correction=0)),
            "episode_reward_best": float(rewards.max()),
            "episode_reward_worst": float(rewards.min()),
            "episode_length": sum(self.lengths) / len(self.lengths),
        }

    def state_dict(self) -> dict[str, Any]:
        """Return what :meth:`load_state_dict` continues from."""
        return {
            "count": self.count,
            "rewards": self.rewards,
            "lengths": self.lengths,
            "running": self._running,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict`."""
        self.count = int(state["count"])
        self.rewards, self.lengths = list(state["rewards"]), list(state["lengths"])
        self._running = state["running"]
