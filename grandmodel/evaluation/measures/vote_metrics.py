"""How right votes were: accuracy, confusion, rates, confidence and its calibration.

Source: `docs/definitions.md`, Right votes.
"""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_confusion_matrix,
)

from grandmodel.evaluation.measures.vote_outcomes import Cases, VoteOutcomes

CALIBRATION_BINS = 10
DIRECTION, ENTRY = "direction", "entry"


def cases_of(
    role: str, outcomes: VoteOutcomes, bar: Int[Tensor, " vote"], side: Int[Tensor, " vote"]
) -> Cases:
    """Return what votes of a role are held against.

    Args:
        role: of :data:`grandmodel.decision.aggregation.ROLES`.
        outcomes: of the bars.
        bar: row of each decision.
        side: of the entry that is at stake, 0 where none is; read for entries alone.
    """
    if role == ENTRY:
        return outcomes.entry(bar, side)
    return outcomes.direction(bar) if role == DIRECTION else outcomes.momentum(bar)


def vote_figures(
    labels: Sequence[str],
    votes: Int[Tensor, " vote"],
    confidence: Float[Tensor, " vote"],
    cases: Cases,
) -> dict[str, Any]:
    """Return the figures of one voter over the votes at which something was at stake.

    Args:
        labels: names of the three classes.
        votes: class of each vote.
        confidence: probability that the voter gave to it, in [0, 1]; nan: it named none.
        cases: what would have been right.

    Returns:
        ``votes`` (their number), ``accuracy``, ``base`` (the best accuracy of any constant vote),
        ``balanced_accuracy``, ``confidence``, ``calibration_error``, and per class ``rate``,
        ``right_when_voted`` and ``confusion`` (counts of what would have been right, by vote);
        None where a figure is undefined.
    """
    at = cases.counts
    votes, truth, confidence = votes[at], cases.truth(votes)[at], confidence[at]
    count = len(votes)
    confusion = multiclass_confusion_matrix(votes, truth, num_classes=3)  # [truth, vote]
    hits, voted, meant = confusion.diag(), confusion.sum(dim=0), confusion.sum(dim=1)
    known = confidence.isfinite()
    recall = (hits / meant)[meant > 0]
    return {
        "votes": count,
        "accuracy": _share(hits.sum(), count),
        "base": float(cases.right[at].double().mean(dim=0).max()) if count else None,
        "balanced_accuracy": float(recall.double().mean()) if count else None,
        "confidence": float(confidence[known].double().mean()) if known.any() else None,
        "calibration_error": _calibration(confidence[known], (votes == truth)[known]),
        "rate": {name: _share(n, count) for name, n in zip(labels, voted, strict=True)},
        "right_when_voted": {
            name: _share(hit, int(n)) for name, hit, n in zip(labels, hits, voted, strict=True)
        },
        "confusion": {
            name: dict(zip(labels, column.tolist(), strict=True))
            for name, column in zip(labels, confusion.T, strict=True)
        },
    }


def _share(part: Tensor, count: int) -> float | None:
    return float(part) / count if count else None


def _calibration(confidence: Float[Tensor, " vote"], right: Tensor) -> float | None:
    """Return the mean distance between confidence and accuracy over bins of confidence."""
    if not len(confidence):
        return None
    found = binary_calibration_error(confidence.float(), right.int(), n_bins=CALIBRATION_BINS)
    return float(found)
