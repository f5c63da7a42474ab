"""The trader's page of a report, from ``trader`` of ``metrics.json``.

Source: ``docs/definitions.md``, The trader's page.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from grandmodel.evaluation.report.figures import CLASS_COLOURS, OWN, styled
from grandmodel.evaluation.report.section import DOWN, UP, Cell, Picture, Row, Section, Table
from grandmodel.evaluation.report.tables import interval, shown
from grandmodel.evaluation.report.words import never_traded

GROUPS = (  # key, its column, title
    ("by_year", "year", "Profit by year"),
    ("by_weekday", "weekday", "Profit by weekday of the session"),
    ("by_side", "side", "Profit by side"),
)
EVENT_COLOURS = {"entries": OWN, "exits": "#7c4d9e", "missed entries": "#b7791f"}


def trader_sections(metrics: Mapping[str, Any]) -> list[Section]:
    """Return the sections of the trader's page, none where it was not told."""
    told = metrics.get("trader")
    if not told:
        return []
    unit = told["unit"]
    return [
        Section(
            "What a trade is worth",
            (Table(_worth_rows(metrics)), *(_group(told, *group) for group in GROUPS)),
            f"In {unit} per unit traded, a round trip: what is left after costs is net, and costs "
            "of more than gross leave nothing. Money (in currency) and round trips are means over "
            "paths where there are several; 95 % bands in small type.",
        ),
        Section(
            "Profit by half-hour of the exchange's day",
            (Picture(_half_hours(told), _money_rows(told["by_half_hour"], "half_hour")),),
            "Bars by their open in the exchange's time, net of costs, mean over paths.",
        ),
        Section(
            "What it ties up",
            (Table(_risk_rows(told)), Table(_holding_rows(told), "Holding times")),
            "Margin is what the exchange asks to hold the position. Profits are means over paths; "
            "peaks, the worst session and holding times are those of all paths together.",
        ),
        Section(
            "Where the price went after fills and misses",
            (Picture(_markouts(told), _markout_rows(told)),),
            f"Mean move in favour of the order's side, {unit}, by bars after it (one: the close of "
            "the bar that met it). Entries that lose at once were filled by those who knew more; "
            "missed limit entries that would have gained are what waiting costs.",
        ),
    ]


def _worth_rows(metrics: Mapping[str, Any]) -> list[Row]:
    told = metrics["trader"]
    labels = {
        "gross": "gross",
        "cost": "cost",
        "net": "net",
        "break_even_cost": "break-even cost",
    }
    if told["break_even_cost"] is None:
        why = "it never traded" if never_traded(metrics) else "nothing is left before costs"
        labels["break_even_cost"] += f": none, {why}"
    return [
        {
            f"{told['unit']} a round trip": label,
            "value": Cell(shown(told[key], "number"), interval(told, key, "number")),
        }
        for key, label in labels.items()
    ]


def _group(told: Mapping[str, Any], key: str, name: str, title: str) -> Table:
    return Table(_money_rows(told[key], name), title)


def _money_rows(records: Sequence[Mapping[str, Any]], name: str) -> list[Row]:
    rows = []
    for record in records:
        row: dict[str, Any] = {name: record[name]}
        row |= {key: shown(record[key], "count") for key in ("gross", "cost")}
        row["net"] = Cell(shown(record["net"], "count"), "", _mark(record["net"]))
        row["round trips"] = shown(record["trades"], "count")
        if "win_rate" in record:
            row["win rate"] = shown(record["win_rate"], "percent")
        rows.append(row)
    return rows


def _mark(value: float) -> str:
    return UP if value > 0 else DOWN if value < 0 else ""


def _risk_rows(told: Mapping[str, Any]) -> list[Row]:
    peak, worst = told["peak_margin"] or {}, told["worst_session"] or {}
    figures = {
        "profit inside sessions, before costs": _count(told["inside_sessions"]),
        "profit over breaks of the market, before costs": _count(told["over_breaks"]),
        "peak initial margin, currency": _count(peak.get("currency")),
        "\N{HORIZONTAL ELLIPSIS} day": peak.get("time"),
        "\N{HORIZONTAL ELLIPSIS} units held": shown(peak.get("units"), "number"),
        "largest margin, share of equity": shown(peak.get("largest_share_of_equity"), "percent"),
        "bars with more margin than equity": _count(told["leverage_violations"]),
        "worst session, net return": shown(worst.get("net_return"), "percent"),
        "\N{HORIZONTAL ELLIPSIS} its day": worst.get("day"),
        "\N{HORIZONTAL ELLIPSIS} in currency": _count(worst.get("net")),
    }
    return [{"figure": figure, "value": value} for figure, value in figures.items()]


def _count(value: float | None) -> str:
    return shown(value, "count")


def _holding_rows(told: Mapping[str, Any]) -> list[Row]:
    figures = [key for key in told["holding"][0] if key != "round_trips"]
    return [
        {
            "figure": "round trips, all paths together" if key == "count" else _holding_label(key),
            **{record["round_trips"]: _count(record[key]) for record in told["holding"]},
        }
        for key in figures
    ]


def _holding_label(key: str) -> str:
    return key.replace("_", ", ").replace("p90", "9 of 10 at most")


def _half_hours(told: Mapping[str, Any]) -> go.Figure:
    records = told["by_half_hour"]
    net = [record["net"] for record in records]
    colours = [CLASS_COLOURS["bull"] if value > 0 else CLASS_COLOURS["bear"] for value in net]
    labels = [record["half_hour"] for record in records]
    figure = go.Figure(go.Bar(x=labels, y=net, marker_color=colours))
    figure.update_xaxes(type="category", nticks=12)
    return styled(figure, height=240, y_title="net, currency", x_title="open of the bar")


def _markouts(told: Mapping[str, Any]) -> go.Figure:
    figure = go.Figure()
    for event, colour in EVENT_COLOURS.items():
        records = [it for it in told["markouts"] if it["after"] == event and it["count"]]
        if not records:
            continue
        bands = [it for it in records if it["mean_ci_low"] is not None]
        error = None
        if len(bands) == len(records):
            error = {
                "symmetric": False,
                "array": [it["mean_ci_high"] - it["mean"] for it in records],
                "arrayminus": [it["mean"] - it["mean_ci_low"] for it in records],
                "thickness": 1,
            }
        trace = go.Scatter(
            x=[it["bars"] for it in records], y=[it["mean"] for it in records], name=event,
            mode="lines+markers", line={"color": colour, "width": 1.6}, error_y=error,
        )  # fmt: skip
        figure.add_trace(trace)
    figure.update_xaxes(tickvals=sorted({it["bars"] for it in told["markouts"]}))
    figure.add_hline(y=0, line={"color": "#9aa1ac", "width": 1})
    return styled(figure, height=280, y_title=f"{told['unit']} in favour", x_title="bars after")


def _markout_rows(told: Mapping[str, Any]) -> list[Row]:
    return [
        {
            "after": record["after"],
            "bars": record["bars"],
            f"{told['unit']} in favour": Cell(
                shown(record["mean"], "number"), interval(record, "mean", "number")
            ),
            "count": _count(record["count"]),
        }
        for record in told["markouts"]
        if record["count"]
    ]
