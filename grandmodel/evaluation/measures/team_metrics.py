"""How the agents of a team stand to one another, to the market and to the result.

Source: ``docs/definitions.md``, Figures of the team.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.evaluation.accounts.track import Market, Track
from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.measures.ratios import Ratio, summed
from grandmodel.evaluation.measures.vote_report import VoteReport


def market_return(track: Track, market: Market) -> NDArray[np.float64]:
    """Return of the price from the open that a decision meets to the next one, [row].

    After the last decision of a segment to the close of its bar.
    """
    opened = market.open[track.bar + 1]
    last = np.zeros(len(track), bool)
    last[track.first[1:] - 1] = True
    after = np.where(last, track.bar + 1, track.bar + 2)
    ends = np.where(last, market.close[track.bar + 1], market.open[after])
    return ends / opened - 1.0


def team_ratios(
    measured: Measured,
    market: Market,
    rows: NDArray[np.int64],
    decisions: pd.DataFrame,
    votes: VoteReport,
) -> dict[str, Ratio]:
    """Return the figures of a team as sums over sessions.

    Args:
        measured: the account.
        market: the tape's columns.
        rows: session of each row of the track.
        decisions: rows of ``decisions.parquet``.
        votes: what the team named, how agents leaned, and whether it was right.
    """
    sessions, track, leans = measured.sessions, measured.track, votes.leans
    every = summed(rows, np.ones(len(rows)), sessions)
    starts = np.zeros(len(rows), bool)
    starts[track.first[:-1]] = True
    same = (np.diff(votes.sides, prepend=votes.sides[:1]) == 0) & ~starts
    found = {
        "ensemble_stability": Ratio(summed(rows, same, sessions), summed(rows, ~starts, sessions))
    }
    for key, values in _agreements(decisions, [*leans]).items():
        found[key] = Ratio(summed(rows, values, sessions), every)
    for key, right in _right(decisions, votes).items():
        known = np.isfinite(right)
        hits = np.where(known, right, 0.0)
        found[key] = Ratio(summed(rows, hits, sessions), summed(rows, known, sessions))
    moved = market_return(track, market)
    for name, lean in leans.items():
        earned = summed(rows, lean * moved, sessions)
        found[f"contribution_{name}"] = Ratio(earned, np.ones(len(sessions)))
    return found


def _agreements(decisions: pd.DataFrame, names: list[str]) -> dict[str, NDArray[np.float64]]:
    """Whether agents agree with the pooled decision, [row]; empty where the team votes."""
    each = {
        f"agreement_{name}": decisions[f"agrees_{name}"].to_numpy(np.float64)
        for name in names
        if f"agrees_{name}" in decisions
    }
    if not each:
        return {}
    told = np.stack([*each.values()])
    return {"agreement": told.mean(axis=0), "unanimity": told.min(axis=0), **each}


def _right(decisions: pd.DataFrame, votes: VoteReport) -> dict[str, NDArray[np.float64]]:
    """Whether team and agents were right: 1, 0, nan where nothing was at stake, [row]."""
    found = {"accuracy": votes.team_right}
    for name in votes.leans:
        right, said = votes.columns[f"right_{name}"], decisions[f"prediction_{name}"]
        hits = np.asarray(right) == np.asarray(said)
        found[f"accuracy_{name}"] = np.where(right.codes >= 0, hits, np.nan)
    return found


def contribution_figures(measured: Measured, ratios: Mapping[str, Ratio]) -> dict[str, Any]:
    """Spread of each agent's contribution per session, and its correlation with the result."""
    found = {}
    for key, ratio in ratios.items():
        if not key.startswith("contribution_"):
            continue
        name, own, net = key.removeprefix("contribution_"), ratio.over, measured.sessions.net
        varies = len(own) > 1 and own.std() > 1e-15 and net.std() > 1e-15
        found[name] = {
            "mean": float(own.mean()) if len(own) else None,
            "sd": float(own.std()) if len(own) else None,
            "correlation_with_result": float(np.corrcoef(own, net)[0, 1]) if varies else None,
        }
    return found
