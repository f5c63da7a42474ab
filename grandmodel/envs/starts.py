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
    def longest(self) -> int:
        """Decisions of the longest episode."""
        ...

    @property
    def rows(self) -> tuple[int, int]:
        """First row and end of all rows that can be touched."""
        ...

    def first(self, n_envs: int, generator: torch.Generator) -> Starts:
        """Return the first episode of each environment."""
        ...

    def again(self, n_envs: int, generator: torch.Generator, done: Tensor) -> Starts:
        """Return a next episode of each environment; only those of ``done`` are begun."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """Return what the coming episodes depend on beside the generator, tensors only."""
        ...

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`."""
        ...


class Stateless:
    """Starts that follow from the generator alone."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore nothing."""
        del state


def _usable(spans: Sequence[Stretch], episode_bars: int) -> list[Stretch]:
    """Return the stretches with room for an episode; refuse to go on without one."""
    longest = max((span.stop - span.start for span in spans), default=0)
    require(
        longest > episode_bars,
        f"env.episode_bars is {episode_bars}, but the longest stretch to train on has "
        f"{longest} bars: give more bars or shorter episodes",
    )
    return [span for span in spans if span.stop - span.start > episode_bars]


def _staggered(bar: Tensor, episode_bars: int) -> Starts:
    """Return first episodes of lengths spread evenly, so that later ends do not coincide."""
    age = torch.arange(len(bar), device=bar.device) * episode_bars // len(bar)
    return Starts(bar, bar + episode_bars - age)


class RandomStarts(Stateless):
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
        self.episode_bars = self.longest = episode_bars
        self.device = torch.device(device)
        usable = _usable(spans, episode_bars)
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
        return _staggered(self._draw(n_envs, generator), self.episode_bars)

    def again(self, n_envs: int, generator: torch.Generator, done: Tensor) -> Starts:
        """Return whole episodes, int64 [env] each."""
        del done  # as many are drawn whoever begins anew
        bar = self._draw(n_envs, generator)
        return Starts(bar, bar + self.episode_bars)


class OverlapStarts:
    """Episodes of `episode_bars` decisions that begin every half episode, in shuffled passes.

    Each training stretch is walked in steps of `episode_bars // 2`, so that neighbouring episodes
    share half of their bars; a step without room for a whole episode is left out. A pass runs
    each of them once, in an order that the generator draws; whichever environment is ready next
    takes the next one. First episodes are cut short as those of :class:`RandomStarts` are.

    Args:
        spans: stretches of tape rows; an episode never leaves its span.
        episode_bars: decisions per episode.
        device: where the order is kept.
    """

    n_envs = None
    resets = True
    ends_flat = False

    def __init__(
        self, spans: Sequence[Stretch], episode_bars: int, device: str | torch.device = "cpu"
    ) -> None:
        self.episode_bars = self.longest = episode_bars
        self.device = torch.device(device)
        usable, step = _usable(spans, episode_bars), max(episode_bars // 2, 1)
        rows = [torch.arange(s.start, s.stop - episode_bars, step) for s in usable]
        self.rows = (min(span.start for span in usable), max(span.stop for span in usable))
        self.starts = torch.cat(rows).to(self.device)
        self._order = self.starts[:0]  # starts that are yet to be run, whole passes
        self._taken = torch.zeros((), dtype=torch.int64, device=self.device)

    def _pass(self, generator: torch.Generator) -> Tensor:
        count = len(self.starts)
        return self.starts[torch.randperm(count, generator=generator, device=self.device)]

    def _have(self, count: int, generator: torch.Generator) -> None:
        """Drop what was run and draw passes until ``count`` starts are left."""
        if len(self._order) - int(self._taken) < count:
            order = [self._order[int(self._taken) :]]
            while sum(len(part) for part in order) < count:
                order.append(self._pass(generator))
            self._order = torch.cat(order)
            self._taken = torch.zeros_like(self._taken)

    def first(self, n_envs: int, generator: torch.Generator) -> Starts:
        """Return the first starts of a new pass with staggered lengths, int64 [env] each."""
        self._order, self._taken = self.starts[:0], torch.zeros_like(self._taken)
        self._have(n_envs, generator)
        self._taken += n_envs
        return _staggered(self._order[:n_envs].clone(), self.episode_bars)

    def again(self, n_envs: int, generator: torch.Generator, done: Tensor) -> Starts:
        """Return the next starts of the pass for those ``done``, int64 [env] each."""
        self._have(n_envs, generator)
        place = self._taken + done.cumsum(0) - 1
        self._taken = self._taken + done.sum()
        bar = self._order[place.clamp_min(0)]
        return Starts(bar, bar + self.episode_bars)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the starts that are yet to be run."""
        return {"order": self._order[int(self._taken) :].clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`."""
        self._order = state["order"].to(self.device).clone()
        self._taken = torch.zeros_like(self._taken)


STARTS = {"random": RandomStarts, "overlap": OverlapStarts}  # by `env.starts`


class SegmentStarts(Stateless):
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
        self.longest = self.steps
        self.rows = (min(s.start for s in segments), max(s.stop for s in segments))
        start = torch.tensor([segment.start for segment in segments], device=device)
        stop = torch.tensor([segment.stop for segment in segments], device=device)
        self._starts = Starts(start.repeat(copies), stop.repeat(copies) - 1)

    def first(self, n_envs: int, generator: torch.Generator) -> Starts:
        """Return the segments, int64 [env] each; nothing is drawn."""
        del n_envs, generator
        return Starts(self._starts.bar.clone(), self._starts.last_bar.clone())

    def again(self, n_envs: int, generator: torch.Generator, done: Tensor) -> Starts:
        """Return the segments; never asked for, because segments are not repeated."""
        del done
        return self.first(n_envs, generator)
