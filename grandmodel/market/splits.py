"""Where training ends and judging begins: splits by sessions, and stretches judged side by side.

Source: `docs/definitions.md`, "Splits".
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import require

WARMUP_BARS = 600  # first 30-minute bars of a file: known to the features, never decided on
WARMUP_MINUTES = 30
PARTS = ("train", "validation", "test")


class Span(NamedTuple):
    """Bars [start, stop) of one path of a dataset that may be decided on."""

    path: int
    start: int
    stop: int


def warmup_of(minutes: int) -> int:
    """Return the bars of another length that take as long as the warm-up."""
    return WARMUP_BARS * WARMUP_MINUTES // minutes


def split_by_sessions(
    session: NDArray[np.int64],
    parts: tuple[float, float, float] | tuple[int, int, int | None] = (0.6, 0.2, 0.2),
    *,
    purge_bars: int,
    warmup_bars: int = WARMUP_BARS,
    start: int = 0,
    stop: int | None = None,
    session_date: NDArray[np.int64] | None = None,
) -> dict[str, Span]:
    """Divide the usable bars into training, validation and test, in this order, by sessions.

    Usable are the bars from `start` (or the end of the warm-up, if later) to `stop`. Training
    gives up its last `purge_bars` bars: a position opened there would still be held in validation.

    Args:
        session: session of each bar, never decreasing, [bar].
        parts: shares of the usable sessions; or, with `session_date`, the dates (days since
            1970-01-01) at which validation and test begin and, or None, before which test ends.
        purge_bars: decisions removed at the end of training.
        warmup_bars: bars at the beginning that are never decided on.
        start: first bar to use.
        stop: end of the bars to use; None for all.
        session_date: date of the session of each bar, [bar].

    Returns:
        Span of path 0 for each of train, validation, test; a part may be empty.
    """
    stop = len(session) if stop is None else stop
    first = min(max(start, warmup_bars), stop)
    if session_date is None:
        edges = _edges_by_share(session[first:stop], parts)
    else:
        edges = _edges_by_date(session_date[first:stop], parts)
    edges = [first + edge for edge in edges]
    train = Span(0, first, max(first, edges[0] - purge_bars))
    return {
        "train": train,
        "validation": Span(0, edges[0], edges[1]),
        "test": Span(0, edges[1], edges[2]),
    }


def _edges_by_share(session: NDArray[np.int64], shares: tuple) -> list[int]:
    """Return the bars at which validation and test begin and test ends."""
    starts = np.append(_session_starts(session), len(session))
    count = len(starts) - 1
    totals = np.minimum(np.cumsum(np.asarray(shares, dtype=np.float64)), 1.0)
    # the nudge keeps 0.6 + 0.2 + 0.2 from losing a session to rounding
    return [int(starts[min(int(total * count + 1e-6), count)]) for total in totals]


def _edges_by_date(dates: NDArray[np.int64], begin: tuple) -> list[int]:
    edges = [int(np.searchsorted(dates, day)) for day in begin if day is not None]
    return edges if len(edges) == len(PARTS) else [*edges, len(dates)]


def _session_starts(session: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first bar of each session."""
    return np.flatnonzero(np.diff(session, prepend=session[:1] - 1))


def cut_segments(
    session: NDArray[np.int64], start: int, stop: int, count: int
) -> list[tuple[int, int]]:
    """Cut bars [start, stop) at session edges into stretches of nearly equal length.

    Args:
        session: session of each bar, [bar].
        start: first bar.
        stop: end of the bars.
        count: how many stretches; there are fewer where there are fewer sessions.

    Returns:
        (start, stop) of each stretch; together they cover [start, stop) without overlap.
    """
    require(count >= 1, f"evaluation.segments must be at least 1, was {count}")
    if stop <= start:
        return []
    edges = start + _session_starts(session[start:stop])
    wanted = start + np.arange(1, count) * ((stop - start) / count)
    right = np.clip(np.searchsorted(edges, wanted), 0, len(edges) - 1)
    left = np.maximum(right - 1, 0)
    nearer_left = wanted - edges[left] <= np.abs(edges[right] - wanted)
    chosen = np.where(nearer_left, edges[left], edges[right])
    return list(pairwise([int(edge) for edge in np.unique([start, *chosen, stop])]))
