"""The first lines of a file: what its format is told by.

Source: `docs/definitions.md`, "Reading files".
"""

import codecs
import re
from dataclasses import dataclass

from grandmodel.core.checks import UserError, require
from grandmodel.market.readers.columns import plain
from grandmodel.market.readers.files import Source

SEPARATORS = (";", "\t", "|", ",")  # among equals the comma last, which decimals may have
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
POINT_RULE = "decimal commas: write decimals with a point"
HEAD_BYTES = 1 << 16
HEAD_LINES = 4
WIDE_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class Head:
    """How a file begins."""

    source: Source
    start: bytes  # first unpacked bytes
    encoding: str  # utf8 | utf-16
    lines: tuple[str, ...]  # first lines that are not blank; none where it is no text
    blank_lines: int  # before the first of them

    @property
    def separator(self) -> str:
        """The separator that its first line holds most often."""
        first = self.lines[0] if self.lines else ""
        return max(SEPARATORS, key=first.count)

    def row(self, index: int = 0) -> list[str]:
        """Return the fields of one line; none where there is no such line."""
        if index >= len(self.lines):
            return []
        fields = self.lines[index].split(self.separator)
        return [field.strip().strip('"').strip() for field in fields]

    @property
    def fields(self) -> list[str]:
        """The fields of the first line."""
        return self.row()

    @property
    def names(self) -> list[str]:
        """The fields of the first line as plain column names."""
        return [plain(field) for field in self.fields]


def head_of(source: Source) -> Head:
    """Return how a file begins.

    Raises:
        UserError: it cannot be unpacked, or is empty.
    """
    start = source.start(HEAD_BYTES)
    if not start.strip():
        raise UserError(f"{source} is empty: give a file with bars")
    encoding = next((name for bom, name in WIDE_BOMS.items() if start.startswith(bom)), "utf8")
    text = start.decode(encoding, errors="replace")
    if "\0" in text[:HEAD_BYTES]:
        return Head(source, start, encoding, (), 0)
    lines = text.lstrip("\ufeff").splitlines()
    blank = next((index for index, line in enumerate(lines) if line.strip()), 0)
    kept = tuple(line for line in lines[blank:] if line.strip())[:HEAD_LINES]
    return Head(source, start, encoding, kept, blank)


def require_text(head: Head) -> None:
    """Refuse what cannot be a table of text."""
    text = bool(head.lines) and head.lines[0][:1] not in ("[", "{")
    require(
        text,
        f"{head.source} is no text in columns: unpack it, or write it as CSV in UTF-8 with one bar "
        "per line",
    )


def is_number(text: str) -> bool:
    """Tell a number from other text."""
    try:
        float(text)
    except ValueError:
        return False
    return True
