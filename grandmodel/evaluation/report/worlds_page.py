"""One self-contained page: what each synthetic market looks like beside real bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from grandmodel.evaluation.report.figures import GRID, INK, OWN
from grandmodel.evaluation.report.html import CONFIG, rows_html
from grandmodel.evaluation.report.page import STYLE
from grandmodel.market.bars import Bars
from grandmodel.market.stylised import EDGES, HALF_HOURS, LAGS, Stylised

REAL, NORMAL, BAND = "#c2410c", "#9aa1ac", "rgba(18,87,166,0.35)"
SHOWN_BARS = 2_000
HEADINGS = (
    f"price, the first {SHOWN_BARS:,} bars",
    "density of r / sd (log)",
    "autocorrelation",
    "|r| by hour",
    "volume by hour",
)
LONG_KNOWN = ("bars", "skew")  # figures that the table leaves to facts.parquet
WIDTHS = (0.28, 0.2, 0.18, 0.17, 0.17)
ROW_PX, ACT_PX, ACT_COLUMNS = 112, 150, 4


@dataclass(frozen=True)
class ShownMarket:
    """One market of the page."""

    name: str
    about: str
    bars: Bars
    found: Stylised


@dataclass(frozen=True)
class ShownAct:
    """One act of stress: the bars around it, without and with it."""

    name: str
    before: Bars
    after: Bars


def worlds_page(
    markets: Sequence[ShownMarket], acts: Sequence[ShownAct], real: ShownMarket | None
) -> str:
    """Return the page as one HTML document that needs no network.

    Args:
        markets: synthetic markets, in the order in which they are shown.
        acts: acts of stress.
        real: bars of a file, drawn beside each of them; None: there are none.
    """
    known = [*markets, *([] if real is None else [real])]
    beside = "" if real is None else f" Drawn beside each in orange: {escape(real.about)}."
    told = (
        "<p>Half-hour bars. A return r is the log of close over open of one bar; gaps between bars "
        f"are left out. Hours are local. Blue: the market of the row.{beside} Grey: a normal "
        "distribution. In the third column the dotted line is r itself, the full one |r|.</p>"
    )
    body = [
        "<h1>Synthetic markets and what they look like</h1>",
        told,
        _figure(_markets_figure(known, real)),
        "<h2>Figures</h2>",
        rows_html([_row(market) for market in known]),
        "<h2>What each market is</h2>",
        "".join(f"<p><b>{escape(m.name)}</b>: {escape(m.about)}</p>" for m in known),
        "<h2>Stress</h2>",
        "<p>Close and range without (orange) and with (blue) the act; volume with it below.</p>",
        _figure(_acts_figure(acts)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Synthetic markets</title><style>{STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body>{''.join(body)}</body></html>\n"
    )


def facts_table(markets: Sequence[ShownMarket]) -> pd.DataFrame:
    """Return one row of figures per market, the first column its name."""
    return pd.DataFrame([{"market": market.name, **market.found.facts} for market in markets])


def _row(market: ShownMarket) -> dict[str, object]:
    facts = market.found.facts.items()
    shown = {k: None if v is None else rounded(v) for k, v in facts if k not in LONG_KNOWN}
    return {"market": market.name, **shown}


def rounded(value: float) -> str:
    """Return a figure with two digits after the point, one from 10 on, never -0.00."""
    return f"{value:.1f}" if abs(value) >= 10.0 else f"{round(value, 2) + 0.0:.2f}"


def _markets_figure(markets: Sequence[ShownMarket], real: ShownMarket | None) -> go.Figure:
    rows, tops = len(markets), _tops(markets)
    figure = make_subplots(
        rows=rows,
        cols=len(HEADINGS),
        column_widths=list(WIDTHS),
        column_titles=list(HEADINGS),
        horizontal_spacing=0.045,
        vertical_spacing=0.14 / rows,
        shared_xaxes=True,
    )
    for row, market in enumerate(markets, start=1):
        bars = market.bars.slice(0, SHOWN_BARS)
        figure.add_trace(_line(np.arange(len(bars)), bars.close, OWN), row=row, col=1)
        _draw_facts(figure, row, market.found, OWN, normal=True)
        if real is not None and market is not real:
            _draw_facts(figure, row, real.found, REAL, normal=False)
        figure.update_yaxes(title_text=f"<b>{escape(market.name)}</b>", row=row, col=1)
        figure.update_yaxes(
            type="log", range=[-5, 0.2], row=row, col=2, dtick=2, exponentformat="power"
        )
        figure.update_yaxes(range=[-0.1, 0.45], row=row, col=3, dtick=0.2)
        for col, top in zip((4, 5), tops, strict=True):
            figure.update_yaxes(range=[0, top], row=row, col=col, nticks=4)
        for col in (4, 5):
            figure.update_xaxes(range=[0, 24], dtick=6, row=row, col=col)
        figure.update_xaxes(range=[0, LAGS], dtick=20, row=row, col=3)
        figure.update_xaxes(range=[-10, 10], dtick=5, row=row, col=2)
    for col, title in enumerate(("bar", "sds", "lag, bars", "hour", "hour"), start=1):
        figure.update_xaxes(title_text=title, title_standoff=4, row=rows, col=col)
    figure.update_layout(height=ROW_PX * rows + 80, showlegend=False)
    figure.update_annotations(font_size=12)
    return figure


def _tops(markets: Sequence[ShownMarket]) -> list[float]:
    """Return where the axes of |r| and volume by hour end, so that all markets fit."""
    sizes = [market.found.day_size for market in markets]
    volumes = [it.found.day_volume for it in markets if it.found.day_volume is not None]
    return [1.05 * float(np.nanmax(np.concatenate(values))) for values in (sizes, volumes)]


def _draw_facts(figure: go.Figure, row: int, found: Stylised, colour: str, *, normal: bool) -> None:
    """Draw distribution, memory and hours of a market into columns 2 to 5."""
    middle = 0.5 * (EDGES[1:] + EDGES[:-1])
    if normal:
        bell = np.exp(-0.5 * middle**2) / np.sqrt(2.0 * np.pi)
        figure.add_trace(_line(middle, bell, NORMAL, dash="dash"), row=row, col=2)
    density = np.where(found.density > 0.0, found.density, np.nan)
    figure.add_trace(_line(middle, density, colour), row=row, col=2)
    lags = np.arange(1, LAGS + 1)
    figure.add_trace(_line(lags, found.memory, colour, dash="dot", width=1), row=row, col=3)
    figure.add_trace(_line(lags, found.memory_of_size, colour), row=row, col=3)
    hours = (np.arange(HALF_HOURS) + 0.5) / 2.0
    figure.add_trace(_line(hours, found.day_size, colour), row=row, col=4)
    if found.day_volume is not None:
        figure.add_trace(_line(hours, found.day_volume, colour), row=row, col=5)


def _acts_figure(acts: Sequence[ShownAct]) -> go.Figure:
    bands = -(-len(acts) // ACT_COLUMNS)
    figure = make_subplots(
        rows=2 * bands,
        cols=ACT_COLUMNS,
        row_heights=[0.72, 0.28] * bands,
        subplot_titles=_titles(acts, bands),
        horizontal_spacing=0.05,
        vertical_spacing=0.07,
    )
    for place, act in enumerate(acts):
        row, col = 2 * (place // ACT_COLUMNS) + 1, place % ACT_COLUMNS + 1
        zero = int(act.before.open_time_ns[0])
        for trace in _candles(act.before, REAL, zero, band=False):
            figure.add_trace(trace, row=row, col=col)
        for trace in _candles(act.after, OWN, zero, band=True):
            figure.add_trace(trace, row=row, col=col)
        volume = go.Bar(x=_bar_number(act.after, zero), y=act.after.volume, marker_color=OWN)
        figure.add_trace(volume, row=row + 1, col=col)
        figure.update_xaxes(showticklabels=False, row=row, col=col)
    figure.update_layout(height=2 * ACT_PX * bands + 60, showlegend=False, bargap=0.0)
    figure.update_annotations(font_size=12)
    return figure


def _titles(acts: Sequence[ShownAct], bands: int) -> list[str]:
    """Return titles of the price panels; those of volume have none."""
    names = [act.name for act in acts] + [""] * (bands * ACT_COLUMNS - len(acts))
    titles: list[str] = []
    for band in range(bands):
        titles += names[band * ACT_COLUMNS : (band + 1) * ACT_COLUMNS] + [""] * ACT_COLUMNS
    return titles


def _bar_number(bars: Bars, zero: int) -> NDArray[np.int64]:
    """Return places in time, so that absent bars leave a hole."""
    return (bars.open_time_ns - zero) // (bars.minutes * 60 * 10**9)


def _candles(bars: Bars, colour: str, zero: int, *, band: bool) -> list[go.Scatter]:
    """Return the close and, with `band`, the range of each bar, broken where bars are absent."""
    place = _bar_number(bars, zero)
    every = np.arange(place[0], place[-1] + 1)
    columns = {name: np.full(len(every), np.nan) for name in ("high", "low", "close")}
    for name, values in columns.items():
        values[place - place[0]] = getattr(bars, name)
    close = _line(every, columns["close"], colour, width=1.2)
    if not band:
        return [close]
    x = np.repeat(every, 3).astype(np.float64)
    y = np.stack([columns["low"], columns["high"], np.full(len(every), np.nan)], axis=1).ravel()
    return [_line(x, y, BAND, width=2.5), close]


def _line(
    x: NDArray, y: NDArray, colour: str, *, dash: str = "solid", width: float = 1.4
) -> go.Scatter:
    line = {"color": colour, "width": width, "dash": dash}
    return go.Scatter(x=x, y=y, mode="lines", line=line, connectgaps=False, hoverinfo="x+y")


def _figure(figure: go.Figure) -> str:
    figure.update_layout(
        margin={"l": 48, "r": 8, "t": 36, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 11, "color": INK},
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
    return figure.to_html(full_html=False, include_plotlyjs=False, config=CONFIG)
