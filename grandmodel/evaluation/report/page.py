"""The report of a run: a self-contained page that opens offline, and the same as text."""

from html import escape
from pathlib import Path

from plotly.offline import get_plotlyjs

from grandmodel.core.files import write_text
from grandmodel.evaluation.report import tables
from grandmodel.evaluation.report.contents import ReportData, sections
from grandmodel.evaluation.report.html import html_of
from grandmodel.evaluation.report.markdown import one_line, rows_text, text_of
from grandmodel.evaluation.report.section import Cell, Row, Section
from grandmodel.evaluation.report.words import paths_note, sentence
from grandmodel.evaluation.verdict import CANNOT_TELL, NOT_SHOWN, SHOWN

STYLE = """
:root{--ink:#1f2937;--soft:#667085;--line:#e3e6eb;--own:#1257a6}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:16px;color:var(--ink);background:#fff;
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.35rem;margin:.2rem 0}h2{font-size:1.05rem;margin:2rem 0 .3rem}
h3{font-size:.92rem;margin:1rem 0 .2rem}
p{margin:.3rem 0}.soft{color:var(--soft);font-size:.88rem}
.verdict{border-left:6px solid;border-radius:4px;padding:10px 14px;margin:12px 0;background:#f7f8fa}
.verdict b{font-size:1.2rem;display:block}
.v-shown{border-color:#15803d}.v-not-shown{border-color:#c2410c}.v-cannot-tell{border-color:#b7791f}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(145px,1fr));gap:10px;margin:12px 0}
.card{border:1px solid var(--line);border-radius:6px;padding:8px 12px}
.card span{display:block}.card .k{color:var(--soft);font-size:.8rem}
.card .v{font-size:1.25rem;font-weight:600;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.86rem}
th,td{padding:5px 10px;text-align:right;border-bottom:1px solid var(--line);
white-space:nowrap;font-variant-numeric:tabular-nums}
th:first-child,.w{text-align:left}
tbody th{position:sticky;left:0;background:#fff;font-weight:500}
td.w{white-space:normal;min-width:6rem;max-width:34rem}
thead th{font-weight:600;color:var(--soft)}
td.own{font-weight:600;background:#f1f6fc}
.ci{display:block;color:var(--soft);font-weight:400;font-size:.78rem}
.alarm{color:#b91c1c;font-weight:700}.up{color:#15803d}.down{color:#b91c1c}
details summary{cursor:pointer;color:var(--own)}
@media (max-width:600px){body{padding:10px}th,td{padding:4px 7px}tbody th{white-space:normal;
min-width:8rem;max-width:46vw}td.w{min-width:9rem}}
"""
VERDICT_CLASS = {SHOWN: "v-shown", NOT_SHOWN: "v-not-shown", CANNOT_TELL: "v-cannot-tell"}
CARDS = {
    "sharpe": "Sharpe ratio, net",
    "total_return": "return, net",
    "max_drawdown": "largest drawdown",
    "trades": "round trips",
    "win_rate": "round trips won",
    "cost_paid": "costs paid",
}


def write_report(folder: Path, data: ReportData) -> list[Section]:
    """Write ``report.html`` and ``report.md``, each whole or not at all; return what they show."""
    found = sections(data)
    write_text(folder / "report.md", text(data, found))
    write_text(folder / "report.html", page(data, found))
    return found


def page(data: ReportData, found: list[Section]) -> str:
    """Compose the page: verdict first, then every section; it loads nothing from anywhere."""
    return document(data.title, f"{_head(data)}{html_of(found)}")


def document(title: str, body: str) -> str:
    """Compose a page that holds its drawing library and style."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body>{body}</body></html>\n"
    )


def text(data: ReportData, found: list[Section]) -> str:
    """Compose the same as text: verdict first, tables in place of figures."""
    facts = "\n".join(f"- {one_line(f'{key}: {value}')}" for key, value in data.facts.items())
    means = f"{_means(data)}\n\n".lstrip()
    notes = "".join(f"**NOTE: {one_line(note)}**\n\n" for note in data.notes)
    return (
        f"# {one_line(data.title)}\n\n**{_verdict(data)}**: "
        f"{one_line(str(data.metrics.get('verdict_reason', '')))}\n\n{notes}{facts}\n\n"
        f"{rows_text(_cards(data))}\n{means}{text_of(found)}"
    )


def _verdict(data: ReportData) -> str:
    return str(data.metrics.get("verdict", CANNOT_TELL))


def _cards(data: ReportData) -> list[Row]:
    """The figures that stand beside the verdict."""
    kinds, metrics = {key: kind for key, _, kind in tables.ROWS}, data.metrics
    return [
        {
            "figure": label,
            "value": Cell(
                tables.shown(metrics.get(key), kinds[key]),
                tables.interval(metrics, key, kinds[key]),
            ),
        }
        for key, label in CARDS.items()
    ]


def _head(data: ReportData) -> str:
    """Title, verdict with its reason, and the cards."""
    cards = "".join(
        f'<div class="card"><span class="k">{escape(row["figure"])}</span>'
        f'<span class="v">{escape(row["value"].text)}</span>'
        f'<span class="ci">{escape(row["value"].small)}</span></div>'
        for row in _cards(data)
    )
    facts = " · ".join(f"{escape(k)}: {escape(v)}" for k, v in data.facts.items())
    notes = "".join(f'<p class="alarm">{escape(note)}</p>' for note in data.notes)
    verdict = _verdict(data)
    return (
        f'<h1>{escape(data.title)}</h1><p class="soft">{facts}</p>'
        f'<div class="verdict {VERDICT_CLASS[verdict]}"><b>{escape(verdict)}</b>'
        f"{escape(str(data.metrics.get('verdict_reason', '')))}</div>{notes}"
        f'<div class="cards">{cards}</div><p class="soft">{escape(_means(data))}</p>'
    )


def _means(data: ReportData) -> str:
    """What the figures beside the verdict are, of several paths."""
    told = paths_note(data.metrics)
    return sentence(told) if told else ""
