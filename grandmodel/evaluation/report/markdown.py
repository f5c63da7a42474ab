"""A report as text: the sections of the page as tables that any editor shows."""

from collections.abc import Sequence

from grandmodel.evaluation.report.section import (
    ALARM,
    OWN,
    Cell,
    Picture,
    Row,
    Section,
    cell,
    cell_text,
    headings,
    says_words,
)

NOTHING = "Nothing to report."


def text_of(sections: Sequence[Section]) -> str:
    """Write sections one below the other."""
    return "".join(_section(section) for section in sections)


def rows_text(rows: Sequence[Row]) -> str:
    """Write rows as a table with columns of equal width; nothing to report without rows."""
    if not rows:
        return f"{NOTHING}\n"
    names = headings(rows)
    left = [not at or says_words(rows, name) for at, name in enumerate(names)]
    lines = [[one_line(name.replace("_", " ")) for name in names]]
    lines += [[_cell(cell(row.get(name))) for name in names] for row in rows]
    widths = [max(3, *(len(line[at]) for line in lines)) for at in range(len(names))]
    laid = [_laid(line, widths, left) for line in lines]
    rule = ["-" * width if to else "-" * (width - 1) + ":"
            for width, to in zip(widths, left, strict=True)]  # fmt: skip
    return "".join(f"| {line} |\n" for line in (laid[0], " | ".join(rule), *laid[1:]))


def _laid(line: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> str:
    cells = zip(line, widths, left, strict=True)
    return " | ".join(text.ljust(width) if to else text.rjust(width) for text, width, to in cells)


def _section(section: Section) -> str:
    parts = [f"## {section.title}\n\n"]
    if section.note:
        parts.append(f"{section.note}\n\n")
    for block in section.blocks:
        if isinstance(block, Picture) and not block.rows:
            continue  # a table beside it says the same
        if block.title:
            parts.append(f"### {block.title}\n\n")
        parts.append(f"{rows_text(block.rows)}\n")
    return "".join(parts)


def _cell(found: Cell) -> str:
    bold = found.mark in (OWN, ALARM) and found.text
    return one_line(cell_text(found._replace(text=f"**{found.text}**") if bold else found))


def one_line(text: str) -> str:
    """Return text that does not break a table's row."""
    return " ".join(text.split()).replace("|", "\\|")
