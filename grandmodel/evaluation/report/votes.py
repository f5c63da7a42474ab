"""Tables of the votes: how right each agent was, and what each execution rule refused.

For the page and for the terminal, both from `metrics.json`. Source: `docs/definitions.md`,
Right votes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table as RichTable

from grandmodel.decision.rules import RULE_NAMES, RULE_TEXTS, Rule
from grandmodel.evaluation.report.section import Table
from grandmodel.evaluation.report.tables import shown

FIGURES: tuple[tuple[str, str, str], ...] = (  # key, heading, format
    ("votes", "judged", "count"),
    ("accuracy", "right", "percent"),
    ("base", "constant", "percent"),
    ("balanced_accuracy", "balanced", "percent"),
    ("confidence", "confidence", "percent"),
    ("calibration_error", "off by", "percent"),
)
RESULTS = (
    ("sharpe", "Sharpe ratio, net, annualised", "number"),
    ("total_return", "total return, net", "percent"),
    ("trades", "round trips, mean of paths", "count"),
    ("exposure", "exposure", "percent"),
)
TEAM = "(team)"
Record = dict[str, str]


def accuracy_records(votes: Mapping[str, Any]) -> list[Record]:
    """One row per agent, then the direction that the team came to.

    Args:
        votes: ``votes`` of ``metrics.json``.
    """
    rows = {**votes["agents"], TEAM: {"votes_on": "direction", **votes["team"]}}
    return [
        {
            "agent": name,
            "votes on": found["votes_on"],
            **{heading: shown(found[key], kind) for key, heading, kind in FIGURES},
        }
        for name, found in rows.items()
    ]


def class_records(votes: Mapping[str, Any]) -> list[Record]:
    """One row per agent and vote: how often, how often right, and what would have been right."""
    return [
        {
            "agent": name,
            "vote": vote,
            "share of votes": shown(rate, "percent"),
            "right": shown(found["right_when_voted"][vote], "percent"),
            "would have been right": _shares(found["confusion"][vote]),
        }
        for name, found in votes["agents"].items()
        for vote, rate in found["rate"].items()
    ]


def _shares(counts: Mapping[str, int]) -> str:
    """Name the classes that were right, with their shares."""
    total = sum(counts.values())
    if not total:
        return shown(None, "percent")
    return ", ".join(f"{name} {shown(n / total, 'percent')}" for name, n in counts.items())


def rule_records(metrics: Mapping[str, Any], *, brief: bool = False) -> list[Record]:
    """Results and counts of what settled the decisions, one column per execution rule.

    Args:
        metrics: of ``metrics.json``.
        brief: name rules by a few words in place of a sentence.
    """
    labels = execution_labels(metrics)
    of = {"policy": metrics, **metrics["beside"]}
    results = [
        {"": title, **{labels[name]: shown(of[name].get(key), kind) for name in labels}}
        for key, title, kind in RESULTS
    ]
    counts = metrics["rules"]
    settled = [
        {
            "": name.replace("_", " ") if brief else f"decisions: {RULE_TEXTS[Rule(rule)]}",
            **{labels[policy]: shown(counts[policy].get(name, 0), "count") for policy in labels},
        }
        for rule, name in enumerate(RULE_NAMES)
        if any(name in found for found in counts.values())
    ]
    return results + settled


def execution_labels(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Heading of each execution rule: the policy's own, and those judged beside it."""
    return {
        name: f"policy, {label}" if name == "policy" else label
        for name, label in metrics["execution"].items()
    }


def votes_tables(metrics: Mapping[str, Any]) -> tuple[Table, Table]:
    """The tables of accuracy, over agents and over classes."""
    votes = metrics["votes"]
    by_class = "Vote by vote, and what would have been right"
    return Table(accuracy_records(votes)), Table(class_records(votes), by_class)


def votes_note(metrics: Mapping[str, Any]) -> str:
    """What the tables mean, in a few sentences."""
    return (
        f"A vote is right where it paid after full costs over {_bars(metrics)} from the fill; a "
        "hold or a wait where an entry would not have. constant: what the best constant vote "
        "reaches. balanced: mean over what was right. off by: mean distance of confidence and "
        "accuracy. Neighbouring votes share most of their bars, so they count for fewer than "
        "their number."
    )


def _bars(metrics: Mapping[str, Any]) -> str:
    bars = metrics["votes"]["horizon_bars"]
    return "one bar" if bars == 1 else f"{bars} bars"


def terminal_votes(metrics: Mapping[str, Any]) -> RichTable:
    """Accuracy of each agent's votes."""
    records = accuracy_records(metrics["votes"])
    brief = [{key: cell for key, cell in row.items() if key != "votes on"} for row in records]
    return _table(f"votes, judged over {_bars(metrics)}", brief)


def terminal_rules(metrics: Mapping[str, Any]) -> RichTable:
    """Thresholds side by side, and how many decisions each settled for which reason."""
    return _table("thresholds side by side", rule_records(metrics, brief=True))


def _table(title: str, records: Sequence[Record]) -> RichTable:
    """Lay records out; the first column is a name, the others figures."""
    table = RichTable(title=title, box=box.SIMPLE)
    for number, heading in enumerate(records[0]):
        table.add_column(heading, justify="right" if number else "left")
    for record in records:
        table.add_row(*record.values())
    return table
