"""Whether confidence means what it says: share of right votes by confidence.

Source: ``docs/definitions.md``, Right votes.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from grandmodel.core.types import CLASS_NAMES
from grandmodel.evaluation.measures.vote_metrics import CALIBRATION_BINS
from grandmodel.evaluation.report.figures import OWN, named_colours, styled
from grandmodel.evaluation.report.section import Cell, Picture, Section
from grandmodel.evaluation.report.tables import shown

TEAM = "team"


class Bins(NamedTuple):
    """Votes by confidence, ten bins of equal width over [0, 1]; nan where a bin is empty."""

    votes: NDArray[np.int64]
    confidence: NDArray[np.float64]  # mean of the bin
    right: NDArray[np.float64]  # share of the bin's votes that were right


def bins_of(confidence: NDArray[np.float64], right: NDArray[np.float64]) -> Bins:
    """Sort votes into bins of confidence.

    Args:
        confidence: of each vote, nan: it named none.
        right: 1 right, 0 wrong, nan: nothing was at stake, [vote].
    """
    known = np.isfinite(confidence) & np.isfinite(right)
    sure, hit = confidence[known], right[known]
    which = np.minimum((sure * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    votes = np.bincount(which, minlength=CALIBRATION_BINS)
    of = np.where(votes > 0, votes, np.nan)
    return Bins(
        votes,
        np.bincount(which, sure, CALIBRATION_BINS) / of,
        np.bincount(which, hit, CALIBRATION_BINS) / of,
    )


def voters(
    decisions: pd.DataFrame, agents: Sequence[str], team_right: NDArray[np.float64] | None
) -> dict[str, Bins]:
    """Return the bins of every agent whose votes were judged, and of the team.

    Args:
        decisions: rows of ``decisions.parquet``.
        agents: names.
        team_right: whether the direction that the team named was right, [row].
    """
    found = {}
    for name in agents:
        if f"right_{name}" not in decisions:
            continue
        columns = [name_ for name_ in decisions if str(name_).startswith(f"p_{name}_")]
        truth, said = decisions[f"right_{name}"], decisions[f"prediction_{name}"]
        hit = (truth.astype(object) == said.astype(object)).to_numpy(np.float64)
        right = np.where(truth.isna().to_numpy(), np.nan, hit)
        found[name] = bins_of(decisions[columns].max(axis=1).to_numpy(np.float64), right)
    pooled = decisions[[f"p_{label}" for label in CLASS_NAMES]].max(axis=1)
    if team_right is not None and pooled.notna().to_numpy().any():
        found[TEAM] = bins_of(pooled.to_numpy(np.float64), team_right)
    return {name: bins for name, bins in found.items() if bins.votes.any()}


def confidence_sections(
    decisions: pd.DataFrame | None,
    agents: Sequence[str],
    team_right: NDArray[np.float64] | None,
) -> list[Section]:
    """Return the section of calibration, none where no vote was judged."""
    found = {} if decisions is None else voters(decisions, agents, team_right)
    if not found:
        return []
    used = np.sum([bins.votes for bins in found.values()], axis=0)
    rows = [
        {
            "confidence": f"{at / CALIBRATION_BINS:.1f} to {(at + 1) / CALIBRATION_BINS:.1f}",
            **{
                name: Cell(shown(_known(bins.right[at]), "percent"), f"{bins.votes[at]} votes")
                for name, bins in found.items()
            },
        }
        for at in np.flatnonzero(used)
    ]
    return [
        Section(
            "Confidence and how often it was right",
            (Picture(_figure(found), rows),),
            "Share of right votes by the probability that was given to them. On the dashed line "
            "confidence is what it says; below it the voter is too sure of itself. Small marks "
            "stand for few votes.",
        )
    ]


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _figure(found: Mapping[str, Bins]) -> go.Figure:
    figure = go.Figure(
        go.Scatter(
            x=[0, 1], y=[0, 1], mode="lines", name="as it says", hoverinfo="skip",
            line={"color": "#9aa1ac", "width": 1, "dash": "dash"},
        )
    )  # fmt: skip
    most = max(int(bins.votes.max()) for bins in found.values())
    colours = {**named_colours([name for name in found if name != TEAM]), TEAM: OWN}
    for name, bins in found.items():
        at = bins.votes > 0
        figure.add_trace(
            go.Scatter(
                x=bins.confidence[at],
                y=bins.right[at],
                name=name,
                mode="lines+markers",
                line={"color": colours[name], "width": 1.4},
                marker={"size": 4 + 10 * np.sqrt(bins.votes[at] / most), "color": colours[name]},
                text=[f"{count} votes" for count in bins.votes[at]],
                hovertemplate="%{x:.2f}: %{y:.2f} right, %{text}",
            )
        )
    sure = np.concatenate([bins.confidence[bins.votes > 0] for bins in found.values()])
    figure.update_xaxes(range=[max(0.0, sure.min() - 0.05), min(1.0, sure.max() + 0.05)])
    figure.update_yaxes(range=[-0.02, 1.02])
    drawn = styled(figure, height=320, y_title="share right", x_title="confidence")
    return drawn.update_layout(hovermode="closest")
