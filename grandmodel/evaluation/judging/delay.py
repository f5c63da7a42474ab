"""Orders that are sent some decisions after they were decided: of many accounts, or of one.

Source: ``docs/definitions.md``, Costs and delay.
"""

from collections import deque

import torch
from jaxtyping import Int
from torch import Tensor


class Delay:
    """Holds orders back, each environment's by its own number of decisions.

    An order is a wanted position other than the one held. A decision to stay as it is sends
    nothing, neither now nor later, whatever became of the position in between.

    Args:
        decisions: by how many each environment's orders are held back.
    """

    def __init__(self, decisions: Int[Tensor, " env"]) -> None:
        self._decisions = decisions
        longest = int(decisions.max()) if len(decisions) else 0
        self._past: deque[tuple[Tensor, ...]] = deque(maxlen=longest + 1)
        self._lags = range(1, longest + 1)

    def __call__(
        self, position: Int[Tensor, " env"], target: Int[Tensor, " env"], *details: Tensor
    ) -> tuple[Tensor, ...]:
        """Take a decision and return the one whose order is sent now.

        Args:
            position: held at the decision.
            target: the position wanted.
            *details: what belongs to the order, [env] each.

        Returns:
            the target to send, the present position where there is no order, and its details.
        """
        if not self._lags:
            return (target, *details)
        self._past.appendleft((target != position, target, *details))
        sent = list(self._past[0])
        for lag in self._lags:
            late = self._decisions == lag
            if lag >= len(self._past):  # nothing had been decided then
                sent[0] = sent[0] & ~late
                continue
            sent = [torch.where(late, *pair) for pair in zip(self._past[lag], sent, strict=True)]
        return (torch.where(sent[0], sent[1], position), *sent[2:])


class DelayInTime:
    """:class:`Delay` of one account whose successive decisions come as a batch.

    Args:
        decisions: by how many its orders are held back.
    """

    def __init__(self, decisions: int) -> None:
        self._decisions, self._taken = decisions, 0
        self._past: tuple[Tensor, ...] = ()
        self._joined: tuple[Tensor, ...] = ()

    def __call__(
        self, position: Int[Tensor, " step"], target: Int[Tensor, " step"], *details: Tensor
    ) -> tuple[Tensor, ...]:
        """Return what is sent at the steps; arguments as of :class:`Delay`, for steps."""
        if not self._decisions:
            return (target, *details)
        own = (target != position, target, *details)
        past = self._past or tuple(values.new_zeros(self._decisions) for values in own)
        self._joined = tuple(torch.cat(pair) for pair in zip(past, own, strict=True))
        steps = torch.arange(self._taken, self._taken + len(position))
        late = steps >= self._decisions  # before that nothing had been decided
        pairs = zip(self._joined, own, strict=True)
        sent = [torch.where(late, held[: len(late)], now) for held, now in pairs]
        return (torch.where(sent[0] & late, sent[1], position), *sent[2:])

    def keep(self, steps: int) -> None:
        """Count the first ``steps`` of the last batch as done; the next one follows them."""
        self._taken += steps
        self._past = tuple(values[steps : steps + self._decisions] for values in self._joined)
