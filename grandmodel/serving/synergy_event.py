"""What a caller tells and what it must be: refusals are values, never exceptions.

Source: `docs/definitions.md`, The tactical service.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.features.synergy import TYPE_NAMES
from grandmodel.features.tactical import MATRIX_5, TACTICAL_BARS

MATRIX_SHAPE = (TACTICAL_BARS, len(MATRIX_5))


class RefusedInputError(ValueError):
    """An input that no decision can be made on; its text is the reason told to the caller."""


@dataclass(frozen=True)
class SynergyEvent:
    """A synergy as it is announced to the tactical team."""

    synergy_type: str  # TYPE_1 to TYPE_4
    direction: int  # -1, 1
    confidence: float  # 0..1
    signal_sequence: Sequence[Mapping[str, Any]] = ()
    market_context: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no synergy is.

        Raises:
            RefusedInputError: names the field, its value and the rule.
        """
        if self.synergy_type not in TYPE_NAMES:
            known = ", ".join(TYPE_NAMES)
            raise RefusedInputError(
                f"synergy_type must be one of {known}, was {self.synergy_type!r:.60}"
            )
        if isinstance(self.direction, bool) or self.direction not in (-1, 1):
            raise RefusedInputError(f"direction must be -1 or 1, was {self.direction!r:.60}")
        if not (_is_number(self.confidence) and 0.0 <= self.confidence <= 1.0):
            raise RefusedInputError(f"confidence must lie in [0, 1], was {self.confidence!r:.60}")

    @classmethod
    def of(cls, event: "SynergyEvent | Mapping[str, Any]") -> "SynergyEvent":
        """Return the event that a payload tells; fields that are unknown are left out.

        Raises:
            RefusedInputError: it is no mapping, lacks a field, or a field is out of range.
        """
        if isinstance(event, SynergyEvent):
            return event
        if not isinstance(event, Mapping):
            raise RefusedInputError(f"the event must be a mapping, was a {type(event).__name__}")
        for name in ("synergy_type", "direction", "confidence"):
            if name not in event:
                raise RefusedInputError(f"the event lacks {name}")
        return cls(
            event["synergy_type"],
            event["direction"],
            event["confidence"],
            event.get("signal_sequence") or (),
            event.get("market_context") or {},
        )


@dataclass(frozen=True)
class Snapshot:
    """The market and the account at the close of the latest five-minute bar."""

    matrix: NDArray[np.float32]  # [60, 7], scaled, oldest bar first, columns of MATRIX_5
    context: Mapping[str, float]  # scaled values at the last bar, by column name
    account: NDArray[np.float32]  # the account block
    position: int  # -1, 0, 1
    close: float  # price units
    atr_14: float  # price units

    def __post_init__(self) -> None:
        """Refuse shapes and values that were never trained on.

        Raises:
            RefusedInputError: names the input, its value and the rule.
        """
        shape = np.shape(self.matrix)
        if shape != MATRIX_SHAPE:
            raise RefusedInputError(f"the matrix must have the shape {MATRIX_SHAPE}, has {shape}")
        for name, values in (("matrix", self.matrix), ("account", self.account)):
            if not np.isfinite(np.asarray(values, np.float64)).all():
                raise RefusedInputError(f"the {name} holds NaN or infinity: wait for the next bar")
        if self.position not in (-1, 0, 1):
            raise RefusedInputError(f"position must be -1, 0 or 1, was {self.position!r:.60}")
        if not (_is_number(self.close) and math.isfinite(self.close)):
            raise RefusedInputError(f"close must be a finite number, was {self.close!r:.60}")
        if not (_is_number(self.atr_14) and 0.0 < self.atr_14 < math.inf):
            raise RefusedInputError(f"atr_14 must be a number above 0, was {self.atr_14!r:.60}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.floating | np.integer) and not isinstance(value, bool)
