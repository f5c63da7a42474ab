"""Whole segments one after the other, for judging in other frameworks.

Source: `docs/definitions.md`, "Episodes and segments".
"""

from collections.abc import Sequence

import torch

from grandmodel.envs.starts import SegmentStarts, Starts, Stateless, Stretch


class SegmentsInTurn(Stateless):
    """Whole segments again and again: what environments of other frameworks judge with.

    A segment is run as by :class:`SegmentStarts`. Every call of :meth:`first` gives the next
    `n_envs` segments, after the last one the first again; an episode that ends by itself is
    followed by the same segment.

    Args:
        segments: stretches of tape rows, two or more rows each.
        device: where the environments live.
    """

    n_envs = None
    resets = True
    ends_flat = True

    def __init__(self, segments: Sequence[Stretch], device: str | torch.device = "cpu") -> None:
        once = SegmentStarts(segments, 1, device)
        self.longest, self.rows = once.longest, once.rows
        self._segments = once.first(0, torch.Generator())
        self._current = self._segments
        self._turn = 0

    def rewind(self) -> None:
        """Let the next :meth:`first` begin with the first segment."""
        self._turn = 0

    def first(self, n_envs: int, generator: torch.Generator) -> Starts:
        """Return the next segments, int64 [env] each; nothing is drawn."""
        del generator
        bar, last_bar = self._segments
        index = (torch.arange(n_envs, device=bar.device) + self._turn) % len(bar)
        self._turn += n_envs
        self._current = Starts(bar[index], last_bar[index])
        return self._current

    def again(self, n_envs: int, generator: torch.Generator, done: torch.Tensor) -> Starts:
        """Return the present segments, int64 [env] each."""
        del n_envs, generator, done
        return self._current
