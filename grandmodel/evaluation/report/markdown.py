"""A report as text: the sections of the page as tables that any editor shows."""

from collections.abc import Sequence

from grandmodel.evaluation.report.section import ALARM, OWN, Cell, Row, Section, Table, cell

NOTHING = "Nothing to report."


def text_of(sections: Sequence[Section]) -> str:
    """Write sections one below the other."""
    return "\n".join(_section(section) for section in sections)


def rows_text(rows: Sequence[Row]) -> str:
    """Write rows as a table with columns of equal width; nothing to report without rows."""
    if not rows:
        return f"{NOTHING}\n"
    names = Table(rows).columns
    lines = [[one_line(name.replace("_", " ")) for name in names]]
    lines += [[_cell(cell(row.get(name))) for name in names] for row in rows]
    widths = [max(3, *(len(line[at]) for line in lines)) for at in range(len(names))]
    laid = [" | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
            for line in lines]  # fmt: skip
    laid.insert(1, " | ".join("-" * width for width in widths))
    return "".join(f"| {line} |\n" for line in laid)


def _section(section: Section) -> str:
    parts = [f"## {section.title}\n"]
    if section.note:
        parts.append(f"{section.note}\n")
    for block in section.blocks:
        if block.title:
            parts.append(f"### {block.title}\n")
        parts.append(rows_text(block.rows))
    return "\n".join(parts)


def _cell(found: Cell) -> str:
    text = one_line(found.text)
    if found.mark in (OWN, ALARM) and text:
        text = f"**{text}**"
    return f"{text} ({one_line(found.small)})" if found.small else text


def one_line(text: str) -> str:
    """Return text that does not break a table's row."""
    return " ".join(text.split()).replace("|", "\\|")
