"""Bars of one instrument: validated once, read-only ever after.

Source: `docs/definitions.md`, "Bars".
"""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import require, require_choice
from grandmodel.core.clock import MINUTE_NS, close_time_ns
from grandmodel.market.defects import refuse_defects
from grandmodel.market.instruments import Instrument
from grandmodel.market.joined import Joined
from grandmodel.market.reading import Reading

VOLUME_KINDS = ("traded", "ticks", "none")
ADJUSTMENTS = ("none", "additive", "ratio", "unknown")
PRICES = ("open", "high", "low", "close")
COLUMNS = (*PRICES, "volume")


class Priced(Protocol):
    """What longer bars are made of: times of the opens, prices, volume, and their length."""

    @property
    def open_time_ns(self) -> NDArray[np.int64]:
        """Opens [bar], UTC."""
        ...

    @property
    def open(self) -> NDArray[np.float64]:
        """First prices [bar]."""
        ...

    @property
    def close(self) -> NDArray[np.float64]:
        """Last prices [bar]."""
        ...

    @property
    def minutes(self) -> int:
        """Length of a bar."""
        ...


@dataclass(frozen=True)
class Bars:
    """Closed bars of one length, sorted by their open; every array is read-only.

    Raises:
        UserError: a value that no market produces, named by source, row and column.
    """

    open_time_ns: NDArray[np.int64]  # [bar] UTC
    open: NDArray[np.float64]  # [bar] quote currency, as the next three
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]  # [bar] in units of `volume_kind`
    minutes: int
    instrument: Instrument
    volume_kind: str = "traded"  # traded | ticks | none
    adjustment: str = "unknown"  # none | additive | ratio | unknown
    source: str = "bars"  # file or maker, for messages and records
    reading: Reading | None = field(default=None, compare=False)  # of bars that come from a file
    joined: Joined | None = None  # of contracts, and where

    def __post_init__(self) -> None:
        """Freeze the arrays and refuse defects."""
        require_choice("data.volume_kind", self.volume_kind, VOLUME_KINDS)
        require_choice("data.adjustment", self.adjustment, ADJUSTMENTS)
        require(self.minutes >= 1, f"{self.source}: bars must last whole minutes")
        object.__setattr__(self, "open_time_ns", _frozen(self.open_time_ns, np.int64))
        for name in COLUMNS:
            object.__setattr__(self, name, _frozen(getattr(self, name), np.float64))
        columns = {name: getattr(self, name) for name in COLUMNS}
        refuse_defects(self.source, self.open_time_ns, columns)

    def __len__(self) -> int:
        return len(self.open_time_ns)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of bar length, times, prices and volume, in hexadecimal."""
        digest = hashlib.sha256(f"{self.minutes}/{len(self)}".encode())
        for name in ("open_time_ns", *COLUMNS):
            digest.update(memoryview(getattr(self, name)).cast("B"))
        return digest.hexdigest()

    @property
    def close_time_ns(self) -> NDArray[np.int64]:
        """Nominal close of each bar, UTC, [bar]: from then on it is known."""
        return close_time_ns(self.open_time_ns, self.minutes)

    def slice(self, start: int, stop: int) -> "Bars":
        """Return bars [start, stop)."""
        part = slice(start, stop)
        columns = {name: getattr(self, name)[part] for name in COLUMNS}
        return replace(self, open_time_ns=self.open_time_ns[part], **columns)

    def between(self, start_ns: int | None, end_ns: int | None) -> "Bars":
        """Return the bars that open in [start_ns, end_ns); None leaves that side open."""
        start = 0 if start_ns is None else int(np.searchsorted(self.open_time_ns, start_ns))
        stop = len(self) if end_ns is None else int(np.searchsorted(self.open_time_ns, end_ns))
        return self.slice(start, max(start, stop))


def _frozen(values: NDArray, kind: type) -> NDArray:
    """Return a contiguous read-only array; it is a copy where somebody else could write to it."""
    array = np.ascontiguousarray(values, kind)
    owner = array
    while isinstance(owner, np.ndarray) and not owner.flags.writeable:
        owner = owner.base  # a read-only view may look at memory that is not
    if isinstance(owner, np.ndarray):
        array = array.copy()
        array.flags.writeable = False
    return array


def resample(bars: Bars, minutes: int) -> Bars:
    """Return bars of `minutes` made of shorter ones, as far as they are known.

    Bars begin at multiples of `minutes` of the UTC day (half hours for 30). One exists if it
    holds at least one shorter bar and the data reach its nominal close: a last, partial bar is
    dropped. Bars that already have this length are returned as they are.

    Raises:
        UserError: the bars are longer than `minutes`, or do not fit into its grid.
    """
    if bars.minutes == minutes:
        return bars
    where = bars.source
    require(
        bars.minutes < minutes,
        f"{where}: bars of {bars.minutes} minutes are coarser than the {minutes} minutes of the "
        f"decisions: give a file of {minutes}-minute bars or shorter ones",
    )
    require(
        minutes % bars.minutes == 0,
        f"{where}: bars of {bars.minutes} minutes do not add up to {minutes} minutes: give bars "
        f"whose length divides {minutes}",
    )
    return replace(bars, **joined_bars(bars, minutes)[0])


def joined_bars(bars: Priced, minutes: int) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """Return what differs in bars of ``minutes`` made of shorter ones that fit into their grid.

    Highs, lows and volume are read too; rules as in :func:`resample`.

    Returns:
        the fields by name, and the row of the first shorter bar in each.
    """
    width = minutes * MINUTE_NS
    opens, known = bars.open_time_ns, len(bars.open_time_ns)
    bucket = opens // width
    first = np.flatnonzero(np.diff(bucket, prepend=bucket[:1] - 1))
    if known and opens[-1] + bars.minutes * MINUTE_NS < (bucket[-1] + 1) * width:
        known, first = int(first[-1]), first[:-1]
    last = np.append(first[1:], known) - 1 if len(first) else first
    reduced = {
        name: how.reduceat(getattr(bars, name)[:known], first) if len(first) else np.zeros(0)
        for name, how in (("high", np.maximum), ("low", np.minimum), ("volume", np.add))
    }
    parts = {
        "open_time_ns": bucket[first] * width, "open": bars.open[first], "close": bars.close[last],
        "minutes": minutes,
    }  # fmt: skip
    return parts | reduced, first
