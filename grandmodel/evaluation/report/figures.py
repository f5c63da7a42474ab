"""Figures of a report, as plotly objects; the page gives them titles."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from grandmodel.core.types import CLASS_NAMES
from grandmodel.evaluation.report.curves import MAX_POINTS, EquityCurve, path_x, thin

OWN = "#1257a6"
KNOWN = {
    "flat": "#9aa1ac",
    "long_only": "#b7791f",
    "vol_target": "#a3485f",
    "ma_cross": "#7c4d9e",
    "random": "#0f766e",
}
OTHERS = ("#8a5a2b", "#4b6b2f", "#50586b", "#b8860b")
CLASS_COLOURS = {"bear": "#c2410c", "neutral": "#d7dade", "bull": "#15803d"}
INK = "#1f2937"
GRID = "#e7e9ed"
TEMPLATE = go.layout.Template(  # the library's own is longer than most figures
    layout={axis: {"automargin": True, "title": {"standoff": 12}} for axis in ("xaxis", "yaxis")}
)
BESIDE_POINTS = 600  # of a curve that the policy's is compared with
WINDOW_DECISIONS = 1_000  # decisions shown bar by bar


def equity_figure(own: EquityCurve, others: Mapping[str, EquityCurve]) -> go.Figure:
    """Growth of one unit: the policy with its resampling band, and every baseline."""
    figure = go.Figure()
    if own.low is not None and own.high is not None:
        figure.add_trace(line(own.x, own.high, "", width=0, legend=False, points=BESIDE_POINTS))
        band = line(own.x, own.low, "95 % band", width=0, points=BESIDE_POINTS)
        band.update(fill="tonexty", fillcolor="rgba(18,87,166,0.13)")
        figure.add_trace(band)
    for curve in own.paths:
        thread = line(path_x(own, len(curve)), curve, "", OWN, width=0.6, legend=False)
        figure.add_trace(thread.update(opacity=0.25, hoverinfo="skip"))
    for name, colour in named_colours(others).items():
        curve = others[name]
        label = name.replace("_", " ")
        thread = line(curve.x, curve.level, label, colour, width=1.3, points=BESIDE_POINTS)
        figure.add_trace(thread)
    figure.add_trace(line(own.x, own.level, "policy", OWN, width=2.4))
    return styled(figure, height=400, y_title="growth of 1", x=own.x)


def drawdown_figure(own: EquityCurve, others: Mapping[str, EquityCurve]) -> go.Figure:
    """Fall from the highest level so far, in percent."""
    figure = go.Figure()
    for name, colour in named_colours(others).items():
        fall, label = 100 * others[name].drawdown, name.replace("_", " ")
        thread = line(others[name].x, fall, label, colour, width=1.0, points=BESIDE_POINTS)
        figure.add_trace(thread)
    mine = line(own.x, 100 * own.drawdown, "policy", OWN, width=1.8)
    figure.add_trace(mine.update(fill="tozeroy", fillcolor="rgba(18,87,166,0.12)"))
    return styled(figure, height=240, y_title="below peak, %", x=own.x)


def decision_figure(
    decisions: pd.DataFrame, price: np.ndarray, agents: Sequence[str], y_title: str = "close"
) -> go.Figure:
    """Price with the positions taken on it, and who said what, decision by decision.

    Args:
        decisions: rows of one segment, at most WINDOW_DECISIONS are shown (the last ones).
        price: close of each row's last bar.
        agents: names, one band of probabilities each, below the ensemble's.
        y_title: what the price axis shows.
    """
    decisions, price = decisions.iloc[-WINDOW_DECISIONS:], price[-WINDOW_DECISIONS:]
    bands = probability_bands(decisions, agents)
    names, said = [*bands], _said_by_colour(bands)
    heights = [0.40] + [0.60 / len(names)] * len(names)
    figure = make_subplots(
        rows=1 + len(names),
        cols=1,
        shared_xaxes=True,
        row_heights=heights,
        vertical_spacing=0.018,
    )
    x = np.arange(len(decisions), dtype=np.int16)
    for trace in _price_traces(x, price, decisions["action"].to_numpy()):
        figure.add_trace(trace, row=1, col=1)
    times = decisions["timestamp"].dt.strftime("%Y-%m-%d %H:%M")
    figure.data[0].update(text=[*times], hovertemplate="%{y:.6g}<extra>close %{text}</extra>")
    at = thin(len(decisions), 4)
    ticks = {"tickvals": at, "ticktext": [time.replace(" ", "<br>") for time in times.iloc[at]]}
    for row, name in enumerate(names, start=2):
        parts = zip(CLASS_COLOURS.values(), said, bands[name], strict=True)
        for colour, all_labels, (label, column) in parts:
            figure.add_trace(
                go.Scatter(
                    x0=0,
                    y=_percent(decisions[column].to_numpy(np.float64)),
                    name=all_labels,
                    legendgroup=all_labels,
                    showlegend=row == 2,
                    stackgroup=name,
                    line={"width": 0, "color": colour},
                    fillcolor=colour,
                    hovertemplate=f"{name} {label} %{{y}} %<extra></extra>",
                ),
                row=row,
                col=1,
            )
        figure.update_yaxes(
            title={"text": name, "font": {"size": 11}},
            range=[0, 100],
            showticklabels=False,
            row=row,
            col=1,
        )
    figure.update_yaxes(title={"text": y_title, "font": {"size": 11}}, row=1, col=1)
    figure.update_xaxes(**ticks, tickangle=0)
    drawn = styled(figure, height=300 + 95 * len(names))
    return drawn.update_layout(legend_traceorder="normal")


def _said_by_colour(bands: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    """What each colour stands for in all bands: classes of agents differ where they vote."""
    labels = [[label for label, _ in columns] for columns in bands.values()]
    return [" / ".join(dict.fromkeys(of_colour)) for of_colour in zip(*labels, strict=True)]


def probability_bands(
    decisions: pd.DataFrame, agents: Sequence[str]
) -> dict[str, list[tuple[str, str]]]:
    """Return class and column of each probability by whose it is, the ensemble's if it has any."""
    bands = {}
    if bool(decisions[f"p_{CLASS_NAMES[0]}"].notna().to_numpy().any()):
        bands["ensemble"] = [(label, f"p_{label}") for label in CLASS_NAMES]
    for name in agents:
        columns = [column for column in decisions if str(column).startswith(f"p_{name}_")]
        bands[name] = [(str(column).removeprefix(f"p_{name}_"), str(column)) for column in columns]
    return bands


