"""A report as a page: sections with figures that can be touched, loaded from nowhere."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from grandmodel.evaluation.report.section import (
    Picture,
    Row,
    Section,
    cell,
    headings,
    says_words,
)

CONFIG = {"displayModeBar": False, "responsive": True}


def html_of(sections: Sequence[Section]) -> str:
    """Write sections one below the other; figures are numbered through the page."""
    return "".join(_section(section, number) for number, section in enumerate(sections))


def rows_html(rows: Sequence[Row]) -> str:
    """Write rows as a table, the first column as names; nothing to report without rows."""
    if not rows:
        return "<p>Nothing to report.</p>"
    names = headings(rows)
    words = [says_words(rows, name) for name in names]
    head = "".join(
        f"<th{_class('w' * left)}>{escape(name.replace('_', ' '))}</th>"
        for name, left in zip(names, words, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, names, words)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cells(row: Row, names: Sequence[str], words: Sequence[bool]) -> str:
    """The cells of a row; the first is its name."""
    parts = []
    for at, (name, left) in enumerate(zip(names, words, strict=True)):
        tag, found = ("td" if at else "th"), cell(row.get(name))
        small = f'<span class="ci">{escape(found.small)}</span>' if found.small else ""
        mark = _class("w" * left, found.mark)
        parts.append(f"<{tag}{mark}>{escape(found.text)}{small}</{tag}>")
    return "".join(parts)


def _class(*names: str) -> str:
    told = " ".join(name for name in names if name)
    return f' class="{told}"' if told else ""


def _section(section: Section, number: int) -> str:
    note = f'<p class="soft">{escape(section.note)}</p>' if section.note else ""
    parts = [f"<section><h2>{escape(section.title)}</h2>{note}"]
    for place, block in enumerate(section.blocks):
        title = f"<h3>{escape(block.title)}</h3>" if block.title else ""
        if isinstance(block, Picture):
            parts.append(title + figure_html(block.figure, f"figure-{number}-{place}"))
        else:
            parts.append(title + rows_html(block.rows))
    return "".join((*parts, "</section>"))


def figure_html(figure: go.Figure, name: str) -> str:
    """Return a figure as a part of a page that holds the drawing library."""
    return figure.to_html(full_html=False, include_plotlyjs=False, config=CONFIG, div_id=name)
