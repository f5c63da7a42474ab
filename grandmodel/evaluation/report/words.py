"""Phrases that terminal, page and text share, each said once for `metrics.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

from grandmodel.evaluation.report.section import figure_text, shown
from grandmodel.evaluation.statistics.intervals import MINIMUM_SESSIONS

TOLD = 8  # factors on all costs, and delays, that the terminal tells
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


def seal_label(metrics: Mapping[str, Any]) -> str:
    """Name the sealed test split whose openings are told: always that of the judged run."""
    elsewhere = metrics.get("split") == "backtest"
    return "sealed test split of the run's own bars" if elsewhere else "sealed test split"


def sessions_text(metrics: Mapping[str, Any]) -> str:
    """How many sessions were judged, on how many paths; empty where that is not known."""
    sessions, paths = metrics.get("sessions"), metrics.get("paths") or 1
    if sessions is None:
        return ""
    told = f"{shown(sessions, 'count')} session{'s' if sessions != 1 else ''}"
    return told if paths < 2 else f"{told} on {paths} paths"


def judged_days(metrics: Mapping[str, Any]) -> str:
    """The first and the last judged session; empty for bars that have no dates of their own."""
    first, last = metrics.get("judged_from"), metrics.get("judged_to")
    return f"{first} to {last}" if first and last else ""


def judged_text(metrics: Mapping[str, Any]) -> str:
    """What was judged: days where there are any, number of sessions, and of paths if several."""
    return ", ".join(it for it in (judged_days(metrics), sessions_text(metrics)) if it)


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
    low = metrics.get("sharpe_ci_low")
    if low is None or low <= 0.0:
        return UNDEFINED
    if kept is None:
        return shown(None, "percent")
    return shown(kept, "percent") if kept > 0.0 else NONE


def control_lines(metrics: Mapping[str, Any]) -> list[str]:
    """What is left at other costs, with late orders and without order in time, for the terminal."""
    record = metrics.get("controls")
    if not record or not record.get("costs"):
        return []
    if never_traded(metrics):
        return ["controls: none, it never traded"]
    lines = (_costs(record), _others(record, metrics), _late(record))
    return [line for line in lines if line]


def _costs(record: Mapping[str, Any]) -> str:
    at_once = [row for row in record["costs"] if row["delay_bars"] == 0]
    factors, sharpes = _sharpes(at_once, "cost_scale")
    line = f"costs x {factors}: {sharpes}"
    scale = record.get("break_even_cost_scale")
    if scale is None:
        return line
    if scale <= 0.0:
        return f"{line}; it lost money before costs"
    return f"{line}; breaks even at costs x {figure_text(float(scale))}"


def _sharpes(rows: Sequence[Mapping[str, Any]], key: str) -> tuple[str, str]:
    """Return the values of a key and the Sharpe ratio at each, the first where there are many."""
    told, dots = rows[:TOLD], " / ..." if len(rows) > TOLD else ""
    values = " / ".join(f"{row[key]:g}" for row in told)
    sharpes = " / ".join(shown(row["sharpe"], "number") for row in told)
    return f"{values}{dots}", f"Sharpe {sharpes}{dots}"


def _late(record: Mapping[str, Any]) -> str:
    """Say what delays beyond one decision leave, where they were asked for."""
    later = [row for row in record["costs"] if row["delay_bars"] > 1]
    if not later:
        return ""
    scale = min((row["cost_scale"] for row in later), key=lambda it: abs(it - 1.0))
    rows = [row for row in later if row["cost_scale"] == scale]
    delays, sharpes = _sharpes(rows, "delay_bars")
    at = f"{delays} decisions late, at costs x {scale:g}"
    return f"{at}: {sharpes}; the report shows every cost and delay"


def _others(record: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    parts = []
    late = next((row for row in record.get("delay") or [] if row["name"] == "1 decision"), None)
    if late is not None and late["sharpe"] is not None:
        kept = kept_text(late["kept"], metrics)
        share = f"kept: {kept}" if kept in (NONE, UNDEFINED) else f"{kept} kept"
        parts.append(f"one decision late: Sharpe {shown(late['sharpe'], 'number')} ({share})")
    random = record.get("phase_randomised")
    if random:
        draws, p = round(random["draws"]), random["p_value"]
        as_good = round(p * (draws + 1)) - 1  # p counts the real bars among the draws
        share = f"{as_good} of {draws} draws (p = {p:.3f})"
        parts.append(f"on bars with random phases it earns as much in {share}")
    return "; ".join(parts)


def sentence(words: str) -> str:
    """A phrase as a sentence of its own."""
    return f"{words[:1].upper()}{words[1:]}."
