"""Gaps and synergies drawn on candles: zones with what became of them, signals in their order."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from grandmodel.evaluation.report.figures import CLASS_COLOURS, INK
from grandmodel.features.synergy import KINDS, TYPE_NAMES

BULL, BEAR, PALE = CLASS_COLOURS["bull"], CLASS_COLOURS["bear"], "#8b929e"
WINDOW_BARS = 144  # candles with gaps on them
LOOKED_AT = 6000  # latest bars, among which the liveliest window is shown
BEFORE, AFTER = 10, 10  # candles around the signals of a synergy
ENDS = ("mitigated", "expired")
SIGNS = {"touched": "circle-open", "mitigated": "x", "expired": "line-ns-open"}


@dataclass(frozen=True)
class Candles:
    """Some bars, and how long one is."""

    frame: pd.DataFrame  # timestamp (open), open, high, low, close
    minutes: int

    @property
    def step(self) -> Any:
        """How long a bar is, as pandas takes it."""
        return pd.Timedelta(minutes=self.minutes)

    @property
    def start(self) -> Any:
        """When the first one opens, a time stamp."""
        return self.frame["timestamp"].iloc[0]

    @property
    def end(self) -> Any:
        """When the last one closes, a time stamp."""
        return self.frame["timestamp"].iloc[-1] + self.step

    @property
    def unit(self) -> float:
        """A small distance on the price axis."""
        high, low = self.frame["high"].to_numpy(), self.frame["low"].to_numpy()
        return 0.05 * float(high.max() - low.min())

    def trace(self) -> go.Candlestick:
        """Draw them, hollow where they rose."""
        data = self.frame
        side = {"line": {"color": PALE, "width": 1}}
        return go.Candlestick(
            x=data["timestamp"] + self.step / 2, open=data["open"], high=data["high"],
            low=data["low"], close=data["close"], showlegend=False,
            increasing=side | {"fillcolor": "#ffffff"}, decreasing=side | {"fillcolor": PALE},
        )  # fmt: skip


def gap_figure(prices: pd.DataFrame, gaps: pd.DataFrame, minutes: int) -> go.Figure:
    """Return candles of the liveliest of the latest windows, with the zones of its gaps.

    Args:
        prices: bars that gaps are found on, as `price_frame` gives them.
        gaps: what happened to gaps, as `gap_frame` gives it.
        minutes: length of those bars.
    """
    first = _liveliest(prices, gaps)
    shown = prices.iloc[first : first + WINDOW_BARS]
    figure = go.Figure()
    figure.update_layout(height=480, xaxis_rangeslider_visible=False, yaxis_title="price")
    if shown.empty:
        return figure
    candles = Candles(shown, minutes)
    figure.add_trace(candles.trace())
    zones = gap_zones(gaps, candles.end)
    inside = (zones["end"] > candles.start) & (zones["born"] <= candles.end)
    for zone in _rows(zones[inside]):
        figure.add_shape(**_box(zone | {"end": min(zone["end"], candles.end)}))
    seen = gaps[(gaps["time"] > candles.start) & (gaps["time"] <= candles.end)]
    for event, symbol in SIGNS.items():
        figure.add_trace(_signs(pd.DataFrame(seen[seen["event"] == event]), event, symbol))
    figure.update_xaxes(range=[candles.start, candles.end])
    return figure


def gap_zones(gaps: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """Return one row per gap: ``born``, ``end`` (``until`` where active), edges, ``direction``."""
    zones = gaps[gaps["event"] == "created"].set_index("born")
    ends = gaps[gaps["event"].isin(ENDS)].set_index("born")["time"]
    zones = zones.assign(end=ends.reindex(zones.index).fillna(until))
    return pd.DataFrame(zones.reset_index()[["born", "end", "bottom", "top", "direction"]])


def _rows(frame: Any) -> list[dict[str, Any]]:
    return frame.to_dict("records")


def synergy_figure(
    prices: pd.DataFrame, gaps: pd.DataFrame, synergies: pd.DataFrame, minutes: int
) -> go.Figure:
    """Return the latest synergy of each type on candles, its three signals numbered in order.

    Args:
        prices: bars that gaps are found on, as `price_frame` gives them.
        gaps: what happened to gaps, as `gap_frame` gives it.
        synergies: as `synergy_frame` gives them, with the closes of their signals.
        minutes: length of the bars.
    """
    latest = synergies.dropna(subset=list(KINDS)).groupby("type").tail(1)
    chosen = latest.set_index("type").reindex(TYPE_NAMES).dropna(how="all").reset_index()
    titles = [_title(row) for row in _rows(chosen)]
    rows = max(-(-len(chosen) // 2), 1)
    figure = make_subplots(rows=rows, cols=2, subplot_titles=titles, vertical_spacing=0.16)
    for place, synergy in enumerate(_rows(chosen)):
        cell: dict[str, Any] = {"row": place // 2 + 1, "col": place % 2 + 1}
        candles = _around(prices, synergy, minutes)
        _draw_synergy(figure, cell, candles, gap_zones(gaps, candles.end), synergy)
    figure.update_xaxes(rangeslider_visible=False)
    figure.update_annotations(font_size=12)
    figure.update_layout(height=360 * rows, showlegend=False)
    return figure


def _around(prices: pd.DataFrame, synergy: dict[str, Any], minutes: int) -> Candles:
    """Return the candles from before the first signal to after the last."""
    opens = prices["timestamp"]
    first, last = (
        int(opens.searchsorted(time)) for time in (min(synergy[k] for k in KINDS), synergy["time"])
    )
    return Candles(prices.iloc[max(first - 1 - BEFORE, 0) : last + AFTER], minutes)


def _draw_synergy(
    figure: go.Figure,
    cell: dict[str, Any],
    candles: Candles,
    zones: pd.DataFrame,
    synergy: dict[str, Any],
) -> None:
    """Draw one synergy: the gap that was filled, and its signals below or above the price."""
    bullish = synergy["direction"] > 0
    colour = BULL if bullish else BEAR
    figure.add_trace(candles.trace(), **cell)
    filled = (zones["end"] == synergy["fvg"]) & (zones["direction"] == synergy["direction"])
    for zone in _rows(zones[filled]):
        figure.add_shape(**_box(zone | {"born": max(zone["born"], candles.start)}), **cell)
    low, high = candles.frame["low"].to_numpy().min(), candles.frame["high"].to_numpy().max()
    away = -candles.unit if bullish else candles.unit
    edge = float(low if bullish else high)
    for number, (time, kind) in enumerate(sorted((synergy[kind], kind) for kind in KINDS)):
        height = edge + away * (1.0 + 1.6 * number)
        figure.add_trace(_signal(time, height, f"{number + 1} {kind}", colour, bullish), **cell)
        figure.add_vline(x=time, line={"color": colour, "width": 1, "dash": "dot"}, **cell)


def _signal(
    time: pd.Timestamp, height: float, label: str, colour: str, bullish: bool
) -> go.Scatter:
    return go.Scatter(
        x=[time], y=[height], mode="markers+text", text=[f" {label}"],
        textposition="middle right", textfont={"color": INK, "size": 11},
        marker={"symbol": "triangle-up" if bullish else "triangle-down", "size": 11,
                "color": colour}, hovertext=[f"{label}, known from {time:%H:%M}"],
    )  # fmt: skip


def _title(synergy: dict[str, Any]) -> str:
    side = "bullish" if synergy["direction"] > 0 else "bearish"
    tied = ", tied" if synergy["tied"] else ""
    return (
        f"{synergy['type']} {side}, {synergy['time']:%Y-%m-%d %H:%M}, "
        f"confidence {synergy['confidence']:.2f}{tied}"
    )


def _liveliest(prices: pd.DataFrame, gaps: pd.DataFrame) -> int:
    """Return the first row of the latest window in which most kinds of things happen to gaps."""
    last = max(len(prices) - WINDOW_BARS, 0)
    starts = range(last, max(last - LOOKED_AT, -1), -WINDOW_BARS // 2)
    rows = prices["timestamp"].searchsorted(gaps["time"].to_numpy()) - 1
    kinds = gaps["event"].to_numpy(object) + np.where(gaps["direction"] > 0, "+", "-")
    found = [len(set(kinds[(rows >= at) & (rows < at + WINDOW_BARS)])) for at in starts]
    return starts[int(np.argmax(found))]


def _box(zone: dict[str, Any]) -> dict[str, Any]:
    """Return a zone from the close that created the gap to the one that ended it."""
    colour = BULL if zone["direction"] > 0 else BEAR
    return {
        "type": "rect", "x0": zone["born"], "x1": zone["end"], "y0": zone["bottom"],
        "y1": zone["top"], "fillcolor": colour, "opacity": 0.28, "line": {"width": 0},
        "layer": "below",
    }  # fmt: skip


def _signs(events: pd.DataFrame, name: str, symbol: str) -> go.Scatter:
    """Mark touches at the near edge, fills at the far one, expiry in the middle."""
    bullish = events["direction"] > 0
    near = np.where(bullish, events["top"], events["bottom"])
    far = np.where(bullish, events["bottom"], events["top"])
    height = {"touched": near, "mitigated": far}.get(name, (near + far) / 2.0)
    colour = np.where(bullish, BULL, BEAR)
    marker = {"symbol": symbol, "size": 8, "color": colour, "line": {"color": colour, "width": 2}}
    return go.Scatter(x=events["time"], y=height, mode="markers", name=name, marker=marker)
