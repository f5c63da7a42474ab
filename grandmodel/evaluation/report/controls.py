"""Controls in a report: what is left of a result when something about it is changed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from grandmodel.evaluation.report.figures import INK, OTHERS, OWN, line, styled
from grandmodel.evaluation.report.section import OWN as BEST
from grandmodel.evaluation.report.section import Cell, Picture, Row, Section, Table, shown
from grandmodel.evaluation.report.words import kept_text

Record = Mapping[str, Any]  # `controls` of metrics.json
BINS = 24
HEIGHT = 240
DECADE, FEW = 10.0, 8  # values that far apart stand on a logarithmic axis; so few have own ticks
KEPT_NOTE = (
    "Clause 5 of the verdict asks that one decision of delay keeps half of the net Sharpe ratio; "
    "kept is counted on the sessions of all paths together (of a cpcv it is the ratio of the "
    "means told here). none: a loss is left; undefined: the net Sharpe ratio cannot be told from "
    "zero, so there is nothing to keep a share of."
)


def control_sections(metrics: Mapping[str, Any]) -> list[Section]:
    """Return the sections of what ``controls`` of ``metrics.json`` holds, none without it."""
    record = metrics.get("controls")
    if not record:
        return []
    found = (
        _costs(record),
        _delay(record, metrics),
        _regimes(record),
        _surrogates(record),
        _shifts(record),
        _capacity(record),
    )
    return [section for section in found if section is not None]


def _number(value: Any) -> str:
    return shown(value, "number")


def _fine(value: Any) -> str:
    """Basis points per decision are small: three digits behind the point."""
    text = f"{value:.3f}" if isinstance(value, int | float) else None
    return text.replace("-", "\N{MINUS SIGN}") if text else shown(None, "number")


def _costs(record: Record) -> Section | None:
    """Net Sharpe against the factor on all costs, a line for each delay."""
    found = record.get("costs") or []
    delays = sorted({row["delay_bars"] for row in found})
    figure = go.Figure()
    for place, delay in enumerate(delays):
        points = [row for row in found if row["delay_bars"] == delay]
        colour = OWN if delay == 0 else OTHERS[(place - 1) % len(OTHERS)]
        name = "at once" if delay == 0 else f"{delay} decision{'s' if delay > 1 else ''} late"
        figure.add_trace(_dotted(points, "cost_scale", name, colour))
    figure.add_hline(y=0.0, line={"color": INK, "width": 1})
    styled(figure, height=HEIGHT, y_title="net Sharpe ratio", x_title="factor on all costs")
    rows = [
        {
            "factor on costs": f"{row['cost_scale']:g}",
            "decisions late": str(row["delay_bars"]),
            "Sharpe": _number(row["sharpe"]),
            "return": shown(row["total_return"], "percent"),
            "net, bp a decision": _fine(row["net_mean_bp"]),
            "round trips": shown(row["trades"], "count"),
        }
        for row in found
    ]
    note = "The team judged again at each factor and delay; it sees the account it has there."
    scale = record.get("break_even_cost_scale")
    if scale is not None and scale > 0.0:
        note += f" Its gross profit is {_number(scale)} times its costs."
    elif scale is not None:
        note += " It lost money before costs."
    return Section("Other costs", (Picture(figure, ()), Table(rows)), note) if rows else None


def _dotted(points: Sequence[Record], x: str, name: str, colour: str) -> go.Scatter:
    """A line with a mark at each of its few points."""
    curve = line(
        np.array([row[x] for row in points], dtype=np.float64),
        np.array([_or_nan(row["sharpe"]) for row in points]),
        name,
        colour,
        width=2.0,
    )
    return curve.update(mode="lines+markers")


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _delay(record: Record, metrics: Record) -> Section | None:
    rows = [
        {
            "later by": row["name"],
            "Sharpe": _number(row["sharpe"]),
            "kept": "" if row["sharpe"] is None else kept_text(row["kept"], metrics),
            "not available": row.get("reason") or "",
        }
        for row in record.get("delay") or []
    ]
    return Section("Orders that come later", (Table(_filled(rows)),), KEPT_NOTE) if rows else None


def _filled(rows: list[dict[str, str]]) -> Sequence[Row]:
    """Leave out the column of reasons where there are none."""
    if any(row["not available"] for row in rows):
        return rows
    return [{k: v for k, v in row.items() if k != "not available"} for row in rows]


def _regimes(record: Record) -> Section | None:
    rows = [
        {
            "regime": row["regime"].replace("_", " "),
            "share of decisions": shown(row["share"], "percent"),
            "exposure": shown(row["exposure"], "percent"),
            "net, bp a decision": _fine(row["net_mean_bp"]),
            "Sharpe": _number(row["sharpe"]),
        }
        for row in record.get("regimes") or []
    ]
    note = (
        "By the regime known when the decision was taken. The Sharpe ratio is that of what was "
        "earned in the regime, over the sessions that had it."
    )
    return Section("By regime", (Table(rows),), note) if rows else None


def _surrogates(record: Record) -> Section | None:
    found = record.get("phase_randomised")
    if not found:
        return None
    rows = [
        {
            "draws": str(found["draws"]),
            "Sharpe on the real bars": _number(found["real_sharpe"]),
            "median of the draws": _number(found["sharpe_median"]),
            "95 % of the draws below": _number(found["sharpe_p95"]),
            "p": f"{found['p_value']:.3f}",
        }
    ]
    figure = _among(found["sharpe"], found["real_sharpe"], "real bars")
    note = (
        "The same team on bars whose returns have the same power spectrum in another order. If it "
        "earns as much there, it does not know what it seems to know; a low p speaks for it. Real "
        "bars and draws are the first sessions of the first path, so their ratio is not quite the "
        "one above; with so many "
        f"draws p cannot fall below {1 / (found['draws'] + 1):.3f}."
    )
    return Section("Bars with random phases", (Picture(figure, ()), Table(rows)), note)


def _shifts(record: Record) -> Section | None:
    found = record.get("label_shift")
    if not found:
        return None
    drawn = np.array(found["sharpe"])
    rows = [
        {
            "shifts": str(len(drawn)),
            "Sharpe where they were": _number(found["unshifted_sharpe"]),
            "median of the shifts": _number(float(np.median(drawn))),
            "95 % of the shifts below": _number(float(np.quantile(drawn, 0.95))),
            "p": f"{found['p_value']:.3f}",
        }
    ]
    figure = _among(drawn, found["unshifted_sharpe"], "where they were")
    note = (
        "The team's own positions, shifted by whole sessions against the prices; with so many "
        f"shifts p cannot fall below {1 / (len(drawn) + 1):.3f}."
    )
    return Section("Positions at other times", (Picture(figure, ()), Table(rows)), note)


def _among(drawn: Sequence[float] | np.ndarray, own: float, name: str) -> go.Figure:
    """How often each ratio was drawn, and where the own one stands."""
    counts, edges = np.histogram(np.append(drawn, own), bins=BINS)
    counts, _ = np.histogram(drawn, bins=edges)
    figure = go.Figure(go.Bar(x=(edges[1:] + edges[:-1]) / 2, y=counts, marker_color="#b9c2cf"))
    figure.add_vline(x=own, line={"color": OWN, "width": 2}, annotation_text=name)
    figure.update_layout(bargap=0.05, showlegend=False)
    return styled(figure, height=HEIGHT, y_title="draws", x_title="net Sharpe ratio")


def _capacity(record: Record) -> Section | None:
    found = record.get("capacity")
    if not found:
        reason = record.get("capacity_reason")
        return Section("Capacity", (Table([{"capacity": reason}]),)) if reason else None
    figure = go.Figure(_dotted(found, "capital", "", OWN).update(showlegend=False))
    figure.add_hline(y=0.0, line={"color": INK, "width": 1})
    figure.update_xaxes(type="log", dtick=1)
    styled(figure, height=HEIGHT, y_title="net Sharpe ratio", x_title="capital, currency")
    rows = [
        {
            "times the size": shown(float(row["multiple"]), "count"),
            "units of a trade, median": shown(row["units"], "count"),
            "capital": shown(row["capital"], "count"),
            "Sharpe": _number(row["sharpe"]),
            "net, bp a decision": _fine(row["net_mean_bp"]),
        }
        for row in found
    ]
    note = (
        "The same trades in larger size. Beside the costs charged, trading one day's volume moves "
        "the price by one day's volatility, a part of it by the square root of that part; the "
        "judged size pays it too."
    )
    return Section("Capacity", (Picture(figure, ()), Table(rows)), note)


def plateau_section(found: Sequence[Record]) -> Section:
    """Return how the Sharpe ratio of a sweep falls off around its best, setting by setting.

    Args:
        found: rows of :func:`grandmodel.evaluation.controls.plateau.plateau_rows`.
    """
    rows = [
        {
            "setting": row["key"],
            "best": f"{row['best']:g}",
            "next to it keeps": shown(row["neighbours_share"], "percent"),
        }
        for row in found
    ]
    pictures = [Picture(_falling(row), _points(row), row["key"]) for row in found]
    note = (
        "Runs that differ from the best in one setting alone, seeds averaged; the best has the "
        "large mark. A peak whose neighbours keep little was found by luck."
    )
    return Section("Around the best of the sweep", (Table(rows), *pictures), note)


def _points(row: Record) -> list[Row]:
    """What was measured at each value of a setting, the best one marked."""
    return [
        {
            "value": f"{point['value']:g}",
            "Sharpe": Cell(
                _number(point["metric"]), mark=BEST if point["value"] == row["best"] else ""
            ),
            "share of the best": shown(point["share"], "percent"),
        }
        for point in row["points"]
    ]


def _falling(row: Record) -> go.Figure:
    values = np.array([point["value"] for point in row["points"]], dtype=np.float64)
    metric = np.array([point["metric"] for point in row["points"]], dtype=np.float64)
    sizes = np.where(values == row["best"], 14, 7)
    curve = line(values, metric, row["key"], OWN, width=2.0).update(mode="lines+markers")
    figure = go.Figure(curve.update(showlegend=False, marker={"size": sizes}))
    styled(figure, height=HEIGHT, y_title="net Sharpe ratio", x_title=row["key"])
    figure.update_yaxes(rangemode="tozero", zeroline=True, zerolinecolor=INK)  # shares are seen
    wide = values.min() > 0.0 and values.max() / values.min() >= DECADE
    ticks = {"tickvals": values, "ticktext": [f"{value:g}" for value in values]}
    figure.update_xaxes(type="log" if wide else "linear", **(ticks if len(values) <= FEW else {}))
    return figure
