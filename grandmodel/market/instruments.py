"""What is traded: contract facts, costs with their dates, calendar, and which file means which.

Source: `docs/definitions.md`, "Instruments".
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import require, require_choice, require_distinct

CALENDARS = ("CMES", "XNYS", "24/7", "24/5", "23/5", "planted", "days")
GENERIC = "generic"
BEGINNING_NS = -(2**63)
FIRST_YEAR, LAST_YEAR = 1678, 2261  # what nanoseconds can tell
COST_KEYS = (
    "commission",
    "fee_bps",
    "half_spread_ticks",
    "half_spread_bps",
    "slippage_ticks",
    "slippage_bps",
)


class CostSchedule(NamedTuple):
    """Cost figures and the time from which they hold."""

    valid_from_ns: int  # UTC
    figures: tuple[float, ...]  # in the order of COST_KEYS


@dataclass(frozen=True, kw_only=True)
class CostEntry:
    """Costs per side that hold from a date on; what is None stays as it was before."""

    valid_from: str  # ISO date, UTC
    commission: float | None = None
    fee_bps: float | None = None
    half_spread_ticks: float | None = None
    half_spread_bps: float | None = None
    slippage_ticks: float | None = None
    slippage_bps: float | None = None

    def __post_init__(self) -> None:
        """Refuse dates that are none and negative costs."""
        try:
            day = np.datetime64(date.fromisoformat(str(self.valid_from)), "D")
        except ValueError:
            day = np.datetime64("NaT")
        require(
            not np.isnat(day) and FIRST_YEAR <= int(str(day)[:4]) <= LAST_YEAR,
            f"instrument.costs.valid_from must be a date such as 2015-09-21, was {self.valid_from}",
        )
        object.__setattr__(self, "valid_from", str(day))
        for key in COST_KEYS:
            _require_cost(f"instrument.costs.{key}", getattr(self, key))

    @property
    def valid_from_ns(self) -> int:
        """First instant at which the entry holds, UTC."""
        return int(np.datetime64(self.valid_from, "ns").astype(np.int64))


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """Contract facts, costs per side and trading hours of one instrument."""

    name: str
    tick: float | None = None  # price units; None: no grid is known
    multiplier: float = 1.0  # currency per 1.00 of price and unit of quantity
    lot: float = 1e-6  # smallest quantity
    commission: float = 0.0  # currency per unit of quantity
    fee_bps: float = 0.0  # of the traded notional
    half_spread_ticks: float = 0.0
    half_spread_bps: float = 0.0
    slippage_ticks: float = 0.0
    slippage_bps: float = 0.0
    costs: tuple[CostEntry, ...] = ()  # later figures, sorted by date
    initial_margin: float = 0.10  # share of the notional
    maintenance_margin: float = 0.08
    calendar: str = "days"
    timezone: str = "UTC"  # of the exchange: hours, weekdays and days are counted in it
    long_only: bool = False
    edge: str = "carry"  # carry | flat: what happens to positions at session edges
    volume: str = "traded"  # traded | ticks: what volume means where there is any
    sessions_per_year: float | None = None  # None: as the calendar has it

    def __post_init__(self) -> None:
        """Refuse impossible facts; accept cost entries as plain mappings too."""
        entries = tuple(_cost_entry(entry) for entry in self.costs or ())
        object.__setattr__(
            self, "costs", tuple(sorted(entries, key=lambda entry: entry.valid_from_ns))
        )
        require_distinct("instrument.costs.valid_from", [entry.valid_from for entry in entries])
        require_choice("instrument.calendar", self.calendar, CALENDARS)
        require(
            _is_zone(self.timezone),
            "instrument.timezone must be a zone such as America/New_York or UTC, was "
            f"{self.timezone}",
        )
        require_choice("instrument.edge", self.edge, ("carry", "flat"))
        require_choice("instrument.volume", self.volume, ("traded", "ticks"))
        for key in ("multiplier", "lot", "tick", "sessions_per_year"):
            value = getattr(self, key)
            require(
                value is None or (value > 0.0 and math.isfinite(value)),
                f"instrument.{key} must be a number above 0, was {value}",
            )
        for key in COST_KEYS:
            _require_cost(f"instrument.{key}", getattr(self, key))
        require(
            0.0 < self.maintenance_margin <= self.initial_margin <= 1.0,
            "instrument.maintenance_margin and initial_margin must satisfy "
            f"0 < maintenance <= initial <= 1, were {self.maintenance_margin} and "
            f"{self.initial_margin}",
        )

    @property
    def cost_schedule(self) -> tuple[CostSchedule, ...]:
        """Cost figures sorted by the time they hold from; the first holds from the beginning."""
        figures = {key: float(getattr(self, key)) for key in COST_KEYS}
        out = [CostSchedule(BEGINNING_NS, tuple(figures.values()))]
        for entry in self.costs:
            given = {key: getattr(entry, key) for key in COST_KEYS}
            figures |= {key: float(value) for key, value in given.items() if value is not None}
            out.append(CostSchedule(entry.valid_from_ns, tuple(figures.values())))
        return tuple(out)

    @property
    def free(self) -> bool:
        """True where some stretch of time has no cost at all: reports show it in red."""
        return any(not any(entry.figures) for entry in self.cost_schedule)

    def summary(self) -> str:
        """Return the facts that differ from the defaults, in one line."""
        plain = [
            f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if field.name != "name" and getattr(self, field.name) != field.default
        ]
        return f"{self.name}: " + ", ".join(plain)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return False
    return True


def _cost_entry(entry: object) -> "CostEntry":
    """Return a cost entry from a mapping; refuse what is none."""
    if isinstance(entry, CostEntry):
        return entry
    known = ("valid_from", *COST_KEYS)
    require(
        isinstance(entry, Mapping) and "valid_from" in entry and set(entry) <= set(known),
        f"instrument.costs must list entries with valid_from and some of {', '.join(COST_KEYS)}, "
        f"was {entry}",
    )
    assert isinstance(entry, Mapping)  # noqa: S101 - narrows the type after require
    return CostEntry(**{str(key): value for key, value in entry.items()})


def _require_cost(key: str, value: float | None) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = value is None or (number and value >= 0.0 and math.isfinite(value))
    require(fits, f"{key} must be a number of at least 0, was {value}")


def instrument_for(
    name: str | None, path: str | Path | None, conf_dir_instruments: Mapping[str, Instrument]
) -> Instrument:
    """Find the instrument: the given name, else the prefix of the file's stem, else generic.

    ``NQ_5m.parquet`` means NQ where an instrument of that name exists.

    Args:
        name: name given by the user; None or ``auto`` where none was.
        path: the bars' file.
        conf_dir_instruments: instruments by the name of their configuration.

    Raises:
        UserError: the given name is not known.
    """
    if name is not None and name != "auto":
        known = ", ".join(sorted(conf_dir_instruments))
        require(
            name in conf_dir_instruments,
            f"instrument must be one of auto, {known}, was {name}: add conf/instrument/{name}.yaml "
            "or take one of these",
        )
        return conf_dir_instruments[name]
    prefix = re.split(r"[^A-Za-z0-9]", Path(path).stem)[0] if path is not None else ""
    if prefix in conf_dir_instruments:
        return conf_dir_instruments[prefix]
    return conf_dir_instruments.get(GENERIC, GENERIC_INSTRUMENT)


GENERIC_INSTRUMENT = Instrument(
    name=GENERIC, fee_bps=1.0, half_spread_bps=1.0, slippage_bps=0.5, calendar="days"
)


def smallest_step(prices: NDArray[np.float64]) -> float | None:
    """Return the smallest difference between two of the prices, None where all are equal.

    Differences below 1e-9 of the price are float noise; the result has six digits.
    """
    levels = np.unique(prices)
    steps = np.diff(levels)
    steps = steps[steps > 1e-9 * levels[1:]]
    return float(f"{steps.min():.6g}") if len(steps) else None


def with_tick(instrument: Instrument, tick: float | None) -> Instrument:
    """Return the instrument with its tick filled in where it has none."""
    return instrument if instrument.tick is not None else replace(instrument, tick=tick)
