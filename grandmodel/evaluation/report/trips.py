"""Round trips on price, and how their profits spread."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from grandmodel.evaluation.accounts.track import FLAT_REASONS
from grandmodel.evaluation.accounts.trades import RoundTrips
from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.report.curves import thin
from grandmodel.evaluation.report.figures import CLASS_COLOURS, histogram_figure, line, styled
from grandmodel.evaluation.report.section import DOWN, UP, Cell, Picture, Row, Section
from grandmodel.evaluation.report.tables import shown

WINDOW_BARS = 300
TEXT_TRIPS = 12
SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
MARKERS = ((1, "long", "triangle-up", "bull"), (-1, "short", "triangle-down", "bear"))


def trip_sections(
    own: Measured, decisions: pd.DataFrame | None, close: np.ndarray | None
) -> list[Section]:
    """Return round trips on the price of one window, and the spread of all of them.

    Args:
        own: the account.
        decisions: rows of ``decisions.parquet``.
        close: close of the last bar of each decision.
    """
    if not len(own.trips):
        return []
    found = [] if decisions is None or close is None else [_on_price(own, decisions, close)]
    return [*found, _spread(own)]


def _on_price(own: Measured, decisions: pd.DataFrame, close: np.ndarray) -> Section:
    first, last, inside = window(own)
    times = decisions["timestamp"].iloc[first:last].dt.strftime("%Y-%m-%d %H:%M")
    figure = _price_figure(own.trips, inside, close[first:last], times, first)
    rows = _trip_rows(own, inside[-TEXT_TRIPS:], decisions)
    return Section(
        "Round trips on price",
        (Picture(figure, rows),),
        f"{times.iloc[0]} to {times.iloc[-1]} (UTC), the last stretch with round trips: triangles "
        "where positions were entered, crosses where they were left, at the prices of the fills; "
        "a green line earned after costs, a red one lost.",
    )


def window(own: Measured) -> tuple[int, int, np.ndarray]:
    """Return the rows [first, last) that end with the last round trip, and the trips inside.

    At most WINDOW_BARS rows of one segment.
    """
    trips, first = own.trips, own.track.first
    end = int(np.argmax(trips.exit_row))
    last = int(trips.exit_row[end]) + 1
    begin = max(int(first[trips.segment[end]]), last - WINDOW_BARS)
    inside = np.flatnonzero((trips.entry_row >= begin) & (trips.exit_row < last))
    return begin, last, inside


def _price_figure(
    trips: RoundTrips, inside: np.ndarray, price: np.ndarray, times: pd.Series, first: int
) -> go.Figure:
    figure = go.Figure(line(np.arange(len(price)), price, "close", "#9aa1ac", width=1.0))
    entry, exit_ = trips.entry_row[inside] - first, trips.exit_row[inside] - first
    paid, got = trips.entry_price[inside], trips.exit_price[inside]
    gaps = np.full(len(inside), np.nan)
    for won, name, colour in ((True, "earned", "bull"), (False, "lost", "bear")):
        of = (trips.pnl_net[inside] > 0) == won
        x = np.stack([entry, exit_ + 1, gaps], axis=1)[of].ravel()
        y = np.stack([paid, got, gaps], axis=1)[of].ravel()
        drawn = line(x, y, name, CLASS_COLOURS[colour], width=1.6)
        figure.add_trace(drawn.update(hoverinfo="skip"))
    for side, name, symbol, colour in MARKERS:
        of = trips.side[inside] == side
        figure.add_trace(_marks(entry[of], paid[of], f"{name} entry", symbol, colour))
    figure.add_trace(_marks(exit_ + 1, got, "exit", "x-thin", None))
    at = thin(len(price), 4)
    ticks = [time.replace(" ", "<br>") for time in times.iloc[at]]
    figure.update_xaxes(tickvals=at, ticktext=ticks, tickangle=0)
    return styled(figure, height=340, y_title="price").update_layout(hovermode="closest")


def _marks(x: np.ndarray, y: np.ndarray, name: str, symbol: str, colour: str | None) -> go.Scatter:
    ink = "#1f2937" if colour is None else CLASS_COLOURS[colour]
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        name=name,
        marker={"symbol": symbol, "size": 8, "color": ink, "line": {"width": 1.4, "color": ink}},
        hovertemplate="%{y:.6g}",
    )


def _trip_rows(own: Measured, which: np.ndarray, decisions: pd.DataFrame) -> list[Row]:
    trips, capital = own.trips, own.track.capital
    rows = []
    for at in which:
        net = float(1e4 * trips.pnl_net[at] / capital)
        rows.append(
            {
                "decided": f"{decisions['timestamp'].iloc[trips.entry_row[at]]:%Y-%m-%d %H:%M}",
                "side": "long" if trips.side[at] > 0 else "short",
                "entry": f"{trips.entry_price[at]:.6g}",
                "exit": f"{trips.exit_price[at]:.6g}",
                "bars": int(trips.bars_held[at]),
                "net, bp of the capital": Cell(shown(net, "number"), "", _mark(net)),
                "left by": FLAT_REASONS[trips.reason[at]].replace("_", " "),
            }
        )
    return rows


def _mark(value: float) -> str:
    return UP if value > 0 else DOWN if value < 0 else ""


def _spread(own: Measured) -> Section:
    """Distribution of the net profit of round trips."""
    net = 1e4 * own.trips.pnl_net / own.track.capital
    what = "net profit, bp of the capital"
    rows = [
        {"share of round trips below": f"{100 * share:g} %", what: shown(found, "number")}
        for share, found in zip(SHARES, np.quantile(net, SHARES).tolist(), strict=True)
    ]
    note = "How the net profits of all round trips of all paths spread: losses red, gains green."
    return Section("Round trips", (Picture(histogram_figure(net, what), rows),), note)