def _price_traces(x: np.ndarray, price: np.ndarray, action: np.ndarray) -> list[go.Scatter]:
    """The close, thick where a position is held, with a mark wherever it changes."""
    traces = [line(x, price, "close", "#9aa1ac", width=1.0)]
    for side, label, name in ((1, "bull", "long"), (-1, "bear", "short")):
        held = np.where(action == side, price, np.nan)
        traces.append(line(x, held, name, CLASS_COLOURS[label], width=2.2))
    change = np.flatnonzero(np.diff(action, prepend=0) != 0)
    symbols = {1: "triangle-up", -1: "triangle-down", 0: "circle-open"}
    colours = {1: CLASS_COLOURS["bull"], -1: CLASS_COLOURS["bear"], 0: INK}
    traces.append(
        go.Scatter(
            x=x[change],
            y=price[change],
            mode="markers",
            name="decision",
            marker={
                "symbol": [symbols[int(a)] for a in action[change]],
                "color": [colours[int(a)] for a in action[change]],
                "size": 7,
                "line": {"width": 1},
            },
            hovertemplate="%{y:.6g}<extra>decision</extra>",
        )
    )
    return traces


def bars_figure(values: Mapping[str, float], highlight: str | None, y_title: str) -> go.Figure:
    """A bar for each named value; one of them highlighted."""
    colours = [OWN if name == highlight else "#b9c2cf" for name in values]
    figure = go.Figure(go.Bar(x=list(values), y=list(values.values()), marker_color=colours))
    figure.update_xaxes(type="category")
    return styled(figure, height=220, y_title=y_title, x_title="gate")


def histogram_figure(values: np.ndarray, x_title: str) -> go.Figure:
    """Distribution of a figure over round trips, binned here so that the page stays small."""
    low, high = (np.quantile(values, [0.005, 0.995])) if len(values) else (0.0, 1.0)
    counts, edges = np.histogram(np.clip(values, low, high), bins=60)
    centres = (edges[1:] + edges[:-1]) / 2
    colours = [CLASS_COLOURS["bull"] if c > 0 else CLASS_COLOURS["bear"] for c in centres]
    figure = go.Figure(go.Bar(x=centres, y=counts, marker_color=colours))
    figure.update_layout(bargap=0.05)
    return styled(figure, height=220, y_title="round trips", x_title=x_title)


def line(
    x: np.ndarray,
    y: np.ndarray,
    name: str,
    colour: str = OWN,
    *,
    width: float,
    legend: bool = True,
    points: int = MAX_POINTS,
) -> go.Scatter:
    """A curve, thinned to what a page can carry."""
    keep = thin(len(x), points)
    return go.Scatter(
        x=np.asarray(x)[keep],
        y=_small(np.asarray(y)[keep]),
        name=name,
        mode="lines",
        showlegend=legend,
        line={"color": colour, "width": width},
    )


def _percent(probabilities: np.ndarray) -> np.ndarray:
    """Whole percents, a byte each; what is undefined stays out of the drawing."""
    if np.isfinite(probabilities).all():
        return np.rint(100.0 * probabilities).astype(np.uint8)
    return _small(np.rint(100.0 * probabilities))


def _small(values: np.ndarray) -> np.ndarray:
    """Single precision: what a page can show, at a quarter of the characters."""
    return np.asarray(values, dtype=np.float32)


def named_colours(others: Iterable[str]) -> dict[str, str]:
    """One colour per name, the same in every figure."""
    names = [*others]
    unknown = [name for name in names if name not in KNOWN]
    return {name: KNOWN.get(name) or OTHERS[unknown.index(name) % len(OTHERS)] for name in names}


def styled(
    figure: go.Figure,
    *,
    height: int,
    y_title: str | None = None,
    x_title: str | None = None,
    x: np.ndarray | None = None,
) -> go.Figure:
    """One look for all figures; the legend stands above, so that phones keep the width.

    Args:
        figure: what is drawn.
        height: pixels.
        y_title: of the vertical axis.
        x_title: of the horizontal one.
        x: places of sessions, which say what the horizontal axis is.
    """
    if x is not None:
        dated = x.dtype.kind == "f"
        figure.update_xaxes(type="date" if dated else "linear")
        x_title = x_title or ("close of the session" if dated else "session, mean over paths")
    figure.layout.template = TEMPLATE
    figure.update_layout(
        height=height,
        margin={"l": 48, "r": 12, "t": 8, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
        hoverlabel={"bgcolor": "white"},
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
    if y_title is not None:
        figure.update_yaxes(title={"text": y_title, "font": {"size": 11}})
    if x_title:
        figure.update_xaxes(title={"text": x_title, "font": {"size": 11}})
    return figure
