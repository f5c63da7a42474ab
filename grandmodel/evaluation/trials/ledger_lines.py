"""Lines of the ledger as they are found: whole ones, damaged ones, and gaps between them.

Source: ``docs/definitions.md``, Trials and the ledger.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grandmodel.evaluation.trials.overlap import UsedSpan, overlapping

MOMENT_KEYS = ("mean", "sd", "skew", "kurtosis", "n")  # of the net session returns
NEEDED = ("kind", "trial", "config", "data", "split", "seed", "returns", *MOMENT_KEYS)
NUMBER = "line"  # place of a line, given when it was written


@dataclass(frozen=True)
class LedgerLines:
    """What a ledger holds, oldest first."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    damaged: tuple[int, ...] = ()  # places, from 1, of lines that cannot be read
    missing: int = 0  # lines that were written once and are not there any more

    @property
    def complaint(self) -> str | None:
        """One sentence on what is damaged or missing, None where nothing is."""
        said = []
        if self.damaged:
            places = ", ".join(map(str, self.damaged[:5])) + (", …" * (len(self.damaged) > 5))
            noun = "line" if len(self.damaged) == 1 else "lines"
            said.append(f"{noun} {places} cannot be read")
        if self.missing:
            said.append(f"{self.missing} missing")
        if not said:
            return None
        return (
            f"the ledger is incomplete ({' and '.join(said)}): trials and openings are counted "
            "too low; restore it from a copy"
        )

    def family(self, data: str, origin: str | None = None) -> set[str]:
        """Return ``data`` and what was made of the same bars: their fingerprints.

        A bootstrap of a file, a stressed file and one cut by an end are other bars of the same
        market: who tries a hundred of them has tried a hundred times.

        Args:
            data: fingerprint of the bars.
            origin: of the file behind them, for bars that no line names yet.
        """
        roots = {str(line.get("origin") or data) for line in self.lines if line["data"] == data}
        roots |= {data, origin or data}
        return roots | {line["data"] for line in self.lines if line.get("origin") in roots}

    def trials(self, data: str, split: str | None = None) -> int:
        """Count the different trials on the bars ``data`` and what was made of them."""
        family = self.family(data)
        return len(
            {
                line["trial"]
                for line in self.lines
                if line["data"] in family and split in (None, line["split"])
            }
        )

    def openings(self, sealed: Sequence[UsedSpan]) -> int:
        """Count how often bars of the ``sealed`` spans were looked at, repeats included."""
        opened = [opened_spans(line) for line in self.lines]
        return sum(any(overlapping(span, spans) for span in sealed) for spans in opened)

    def with_returns(
        self, data: str, split: str | None = None, origin: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the latest line of each trial that has returns, oldest trial first."""
        family = self.family(data, origin)
        latest = {
            line["trial"]: line
            for line in self.lines
            if line["data"] in family and split in (None, line["split"]) and line["n"]
        }
        return list(latest.values())


def opened_spans(line: dict[str, Any]) -> list[UsedSpan]:
    """Return the bars of a sealed test split that were looked at."""
    return [UsedSpan.from_record(record) for record in line.get("opened", ())]


def read_lines(text: bytes) -> LedgerLines:
    """Read the bytes of a ledger.

    A last line without its end is one whose writer was killed (or is still writing): unless only
    the end is missing, it is left out and not called damaged.
    """
    whole, torn = parted(text)
    texts = [*whole, torn] if as_line(torn) is not None else whole
    lines, damaged, missing = [], [], 0
    for place, one in enumerate(texts, start=1):
        line = as_line(one)
        if line is None:
            damaged.append(place)
            continue
        missing = max(missing, int(line.get(NUMBER, 0)) - place)
        lines.append(line)
    return LedgerLines(lines, tuple(damaged), missing)


def next_number(text: bytes) -> int:
    """Return the number of the line to be appended to ``text``, which ends with a line's end."""
    whole, _ = parted(text)
    last = next((found for one in reversed(whole) if (found := as_line(one)) is not None), {})
    return max(int(last.get(NUMBER, 0)), len(whole)) + 1


def parted(text: bytes) -> tuple[list[bytes], bytes]:
    """Return the lines that have an end, and what stands behind the last end."""
    *whole, torn = text.split(b"\n")
    return whole, torn


def as_line(text: bytes) -> dict[str, Any] | None:
    """Return a line that tells its trial and can be counted, else None."""
    try:
        line = json.loads(text)
        if not isinstance(line, dict) or any(key not in line for key in NEEDED):
            return None
        opened_spans(line)
        for value in (line.get(NUMBER, 0), line["n"], line["seed"]):
            int(value)
        for key in MOMENT_KEYS:
            float(line[key])
    except (ValueError, TypeError, KeyError, AttributeError):  # no JSON, or no such figures
        return None
    return line
