"""Targets that descriptions of such systems name, held against what was measured.

Nothing is chosen by them: each row says met, not met or cannot tell, and why it cannot.
Source: ``docs/definitions.md``, Targets.
"""

from collections.abc import Mapping
from typing import Any

from grandmodel.evaluation.measures.kpi_targets import (
    OF_MODEL,
    STRATEGIC,
    TACTICAL,
    TARGETS,
    Target,
)

MET, NOT_MET, CANNOT_TELL = "met", "not met", "cannot tell"
NOTHING = "nothing of the kind happened, or the bars do not tell it"
NO_INTERVAL = "no interval: too few sessions"
HOLDS_BOUND = "the interval holds the bound"
NO_VOLUME = "the bars have no traded volume"
NO_TRADES = "it never traded, so there is nothing to hold against it"


def kpi_rows(metrics: Mapping[str, Any], *, votes: bool) -> list[dict[str, Any]]:
    """Return a row per target: team, figure, key, target, value, bounds of its interval, status.

    Met where the whole interval keeps to the target, not met where it lies wholly beyond it;
    cannot tell where it holds a bound, or where there is no figure or no interval: ``why`` says
    which. Counts and extremes of the judged bars are held as they are. Of an account that never
    traded only what is told of the model itself can be met or not.

    Args:
        metrics: the object of ``metrics.json``.
        votes: whether the judged team votes (tactical); targets of the other kind are left out.
    """
    other = STRATEGIC if votes else TACTICAL
    return [_row(target, metrics) for target in TARGETS if target.team != other]


def _row(target: Target, metrics: Mapping[str, Any]) -> dict[str, Any]:
    where, key = _found(target, metrics)
    value, low, high = (where.get(f"{key}{end}") for end in ("", "_ci_low", "_ci_high"))
    bounds = (value, value) if target.exact else (low, high)
    idle = metrics.get("trades") == 0 and target.key not in OF_MODEL
    said = CANNOT_TELL if idle else status(target, value, *bounds)
    why = NO_TRADES if idle and not target.reason else _why(target, value, bounds[0], metrics)
    return {
        "team": target.team,
        "figure": target.label,
        "key": target.key,
        "target": target.words,
        "percent": target.percent,
        "value": value,
        "low": low,
        "high": high,
        "status": said,
        "why": why if said == CANNOT_TELL else "",
    }


def _found(target: Target, metrics: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """Return the section that holds a target's figure, empty where it is absent, and its key."""
    *sections, key = target.key.split(".")
    where = metrics
    for section in sections:
        where = where.get(section) or {}
    return where, key


def _why(target: Target, value: Any, low: Any, metrics: Mapping[str, Any]) -> str:
    if target.reason:
        return target.reason
    if value is None:
        impact = target.key.endswith("market_impact") and "trade_figures" in metrics
        return NO_VOLUME if impact else NOTHING
    return NO_INTERVAL if low is None else HOLDS_BOUND


def status(target: Target, value: float | None, low: float | None, high: float | None) -> str:
    """Return what an interval says about a target."""
    if value is None or low is None or high is None:
        return CANNOT_TELL
    least = -float("inf") if target.low is None else target.low
    most = float("inf") if target.high is None else target.high
    if least <= low and high <= most:
        return MET
    return NOT_MET if high < least or low > most else CANNOT_TELL
