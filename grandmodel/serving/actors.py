"""A trained team for one window at a time: every agent's distribution from what is seen now.

Source: `docs/definitions.md`, The tactical service.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32
from numpy import ndarray
from torch import Tensor

from grandmodel.core.types import Stretch
from grandmodel.envs.observation import pooled_rows
from grandmodel.systems.stacked import StackedTrunks, stackable
from grandmodel.systems.team import Team

Odds = list[list[float]]  # each agent's distribution over its classes


class Actors:
    """The members of a team as they are now; later changes of its weights are not seen.

    Convolutional members of equal sizes are evaluated together, others one after the other.

    Args:
        team: in evaluation, on the processor.
        columns: names of the window's columns, all that members read among them.
    """

    def __init__(self, team: Team, columns: Sequence[str]) -> None:
        self.team = team
        with torch.no_grad():
            self._heads = team.heads()
        self._stacked = StackedTrunks(team.policies, columns) if stackable(team.policies) else None
        first = () if self._stacked is None else self._stacked.context
        named = [name for spec in team.specs for name in (*spec.context, *spec.modifiers)]
        self.context = tuple(dict.fromkeys([*first, *named]))
        self.account = team.specs[0].account
        self._joint = len(first)  # the stack's own context comes first
        self._columns = [[columns.index(name) for name in spec.window] for spec in team.specs]
        self._contexts = [self._places(spec.context) for spec in team.specs]
        self._modifiers = [self._places(spec.modifiers) for spec in team.specs]
        self._adjusts = any(spec.modifiers for spec in team.specs)

    def _places(self, names: Sequence[str]) -> list[int]:
        return [self.context.index(name) for name in names]

    @torch.inference_mode()
    def __call__(
        self,
        window: Float32[ndarray, "bar column"],
        context: Float32[ndarray, " name"],
        account: Float32[ndarray, "1 value"],
    ) -> Odds:
        """Return each agent's distribution over its classes.

        Args:
            window: the last bars, oldest first.
            context: values of :attr:`context` at the last bar.
            account: the account block.
        """
        if self._stacked is None:
            embeddings = torch.stack(self._apart(torch.from_numpy(window), context), dim=1)
        else:
            embeddings = torch.from_numpy(self._stacked(window, context[: self._joint]))[None]
        modifiers = [_row(context[places]) for places in self._modifiers] if self._adjusts else None
        block = torch.from_numpy(account)
        logits = self.team.logits_all(embeddings, block, modifiers, heads=self._heads)
        return torch.softmax(logits[0], dim=-1).tolist()

    def _apart(self, window: Tensor, context: ndarray) -> list[Tensor]:
        windows = [
            _window(window[-policy.spec.window_bars :, columns], policy.reads)
            for policy, columns in zip(self.team.policies, self._columns, strict=True)
        ]
        return self.team.embed_all(windows, [_row(context[places]) for places in self._contexts])


def _row(values: ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))[None]


def _window(rows: Tensor, reads: str) -> Tensor | Stretch:
    """Return one window [time, column] as a trunk reads it."""
    if reads == "stretch":
        return Stretch(rows, torch.tensor([len(rows) - 1]))
    return rows[None] if reads == "sequence" else pooled_rows(rows, len(rows))[-1:]
