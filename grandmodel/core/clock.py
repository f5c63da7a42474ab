"""When is a bar known: a bar carries its open time and may be used only from its close on."""

import numpy as np
from numpy.typing import NDArray

MINUTE_NS = 60_000_000_000
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS


def iso_text(time_ns: int) -> str:
    """Return a time as people write it: ISO 8601, UTC, to whole seconds where it is one.

    Args:
        time_ns: int64 nanoseconds UTC.
    """
    unit = "s" if time_ns % 1_000_000_000 == 0 else "ns"
    return f"{np.datetime64(time_ns, 'ns').astype(f'datetime64[{unit}]')}Z"


def close_time_ns(open_time_ns: NDArray[np.int64], minutes: int) -> NDArray[np.int64]:
    """Return the nominal close of each bar: int64 nanoseconds UTC, shape [bar]."""
    return open_time_ns + minutes * MINUTE_NS


def as_of_index(
    decision_time_ns: NDArray[np.int64], known_from_ns: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return for each decision the last value that was known by then, or -1.

    Args:
        decision_time_ns: times of the decisions, shape [decision].
        known_from_ns: sorted times from which each value is known (bar closes), shape [value].

    Returns:
        Largest index i with ``known_from_ns[i] <= decision_time_ns``, shape [decision].
    """
    return np.searchsorted(known_from_ns, decision_time_ns, side="right") - 1
