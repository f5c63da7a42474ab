"""What the audit says: findings, notes and what was looked at.

Source: `docs/definitions.md`, "The leak audit".
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

LABEL = "label in a feature"
SHIFT = "negative shift"
CENTRED = "centred window"
RESAMPLE = "unshifted resample"
BACKFILL = "backfill"
SETTLED = "value settled by later bars"
NORMALISER = "future normaliser"
BEYOND_TRAINING = "scaler fitted beyond the training bars"
WHOLE_PATH = "filter or model over the whole path"
END_OF_DATA = "end of the data"
MEMORY = "memory longer than declared"
OTHER_TAPE = "tape of other values"
UNCLOSED_BAR = "bar of finer bars that close after it"
SAME_BAR_FILL = "same-bar fill"
UNKNOWN_FILL = "fill at no price of the next bar"
FUTURE_REWARD = "reward from later bars"
FUTURE_STATE = "account from later bars"


@dataclass(frozen=True)
class Finding:
    """One column (or part of the environment) that knows too much, and since which bar."""

    column: str
    cause: str
    detail: str
    row: int  # of the path, decision clock
    time: str  # open of that bar, UTC
    path: int = 0

    def __str__(self) -> str:
        where = f"row {self.row}" if self.path == 0 else f"row {self.row} of path {self.path}"
        return f"{self.column}: {self.cause} ({self.detail}), first at {where}, {self.time}"


@dataclass(frozen=True)
class AuditReport:
    """Outcome of an audit."""

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()  # what was not checked, or found and allowed, and why
    columns: tuple[str, ...] = ()  # what was checked
    seconds: float = field(default=0.0, compare=False)

    def line(self, looked_at: str) -> str:
        """Return the outcome in one line.

        Args:
            looked_at: "a sample" or whatever it was.
        """
        number, notes = len(self.findings), len(self.notes)
        text = f"audit: no leak found in {looked_at} ({len(self.columns)} columns)"
        if number:
            text = f"audit: {number} leak{'s' if number > 1 else ''} found: {self.findings[0]}"
            text += f"; and {number - 1} more" if number > 1 else ""
        return text + (f"; {notes} note{'s' if notes > 1 else ''}" if notes else "")

    def as_record(self) -> dict[str, Any]:
        """Return what ``run.json`` and ``audit.json`` hold."""
        return {
            "clean": not self.findings,
            "findings": [asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
            "columns": list(self.columns),
            "seconds": round(self.seconds, 3),
        }


def joined(reports: Sequence[AuditReport]) -> AuditReport:
    """Return several reports as one; a finding or note made twice stands once."""
    return AuditReport(
        tuple(dict.fromkeys(item for report in reports for item in report.findings)),
        tuple(dict.fromkeys(note for report in reports for note in report.notes)),
        tuple(dict.fromkeys(name for report in reports for name in report.columns)),
        sum(report.seconds for report in reports),
    )


def shown_time(stamp_ns: int) -> str:
    """Return nanoseconds UTC as people read them."""
    return (
        str(np.datetime64(int(stamp_ns), "ns").astype("datetime64[m]")).replace("T", " ") + " UTC"
    )
