"""What a protocol plans: folds of bars, and how their tests become whole tracks.

Source: ``docs/definitions.md``, Protocols.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import require
from grandmodel.evaluation.protocols.config import CPCV, WALK_FORWARD

LEAST_BARS = 2  # of a stretch that is judged
LONGER = {  # what makes the stretches of a fold longer
    WALK_FORWARD: "more bars, a larger train_share",
    CPCV: "more bars, fewer groups or test_groups, a smaller embargo",
}
Result = TypeVar("Result")


class Stretch(NamedTuple):
    """Bars [start, stop) of the history."""

    start: int
    stop: int


@dataclass(frozen=True)
class Clock:
    """The usable bars of a history and their sessions."""

    session: NDArray[np.int64]  # session of each bar of the history, never decreasing, [bar]
    first: int  # first usable bar
    stop: int  # end of the usable bars

    def edges(self) -> NDArray[np.int64]:
        """Return the first usable bar of each session and the end of the last, [session + 1]."""
        usable = self.session[self.first : self.stop]
        starts = np.flatnonzero(np.diff(usable, prepend=usable[:1] - 1))
        return self.first + np.append(starts, len(usable))


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """How far training and selection stay away from what is tested, in bars."""

    purge: int  # before a test block, and between training and selection: window and holding
    embargo: int  # beside the purge, after a test block
    memory: int  # at least so many after a test block: what cold features need

    @property
    def after(self) -> int:
        """Bars left out after a test block."""
        return max(self.purge + self.embargo, self.memory)


@dataclass(frozen=True)
class Fold:
    """One training of a protocol."""

    name: str  # 2of6
    train: tuple[Stretch, ...]
    validation: tuple[Stretch, ...]  # checkpoint and gate are chosen here
    test: tuple[Stretch, ...]  # one per block, in order of time


class Place(NamedTuple):
    """A test stretch: which fold tests it and which of the fold's stretches it is."""

    fold: int
    stretch: int


@dataclass(frozen=True)
class Plan:
    """Folds, and the paths over all test blocks that they make together."""

    protocol: str
    folds: tuple[Fold, ...]
    paths: tuple[tuple[Place, ...], ...]  # each holds every test bar once, in order of time
    causal: bool  # no fold is trained on bars after those that it is tested on


class Piece(NamedTuple, Generic[Result]):
    """A part of a path: what came of a fold, and which of its test stretches is meant."""

    result: Result
    place: Place


def carry_out(
    plan: Plan, train: Callable[[Sequence[Fold]], Sequence[Result]]
) -> list[list[Piece[Result]]]:
    """Train every fold and lay its tests out on the paths of the plan.

    Args:
        plan: the folds.
        train: from all folds to what came of each, in their order.

    Returns:
        The pieces of each path in order of time.
    """
    results = train(plan.folds)
    return [[Piece(results[place.fold], place) for place in path] for path in plan.paths]


def even_edges(begin: int, end: int, parts: int, what: str, remedy: str) -> NDArray[np.int64]:
    """Cut sessions [begin, end) into ``parts`` that differ by one session at most, [part + 1].

    Args:
        begin: first session.
        end: session after the last.
        parts: how many.
        what: the setting that asks for so many.
        remedy: settings that would leave enough sessions.

    Raises:
        UserError: a part would hold none.
    """
    require(
        end - begin >= parts,
        f"{what} needs a session for each of {parts} test blocks and {end - begin} are left for "
        f"them: give {remedy}",
    )
    return np.linspace(begin, end, parts + 1).round().astype(np.int64)


def require_room(plan: Plan, episode_bars: int) -> None:
    """Refuse folds that cannot be trained, selected or judged, before the first begins.

    Args:
        plan: the folds.
        episode_bars: decisions of a training episode, which lies in one stretch.

    Raises:
        UserError: a fold is too short; its name, its bars and the remedy.
    """
    for fold in plan.folds:
        longest = max((it.stop - it.start for it in fold.train), default=0)
        require(
            longest > episode_bars,
            f"fold {fold.name} of protocol={plan.protocol} has at most {longest} bars in a row to "
            f"train on and one episode needs more than env.episode_bars={episode_bars}: give "
            f"{LONGER[plan.protocol]}, or a smaller validation_share, env.episode_bars or "
            "env.max_hold_bars",
        )
        for part, words in ((fold.validation, "select"), (fold.test, "judge")):
            shortest = min((it.stop - it.start for it in part), default=0)
            require(
                shortest >= LEAST_BARS,
                f"fold {fold.name} of protocol={plan.protocol} has {shortest} bars in a row to "
                f"{words} on and at least {LEAST_BARS} are needed: give "
                f"{LONGER[plan.protocol]}, another validation_share or a smaller env.max_hold_bars",
            )
