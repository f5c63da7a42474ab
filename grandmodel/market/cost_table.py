"""What trading and holding cost, with the dates from which the figures hold.

Source: `docs/definitions.md`, "Instruments" and "Carry and rolls".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from grandmodel.core.checks import require

BEGINNING_NS = -(2**63)
FIRST_YEAR, LAST_YEAR = 1678, 2261  # what nanoseconds can tell
COST_KEYS = (
    "commission",
    "fee_bps",
    "half_spread_ticks",
    "half_spread_bps",
    "slippage_ticks",
    "slippage_bps",
    "maker_fee_bps",
)
CARRY_KEYS = ("swap_long_ticks", "swap_short_ticks", "funding_bps")
_MAKER, _FEE = COST_KEYS.index("maker_fee_bps"), COST_KEYS.index("fee_bps")


class CostSchedule(NamedTuple):
    """Cost figures and the time from which they hold."""

    valid_from_ns: int  # UTC
    figures: tuple[float, ...]  # in the order of COST_KEYS; a maker fee that is not set is the fee
    carry: tuple[float, ...]  # in the order of CARRY_KEYS; below 0: received


@dataclass(frozen=True, kw_only=True)
class CostEntry:
    """Costs per side and of holding that hold from a date on; None stays as it was before."""

    valid_from: str  # ISO date, UTC
    commission: float | None = None
    fee_bps: float | None = None
    half_spread_ticks: float | None = None
    half_spread_bps: float | None = None
    slippage_ticks: float | None = None
    slippage_bps: float | None = None
    maker_fee_bps: float | None = None
    swap_long_ticks: float | None = None
    swap_short_ticks: float | None = None
    funding_bps: float | None = None

    def __post_init__(self) -> None:
        """Refuse dates that are none and impossible costs."""
        try:
            day = np.datetime64(date.fromisoformat(str(self.valid_from)), "D")
        except ValueError:
            day = np.datetime64("NaT")
        require(
            not np.isnat(day) and FIRST_YEAR <= int(str(day)[:4]) <= LAST_YEAR,
            f"instrument.costs.valid_from must be a date such as 2015-09-21, was {self.valid_from}",
        )
        object.__setattr__(self, "valid_from", str(day))
        require_figures("instrument.costs", self)

    @property
    def valid_from_ns(self) -> int:
        """First instant at which the entry holds, UTC."""
        return int(np.datetime64(self.valid_from, "ns").astype(np.int64))


def cost_entry(entry: object) -> CostEntry:
    """Return a cost entry from a mapping; refuse what is none."""
    if isinstance(entry, CostEntry):
        return entry
    known = (*COST_KEYS, *CARRY_KEYS)
    require(
        isinstance(entry, Mapping)
        and "valid_from" in entry
        and set(entry) <= {"valid_from", *known},
        f"instrument.costs must list entries with valid_from and some of {', '.join(known)}, "
        f"was {entry}",
    )
    assert isinstance(entry, Mapping)  # noqa: S101 - narrows the type after require
    return CostEntry(**{str(key): value for key, value in entry.items()})


def require_figures(prefix: str, holder: Any) -> None:
    """Refuse costs that are no numbers of at least 0, and carry that is no number."""
    for key in COST_KEYS:
        value = getattr(holder, key)
        fits = value is None or (_is_number(value) and value >= 0.0)
        require(fits, f"{prefix}.{key} must be a number of at least 0, was {value}")
    for key in CARRY_KEYS:
        value = getattr(holder, key)
        require(
            value is None or _is_number(value),
            f"{prefix}.{key} must be a number, below 0 where it is received, was {value}",
        )


def schedule_of(base: Any, entries: tuple[CostEntry, ...]) -> tuple[CostSchedule, ...]:
    """Return the figures sorted by the time they hold from; `base` has the first, `entries` the
    later ones, each of which inherits what it leaves open.
    """
    keys = (*COST_KEYS, *CARRY_KEYS)
    figures = {key: getattr(base, key) for key in keys}
    out = [_schedule(BEGINNING_NS, figures)]
    for entry in entries:
        given = {key: getattr(entry, key) for key in keys}
        figures |= {key: value for key, value in given.items() if value is not None}
        out.append(_schedule(entry.valid_from_ns, figures))
    return tuple(out)


def _schedule(valid_from_ns: int, figures: Mapping[str, float | None]) -> CostSchedule:
    costs = [figures[key] for key in COST_KEYS]
    if costs[_MAKER] is None:
        costs[_MAKER] = costs[_FEE]
    carry = [figures[key] for key in CARRY_KEYS]
    return CostSchedule(
        valid_from_ns,
        tuple(float(value or 0.0) for value in costs),
        tuple(float(value or 0.0) for value in carry),
    )


def _is_number(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)  # pyright: ignore[reportArgumentType]
