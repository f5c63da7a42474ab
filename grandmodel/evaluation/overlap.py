"""The seal: bars that were used for training or selection are not judged by mistake.

Source: ``docs/definitions.md``, The seal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np


@dataclass(frozen=True)
class UsedSpan:
    """Bars of an instrument between two times, and what they were used for."""

    instrument: str
    start_ns: int  # open of the first bar, UTC
    end_ns: int  # close of the last bar, UTC
    use: str  # training | selection | test
    run: str = ""

    def as_record(self) -> dict[str, str | int]:
        """Return the form stored in ``run.json``."""
        return {
            "instrument": self.instrument,
            "start_ns": self.start_ns,
            "end_ns": self.end_ns,
            "use": self.use,
            "run": self.run,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "UsedSpan":
        """Read what :meth:`as_record` wrote."""
        return cls(
            str(record["instrument"]),
            int(record["start_ns"]),
            int(record["end_ns"]),
            str(record["use"]),
            str(record.get("run", "")),
        )


def overlapping(wanted: UsedSpan, used: Iterable[UsedSpan]) -> list[UsedSpan]:
    """Spans of the same instrument that share time with ``wanted``; touching is no overlap."""
    return [
        span
        for span in used
        if span.instrument == wanted.instrument
        and span.start_ns < wanted.end_ns
        and wanted.start_ns < span.end_ns
    ]


def refusal(wanted: UsedSpan, used: Iterable[UsedSpan], key: str = "allow_overlap") -> str | None:
    """Return the sentence that refuses overlapping bars, or None where nothing overlaps.

    Bars of the test split do not refuse (looking at them is counted as an opening instead).
    """
    found = [span for span in overlapping(wanted, used) if span.use in ("training", "selection")]
    if not found:
        return None
    start = max(min(span.start_ns for span in found), wanted.start_ns)
    end = min(max(span.end_ns for span in found), wanted.end_ns)
    uses = " and ".join(dict.fromkeys(span.use for span in found))
    return (
        f"bars of {wanted.instrument} from {_day(start)} to {_day(end)} were used for {uses} of "
        f"this run: give data.start={_day_after(max(span.end_ns for span in found))} or later, "
        f"or {key}=true to look all the same"
    )


def opens_test(wanted: UsedSpan, used: Iterable[UsedSpan]) -> bool:
    """Whether ``wanted`` holds bars of a sealed test split."""
    return any(span.use == "test" for span in overlapping(wanted, used))


def _day(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, tz=UTC).date().isoformat()


def _day_after(time_ns: int) -> str:
    day = np.datetime64(time_ns, "ns").astype("datetime64[D]")
    return str(day + np.timedelta64(1, "D"))
