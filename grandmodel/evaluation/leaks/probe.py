"""Cut, change and shift the bars under some columns, and say which of them know too much.

Source: `docs/definitions.md`, "The leak audit".
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grandmodel.evaluation.leaks import finding
from grandmodel.evaluation.leaks.cause import Evidence, Move, bucket_edges, likely_cause
from grandmodel.evaluation.leaks.finding import Finding, shown_time
from grandmodel.evaluation.leaks.source import START_TOLERANCE, NotComputableError, Source
from grandmodel.features.causality import (
    moved,
    moved_by_cut,
    moved_by_start,
    part_of,
    perturbed,
)
from grandmodel.features.matrix import Columns, PathArrays

PROBED_BARS = 1500  # over which the cause of a found leak is told
DENSE_CUTS = 64
SINGLE_BARS = 24
SCAN_ROWS = 200  # rows one after the other in search of the first bad one
SHIFT_BARS = 137
WARM_ROWS = 300  # of the stretch that causes are told from


@dataclass(frozen=True)
class Place:
    """Where a stretch of bars lies: its number of the path and the row of its first bar."""

    path: int = 0
    first: int = 0

    def found(self, column: str, cause: tuple[str, str], row: int, bars: PathArrays) -> Finding:
        """Return the finding at ``row`` of the stretch ``bars``."""
        stamp = shown_time(int(bars.bars.open_time_ns[row]))
        return Finding(column, *cause, row=self.first + row, time=stamp, path=self.path)


def suspects(
    source: Source, path: PathArrays, whole: Columns, cuts: Iterable[int], *, changes: bool
) -> dict[str, int]:
    """Return columns whose values before some cut move, with the first row that does.

    Args:
        source: how to compute them.
        path: bars.
        whole: their values over all these bars.
        cuts: where to end the data, and from where on to change them.
        changes: whether to change later bars too, not only to leave them out.
    """
    first: dict[str, int] = {}
    for cut in cuts:
        found = [moved_by_cut(source.over, path, whole, cut, source.tolerance)]
        if changes:
            other = source.over(perturbed(path, cut, up=cut % 2 == 0))
            found.append(moved(whole, other, cut, source.tolerance))
        for rows in found:
            for name, where in rows.items():
                first[name] = min(first.get(name, len(path.bars)), int(where[0]))
    return first


def start_findings(source: Source, path: PathArrays, place: Place) -> tuple[list[Finding], list]:
    """Return columns that another start changes after their declared memory, and notes."""
    whole = source.over(path)
    held, findings, notes = source.memory(path, whole), [], []
    for memory in sorted(set(held.values())):
        names = [name for name, bars in held.items() if bars == memory]
        if math.isinf(memory) or SHIFT_BARS + memory >= len(path.bars):
            bars = "all bars" if math.isinf(memory) else f"{memory:.0f} bars"
            notes.append(
                f"start of {', '.join(names)}: they remember {bars}, more than the "
                f"{len(path.bars)} looked at"
            )
            continue
        chosen = {name: whole[name] for name in names}
        rows = moved_by_start(source.over, path, chosen, SHIFT_BARS, int(memory), START_TOLERANCE)
        for name, where in rows.items():
            text = f"another start changes it after memory_bars={int(memory)}"
            findings.append(place.found(name, (finding.MEMORY, text), int(where[0]), path))
    return findings, notes


def explain(source: Source, path: PathArrays, column: str, place: Place) -> Finding | None:
    """Return cause and first bad row of a column that was seen to leak, from a short stretch.

    None where it does not leak over these bars.
    """
    whole = source.over(path)
    cuts = probing_cuts(path)
    changes = _changes(source, path, whole, column, cuts)
    if not any(len(move.rows) for move in changes):
        rows = suspects(source, path, whole, cuts[:: max(len(cuts) // 8, 1)], changes=False)
        if column not in rows:
            return None
    ahead, behind, at_bar = _span(source, path, whole, column)
    seen = Evidence(path.bars, whole[column], changes, ahead, behind, at_bar)
    row = first_bad_row(source, path, whole, column)
    if row is None:
        row = min((int(move.rows[0]) for move in changes if len(move.rows)), default=0)
    return place.found(column, likely_cause(seen), row, path)


def explain_near(
    source: Source, path: PathArrays, column: str, row: int, place: Place
) -> Finding | None:
    """Return the cause of a leak that shows at ``row`` of the path's last bars alone.

    None where no bars after it move it.
    """
    whole = source.over(path)
    changes = _changes(source, path, whole, column, range(row + 1, len(path.bars)))
    moves = [int(move.rows[0]) for move in changes if len(move.rows)]
    if not moves:
        return None
    cause = likely_cause(Evidence(path.bars, whole[column], changes, few=True))
    return place.found(column, cause, min(moves), path)


def probing_cuts(path: PathArrays) -> list[int]:
    """Return rows in turn, to meet every phase of slower bars, with edges of days and months."""
    count = len(path.bars)
    first = min(WARM_ROWS, count // 2)
    start = min(max(first, count // 2), max(count - DENSE_CUTS - 1, 1))
    dense = range(start, min(start + DENSE_CUTS, count))
    edges = [row for row in bucket_edges(path.bars, 8) if row >= first]
    return sorted({*dense, *edges})


def _changes(
    source: Source, path: PathArrays, whole: Columns, column: str, cuts: Sequence[int]
) -> list[Move]:
    found = []
    for number, cut in enumerate(cuts):
        other = source.over(perturbed(path, cut, up=number % 7 < 4))  # in step with no slower bar
        rows = moved({column: whole[column]}, other, cut, source.tolerance)
        where = rows.get(column, np.zeros(0, np.int64))
        found.append(Move(cut, where, other[column][:cut]))
    return found


def _span(source: Source, path: PathArrays, whole: Columns, column: str) -> tuple[int, int, bool]:
    """Return how far before and behind single changed bars values move, and whether at them."""
    count = len(path.bars)
    ahead, behind, at_bar = 0, 0, False
    bars = np.linspace(count // 2, count - count // 5, SINGLE_BARS).astype(int).tolist()
    for number, bar in enumerate(bars):
        other = source.over(perturbed(path, bar, bar + 1, up=number % 2 == 0))
        rows = moved({column: whole[column]}, other, count, source.tolerance).get(column)
        if rows is None:
            continue
        at_bar |= bool((rows == bar).any())
        ahead = max(ahead, bar - int(rows[0]))
        behind = max(behind, int(rows[-1]) - bar)
    return ahead, behind, at_bar


def first_bad_row(source: Source, path: PathArrays, whole: Columns, column: str) -> int | None:
    """Return the first row whose value is not the one known at its close, None: none of 200."""
    for row in range(min(SCAN_ROWS, len(path.bars) - 1)):
        try:
            known: NDArray = source.over(part_of(path, 0, row + 1))[column][row : row + 1]
        except NotComputableError:  # too few bars yet
            continue
        if moved({column: known}, {column: whole[column][row:]}, 1, source.tolerance):
            return row
    return None
