"""The tables of docs/tactical.md, made by the aggregation itself.

Run as a program it writes them into the page: python tests/decision/tactical_page.py
"""

import re
from collections.abc import Sequence
from pathlib import Path

import torch

from grandmodel.decision.aggregation import LITERAL_THRESHOLD, Aggregation, Tally, VoteContext
from grandmodel.decision.rules import Rule

PAGE = Path(__file__).parents[2] / "docs" / "tactical.md"
FVG, MOMENTUM, ENTRY = (
    ("short", "hold", "long"),
    ("counter", "neutral", "trend"),
    ("wait", "execute", "aggressive"),
)
SIGNS = {-1: "down", 0: "none", 1: "up"}
POSITIONS = {-1: "short", 0: "flat", 1: "long"}
KINDS = [(0, 0), *((kind, side) for side in (1, -1) for kind in (1, 2, 3, 4))]
CERTAINTIES = [hundredths / 100 for hundredths in range(34, 101)]


def vector(vote: int, share: float) -> list[float]:
    """A distribution that gives `share` to the voted class and splits the rest."""
    out = [(1.0 - share) / 2.0] * 3
    out[vote] = share
    return out


def entry_vector(vote: int, acts: float) -> list[float]:
    """A distribution with P_wait = 1 - acts whose remainder leans to `vote`."""
    rest = [0.8 * acts, 0.2 * acts]
    return [1.0 - acts, *(rest if vote == 1 else rest[::-1])]


def tally(row: Sequence, *, training: bool = False, threshold: float | None = None) -> Tally:
    """Count the votes of one case.

    Args:
        row: fvg and momentum (vote, probability), sign of momentum, entry (vote, 1 - P_wait),
            synergy (type, direction), position, threshold.
        training: whether votes count whole.
        threshold: in place of the case's own.
    """
    fvg, momentum, sign, entry, synergy, position, limit = row[:7]
    votes = torch.tensor([[fvg[0], momentum[0], entry[0]]])
    probabilities = torch.tensor([[vector(*fvg), vector(*momentum), entry_vector(*entry)]])
    context = VoteContext(*(torch.tensor([x]) for x in (sign, *synergy, position)))
    aggregation = Aggregation(limit if threshold is None else threshold, training=training)
    return aggregation(votes, probabilities, context)


def combinations() -> str:
    """Which votes make an entry, and from which confidence on.

    A row per pair of votes with momentum up and nothing held; a column per synergy in sight. A
    cell names the side and the least confidence, the same for all three, whose score exceeds the
    text's threshold.
    """
    head = ["fvg", "momentum", "no synergy"]
    head += [f"TYPE_{kind} {'with' if side > 0 else 'against'} it" for kind, side in KINDS[1:]]
    rows = [
        [FVG[fvg], MOMENTUM[momentum], *(cell(fvg, momentum, *seen) for seen in KINDS)]
        for fvg in (2, 1, 0)
        for momentum in (2, 1, 0)
    ]
    return table(head, rows)


def cell(fvg: int, momentum: int, kind: int, along: int) -> str:
    """Return side and least confidence of an entry, or why there is none.

    Args:
        fvg: vote.
        momentum: vote; momentum is up.
        kind: type of the synergy, 0: none.
        along: 1 where the synergy points where the votes do, -1 where the other way.
    """
    named = [
        int(tally(((fvg, c), (momentum, c), 1, (1, c), (kind, 0), 0, 0.0)).direction)
        for c in (CERTAINTIES[0], CERTAINTIES[-1])
    ]
    if named[0] == 0:
        return "no direction"
    assert named[0] == named[1]
    for certainty in CERTAINTIES:
        seen = (kind, along * named[0])
        case = ((fvg, certainty), (momentum, certainty), 1, (1, certainty), seen, 0)
        found = tally((*case, LITERAL_THRESHOLD))
        if int(found.target):
            return f"{POSITIONS[int(found.target)]} {certainty:.2f}"
    return f"{POSITIONS[named[0]]} never"


def golden(cases: Sequence[Sequence]) -> str:
    """Return the cases, each with what the aggregation makes of it."""
    head = [
        "fvg", "momentum", "moves", "entry", "synergy", "held", "threshold",
        "score", "position", "reason",
    ]  # fmt: skip
    return table(head, [golden_row(case) for case in cases])


def golden_row(case: Sequence) -> list[str]:
    """Return one case in words, decided anew."""
    fvg, momentum, sign, entry, (kind, toward), position, threshold = case[:7]
    found = tally(case)
    return [
        f"{FVG[fvg[0]]} {fvg[1]:g}",
        f"{MOMENTUM[momentum[0]]} {momentum[1]:g}",
        SIGNS[sign],
        f"{ENTRY[entry[0]]} {entry[1]:g}",
        f"TYPE_{kind} {SIGNS[toward]}" if kind else "none",
        POSITIONS[position],
        f"{threshold:.2f}",
        f"{float(found.score):.3f}",
        POSITIONS[int(found.target)],
        Rule(int(found.rule)).name.removeprefix("VOTED_").lower().replace("_", " "),
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def placed(text: str, name: str, made: str) -> str:
    """Put a table between the marks of its name."""
    marks = rf"(<!-- {name} -->\n).*?(<!-- end -->\n)"
    assert re.search(marks, text, re.DOTALL)
    return re.sub(marks, lambda found: found[1] + made + found[2], text, flags=re.DOTALL)


def page(cases: Sequence[Sequence]) -> str:
    """Return the page with its tables made anew."""
    text = placed(PAGE.read_text(), "combinations", combinations())
    return placed(text, "golden", golden(cases))


if __name__ == "__main__":
    from test_aggregation import TABLE

    PAGE.write_text(page(TABLE))
