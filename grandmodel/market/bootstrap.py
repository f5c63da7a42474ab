"""Block bootstrap of real bars: whole sessions of a file in another order.

Source: `docs/definitions.md`, Block bootstrap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from arch.bootstrap import CircularBlockBootstrap, StationaryBootstrap
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from grandmodel.core.checks import require, require_choice
from grandmodel.core.clock import DAY_NS, HOUR_NS
from grandmodel.core.random import numpy_stream
from grandmodel.market.bars import PRICES, Bars, resample
from grandmodel.market.calendar import session_table
from grandmodel.market.dataset import DECISION_MINUTES, Dataset, MarketPath
from grandmodel.market.hours import (
    EVENING_OPEN,
    LIBRARY_NAME,
    NEW_YORK,
    local_time_ns,
    session_dates,
)
from grandmodel.market.splits import PARTS, WARMUP_BARS, Span

BLOCKS = {"stationary": StationaryBootstrap, "circular": CircularBlockBootstrap}
LEAST_SESSIONS = 2
AROUND = 41  # sessions among which an early close shows


@dataclass(kw_only=True)
class BootstrapConfig:
    """How sessions are drawn: `data.bootstrap`."""

    blocks: str = "stationary"  # stationary: lengths are geometric | circular: all the same
    block_sessions: int = 10  # length of a block, on average
    paths: int = 1  # of validation and of test, each; training has one

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        require_choice("data.bootstrap.blocks", self.blocks, tuple(BLOCKS))
        for key in ("block_sessions", "paths"):
            value = getattr(self, key)
            require(value >= 1, f"data.bootstrap.{key} must be at least 1, was {value}")


class _Sessions(NamedTuple):
    """The sessions of a file that can stand elsewhere, one entry each."""

    date: NDArray[np.int64]  # days since 1970-01-01
    first: NDArray[np.int64]  # first row of the file
    stop: NDArray[np.int64]  # end of its rows
    before: NDArray[np.float64]  # close before its first bar
    usual: NDArray[np.bool_]  # ends no earlier in the day than most around it

    def where(self, which: NDArray) -> "_Sessions":
        return _Sessions(
            self.date[which],
            self.first[which],
            self.stop[which],
            self.before[which],
            self.usual[which],
        )


def _zone(calendar: str) -> str:
    """Return the zone whose days and hours the sessions of a calendar follow."""
    return NEW_YORK if calendar in LIBRARY_NAME else "UTC"


def _sessions(fine: Bars) -> _Sessions:
    """Return the sessions whose price before is known and that lie within their own day."""
    calendar = fine.instrument.calendar
    dates = session_dates(fine.open_time_ns, calendar)
    first = np.flatnonzero(np.diff(dates, prepend=dates[:1] - 1))
    stop = np.append(first[1:], len(fine))
    evening = EVENING_OPEN.get(calendar)
    shift = 0 if evening is None else (24 - evening) * HOUR_NS
    local = local_time_ns(fine.open_time_ns, _zone(calendar)) + shift
    within = np.logical_and.reduceat(local // DAY_NS == dates, first)  # no bars of a weekend
    ends = local[stop - 1] - dates[first] * DAY_NS
    usual = ends >= median_filter(ends, size=AROUND, mode="nearest")
    before = fine.close[np.maximum(first - 1, 0)]
    found = _Sessions(dates[first], first, stop, before, usual)
    return found.where(within & (first > 0))


def _draw(count: int, wanted: int, config: BootstrapConfig, seed: int, name: str) -> NDArray:
    """Return which of `count` sessions follow one another, int64 [wanted]."""
    generator = numpy_stream(seed, f"bootstrap/{name}")
    blocks = BLOCKS[config.blocks](config.block_sessions, np.arange(count), seed=generator)
    drawn: list[NDArray] = []
    while sum(map(len, drawn)) < wanted:
        drawn.append(blocks.update_indices())
    return np.concatenate(drawn)[:wanted]


def _placed(sessions: _Sessions, dates: NDArray[np.int64], fine: Bars, level: float) -> Bars:
    """Return the sessions one after the other on the given days, each at its own time of day.

    Prices keep their ratios to the close before their session, which is now the close of the
    session that stands before; all prices of a session are scaled by one factor.

    Args:
        sessions: in the order in which they are to stand.
        dates: day of each, days since 1970-01-01, rising.
        fine: bars of the file.
        level: price before the first session.
    """
    zone = _zone(fine.instrument.calendar)
    lengths = sessions.stop - sessions.first
    rows = np.concatenate([np.arange(a, b) for a, b in zip(*sessions[1:3], strict=True)])
    moves = fine.close[sessions.stop - 1] / sessions.before
    levels = level * np.concatenate([[1.0], np.cumprod(moves)[:-1]])
    factor = np.repeat(levels / sessions.before, lengths)
    opens = fine.open_time_ns[sessions.first]
    wall = local_time_ns(opens, zone) + (dates - sessions.date) * DAY_NS
    guess = wall - (local_time_ns(opens, zone) - opens)
    shift = wall - (local_time_ns(guess, zone) - guess) - opens  # clocks may have changed between
    prices = {name: getattr(fine, name)[rows] * factor for name in PRICES}
    return replace(
        fine,
        open_time_ns=fine.open_time_ns[rows] + np.repeat(shift, lengths),
        volume=fine.volume[rows],
        adjustment="ratio",
        reading=None,
        joined=None,
        **prices,
    )


def _path_of(fine: Bars) -> tuple[MarketPath, int]:
    """Return a path and its first session after the warm-up."""
    bars = resample(fine, DECISION_MINUTES)
    path = MarketPath(bars, fine if fine.minutes < DECISION_MINUTES else None)
    starts = np.flatnonzero(np.diff(session_table(bars).session, prepend=-1))
    place = int(np.searchsorted(starts, WARMUP_BARS))
    return path, int(starts[place]) if place < len(starts) else len(bars)


def bootstrap_dataset(source: Dataset, config: BootstrapConfig, seed: int) -> Dataset:
    """Return paths of resampled sessions, each part drawn from the same part of the file.

    A training path is made of training sessions, judged ones of sessions of their own part: what
    was learned from a session is never judged on it. The file stays the dataset's `origin`, whose
    parts the seal looks at.

    Args:
        source: the file, split.
        config: blocks and paths.
        seed: `data.seed`.

    Raises:
        UserError: a part holds too few whole sessions.
    """
    fine = source.paths[0].finest or source.paths[0].bars
    known = _sessions(fine)
    paths: list[MarketPath] = []
    splits: dict[str, tuple[Span, ...]] = {}
    told = []
    for part in PARTS:
        spans: list[Span] = []
        for span in source.splits.get(part, ()):
            sessions, slots = _part(source, span, known, fine)
            for k in range(1 if part == "train" else config.paths):
                order = _draw(len(sessions.date), len(slots), config, seed, f"{part}/{k}")
                level = float(sessions.before[0])
                placed = _placed(sessions.where(order), slots, fine, level)
                placed = replace(placed, source=f"{fine.source} resampled, {part}/{k}")
                path, start = _path_of(placed)
                require(
                    start < len(path.bars) - 1,
                    f"data.bootstrap: the {part} part of {fine.source} does not fill the warm-up "
                    f"of {WARMUP_BARS} bars: give more bars or another data.split",
                )
                spans.append(Span(len(paths), start, len(path.bars)))
                paths.append(path)
            told.append(f"{part} {len(spans)} x {len(slots)} of {len(sessions.date)} sessions")
        splits[part] = tuple(spans)
    return Dataset(
        paths=tuple(paths),
        splits=splits,
        notes=(*source.notes, _caution(fine, known)),
        about=_about(fine, config, seed, told),
        origin=source,
    )


def _part(
    source: Dataset, span: Span, known: _Sessions, fine: Bars
) -> tuple[_Sessions, NDArray[np.int64]]:
    """Return the whole sessions of a part and the days on which a path of them stands."""
    bars = source.paths[span.path].bars
    begin, end = bars.open_time_ns[span.start], bars.close_time_ns[span.stop - 1]
    inside = fine.open_time_ns[known.first] >= begin
    inside &= fine.close_time_ns[known.stop - 1] <= end
    sessions = known.where(inside)
    count = len(sessions.date)
    require(
        count >= LEAST_SESSIONS,
        f"data.bootstrap: a part of {fine.source} holds {count} whole sessions, "
        f"{LEAST_SESSIONS} are needed: give more bars or another data.split",
    )
    per_session = np.median(sessions.stop - sessions.first) * fine.minutes / DECISION_MINUTES
    warmup = int(np.ceil(WARMUP_BARS / per_session)) + 1
    # early closes give no days to stand on: a full session would outlast them
    days = known.date[known.usual & (known.date <= sessions.date[-1])]
    return sessions, days[-(warmup + count) :]


def _about(fine: Bars, config: BootstrapConfig, seed: int, told: Sequence[str]) -> str:
    length = "on average" if config.blocks == "stationary" else "each"
    return (
        f"bootstrap of {fine.source}, data.seed {seed}: {config.blocks} blocks of "
        f"{config.block_sessions} sessions {length}; {', '.join(told)}"
    )


def _caution(fine: Bars, known: _Sessions) -> str:
    calendar = fine.instrument.calendar
    count = len(np.unique(session_dates(fine.open_time_ns, calendar)))
    left_out = count - len(known.date)
    return (
        f"bootstrap: judged paths repeat sessions of {fine.source} and are no evidence beyond "
        f"them, so intervals over several are too narrow; {left_out} of {count} sessions are left "
        "out, the first and those with bars of a weekend"
    )
