"""What a caller tells and what it must be: refusals are values, never exceptions to the caller.

Source: `docs/definitions.md`, The tactical service.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from grandmodel.features.config import FAST_MINUTES
from grandmodel.features.latched import LATCHED, VISIBLE_NS, in_sight
from grandmodel.features.synergy import TYPE_NAMES
from grandmodel.features.tactical import LIMIT, MATRIX_5, TACTICAL_BARS

MATRIX_SHAPE = (TACTICAL_BARS, len(MATRIX_5))
REQUIRED = ("synergy_type", "direction", "confidence", "signal_sequence", "market_context")
LARGEST = float(np.finfo(np.float32).max)
BAR = timedelta(minutes=FAST_MINUTES)
VISIBLE = timedelta(microseconds=VISIBLE_NS // 1000)


class RefusedInputError(ValueError):
    """An input that no decision can be made on; its text is the reason told to the caller."""


@dataclass(frozen=True)
class SynergyEvent:
    """A synergy as it is announced to the tactical team; nothing is checked before it is told."""

    synergy_type: str  # TYPE_1 to TYPE_4
    direction: int  # -1, 1
    confidence: float  # 0..1
    signal_sequence: Sequence[Mapping[str, Any]]  # the signals in their order
    market_context: Mapping[str, Any]
    timestamp: datetime | str | None = None  # when it was complete, with its time zone

    @classmethod
    def of(cls, event: "SynergyEvent | Mapping[str, Any]") -> "SynergyEvent":
        """Return the event that a payload tells; fields that are unknown are left out.

        Raises:
            RefusedInputError: it is no mapping, lacks a field, or a field is out of range.
        """
        if not isinstance(event, SynergyEvent):
            if not isinstance(event, Mapping):
                raise RefusedInputError(f"the event must be a mapping, was {_shown(event)}")
            for name in REQUIRED:
                if name not in event:
                    raise RefusedInputError(f"the event lacks {name}")
            told = {name: event[name] for name in REQUIRED}
            event = cls(**told, timestamp=event.get("timestamp"))
        event.check()
        return event

    def check(self) -> None:
        """Refuse what no synergy is.

        Raises:
            RefusedInputError: names the field, its value and the rule.
        """
        if not (isinstance(self.synergy_type, str) and self.synergy_type in TYPE_NAMES):
            known = ", ".join(TYPE_NAMES)
            raise RefusedInputError(
                f"synergy_type must be one of {known}, was {_shown(self.synergy_type)}"
            )
        if not (is_whole(self.direction) and self.direction in (-1, 1)):
            raise RefusedInputError(
                f"direction must be the whole number -1 or 1, was {_shown(self.direction)}"
            )
        if not (is_number(self.confidence) and 0.0 <= self.confidence <= 1.0):
            raise RefusedInputError(
                f"confidence must be a number in [0, 1], was {_shown(self.confidence)}"
            )
        signals = self.signal_sequence
        if not (isinstance(signals, list | tuple) and all(isinstance(s, Mapping) for s in signals)):
            raise RefusedInputError(
                f"signal_sequence must be a list of mappings, was {_shown(signals)}"
            )
        if not isinstance(self.market_context, Mapping):
            raise RefusedInputError(
                f"market_context must be a mapping, was {_shown(self.market_context)}"
            )
        moment("timestamp", self.timestamp)

    def in_sight(self, closed_at: datetime | str | None) -> "InSight":
        """Return the synergy as decisions at a close see it; as if just complete where one of the
        times is not told.
        """
        told, closed = moment("timestamp", self.timestamp), moment("closed_at", closed_at)
        elapsed = 0.0 if told is None or closed is None else (closed - told) / BAR
        kind = TYPE_NAMES.index(self.synergy_type) + 1
        return InSight(
            kind, self.direction, in_sight(kind, self.direction, self.confidence, elapsed)
        )


class InSight(NamedTuple):
    """The synergy that agents are shown and votes are weighed by."""

    kind: int  # 1 to 4; 0: none
    direction: int  # -1 or 1; 0: none
    columns: Mapping[str, float]  # of the context, by name

    @classmethod
    def none(cls) -> "InSight":
        """Return what is seen where no synergy was complete in the last half hour."""
        return cls(0, 0, dict.fromkeys(LATCHED, 0.0))

    @classmethod
    def of_context(cls, context: Mapping[str, float]) -> "InSight":
        """Return the synergy that the context of a snapshot tells.

        Raises:
            RefusedInputError: the context lacks one of its columns, or it is no number.
        """
        values = values_of("context", context, LATCHED)
        columns: dict[str, float] = dict(zip(LATCHED, values, strict=True))
        flags = values[: len(TYPE_NAMES)]
        if max(flags) <= 0.0:
            return cls.none()
        toward = columns["synergy_direction"]
        return cls(flags.index(max(flags)) + 1, (toward > 0.0) - (toward < 0.0), columns)


@dataclass(frozen=True)
class Snapshot:
    """The market and the account at the close of the latest five-minute bar."""

    matrix: NDArray[np.floating]  # [60, 7], scaled, oldest bar first, columns of MATRIX_5
    context: Mapping[str, float]  # scaled values at the last bar, by column name
    account: Mapping[str, float]  # what agents are shown of the account, by name
    close: float  # price units
    atr_14: float  # price units
    closed_at: datetime | str | None = None  # close of the latest bar, with its time zone

    def check(self) -> None:
        """Refuse shapes and values that were never trained on.

        Raises:
            RefusedInputError: names the input, its value and the rule.
        """
        _check_matrix(self.matrix)
        (position,) = values_of("account", self.account, ("position",))
        if position not in (-1.0, 0.0, 1.0):
            raise RefusedInputError(f"the account's position must be -1, 0 or 1, was {position:g}")
        if not (is_number(self.close) and math.isfinite(self.close)):
            raise RefusedInputError(f"close must be a finite number, was {_shown(self.close)}")
        if not (is_number(self.atr_14) and 0.0 < self.atr_14 < math.inf):
            raise RefusedInputError(
                f"atr_14 must be a finite number above 0, was {_shown(self.atr_14)}"
            )
        moment("closed_at", self.closed_at)

    @property
    def position(self) -> int:
        """Side of the position that is held, -1, 0 or 1."""
        return int(self.account["position"])

    def check_age(self, event: SynergyEvent) -> None:
        """Refuse a synergy that is out of sight, and a matrix older than the synergy.

        Raises:
            RefusedInputError: tells both times.
        """
        told, closed = moment("timestamp", event.timestamp), moment("closed_at", self.closed_at)
        if told is None or closed is None:
            return
        if told > closed:
            raise RefusedInputError(
                f"the latest bar closed at {closed.isoformat()}, before the synergy at "
                f"{told.isoformat()}: wait for the next bar"
            )
        if closed - told >= VISIBLE:
            raise RefusedInputError(
                f"the synergy of {told.isoformat()} is out of sight at {closed.isoformat()}"
            )


def values_of(what: str, given: object, names: Sequence[str]) -> list[float]:
    """Return the values of a mapping in the order of ``names``.

    Raises:
        RefusedInputError: it is no mapping, lacks a name, or holds what is no finite number.
    """
    if not isinstance(given, Mapping):
        raise RefusedInputError(f"the {what} must be a mapping by name, was {_shown(given)}")
    for name in names:
        if name not in given:
            raise RefusedInputError(f"the {what} lacks {name}")
        if not is_number(given[name]):
            raise RefusedInputError(
                f"the {what} must hold numbers, {name} is {_shown(given[name])}"
            )
    values = [float(given[name]) for name in names]
    if not all(abs(value) <= LARGEST for value in values):
        raise RefusedInputError(f"the {what} holds NaN or infinity: wait for the next bar")
    return values


def moment(name: str, given: object) -> datetime | None:
    """Return a time with its zone; None where none is told.

    Raises:
        RefusedInputError: it is no time, or nobody knows in which zone.
    """
    if given is None:
        return None
    try:
        time = datetime.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        time = None
    if not isinstance(time, datetime):
        raise RefusedInputError(f"{name} must be a time as in ISO 8601, was {_shown(given)}")
    if time.utcoffset() is None:
        raise RefusedInputError(f"{name} must tell its time zone, was {_shown(given)}")
    return time


def is_number(value: object) -> bool:
    """Tell whether ``value`` is a number, and neither a truth value nor text."""
    return isinstance(value, int | float | np.floating | np.integer) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Tell whether ``value`` is a whole number, and no truth value."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _check_matrix(matrix: object) -> None:
    if not (isinstance(matrix, np.ndarray) and np.issubdtype(matrix.dtype, np.floating)):
        raise RefusedInputError(f"the matrix must be an array of floats, was {_shown(matrix)}")
    if matrix.shape != MATRIX_SHAPE:
        raise RefusedInputError(
            f"the matrix must have the shape {MATRIX_SHAPE}, has {matrix.shape}"
        )
    if not np.isfinite(matrix).all():
        raise RefusedInputError("the matrix holds NaN or infinity: wait for the next bar")
    size = np.abs(matrix)
    if size.max() > LIMIT:
        column = MATRIX_5[int(size.max(axis=0).argmax())]
        raise RefusedInputError(
            f"the matrix must be scaled, to within {LIMIT:g}; {column} reaches {size.max():g}"
        )


def _shown(value: object) -> str:
    """Return a value as a reason tells it: short, and of things no more than their kind."""
    plain = value is None or isinstance(value, str | bool | int | float | datetime)
    return f"{value!r:.60}" if plain else f"a {type(value).__name__}"
