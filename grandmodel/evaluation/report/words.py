"""Phrases that terminal, page and text share, each said once for `metrics.json`."""

from collections.abc import Mapping
from typing import Any

from grandmodel.evaluation.report.section import figure_text, shown
from grandmodel.evaluation.statistics.intervals import MINIMUM_SESSIONS

TOLD_COSTS = (0.0, 1.0, 2.0)  # factors on all costs that the terminal tells
NONE, UNDEFINED = "none", "undefined"


def never_traded(metrics: Mapping[str, Any]) -> bool:
    """Tell whether there was not a single round trip."""
    return metrics.get("trades") == 0


def paths_note(metrics: Mapping[str, Any]) -> str:
    """What figures of several paths are, empty for one path."""
    paths = metrics.get("paths") or 1
    if paths < 2:
        return ""
    trips = metrics.get("round_trips")
    told = "" if trips is None else f" ({shown(trips, 'count')} round trips in all)"
    return f"figures are means of {paths} paths{told}"


def interval_note(metrics: Mapping[str, Any]) -> str:
    """Why the policy has no intervals, empty where it has some."""
    low, high = metrics.get("sharpe_ci_low"), metrics.get("sharpe_ci_high")
    if metrics.get("sharpe") is None or (low is not None and low != high):
        return ""
    if never_traded(metrics):
        return "no intervals: it never traded"
    if low is not None:
        return "no intervals: nothing varies"
    sessions, paths = metrics.get("sessions"), metrics.get("paths") or 1
    told = f"{sessions} sessions" if paths < 2 else f"{sessions} sessions on {paths} paths"
    each = "" if paths < 2 else " on each"
    return f"no intervals: {told}, at least {MINIMUM_SESSIONS} are needed{each}"


def kept_text(kept: float | None, metrics: Mapping[str, Any]) -> str:
    """Say which share of the net Sharpe ratio is kept, where there is one to keep a share of."""
    if kept is None:
        return shown(None, "percent")
    low = metrics.get("sharpe_ci_low")
    if low is None or low <= 0.0:
        return UNDEFINED
    return shown(kept, "percent") if kept > 0.0 else NONE


def control_lines(metrics: Mapping[str, Any]) -> list[str]:
    """What is left at other costs, with late orders and without order in time, for the terminal."""
    record = metrics.get("controls")
    if not record or not record.get("costs"):
        return []
    if never_traded(metrics):
        return ["controls: none, it never traded"]
    return [line for line in (_costs(record), _others(record, metrics)) if line]


def _costs(record: Mapping[str, Any]) -> str:
    at_once = {row["cost_scale"]: row for row in record["costs"] if row["delay_bars"] == 0}
    told = [scale for scale in TOLD_COSTS if scale in at_once]
    factors = " / ".join(f"{scale:g}" for scale in told)
    sharpes = " / ".join(shown(at_once[scale]["sharpe"], "number") for scale in told)
    line = f"costs x {factors}: Sharpe {sharpes}"
    scale = record.get("break_even_cost_scale")
    if scale is None:
        return line
    if scale <= 0.0:
        return f"{line}; it lost money before costs"
    return f"{line}; breaks even at costs x {figure_text(float(scale))}"


def _others(record: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    parts = []
    late = next((row for row in record.get("delay") or [] if row["name"] == "1 decision"), None)
    if late is not None:
        kept = kept_text(late["kept"], metrics)
        words = {NONE: "nothing kept", UNDEFINED: "no share: Sharpe not told from 0"}
        share = words.get(kept, f"{kept} kept")
        parts.append(f"one decision late: Sharpe {shown(late['sharpe'], 'number')} ({share})")
    random = record.get("phase_randomised")
    if random:
        parts.append(f"as good on bars with random phases: p = {random['p_value']:.3f}")
    return "; ".join(parts)


def sentence(words: str) -> str:
    """A phrase as a sentence of its own."""
    return f"{words[:1].upper()}{words[1:]}."
