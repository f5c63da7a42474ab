"""One self-contained page about the features of a file: what they look like and how they spread."""

from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from grandmodel.evaluation.report.coverage_figure import CLOSED, coverage_figure, coverage_words
from grandmodel.evaluation.report.feature_frames import (
    LARGEST_SD,
    LEAST_SD,
    MOST_CLIPPED,
    MOST_CONSTANT,
    Columns,
    spread_table,
)
from grandmodel.evaluation.report.figures import CLASS_COLOURS, GRID, INK, OWN
from grandmodel.evaluation.report.gap_figure import gap_figure, synergy_figure
from grandmodel.evaluation.report.html import CONFIG, rows_html
from grandmodel.evaluation.report.page import STYLE
from grandmodel.features.scaling import LIMIT
from grandmodel.features.synergy import KINDS
from grandmodel.market.coverage import Coverage

SHOWN_BARS = 1000
HISTOGRAM_BINS = 61
BULL, BEAR = CLASS_COLOURS["bull"], CLASS_COLOURS["bear"]
EVENT_SYMBOLS = {"created": "circle-open", "mitigated": "x-thin-open"}
GAP_WORDS = (
    "Zones from the close that creates a gap to the one that ends it, green bullish, red bearish. "
    "A ring: first touch of the near edge; a cross: filled to the far edge; a bar: expired."
)
SYNERGY_WORDS = (
    "The three signals stand where they were known, at the close of their bars, numbered in "
    "order; the zone is the gap that was filled."
)
TEST_WORDS = (
    f"A column passes with sd between {LEAST_SD} and {LARGEST_SD}, clipped on less than "
    f"{MOST_CLIPPED:.0%} and at one value on less than {MOST_CONSTANT:.0%} of the bars; one-bar "
    "pulses are exempt."
)


@dataclass(frozen=True)
class FeatureTables:
    """What a page is drawn from, all of one path."""

    title: str
    notes: tuple[str, ...]  # sentences about the data
    quality: pd.DataFrame
    prices: pd.DataFrame  # timestamp, close
    matrices: tuple[Columns, ...]  # of half hours, and of five minutes where there are any
    gap_prices: pd.DataFrame  # timestamp, open, high, low, close of the bars that gaps are on
    gap_minutes: int  # length of those bars
    gaps: pd.DataFrame  # as `gap_frame` gives it
    synergies: pd.DataFrame  # as `synergy_frame` gives it
    synergy_counts: pd.DataFrame  # type, count, per_year
    synergy_months: pd.DataFrame  # month, a column per type, all
    file: pd.DataFrame  # fact, value
    coverage: Coverage  # which bars are there


def feature_page(tables: FeatureTables) -> str:
    """Return the page as one HTML document that needs no network."""
    notes = "".join(f"<p>{escape(note)}</p>" for note in tables.notes)
    sections = [
        f"<h1>{escape(tables.title)}</h1>{notes}",
        _section("What is in the file", _table(tables.file)),
        _section(
            "Bars that are there and bars that are missing",
            f"<p>{escape(coverage_words(tables.coverage))}</p>"
            + _figure(coverage_figure(tables.coverage), CLOSED),
        ),
        _section("Data quality", _table(tables.quality)),
        _section(
            f"Price, gaps and synergies, the last {SHOWN_BARS} bars",
            _figure(_price_figure(tables)),
        ),
        _section("Gaps on price", f"<p>{escape(GAP_WORDS)}</p>" + _figure(_gaps(tables))),
        _section(
            "Synergies per type",
            _table(tables.synergy_counts)
            + _figure(_synergy_figure(tables.synergies))
            + _table(tables.synergy_months.iloc[::-1]),
        ),
        *_drawn_synergies(tables),
        *(part for columns in tables.matrices for part in _columns(columns)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(tables.title)}</title><style>{STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body>{''.join(sections)}</body></html>\n"
    )


def _gaps(tables: FeatureTables) -> go.Figure:
    return gap_figure(tables.gap_prices, tables.gaps, tables.gap_minutes)


def _drawn_synergies(tables: FeatureTables) -> list[str]:
    """Return the section of synergies on price, none where their signals are unknown."""
    if tables.synergies[list(KINDS)].dropna().empty:
        return []
    drawn = synergy_figure(tables.gap_prices, tables.gaps, tables.synergies, tables.gap_minutes)
    words = f"<p>{escape(SYNERGY_WORDS)}</p>"
    return [_section("The latest synergy of each type", words + _figure(drawn))]


def _columns(columns: Columns) -> list[str]:
    """Return the sections of one clock's columns: over time, and how they spread."""
    bars = f"bars of {columns.minutes} minutes"
    spread = _table(spread_table(columns)) + _figure(_spread_figure(columns))
    return [
        _section(f"Scaled columns, the last {SHOWN_BARS} {bars}", _figure(_column_figure(columns))),
        _section(
            f"Spread of the scaled columns after the first {columns.warmup_bars} {bars}",
            f"<p>{escape(TEST_WORDS)}</p>" + spread,
        ),
    ]


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _table(frame: pd.DataFrame) -> str:
    """Rows of a frame as a table, as long as a reader needs; what is missing becomes a dash."""
    records = frame.to_dict("records")
    return rows_html([{str(key): _cell(row[key]) for key in row} for row in records])


def _cell(value: object) -> object:
    if value is None or pd.isna(value):  # pyright: ignore[reportGeneralTypeIssues]
        return None
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:.4g}" if isinstance(value, float) else value


