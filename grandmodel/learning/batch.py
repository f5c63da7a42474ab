"""One rollout as rows, and how its rows are dealt to gradient steps."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """One rollout as rows, with what the losses compare to; row = time * environments + env."""

    bar: Tensor  # int64 [row]
    account: Tensor  # float32 [row, 4]
    action: Tensor  # int64 [row]
    log_prob: Tensor  # float32 [row], when collected
    executor: Tensor  # int64 [row]
    advantage: Tensor  # float32 [row]
    value: Tensor  # float32 [row], critic's output when collected, normalised
    target: Tensor  # float32 [row], return, normalised
    dropout: Tensor | None  # uint8 [env, agent, byte]
    learner_rows: tuple[Tensor, ...]  # int64 per learner: the rows of its policy loss
    entropy_weight: float

    def masks(self, rows: Tensor) -> Tensor | None:
        """Return the dropout masks of ``rows``, uint8 [row, agent, byte]."""
        if self.dropout is None:
            return None
        return self.dropout[rows % self.dropout.shape[0]]


@dataclass(frozen=True)
class Part:
    """Rows of one backward pass and their share of the gradient step they belong to."""

    policy_rows: tuple[Tensor, ...]  # int64 per learner, possibly empty
    policy_share: tuple[float, ...]
    critic_rows: Tensor  # int64
    critic_share: float


def gradient_steps(
    batch: Batch, *, epochs: int, steps: int, parts: int, generator: torch.Generator
) -> Iterator[list[Part]]:
    """Yield the gradient steps of all epochs, each as its parts (gradient accumulation).

    Every epoch shuffles each learner's rows and the critic's rows and deals them into equally
    many gradient steps.

    Args:
        batch: the rows.
        epochs: passes over them.
        steps: gradient steps of one pass.
        parts: backward passes of one gradient step.
        generator: shuffles; a CPU generator.
    """
    everything = torch.arange(batch.bar.shape[0], device=batch.bar.device)
    for _ in range(epochs):
        policy = [_dealt(rows, steps, generator) for rows in batch.learner_rows]
        critic = _dealt(everything, steps, generator)
        for step in range(steps):
            yield _parts([hands[step] for hands in policy], critic[step], parts)


def _dealt(rows: Tensor, hands: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    order = torch.randperm(rows.shape[0], generator=generator).to(rows.device)
    return rows[order].tensor_split(hands)


def _parts(policy: list[Tensor], critic: Tensor, parts: int) -> list[Part]:
    policy_pieces = [rows.tensor_split(parts) for rows in policy]
    return [
        Part(
            tuple(pieces[part] for pieces in policy_pieces),
            tuple(
                pieces[part].shape[0] / max(rows.shape[0], 1)
                for pieces, rows in zip(policy_pieces, policy, strict=True)
            ),
            own,
            own.shape[0] / critic.shape[0],
        )
        for part, own in enumerate(critic.tensor_split(parts))
    ]
