"""Synergies as a faster clock sees them: the latest one stays visible for half an hour."""

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import MINUTE_NS
from grandmodel.features.synergy import TYPE_NAMES, Synergies

VISIBLE_NS = 30 * MINUTE_NS
AGE_BARS = 10.0
LATCHED = (
    "synergy_type_1", "synergy_type_2", "synergy_type_3", "synergy_type_4",
    "synergy_direction", "synergy_confidence", "synergy_age",
)  # fmt: skip


def in_sight(kind: int, direction: int, confidence: float, elapsed_bars: float) -> dict[str, float]:
    """Return the columns of one decision that sees one synergy, as :func:`latched` does.

    Args:
        kind: its type, 1 to 4.
        direction: -1 or 1.
        confidence: in [0, 1].
        elapsed_bars: time since it was complete, in decision bars, below half an hour.
    """
    shown: dict[str, float] = dict.fromkeys(LATCHED, 0.0)
    shown[LATCHED[kind - 1]] = 1.0
    shown["synergy_direction"] = float(direction)
    shown["synergy_confidence"] = float(confidence)
    shown["synergy_age"] = elapsed_bars / AGE_BARS
    return shown


def latched(
    synergies: Synergies, decision_time_ns: NDArray[np.int64], minutes: int
) -> dict[str, NDArray[np.float64]]:
    """Return what each decision is shown of the synergies completed by then.

    Source: `docs/definitions.md`, section Synergies.

    Args:
        synergies: of the path, in order of time.
        decision_time_ns: closes of the decision bars, sorted, int64 [decision].
        minutes: length of those bars.

    Returns:
        ``synergy_type_1`` to ``synergy_type_4`` (0 or 1), ``synergy_direction``,
        ``synergy_confidence`` and ``synergy_age`` (time since it was complete, in units of ten
        decision bars), [decision] each, 0 where none was completed in the last half hour.
    """
    if not len(synergies):
        return {name: np.zeros(len(decision_time_ns)) for name in LATCHED}
    which = np.searchsorted(synergies.time_ns, decision_time_ns, side="right") - 1
    known = np.maximum(which, 0)
    elapsed = decision_time_ns - synergies.time_ns[known]
    shown = (which >= 0) & (elapsed < VISIBLE_NS)
    kind = np.where(shown, synergies.type[known], 0)
    flags = [(kind == 1 + place).astype(np.float64) for place in range(len(TYPE_NAMES))]
    direction = np.where(shown, synergies.direction[known], 0).astype(np.float64)
    confidence = np.where(shown, synergies.confidence[known], 0.0)
    age = np.where(shown, elapsed / (minutes * MINUTE_NS) / AGE_BARS, 0.0)
    return dict(zip(LATCHED, [*flags, direction, confidence, age], strict=True))
