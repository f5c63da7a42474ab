"""Whether a stretch of tape holds enough to learn from: synergies, columns that move."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from grandmodel.features.tape import Tape
from grandmodel.market.splits import Span

LEAST_SYNERGIES = 30
SYNERGY_COLUMNS = ("synergy_confidence", "synergy_direction")


def count_synergies(tape: Tape, spans: Sequence[Span]) -> int:
    """Return on how many rows of ``spans`` a synergy is shown."""
    direction = tape.column("synergy_direction")
    starts = [tape.path_start(span.path) for span in spans]
    return sum(
        int((direction[start + span.start : start + span.stop] != 0).sum())
        for start, span in zip(starts, spans, strict=True)
    )


def has_evidence(tape: Tape, spans: Sequence[Span]) -> bool:
    """Return whether ``spans`` show the 30 synergies below which nothing can be learned."""
    return count_synergies(tape, spans) >= LEAST_SYNERGIES


def without_synergies(tape: Tape) -> Tape:
    """Return the tape with its synergy columns set to 0."""
    features = tape.features.clone()
    features[:, tape.column_indices(SYNERGY_COLUMNS)] = 0.0
    return replace(tape, features=features)


def constant_columns(tape: Tape, spans: Sequence[Span], columns: Sequence[str]) -> list[str]:
    """Return those of ``columns`` that never change over the rows of ``spans``."""
    starts = [tape.path_start(span.path) for span in spans]
    rows = [
        tape.features[start + span.start : start + span.stop, tape.column_indices(tuple(columns))]
        for start, span in zip(starts, spans, strict=True)
    ]
    if not rows:
        return []
    shown = torch.cat(rows)
    still = (shown == shown[0]).all(dim=0)
    return [name for name, constant in zip(columns, still.tolist(), strict=True) if constant]
