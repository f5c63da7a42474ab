"""What `metrics.json` says of a judgement beside its figures."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from grandmodel.envs.action import session_edge
from grandmodel.evaluation.measures.metrics import mean_decision_return
from grandmodel.evaluation.measures.vote_report import rule_counts
from grandmodel.evaluation.references.rules import describe_grid
from grandmodel.evaluation.statistics.alpha import beside_market
from grandmodel.evaluation.statistics.intervals import block_sessions

if TYPE_CHECKING:
    from grandmodel.wiring.judging import Judging


def judged_facts(judging: "Judging") -> dict[str, Any]:
    """Gate, weights, the other execution rules, references and the share of the optimum."""
    team = judging.subject.team
    found = {name: judging.measure(it.track) for name, it in judging.rivals.references.items()}
    facts: dict[str, Any] = {
        "test_openings": 0,  # known when the ledger's line is written
        "chosen_here": judging.occasion.chosen_here,
        "causal": judging.occasion.causal,
        **_judged_days(judging),
        "sessions_per_year": judging.stage.sessions_per_year,
        "block_sessions": block_sessions(judging.measured.sessions, judging.measured.trips),
        "round_trips": len(judging.measured.trips),
        "edge": session_edge(judging.config.env, judging.stage.tape),
        "gate": judging.subject.gate,
        "model_megabytes": sum(it.numel() * it.element_size() for it in team.parameters()) / 1e6,
        "weights": dict(zip(team.names, team.weights.tolist(), strict=True)),
        "beside": {name: measured.scalars for name, measured in judging.beside.items()},
        **counts(judging),
        **beside_market(judging.measured, judging.rivals.baselines["long_only"]),
        "votes": judging.votes.figures,
        "references": {
            name: {
                **judging.figures(measured),
                **{f"setting_{k}": v for k, v in judging.rivals.references[name].setting.items()},
            }
            for name, measured in found.items()
        },
    }
    if any("enter" in it.setting for it in judging.rivals.references.values()):
        facts["reference_grid"] = describe_grid()
    if "optimum" in found:
        best = mean_decision_return(found["optimum"].track)
        mine = mean_decision_return(judging.measured.track)
        facts["share_of_optimum"] = mine / best if best > 0 else None
    return facts


def _judged_days(judging: "Judging") -> dict[str, str | None]:
    """Return the days of the first and the last judged session; None for bars that were made.

    A session is named by the day on which it closes, on the exchange's clock.
    """
    keys = ("judged_from", "judged_to")
    closes = judging.measured.sessions.close_time_ns
    dataset = judging.stage.dataset
    if dataset.synthetic or len(dataset.paths) > 1 or not len(closes):
        return dict.fromkeys(keys)
    zone = dataset.instrument.timezone
    ends = pd.to_datetime([closes.min() - 1, closes.max() - 1], utc=True).tz_convert(zone)
    return {key: f"{end:%Y-%m-%d}" for key, end in zip(keys, ends, strict=True)}


def counts(judging: "Judging") -> dict[str, dict[str, Any]]:
    """Return the execution rules that stand side by side, and what settled their decisions."""
    rows = {"policy": judging.row, **judging.beside_rows}
    return {
        "execution": {name: judging.judgement.rules[row] for name, row in rows.items()},
        "rules": {name: rule_counts(judging.judgement, row) for name, row in rows.items()},
    }
