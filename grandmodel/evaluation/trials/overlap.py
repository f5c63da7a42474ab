"""The seal: bars that were used for training or selection are not judged by mistake.

Source: ``docs/definitions.md``, The seal.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from grandmodel.core.clock import DAY_NS
from grandmodel.market.bars import PRICES, Bars
from grandmodel.market.instruments import GENERIC

PRINT_BYTES = 4  # of each day; two different days agree once in four thousand million


@dataclass(frozen=True)
class DayPrints:
    """A short fingerprint of the bars of every UTC day, whatever their file is called."""

    first_day: int = 0  # days since 1970-01-01
    prints: bytes = b""  # PRINT_BYTES a day, zeros for a day without bars

    @classmethod
    def of(cls, bars: Bars, start_ns: int, end_ns: int) -> "DayPrints":
        """Fingerprint the days that [start_ns, end_ns) touches.

        A day counts whole, from the first to the last of its bars in ``bars``, wherever the
        span begins: so the print of a day does not depend on where a split was cut. Prices enter
        as float32, so that a file saved in either precision gives the same prints.
        """
        first, last = start_ns // DAY_NS, (end_ns - 1) // DAY_NS
        edges = np.searchsorted(bars.open_time_ns, np.arange(first, last + 2) * DAY_NS)
        rows = np.stack([getattr(bars, name) for name in PRICES], axis=1).astype(np.float32)
        prints = (
            _print(bars.open_time_ns[start:stop], rows[start:stop])
            for start, stop in pairwise(edges)
        )
        return cls(int(first), b"".join(prints))

    def shared(self, other: "DayPrints", start_ns: int, end_ns: int) -> bool:
        """Whether a day that [start_ns, end_ns) touches has the same bars in both."""
        return any(
            own == theirs and any(own)
            for day in range(start_ns // DAY_NS, (end_ns - 1) // DAY_NS + 1)
            for own, theirs in [(self._at(day), other._at(day))]
        )

    def _at(self, day: int) -> bytes:
        place = PRINT_BYTES * (day - self.first_day)
        return self.prints[place : place + PRINT_BYTES] if place >= 0 else b""


def _print(open_time_ns: np.ndarray, rows: np.ndarray) -> bytes:
    if not len(rows):
        return bytes(PRINT_BYTES)
    digest = hashlib.sha256(open_time_ns.tobytes())
    digest.update(np.ascontiguousarray(rows).tobytes())
    return digest.digest()[:PRINT_BYTES]


@dataclass(frozen=True)
class UsedSpan:
    """Bars of an instrument between two times, and what they were used for."""

    instrument: str
    start_ns: int  # open of the first bar, UTC
    end_ns: int  # close of the last bar, UTC
    use: str  # training | selection | test
    run: str = ""
    days: DayPrints = field(default_factory=DayPrints)  # what the bars were, day by day

    def as_record(self) -> dict[str, str | int]:
        """Return the form stored in ``run.json``."""
        return {
            "instrument": self.instrument,
            "start_ns": self.start_ns,
            "end_ns": self.end_ns,
            "use": self.use,
            "run": self.run,
            "first_day": self.days.first_day,
            "days": self.days.prints.hex(),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "UsedSpan":
        """Read what :meth:`as_record` wrote."""
        prints = bytes.fromhex(str(record.get("days", "")))
        return cls(
            str(record["instrument"]),
            int(record["start_ns"]),
            int(record["end_ns"]),
            str(record["use"]),
            str(record.get("run", "")),
            DayPrints(int(record.get("first_day", 0)), prints),
        )


def overlapping(wanted: UsedSpan, used: Iterable[UsedSpan]) -> list[UsedSpan]:
    """Spans that share bars with ``wanted``; touching is no overlap.

    Bars are shared where times are and either the instrument is the same (a corrected file is
    still the same market) or a day's bars are, under whatever name. The generic instrument
    stands for any market, so its name alone says nothing where the bars themselves are known.
    """
    return [span for span in used if _overlaps(wanted, span)]


def _overlaps(wanted: UsedSpan, span: UsedSpan) -> bool:
    start, end = max(span.start_ns, wanted.start_ns), min(span.end_ns, wanted.end_ns)
    if start >= end:
        return False
    known = bool(span.days.prints and wanted.days.prints)
    same_name = span.instrument == wanted.instrument
    if same_name and not (known and wanted.instrument == GENERIC):
        return True
    return wanted.days.shared(span.days, start, end)


def refusal(
    wanted: UsedSpan, used: Iterable[UsedSpan], remedy: str, maker: str = "this run"
) -> str | None:
    """Return the sentence that refuses overlapping bars, or None where nothing overlaps.

    Bars of the test split do not refuse (looking at them is counted as an opening instead).

    Args:
        wanted: the bars to be looked at.
        used: bars that were used, and for what.
        remedy: what the user can do; ``{later}`` stands for the first day that is free.
        maker: who used them.
    """
    found = [span for span in overlapping(wanted, used) if span.use in ("training", "selection")]
    if not found:
        return None
    start = max(min(span.start_ns for span in found), wanted.start_ns)
    end = min(max(span.end_ns for span in found), wanted.end_ns)
    uses = " and ".join(dict.fromkeys(span.use for span in found))
    names = sorted({span.instrument for span in found} - {wanted.instrument})
    known_as = f" (known to this run as {', '.join(names)})" if names else ""
    later = _first_free_day(max(span.end_ns for span in found))
    return (
        f"bars of {wanted.instrument}{known_as} from {_day(start)} to {_day(end)} were used for "
        f"{uses} of {maker}: {remedy.format(later=later)}"
    )


def sealed_spans(used: Iterable[UsedSpan]) -> tuple[UsedSpan, ...]:
    """Return the spans that are sealed test parts."""
    return tuple(span for span in used if span.use == "test")


def opened_test(wanted: Iterable[UsedSpan], used: Iterable[UsedSpan]) -> tuple[UsedSpan, ...]:
    """Return those of ``wanted`` that hold bars of a sealed test split."""
    sealed = sealed_spans(used)
    return tuple(span for span in wanted if overlapping(span, sealed))


def _day(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, tz=UTC).date().isoformat()


def _first_free_day(time_ns: int) -> str:
    """Return a day whose session begins after a time, on every calendar.

    A session begins on the eve of its day, and on a Monday with the bars of the weekend: two
    days after the first midnight that follows the time.
    """
    midnight = -(-time_ns // DAY_NS)
    return str(np.datetime64(midnight + 2, "D"))
