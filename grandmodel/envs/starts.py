"""Where episodes start and end: at random for training, on fixed segments for judging."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from grandmodel.core.checks import require


class Stretch(Protocol):
    """Anything with rows [start, stop) of the tape: a Segment, a Span in tape rows, a range."""

    @property
    def start(self) -> int: ...  # noqa: D102

    @property
    def stop(self) -> int: ...  # noqa: D102


class Starts(NamedTuple):
    """First and last row of an episode; the last row is marked but not decided on."""

    bar: Tensor  # int64 [env]
    last_bar: Tensor  # int64 [env]


class StartPolicy(Protocol):
    """Gives every environment its stretch of the tape."""

    @property
    def n_envs(self) -> int | None:
        """Number of environments; None: any."""
        ...

    @property
    def resets(self) -> bool:
        """Whether an ended episode is followed by another one."""
        ...

    @property
    def ends_flat(self) -> bool:
        """Whether the last fill of an episode closes the position."""
        ...

    @property
    def rows(self) -> tuple[int, int]:
        """First row and end of all rows that can be touched."""
        ...

    def first(self, n_envs: int, generator: torch.Generator) -> Starts:
        """Return the first episode of each environment."""
        ...

    def again(self, n_envs: int, generator: torch.Generator) -> Starts:
        """Return a candidate for the next episode of each environment."""
        ...


class RandomStarts:
    """Episodes of `episode_bars` decisions that start uniformly over all rows that allow one.

    The first episodes are cut to lengths spread evenly over 1..episode_bars, so that later
    resets do not coincide.

    Args:
        spans: stretches of tape rows; an episode never leaves its span.
        episode_bars: decisions per episode.
        device: where rows are drawn.
    """

    n_envs = None
    resets = True
    ends_flat = False

    def __init__(
        self, spans: Sequence[Stretch], episode_bars: int, device: str | torch.device = "cpu"
    ) -> None:
        self.episode_bars = episode_bars
        self.device = torch.device(device)
        usable = [span for span in spans if span.stop - span.start > episode_bars]
        longest = max((span.stop - span.start for span in spans), default=0)
        require(
            bool(usable),
            f"env.episode_bars is {episode_bars}, but the longest stretch to train on has "
            f"{longest} bars: give more bars or shorter episodes",
        )
        counts = [span.stop - span.start - episode_bars for span in usable]
        ends = torch.tensor(counts).cumsum(0)
        self.total = int(ends[-1])
        self.rows = (min(span.start for span in usable), max(span.stop for span in usable))
        self._ends = ends.to(self.device)
        first_rows = torch.tensor([span.start for span in usable])
        self._shift = (first_rows - (ends - torch.tensor(counts))).to(self.device)

    def _draw(self, n_envs: int, generator: torch.Generator) -> Tensor:
        draw = torch.randint(self.total, (n_envs,), generator=generator, device=self.device)
        if len(self._shift) == 1:
            return draw + self._shift
        return draw + self._shift[torch.bucketize(draw, self._ends, right=True)]

    def first(self, n_envs: int, generator: torch.Generator) -> Starts:
        """Return starts with staggered lengths, int64 [env] each."""
        bar = self._draw(n_envs, generator)
        age = torch.arange(n_envs, device=self.device) * self.episode_bars // n_envs
        return Starts(bar, bar + self.episode_bars - age)

    def again(self, n_envs: int, generator: torch.Generator) -> Starts:
        """Return whole episodes, int64 [env] each."""
        bar = self._draw(n_envs, generator)
        return Starts(bar, bar + self.episode_bars)


class SegmentStarts:
    """One environment per copy and segment, in lockstep, each segment run through once.

    A segment [start, stop) touches its own rows only: decisions at start .. stop-2, fills at
    start+1 .. stop-1; the decision at stop-2 is forced flat, so the account is flat over the
    last row. Environment `copy * len(segments) + segment` runs `segments[segment]`.

    Args:
        segments: stretches of tape rows, two or more rows each.
        copies: how often the set of segments is run side by side (one per gate, say).
        device: where the environments live.
    """

    resets = False
    ends_flat = True

    def __init__(
        self, segments: Sequence[Stretch], copies: int = 1, device: str | torch.device = "cpu"
    ) -> None:
        require(len(segments) > 0, "there is no segment to judge: give more bars")
        for segment in segments:
            require(
                segment.stop - segment.start >= 2,
                f"segment [{segment.start}, {segment.stop}) has fewer than 2 bars: give fewer "
                "evaluation.segments or more bars",
            )
        self.copies = copies
        self.segments = len(segments)
        self.n_envs = copies * self.segments
        self.steps = max(segment.stop - segment.start for segment in segments) - 1
        self.rows = (min(s.start for s in segments), max(s.stop for s in segments))
        start = torch.tensor([segment.start for segment in segments], device=device)
        stop = torch.tensor([segment.stop for segment in segments], device=device)
        self._starts = Starts(start.repeat(copies), stop.repeat(copies) - 1)

    def first(self, n_envs: int, generator: torch.Generator) -> Starts:
        """Return the segments, int64 [env] each; nothing is drawn."""
        del n_envs, generator
        return Starts(self._starts.bar.clone(), self._starts.last_bar.clone())

    def again(self, n_envs: int, generator: torch.Generator) -> Starts:
        """Return the segments; never asked for, because segments are not repeated."""
        return self.first(n_envs, generator)
