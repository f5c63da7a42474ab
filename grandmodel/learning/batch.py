"""One rollout as rows, and how its rows are dealt to gradient steps."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Decisions and what their losses compare to, one row each."""

    bar: Tensor  # int64 [row]
    account: Tensor  # float32 [row, value]
    action: Tensor  # int64 [row], or [row, agent] where every agent acts
    log_prob: Tensor  # float32, as `action`, when collected
    executor: Tensor  # int64 [row]
    environment: Tensor  # int64 [row]
    advantage: Tensor  # float32 [row], or [row, head] where members have rewards of their own
    value: Tensor  # float32, as `advantage`: critic's output when collected, normalised
    target: Tensor  # float32, as `advantage`: return, normalised

    def __len__(self) -> int:
        return self.bar.shape[0]

    def acted(self, learner: int) -> tuple[Tensor, Tensor]:
        """Return a learner's actions and their log probabilities, [row] each."""
        if self.action.dim() == 1:
            return self.action, self.log_prob
        return self.action[:, learner], self.log_prob[:, learner]

    def advantage_of(self, head: int) -> Tensor:
        """Return the advantages under the reward of a head of the critic, [row]."""
        return self.advantage if self.advantage.dim() == 1 else self.advantage[:, head]

    def take(self, index: Tensor) -> "Rows":
        """Return the rows ``index``, int64 [taken], in that order."""
        return Rows(*(getattr(self, column.name).index_select(0, index) for column in fields(self)))

    def split(self, pieces: int) -> list["Rows"]:
        """Cut into ``pieces`` of nearly equal length, without copying."""
        columns = [getattr(self, column.name).tensor_split(pieces) for column in fields(self)]
        return [Rows(*piece) for piece in zip(*columns, strict=True)]


@dataclass(frozen=True)
class Batch:
    """One rollout, ready to learn from; row = time * environments + environment."""

    rows: Rows
    learner_rows: tuple[Tensor, ...]  # int64 per learner: the rows of its policy loss
    dropout: Tensor | None  # uint8 [env, agent, byte]
    entropy_weight: float

    def masks(self, rows: Rows) -> Tensor | None:
        """Return the dropout masks of ``rows``, uint8 [row, agent, byte]."""
        return None if self.dropout is None else self.dropout[rows.environment]


@dataclass(frozen=True)
class Part:
    """Rows of one backward pass and their share of the gradient step they belong to."""

    policy: tuple[Rows, ...]  # per learner, possibly empty
    policy_share: tuple[float, ...]
    critic: Rows
    critic_share: float


def gradient_steps(
    batch: Batch,
    *,
    epochs: int,
    steps: int,
    parts: int,
    generator: torch.Generator,
    whole: bool = False,
) -> Iterator[list[Part]]:
    """Yield the gradient steps of all epochs, each as its parts (gradient accumulation).

    Every epoch shuffles each learner's rows and the critic's rows and deals them into equally
    many gradient steps. Rows are gathered once per epoch; what is dealt are slices.

    Args:
        batch: the rows.
        epochs: passes over them.
        steps: gradient steps of one pass.
        parts: backward passes of one gradient step.
        generator: shuffles; a CPU generator.
        whole: environments are dealt, with all of their rows in order: what neighbouring rows
            share is then computed once.
    """
    deal = _dealt_whole if whole else _dealt
    everything = torch.arange(len(batch.rows), device=batch.rows.bar.device)
    for _ in range(epochs):
        policy = [deal(batch.rows, own, steps, generator) for own in batch.learner_rows]
        critic = deal(batch.rows, everything, steps, generator)
        for step in range(steps):
            yield _parts([hands[step] for hands in policy], critic[step], parts)


def _dealt(rows: Rows, index: Tensor, hands: int, generator: torch.Generator) -> list[Rows]:
    order = torch.randperm(index.shape[0], generator=generator).to(index.device)
    return rows.take(index[order]).split(hands)


def _dealt_whole(rows: Rows, index: Tensor, hands: int, generator: torch.Generator) -> list[Rows]:
    environment = rows.environment[index]
    count = int(rows.environment.max()) + 1
    rank = torch.randperm(count, generator=generator).to(index.device)[environment]
    order = torch.argsort(rank, stable=True)
    cuts = torch.tensor_split(torch.arange(count), hands)
    sizes = torch.bincount(rank, minlength=count)
    lengths = [int(sizes[cut].sum()) for cut in cuts]
    return [rows.take(part) for part in index[order].split(lengths)]


def _parts(policy: list[Rows], critic: Rows, parts: int) -> list[Part]:
    if parts == 1:
        return [Part(tuple(policy), (1.0,) * len(policy), critic, 1.0)]
    pieces = [rows.split(parts) for rows in policy]
    return [
        Part(
            tuple(piece[part] for piece in pieces),
            tuple(
                len(piece[part]) / max(len(rows), 1)
                for piece, rows in zip(pieces, policy, strict=True)
            ),
            own,
            len(own) / len(critic),
        )
        for part, own in enumerate(critic.split(parts))
    ]
