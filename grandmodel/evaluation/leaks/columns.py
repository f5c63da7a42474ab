"""The audit of columns that can be computed again.

Source: `docs/definitions.md`, "The leak audit".
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grandmodel.evaluation.leaks import finding
from grandmodel.evaluation.leaks.finding import AuditReport, Finding
from grandmodel.evaluation.leaks.probe import (
    PROBED_BARS,
    Place,
    explain,
    explain_near,
    start_findings,
    suspects,
)
from grandmodel.evaluation.leaks.source import NotComputableError, Source
from grandmodel.features.causality import moved, moved_by_change, moved_by_cut, part_of
from grandmodel.features.matrix import Columns, PathArrays
from grandmodel.market.dataset import DECISION_MINUTES

TAPE_TOLERANCE = 1e-6  # of the user's own columns, which the tape holds as float32
STREAM_BARS = 1200
STREAM_CUTS = 3
NEAR_HALF_HOURS = 3  # after a row that shows what is rare, to tell why
RARE_BARS = 60_000  # among which rare rows are looked for
MOSTLY = 0.7  # share of rows from which a column rarely shows another value
CONSTANTS = (finding.NORMALISER, finding.WHOLE_PATH)


@dataclass(frozen=True)
class Level:
    """How much is looked at."""

    count: int  # cuts of the data, shipped columns
    own_count: int  # cuts for each of the user's own
    first: int  # row of the first cut
    last: int  # row of the last one
    start_bars: int  # bars on which another start is tried, at most; 0: not for shipped columns
    places: int = 0  # further stretches, spread over all bars, with other bars after each cut
    place_bars: int = 2600
    whole: bool = False  # whether to cut all bars at the end of training
    rare: int = 1  # cuts behind what a column rarely shows

    def cuts(self, bars: int, *, own: bool = False) -> list[int]:
        """Return where the first bars are cut, in order."""
        count = self.own_count if own else self.count
        first, last = min(self.first, bars // 2), min(self.last, bars - 1)
        # uneven steps: a slower bar that begins at every cut would hide
        rows = np.linspace(first, last, count) + np.arange(count) % 5
        return sorted({int(row) for row in rows if 0 < row < bars})


SAMPLE = Level(count=3, own_count=16, first=700, last=1400, start_bars=0)
FULL = Level(count=12, own_count=48, first=700, last=2600, start_bars=25_000, places=4, whole=True,
             rare=4)  # fmt: skip


@dataclass(frozen=True)
class Stretch:
    """All bars of a path and which of them training may know."""

    path: PathArrays
    train_stop: int
    place: Place


def audit_columns(
    source: Source, stretch: Stretch, on_tape: Mapping[str, np.ndarray], level: Level
) -> AuditReport:
    """Return what is wrong with the columns of one source."""
    try:
        return _audit(source, stretch, on_tape, level)
    except NotComputableError as error:
        return AuditReport((), (f"{error} ({error.__cause__})",), source.columns)


def _audit(
    source: Source, stretch: Stretch, on_tape: Mapping[str, np.ndarray], level: Level
) -> AuditReport:
    first = _against_tape(source, stretch, on_tape, level)
    if source.own:
        first = _earliest(first, _disagreeing(source, stretch))
    if level.places:
        first = _earliest(first, _in_places(source, stretch, level))
        first = _earliest(first, _behind_rare_rows(source, stretch, on_tape, level))
    if level.whole:
        first = _earliest(first, _at_the_end_of_training(source, stretch, on_tape))
    findings, notes = [], []
    for name, row in first.items():
        found = _explained(source, stretch, name, row)
        if found.cause in CONSTANTS and source.own:
            found, note = _constants(source, stretch, found)
            notes += [note] if note else []
        findings += [found] if found is not None else []
    starts, more = _starts(source, stretch, level)
    leaking = {found.column for found in findings}
    findings += [found for found in starts if found.column not in leaking]
    return AuditReport(tuple(findings), (*notes, *more), source.columns)


def _earliest(left: dict[str, int], right: dict[str, int]) -> dict[str, int]:
    return {
        name: min(part[name] for part in (left, right) if name in part)
        for name in dict.fromkeys((*left, *right))
    }


def _against_tape(
    source: Source, stretch: Stretch, on_tape: Mapping[str, np.ndarray], level: Level
) -> dict[str, int]:
    """Compute the first bars of the path alone; return where the tape knew something else."""
    first: dict[str, int] = {}
    cuts = level.cuts(len(stretch.path.bars), own=source.own)
    for cut in (*cuts, *rare_cuts(on_tape, level)):
        rows = moved_from_tape(source, source.over(part_of(stretch.path, 0, cut)), on_tape, cut)
        first = _earliest(first, {name: int(where[0]) for name, where in rows.items()})
    return first


def rare_cuts(on_tape: Mapping[str, np.ndarray], level: Level) -> list[int]:
    """Return where to cut right behind what columns rarely show: pulses, flags, synergies.

    Of each column that mostly holds one value the first rows that leave it; the first synergy
    comes after the 200th event of a slower clock, where no usual cut falls.
    """
    found: set[int] = set()
    for values in on_tape.values():
        part = values[:RARE_BARS]
        held, counts = np.unique(part, return_counts=True)
        if len(part) and counts.max() < MOSTLY * len(part):
            continue
        left = part != held[counts.argmax()]
        rows = np.flatnonzero(left[1:] & ~left[:-1]) + 1
        found.update((rows[: level.rare] + 1).tolist())
    return sorted(found)


def moved_from_tape(
    source: Source, found: Columns, on_tape: Mapping[str, np.ndarray], stop: int
) -> dict[str, np.ndarray]:
    """Return the rows before ``stop`` at which the tape holds other values than were found."""
    cast = {name: found[name].astype(kept.dtype) for name, kept in on_tape.items()}
    return moved(cast, dict(on_tape), stop, TAPE_TOLERANCE if source.own else 0.0)


def _disagreeing(source: Source, stretch: Stretch) -> dict[str, int]:
    """Cut where bar by bar gives another value: `update` cannot know what comes later."""
    if source.update is None:
        return {}
    path = part_of(stretch.path, 0, min(STREAM_BARS, len(stretch.path.bars)))
    (name,) = source.columns
    whole = source.over(path)
    try:
        update = source.update()
        values = [float(update(path.bars.bar(row))[name]) for row in range(len(path.bars))]
    except Exception:  # a user's own `update`, whatever breaks in it: other probes judge `over`
        return {}
    rows = moved({name: np.array(values)}, whole, len(path.bars), TAPE_TOLERANCE).get(name)
    if rows is None:
        return {}
    return suspects(source, path, whole, (rows[:STREAM_CUTS] + 1).tolist(), changes=False)


def _in_places(source: Source, stretch: Stretch, level: Level) -> dict[str, int]:
    """Cut and change stretches spread over all bars, each computed from its own first bar."""
    count = len(stretch.path.bars)
    first: dict[str, int] = {}
    for start in np.linspace(0, max(count - level.place_bars, 0), level.places).astype(int):
        part = part_of(stretch.path, int(start), min(int(start) + level.place_bars, count))
        cuts = level.cuts(len(part.bars), own=source.own)
        found = suspects(source, part, source.over(part), cuts, changes=True)
        first = _earliest(first, {name: int(start) + row for name, row in found.items()})
    return first


def _behind_rare_rows(
    source: Source, stretch: Stretch, on_tape: Mapping[str, np.ndarray], level: Level
) -> dict[str, int]:
    """Change the bar behind what is rarely shown."""
    first: dict[str, int] = {}
    for cut in rare_cuts(on_tape, level):
        part = part_of(stretch.path, 0, min(cut + 1, len(stretch.path.bars)))
        first = _earliest(first, suspects(source, part, source.over(part), [cut], changes=True))
    return first


def _at_the_end_of_training(
    source: Source, stretch: Stretch, on_tape: Mapping[str, np.ndarray]
) -> dict[str, int]:
    """End the data with the training bars: no scale may have been fitted on more."""
    stop = stretch.train_stop
    found = source.over(part_of(stretch.path, 0, stop))
    rows = moved_from_tape(source, found, on_tape, stop)
    return {name: int(where[0]) for name, where in rows.items()}


def _explained(source: Source, stretch: Stretch, name: str, row: int) -> Finding:
    """Tell the cause from the path's first bars, else from those around the row."""
    count = len(stretch.path.bars)
    for first in dict.fromkeys((0, max(min(row - PROBED_BARS // 2, count - PROBED_BARS), 0))):
        part = part_of(stretch.path, first, min(first + PROBED_BARS, count))
        place = Place(stretch.place.path, stretch.place.first + first)
        found = explain(source, part, name, place)
        if found is not None:
            return found
    near = NEAR_HALF_HOURS * DECISION_MINUTES // stretch.path.bars.minutes
    part = part_of(stretch.path, 0, min(row + near, count))
    found = explain_near(source, part, name, row, stretch.place)
    if found is not None:
        return found
    text = "its values are not those computed from the bars known by then"
    return stretch.place.found(name, (finding.OTHER_TAPE, text), row, stretch.path)


def _constants(
    source: Source, stretch: Stretch, found: Finding
) -> tuple[Finding | None, str | None]:
    """Tell constants fitted on training bars alone, which are allowed, from those of more."""
    whole, stop, count = source.over(stretch.path), stretch.train_stop, len(stretch.path.bars)
    if stop >= count:
        return found, None

    def reads(row: int) -> bool:
        """Whether bars from ``row`` on move values of training bars."""
        rows = moved_by_change(source.over, stretch.path, whole, row, source.tolerance)
        return any(int(where[0]) < stop for where in rows.values())

    cut = moved_by_cut(source.over, stretch.path, whole, stop, source.tolerance)
    if not cut and not reads(stop):
        return None, f"{found.column}: constants fitted on training bars, as they may be"
    if found.cause != finding.NORMALISER:
        return found, None
    low, high = stop, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if reads(middle) else (low, middle)
    if high >= count:
        return found, None
    text = f"its constants come from bars up to row {high - 1}, training ends before row {stop}"
    cause = (finding.BEYOND_TRAINING, text)
    return stretch.place.found(found.column, cause, found.row, stretch.path), None


def _starts(source: Source, stretch: Stretch, level: Level) -> tuple[list[Finding], list[str]]:
    """Start later and compare after the declared memory."""
    count = len(stretch.path.bars)
    if source.own:
        memory = max(source.memory(stretch.path, {}).values())
        bars = int(min(memory + PROBED_BARS, max(level.start_bars, 10 * PROBED_BARS), count))
    else:
        bars = min(level.start_bars * DECISION_MINUTES // stretch.path.bars.minutes, count)
    if bars == 0:
        return [], []
    return start_findings(source.restarted or source, part_of(stretch.path, 0, bars), stretch.place)
