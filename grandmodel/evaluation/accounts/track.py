"""What one policy did over all segments: the form that metrics, statistics and files read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.types import Segment
from grandmodel.envs.orders import Ended, Outcome
from grandmodel.features.tape import Tape

FLAT_REASONS = (
    "signal",
    "reversed",
    "max_hold",
    "session_end",
    "segment_end",
    "liquidated",
    "stop",
    "target",
    "missed",  # from here on: a reversal whose entry was missed or refused
    "closed",
    "below_lot",
    "no_volume",
    "margin",
)
ENDED_REASONS = np.array(
    [0, *(FLAT_REASONS.index(name) for name in ("stop", "target", "liquidated"))]
)  # by envs.orders.Ended
FIRST_REFUSAL = FLAT_REASONS.index("missed") - int(Outcome.MISSED)


@dataclass(frozen=True)
class Market:
    """The tape's columns that accounts are told by, as NumPy arrays of shape [bar]."""

    open_time_ns: NDArray[np.int64]
    open: NDArray[np.float64]
    close: NDArray[np.float64]
    session: NDArray[np.int64]
    minutes: int
    multiplier: float

    @classmethod
    def of(cls, tape: Tape) -> "Market":
        """View the tape's columns; nothing is copied on the CPU."""
        return cls(
            tape.open_time_ns.cpu().numpy(),
            tape.open.cpu().numpy(),
            tape.close.cpu().numpy(),
            tape.session.cpu().numpy(),
            tape.minutes,
            float(tape.instrument.multiplier),
        )


class Legs(NamedTuple):
    """Where the two legs of a change of position were filled, float64 [row] each."""

    exit_price: NDArray[np.float64]  # where a position is closed at or after the open
    entry_price: NDArray[np.float64]  # where one is opened
    exit_cost: NDArray[np.float64]  # currency: what the old position paid, carry and exit


@dataclass(frozen=True)
class Track:
    """One policy's account, one row per decision, segments one after another.

    Row r holds the outcome of the decision taken at the close of bar ``bar[r]``: filled at
    the open of the next bar and marked at that bar's close.
    """

    segments: tuple[Segment, ...]
    first: NDArray[np.int64]  # [segment + 1]: where each segment's rows begin
    bar: NDArray[np.int64]  # [row]: tape row of the last closed bar at the decision
    session: NDArray[np.int64]  # [row]: session of the bar over which the decision acts
    equity: NDArray[np.float64]  # [row]: currency, at the close of bar + 1
    pnl_gross: NDArray[np.float64]  # [row]: currency, before costs
    cost: NDArray[np.float64]  # [row]: currency
    position: NDArray[np.int8]  # [row]: held over bar + 1: -1, 0, 1
    quantity: NDArray[np.float64]  # [row]: signed units held over bar + 1
    reason: NDArray[np.int8]  # [row]: why a position that ends here ended, FLAT_REASONS
    ended: NDArray[np.int8]  # [row]: what ended the position inside bar + 1, envs.orders.Ended
    capital: float  # equity at each segment's start
    compounding: bool  # sized by equity (returns chain by product) or fixed (they add)
    legs: Legs | None = None  # None: all fills are at the open of bar + 1

    def __len__(self) -> int:
        return len(self.bar)

    @property
    def paths(self) -> tuple[int, ...]:
        """Paths in the order of their first segment."""
        return tuple(dict.fromkeys(segment.path for segment in self.segments))

    @property
    def liquidated(self) -> NDArray[np.bool_]:
        """Whether the margin ended the position inside bar + 1, [row]."""
        return self.ended == Ended.LIQUIDATED

    def segment_of_row(self) -> NDArray[np.int64]:
        """Index into ``segments`` of each row."""
        return np.repeat(np.arange(len(self.segments)), np.diff(self.first))

    def rows_of(self, index: int) -> slice:
        """Rows of segment ``index``."""
        return slice(int(self.first[index]), int(self.first[index + 1]))


def track_from_rows(
    market: Market,
    segments: Sequence[Segment],
    bar: Sequence[NDArray[np.int64]],
    equity: Sequence[NDArray[np.float64]],
    pnl_gross: Sequence[NDArray[np.float64]],
    cost: Sequence[NDArray[np.float64]],
    position: Sequence[NDArray[np.int8]],
    quantity: Sequence[NDArray[np.float64]],
    *,
    capital: float,
    compounding: bool,
    reason: Sequence[NDArray[np.int8]] | None = None,
    ended: Sequence[NDArray[np.int8]] | None = None,
    legs: Legs | None = None,
) -> Track:
    """Join per-segment arrays, each [step], into one track; `legs` are joined already."""
    lengths = [len(rows) for rows in bar]
    first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    bars = np.concatenate(bar).astype(np.int64)
    held = np.concatenate(position).astype(np.int8)
    total = len(bars)
    reasons = np.zeros(total, np.int8) if reason is None else np.concatenate(reason)
    inside = np.zeros(total, np.int8) if ended is None else np.concatenate(ended)
    return Track(
        segments=tuple(segments),
        first=first,
        bar=bars,
        session=market.session[bars + 1],
        equity=np.concatenate(equity),
        pnl_gross=np.concatenate(pnl_gross),
        cost=np.concatenate(cost),
        position=held,
        quantity=np.concatenate(quantity),
        reason=reasons.astype(np.int8),
        ended=inside.astype(np.int8),
        capital=float(capital),
        compounding=compounding,
        legs=legs,
    )


def refusal_reasons(reason: NDArray[np.int8], outcome: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return why positions ended, by name where the entry of a reversal was refused, [row].

    Args:
        reason: of decisions without refusals, index into FLAT_REASONS.
        outcome: of the entry orders, envs.orders.Outcome.
    """
    return np.where(outcome >= Outcome.MISSED, outcome + FIRST_REFUSAL, reason).astype(np.int8)
