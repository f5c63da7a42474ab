"""A report as a page: sections with figures that can be touched, loaded from nowhere."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from grandmodel.evaluation.report.section import Cell, Picture, Row, Section, Table, cell

CONFIG = {"displayModeBar": False, "responsive": True}


def html_of(sections: Sequence[Section]) -> str:
    """Write sections one below the other; figures are numbered through the page."""
    return "".join(_section(section, number) for number, section in enumerate(sections))


def rows_html(rows: Sequence[Row]) -> str:
    """Write rows as a table, the first column as names; nothing to report without rows."""
    if not rows:
        return "<p>Nothing to report.</p>"
    names = Table(rows).columns
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(_cell(cell(row.get(name)), first=not at) for at, name in enumerate(names))}"
        "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


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


def _cell(found: Cell, *, first: bool) -> str:
    tag = "th" if first else "td"
    small = f'<span class="ci">{escape(found.small)}</span>' if found.small else ""
    mark = f' class="{found.mark}"' if found.mark else ""
    return f"<{tag}{mark}>{escape(found.text)}{small}</{tag}>"
