"""All figures beyond the main metrics, in sections of ``metrics.json``, each with its interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.measures.metrics import Measured, decision_returns
from grandmodel.evaluation.measures.order_metrics import impact_ratio, order_ratios
from grandmodel.evaluation.measures.ratios import (
    Ratio,
    ratio_intervals,
    ratio_values,
    session_of_row,
)
from grandmodel.evaluation.measures.return_metrics import (
    moments_of,
    risk_figures,
    risk_intervals,
)
from grandmodel.evaluation.measures.team_metrics import contribution_figures, team_ratios
from grandmodel.evaluation.measures.trade_metrics import trade_extremes, trade_ratios
from grandmodel.evaluation.measures.vote_report import VoteReport
from grandmodel.evaluation.statistics.intervals import with_intervals


@dataclass(frozen=True)
class Scored:
    """What the figures are told from."""

    measured: Measured
    market: Market
    decisions: pd.DataFrame  # rows of decisions.parquet
    votes: VoteReport
    stop_distance: NDArray[np.float64] | None  # price units, [bar]; None: no stops
    volume: NDArray[np.float64] | None = None  # traded units, [bar]; None: unknown
    impact: float = 0.0  # env.impact, read where there is volume


def scorecard(scored: Scored, *, draws: int, seed: int) -> dict[str, Any]:
    """Return the sections of a judgement.

    ``risk_figures``, ``trade_figures`` and ``team_figures`` hold ``key``, ``key_ci_low``,
    ``key_ci_high`` and ``key_band``; ``reward_moments`` those of the net return of each decision,
    ``session_moments`` of each session; ``contributions`` a section per agent.
    """
    measured, market = scored.measured, scored.market
    rows = session_of_row(measured.track)
    trades = trade_ratios(measured, market, rows, scored.stop_distance)
    trades |= order_ratios(measured, rows, scored.decisions)
    if scored.volume is not None:
        trades["market_impact"] = impact_ratio(measured, rows, scored.volume, scored.impact)
    votes = scored.votes
    team = team_ratios(measured, market, rows, scored.decisions, votes)
    risk = with_intervals(risk_figures(measured), risk_intervals(measured, draws=draws, seed=seed))

    def laid_out(ratios: Mapping[str, Ratio]) -> dict[str, Any]:
        found = ratio_intervals(ratios, measured, draws=draws, seed=seed)
        return with_intervals(ratio_values(ratios, measured.sessions), found)

    figures = laid_out(team)
    return {
        "reward_moments": moments_of(decision_returns(measured.track)),
        "session_moments": moments_of(measured.sessions.net),
        "risk_figures": risk,
        "trade_figures": laid_out(trades) | trade_extremes(measured),
        "team_figures": figures | _lowest(figures, [*votes.leans]),
        "contributions": contribution_figures(measured, team),
    }


def _lowest(figures: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the accuracy of the agent that has the lowest, with its interval."""
    known = [name for name in names if figures.get(f"accuracy_{name}") is not None]
    if not known:
        return {}
    worst = min(known, key=lambda name: figures[f"accuracy_{name}"])
    ends = ("", "_ci_low", "_ci_high", "_band")
    return {f"lowest_accuracy{end}": figures.get(f"accuracy_{worst}{end}") for end in ends}
