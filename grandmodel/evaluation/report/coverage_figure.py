"""A picture of the bars that a file has and of those that are missing."""

import numpy as np
import plotly.graph_objects as go

from grandmodel.evaluation.report.figures import CLASS_COLOURS, OWN
from grandmodel.market.coverage import Coverage

MINUTES_PER_HOUR = 60
CLOSED = "#f3f4f6"


def coverage_figure(found: Coverage) -> go.Figure:
    """Days from left to right, hours upwards: blue is there, red is missing, grey is closed."""
    hours = np.arange(len(found.share)) * found.slot_minutes / MINUTES_PER_HOUR
    figure = go.Figure(
        go.Heatmap(
            x=found.days.astype(str),
            y=hours,
            z=np.round(found.share, 3),
            zmin=0.0,
            zmax=1.0,
            colorscale=[[0.0, CLASS_COLOURS["bear"]], [0.5, "#f6c667"], [1.0, OWN]],
            colorbar={"title": "bars there", "tickformat": ".0%"},
            hovertemplate="%{x} %{y} h UTC: %{z:.0%}<extra></extra>",
            hoverongaps=False,
        )
    )
    figure.update_layout(height=340, yaxis_title="hour, UTC")
    return figure


def coverage_words(found: Coverage) -> str:
    """Say what the picture shows and how it knows."""
    how = (
        "by the calendar of the instrument"
        if found.known
        else "as far as most weeks have bars there, for the trading hours are not known"
    )
    days = "day" if found.days_per_column == 1 else f"{found.days_per_column} days"
    return (
        f"Each column is one {days}, each row {found.slot_minutes} minutes; blue: all bars that "
        f"should be there {how}; red: none of them; grey: closed."
    )
