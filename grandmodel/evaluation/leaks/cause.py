"""From which values move with which later bars to the likely cause.

Source: `docs/definitions.md`, "The leak audit", Causes.
"""

from collections.abc import Iterator, Sequence
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from grandmodel.core.clock import MINUTE_NS
from grandmodel.evaluation.leaks import finding
from grandmodel.features.inputs import BarArrays

TIMEFRAMES = (  # minutes of the UTC day
    10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440,
)  # fmt: skip
BLOCKS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 46, 48)  # bars counted from the first
FAR = 0.5  # share of all bars before a change that moves with it: nothing local
HORIZONS = (1, 2, 3, 5, 8, 10, 20)
LABEL_RANK = 0.6  # rank correlation from which a column is a label
LEAST_PAIRS = 50
LUCK, LUCK_OF_BLOCKS = 0.25, 0.004  # by which no move may cross slower bars, of many lengths
SAME_LEAD = 0.6  # share of changes that move rows equally far back: a fixed shift


class Move(NamedTuple):
    """Values of rows before ``cut`` that moved when the bars from ``cut`` on were changed."""

    cut: int
    rows: NDArray[np.int64]  # sorted; empty: none moved
    other: NDArray[np.float64]  # [cut] values with the other bars

    @property
    def lead(self) -> int:
        """How many bars ahead the earliest of them reads, at least."""
        return self.cut - int(self.rows[0]) if len(self.rows) else 0


class Evidence(NamedTuple):
    """What was seen of one column over one stretch of bars."""

    bars: BarArrays
    values: NDArray[np.float64]  # [bar], of the whole stretch
    changes: Sequence[Move]  # bars from the cut on were other ones
    ahead: int = 0  # rows before a single changed bar that moved with it
    behind: int = 0  # rows after it
    at_bar: bool = True  # whether its own row did
    few: bool = False  # few rows show anything: luck cannot be ruled out


def likely_cause(seen: Evidence) -> tuple[str, str]:
    """Return the likely cause of a column's leak and a few words about it."""
    hits = [move for move in seen.changes if len(move.rows)]
    if not hits:
        return finding.END_OF_DATA, "its values depend on how many bars or which times follow"
    slow = _timeframe(seen)
    if slow is not None:
        return finding.RESAMPLE, f"it reads to the end of {slow} that have not closed"
    if float(np.median([len(move.rows) / move.cut for move in hits])) >= FAR:
        if all(scaled_copy(seen.values[: move.cut], move.other) for move in hits):
            return finding.NORMALISER, "scaled by statistics of later bars"
        return finding.WHOLE_PATH, "all its values move with later bars"
    return _nearby(seen, hits)


def _nearby(seen: Evidence, hits: Sequence[Move]) -> tuple[str, str]:
    """Return the cause of a leak that reads some bars ahead."""
    leads = np.array([move.lead for move in hits])
    lead = int(leads.max())
    reach = f"it reads {lead} bar{'s' if lead > 1 else ''} ahead"
    if seen.at_bar and seen.behind > 0 and abs(seen.ahead - seen.behind) <= 1:
        return finding.CENTRED, f"{reach} and {seen.behind} back"
    label = label_of(seen.bars, seen.values, (*HORIZONS, lead))
    if label is not None:
        return finding.LABEL, label
    if (leads == lead).mean() >= SAME_LEAD:
        return finding.SHIFT, reach
    if all(np.ptp(seen.values[move.rows]) == 0.0 for move in hits):
        return finding.BACKFILL, f"a value is shown up to {lead} bars before it was known"
    return finding.SETTLED, f"an interpolation, a zigzag or the like: {reach}"


