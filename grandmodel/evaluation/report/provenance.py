"""Where a result comes from: how much was tried before it, and how to get it again."""

from collections.abc import Mapping
from typing import Any

from grandmodel.evaluation.report.section import Section, Table
from grandmodel.evaluation.report.tables import openings_text, shown
from grandmodel.evaluation.report.words import seal_label

STANDING: tuple[tuple[str, str, str, str], ...] = (  # section, key, label, format
    ("", "trials", "trials on these bars, this one included", "count"),
    ("", "deflated_sharpe", "deflated Sharpe ratio (above 95 % is asked for)", "percent"),
    ("standing", "probabilistic_sharpe", "the same without counting trials", "percent"),
    ("standing", "lucky_sharpe", "Sharpe ratio that luck alone would reach in so many", "number"),
    ("standing", "minimum_track_record_years", "years that would be long enough", "number"),
    ("", "pbo", "probability of overfitting (below 20 % is asked for)", "percent"),
    ("standing", "configurations", "configurations on the same sessions (8 are needed)", "count"),
    ("standing", "superior_ability_p", "p-value of the best of them against long only", "number"),
)  # fmt: skip


def trial_section(metrics: Mapping[str, Any]) -> Section:
    """How many trials there were, what that makes of the result, and who opened the seal."""
    rows = []
    for section, key, label, kind in STANDING:
        where = metrics.get(section, {}) if section else metrics
        if key in where:
            rows.append({"figure": label, "value": shown(where[key], kind)})
    if metrics.get("test_openings"):
        said = openings_text(metrics["test_openings"])
        rows.append({"figure": seal_label(metrics), "value": said})
    return Section("Trials", (Table(rows),), "From the ledger; see docs/definitions.md, Deflation.")


def origin_section(origin: Mapping[str, str]) -> Section:
    """The command and everything that its result depends on."""
    rows = [{"what": what, "value": value} for what, value in origin.items()]
    note = "The same command on the same bars gives the same figures; hashes tell whether they are."
    return Section("How to get this result again", (Table(rows),), note)
