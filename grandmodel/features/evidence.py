"""Whether a stretch of tape holds enough to learn from: synergies, columns that move."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from grandmodel.features.latched import LATCHED
from grandmodel.features.tape import Tape
from grandmodel.market.splits import Span

LEAST_SYNERGIES = 30
SYNERGY_COLUMNS = tuple(dict.fromkeys(("synergy_confidence", "synergy_direction", *LATCHED)))


def count_synergies(tape: Tape, spans: Sequence[Span]) -> int:
    """Return how many synergies the rows of ``spans`` show, each once."""
    shown = _first_shown(tape)
    starts = [tape.path_start(span.path) for span in spans]
    return sum(
        int(shown[start + span.start : start + span.stop].sum())
        for start, span in zip(starts, spans, strict=True)
    )


def has_evidence(tape: Tape, spans: Sequence[Span]) -> bool:
    """Return whether ``spans`` show the 30 synergies below which nothing can be learned."""
    return count_synergies(tape, spans) >= LEAST_SYNERGIES


def without_synergies(tape: Tape) -> Tape:
    """Return the tape with its synergy columns set to 0."""
    features = tape.features.clone()
    names = tuple(name for name in SYNERGY_COLUMNS if name in tape.columns)
    features[:, tape.column_indices(names)] = 0.0
    return replace(tape, features=features)


def _first_shown(tape: Tape) -> Tensor:
    """Return the rows that first show a synergy, bool [bar]; a faster clock shows it for a while.

    Source: `docs/definitions.md`, section Synergies.
    """
    shown = tape.column("synergy_direction") != 0
    if "synergy_age" not in tape.columns:
        return shown
    age = tape.column("synergy_age")
    goes_on = torch.zeros_like(shown)
    goes_on[1:] = shown[:-1] & (age[1:] > age[:-1]) & (tape.path[1:] == tape.path[:-1])
    return shown & ~goes_on


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