def scaled_copy(left: NDArray[np.float64], right: NDArray[np.float64]) -> bool:
    """Whether one column is a monotone function of the other: the same shape, another scale.

    Clips and squashes keep it one; a filter or a shift does not.
    """
    known = np.isfinite(left) & np.isfinite(right)
    if known.sum() < LEAST_PAIRS:
        return False
    left, right = left[known], right[known]
    if np.ptp(left) == 0.0 or np.ptp(right) == 0.0:
        return True
    slack = 1e-7 * float(np.ptp(right))
    rising = np.diff(right[np.lexsort((right, left))])
    falling = np.diff(right[np.lexsort((-right, left))])
    return bool((rising >= -slack).all() or (falling <= slack).all())


def _timeframe(seen: Evidence) -> str | None:
    """Return the slower bars that explain every move: none crosses the beginning of one."""
    total, hits = len(seen.changes), sum(len(move.rows) > 0 for move in seen.changes)
    for name, bucket in _buckets(seen.bars):
        begins = np.flatnonzero(np.diff(bucket)) + 1
        tried = [move for move in seen.changes if move.cut in begins]
        within = all(
            (bucket[move.rows] == bucket[move.cut]).all() for move in seen.changes if len(move.rows)
        )
        chance = comb(total - len(tried), hits) / comb(total, hits)  # that all moves fit by luck
        least = LUCK_OF_BLOCKS if name.startswith("blocks") else LUCK
        if len(tried) >= 2 and within and (seen.few or chance < least):
            return name
    return None


def _buckets(bars: BarArrays) -> Iterator[tuple[str, NDArray[np.int64]]]:
    for minutes in TIMEFRAMES:
        if minutes > bars.minutes:
            yield f"bars of {minutes} minutes", bars.open_time_ns // (minutes * MINUTE_NS)
    if len(bars.day):
        yield "bars of an exchange day", bars.day
    utc_day = bars.open_time_ns // (1440 * MINUTE_NS)
    week = (utc_day + 3) // 7  # day 0 was a Thursday
    month = (utc_day.astype("datetime64[D]").astype("datetime64[M]")).astype(np.int64)
    for count in BLOCKS:
        yield f"blocks of {count} bars", np.arange(len(bars)) // count
    yield "bars of a week", week
    yield "bars of a month", month


def bucket_edges(bars: BarArrays, limit: int) -> list[int]:
    """Return first rows of exchange days, weeks and months, at most ``limit`` of each."""
    found: set[int] = set()
    for name, bucket in _buckets(bars):
        if name.startswith("bars of a"):
            found.update((np.flatnonzero(np.diff(bucket)) + 1)[-limit:].tolist())
    return sorted(found)


def label_of(
    bars: BarArrays, values: NDArray[np.float64], horizons: Sequence[int], least: float = LABEL_RANK
) -> str | None:
    """Return which future return a column goes with, None where none.

    Returns run from the close of the row over some bars, and from the open of the next row, as
    orders do. Ranks are compared, so a sign, a clip or a scale hides nothing.
    """
    best, told = least, None
    for bars_ahead in sorted({int(step) for step in horizons if step >= 1}):
        for what, ahead in _returns(bars, bars_ahead):
            count = len(ahead)
            one = values[:count]
            known = np.isfinite(one) & np.isfinite(ahead)
            if known.sum() < LEAST_PAIRS or np.ptp(one[known]) == 0.0:
                continue
            rank = abs(float(np.corrcoef(rankdata(one[known]), rankdata(ahead[known]))[0, 1]))
            if rank > best + 0.02:
                best, told = rank, f"rank correlation {rank:.2f} with the return {what}"
    return told


def _returns(bars: BarArrays, ahead: int) -> Iterator[tuple[str, NDArray[np.float64]]]:
    close, opens = bars.close, bars.open
    if len(close) <= ahead + 1:
        return
    bars_ahead = f"{ahead} bars" if ahead > 1 else "bar"
    yield f"of the next {bars_ahead}", close[ahead:] / close[:-ahead] - 1.0
    later = opens[1 + ahead :] / opens[1:-ahead] - 1.0
    yield f"from the next open over {ahead} bar{'s' if ahead > 1 else ''}", later