def _figure(figure: go.Figure, background: str = "rgba(0,0,0,0)") -> str:
    figure.update_layout(
        margin={"l": 48, "r": 12, "t": 24, "b": 36},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor=background,
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
    return figure.to_html(full_html=False, include_plotlyjs=False, config=CONFIG)


def _recent(frame: pd.DataFrame, column: str, since: pd.Timestamp) -> pd.DataFrame:
    return pd.DataFrame(frame[frame[column] >= since])


def _price_figure(tables: FeatureTables) -> go.Figure:
    """Close, with births and fills of gaps and synergies where they were known."""
    prices = tables.prices.tail(SHOWN_BARS)
    figure = go.Figure(
        go.Scatter(
            x=prices["timestamp"], y=prices["close"], name="close", line={"color": OWN, "width": 1}
        )
    )
    if prices.empty:
        return figure
    since = prices["timestamp"].iloc[0]
    level = pd.Series(prices["close"].to_numpy(), prices["timestamp"])
    gaps = _recent(tables.gaps, "time", since)
    for event, symbol in EVENT_SYMBOLS.items():
        kind = pd.DataFrame(gaps[gaps["event"] == event])
        figure.add_trace(_markers(kind, level, f"gap {event}", symbol, 6))
    synergies = _recent(tables.synergies, "time", since)
    figure.add_trace(_markers(synergies, level, "synergy", "triangle-up", 12))
    figure.update_layout(height=420)
    return figure


def _markers(
    events: pd.DataFrame, level: pd.Series, name: str, symbol: str, size: int
) -> go.Scatter:
    """Markers at the close last known, green for bullish and red for bearish events."""
    height = np.asarray(level.asof(events["time"])) if len(events) else []
    bullish = events["direction"].to_numpy() > 0
    marker = {
        "symbol": symbol,
        "size": size,
        "angle": np.where(bullish | (symbol != "triangle-up"), 0, 180),
        "color": np.where(bullish, BULL, BEAR),
    }
    shown = "legendonly" if name.startswith("gap") else True
    return go.Scatter(
        x=events["time"], y=height, mode="markers", name=name, marker=marker, visible=shown
    )


def _synergy_figure(synergies: pd.DataFrame) -> go.Figure:
    """How many synergies of each type there are per month, in both directions."""
    figure = go.Figure()
    if len(synergies):
        month = synergies["time"].dt.strftime("%Y-%m")
        for side, name, colour in ((1, "bullish", BULL), (-1, "bearish", BEAR)):
            count = month[synergies["direction"] == side].value_counts().sort_index()
            figure.add_trace(
                go.Bar(x=count.index, y=count.to_numpy(), name=name, marker_color=colour)
            )
    figure.update_layout(height=260, barmode="stack", yaxis_title="per month")
    return figure


def _column_figure(columns: Columns) -> go.Figure:
    """Each scaled column of the matrix over time, one below the other."""
    recent, names = columns.frame.tail(SHOWN_BARS), columns.names
    figure = make_subplots(
        rows=len(names), cols=1, shared_xaxes=True, vertical_spacing=0.018,
        subplot_titles=list(names),
    )  # fmt: skip
    for row, name in enumerate(names, start=1):
        line = {"color": OWN, "width": 1}
        values = recent[f"scaled_{name}"]
        trace = go.Scatter(x=recent["timestamp"], y=values, line=line, name=name)
        figure.add_trace(trace, row=row, col=1)
    figure.update_annotations(x=0.0, xanchor="left", font_size=11)
    figure.update_layout(height=110 * len(names), showlegend=False)
    return figure


def _spread_figure(shown: Columns) -> go.Figure:
    """A histogram of each scaled column, counted here so that the page stays small."""
    columns, names = 4, shown.names
    rows = -(-len(names) // columns)
    figure = make_subplots(rows=rows, cols=columns, subplot_titles=list(names))
    edges = np.linspace(-LIMIT, LIMIT, HISTOGRAM_BINS + 1)
    for place, name in enumerate(names):
        values = shown.frame[f"scaled_{name}"].to_numpy(np.float64)[shown.warmup_bars :]
        count = np.histogram(values, edges)[0] / max(len(values), 1)
        bars = go.Bar(x=(edges[1:] + edges[:-1]) / 2, y=count, marker_color=OWN)
        figure.add_trace(bars, row=place // columns + 1, col=place % columns + 1)
    figure.update_annotations(font_size=11)
    figure.update_layout(height=180 * rows, showlegend=False, bargap=0.0)
    return figure
