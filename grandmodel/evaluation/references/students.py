"""Students: one network on the union of the team's inputs, regressed on what comes next.

They measure how much of the planted drift the features still hold, apart from any
reinforcement learning. Source: `docs/definitions.md`, References on planted markets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from grandmodel.core.random import stream_seed, torch_stream

InputsOf = Callable[[Int[Tensor, " bar"]], Float[Tensor, "bar input"]]


@dataclass(frozen=True)
class StudentConfig:
    """Size and schedule of the regression."""

    hidden: tuple[int, ...] = (256, 128, 64)
    epochs: int = 4
    batch: int = 4_096
    learning_rate: float = 1e-3  # falls to a tenth of itself along half a cosine
    weight_decay: float = 1e-4


class Student(nn.Module):
    """Standardise, hidden layers with ReLU, one number: the expected return of the next bar."""

    mean: Tensor
    sd: Tensor

    def __init__(self, inputs: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("sd", torch.ones(inputs))
        widths = (inputs, *hidden)
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise(widths):
            layers += [nn.Linear(width_in, width_out), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Linear(widths[-1], 1))

    def forward(self, inputs: Float[Tensor, "bar input"]) -> Float[Tensor, " bar"]:
        """Return the prediction in units of the target's sd."""
        return self.body((inputs - self.mean) / self.sd).squeeze(-1)


def _standardise(student: Student, inputs_of: InputsOf, rows: Int[Tensor, " bar"]) -> None:
    """Take mean and sd of the inputs from every so-many-th training bar."""
    step = max(1, len(rows) // 100_000)
    sample = inputs_of(rows[::step]).double()
    sd = sample.std(dim=0, correction=0)
    student.mean.copy_(sample.mean(dim=0))
    student.sd.copy_(torch.where(sd > 1e-6, sd, torch.ones_like(sd)))


def train_student(
    inputs_of: InputsOf,
    rows: Int[Tensor, " bar"],
    target: Float[Tensor, " bar"],
    seed: int,
    config: StudentConfig | None = None,
) -> Student:
    """Regress ``target`` on the inputs by mean squared error.

    Args:
        inputs_of: inputs of some tape rows, float32 [bar, input].
        rows: training rows, int64 [bar].
        target: what to predict at each training row, [bar]; scaled by its own sd.
        seed: of the initial weights and of the order of the batches.
        config: size and schedule.
    """
    config = config or StudentConfig()
    with torch.random.fork_rng(devices=[]):  # the layers' own initialisation reads the global seed
        torch.manual_seed(stream_seed(seed, "student/weights"))
        student = Student(inputs_of(rows[:1]).shape[1], config.hidden)
    _standardise(student, inputs_of, rows)
    scale = target.double().std(correction=0).clamp_min(1e-12)
    goal = (target.double() / scale).float()
    order = torch_stream(seed, "student/order")
    batches = max(1, len(rows) // config.batch)
    optimiser = torch.optim.AdamW(
        student.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimiser, config.epochs * batches, eta_min=config.learning_rate * 0.1
    )
    student.train()
    for _ in range(config.epochs):
        shuffled = torch.randperm(len(rows), generator=order)
        for chosen in shuffled.tensor_split(batches):
            loss = nn.functional.mse_loss(student(inputs_of(rows[chosen])), goal[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
    return student.eval()


@torch.no_grad()
def predict(
    student: Student, inputs_of: InputsOf, rows: Int[Tensor, " bar"], block: int = 65_536
) -> NDArray[np.float64]:
    """Return the student's signal at ``rows``, float64 [bar], in units of its target's sd."""
    parts = [student(inputs_of(part)) for part in rows.split(block)]
    return torch.cat(parts).double().numpy()
