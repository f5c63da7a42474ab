"""What is traded: contract facts, costs with their dates, calendar, and which file means which.

Source: `docs/definitions.md`, "Instruments".
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import require, require_choice, require_distinct
from grandmodel.market.cost_table import (
    CostEntry,
    CostSchedule,
    cost_entry,
    require_figures,
    schedule_of,
)
from grandmodel.market.rolls import EXPIRIES, require_months

CALENDARS = ("CMES", "XNYS", "24/7", "24/5", "23/5", "planted", "days")
GENERIC = "generic"
EDGES, VOLUMES = ("carry", "flat"), ("traded", "ticks")
SWAP_DAYS = ("wednesday", "thursday", "friday")  # on which three days are charged
DAY_HOURS = 24
MOST_ROLL_DAYS = 20


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
    maker_fee_bps: float | None = None  # of a resting order, in place of fee_bps; None: the same
    swap_long_ticks: float = 0.0  # paid per day and unit held long over 17:00 New York
    swap_short_ticks: float = 0.0  # the same held short; below 0: received
    swap_triple: str = "wednesday"  # the weekday that is charged three days, for the weekend
    funding_bps: float = 0.0  # of the notional, paid by longs to shorts; below 0: by shorts
    funding_hours: int = 8  # from one funding to the next, counted from midnight UTC
    roll_months: str | None = None  # letters of the contract months, HMUZ: quarterly; None: none
    roll_expiry: str = "third_friday"  # when a contract ends
    roll_days: int = 4  # weekdays before its end on which the next contract takes its place
    costs: tuple[CostEntry, ...] = ()  # later figures, sorted by date
    initial_margin: float = 0.10  # share of the notional
    maintenance_margin: float = 0.08
    calendar: str = "days"
    timezone: str = "UTC"  # of the exchange: hours, weekdays and days are counted in it
    long_only: bool = False
    edge: str | None = None  # carry | flat: positions at session edges; None: the team decides
    volume: str = "traded"  # traded | ticks: what volume means where there is any
    sessions_per_year: float | None = None  # None: as the calendar has it

    def __post_init__(self) -> None:
        """Refuse impossible facts; accept cost entries as plain mappings too."""
        entries = tuple(cost_entry(entry) for entry in self.costs or ())
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
        if self.edge is not None:
            require_choice("instrument.edge", self.edge, EDGES)
        require_choice("instrument.volume", self.volume, VOLUMES)
        self._refuse_carry()
        for key in ("multiplier", "lot", "tick", "sessions_per_year"):
            value = getattr(self, key)
            require(
                value is None or (value > 0.0 and math.isfinite(value)),
                f"instrument.{key} must be a number above 0, was {value}",
            )
        require_figures("instrument", self)
        require(
            0.0 < self.maintenance_margin <= self.initial_margin <= 1.0,
            "instrument.maintenance_margin and initial_margin must satisfy "
            f"0 < maintenance <= initial <= 1, were {self.maintenance_margin} and "
            f"{self.initial_margin}",
        )

    def _refuse_carry(self) -> None:
        """Refuse rules of swaps, funding and rolls that say nothing."""
        require_choice("instrument.swap_triple", self.swap_triple, SWAP_DAYS)
        require(
            self.funding_hours > 0 and DAY_HOURS % self.funding_hours == 0,
            f"instrument.funding_hours must divide {DAY_HOURS}, was {self.funding_hours}",
        )
        require_choice("instrument.roll_expiry", self.roll_expiry, EXPIRIES)
        require(
            1 <= self.roll_days <= MOST_ROLL_DAYS,
            f"instrument.roll_days must lie in [1, {MOST_ROLL_DAYS}], was {self.roll_days}",
        )
        if self.roll_months is not None:
            require_months("instrument.roll_months", self.roll_months)
        require(
            self.tick is not None or not any(any(entry.carry[:2]) for entry in self.cost_schedule),
            "instrument.swap_long_ticks and swap_short_ticks are counted in ticks: set "
            "instrument.tick",
        )

    @property
    def cost_schedule(self) -> tuple[CostSchedule, ...]:
        """Cost figures sorted by the time they hold from; the first holds from the beginning."""
        return schedule_of(self, self.costs)

    @property
    def free(self) -> bool:
        """True where some stretch of time has no cost at all: reports show it in red."""
        return any(not any(entry.figures) for entry in self.cost_schedule)

    def summary(self) -> str:
        """Return the facts that differ from the defaults, in one line."""
        plain = [
            f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if field.name not in ("name", "costs") and getattr(self, field.name) != field.default
        ]
        if self.costs:
            plain.append(f"other costs from {', '.join(entry.valid_from for entry in self.costs)}")
        return f"{self.name}: " + ", ".join(plain)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return False
    return True


def instrument_for(
    name: str | None, path: str | Path | None, conf_dir_instruments: Mapping[str, Instrument]
) -> Instrument:
    """Find the instrument: the given name, else the prefix of the file's stem, else generic.

    ``NQ_5m.parquet`` means NQ where an instrument of that name exists; of several the longest
    name counts, so ``BTCUSDT_perp_1m.csv`` is the perpetual future.

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
    stem = Path(path).stem if path is not None else ""
    fit = [
        known
        for known in conf_dir_instruments
        if re.match(rf"{re.escape(known)}(?![A-Za-z0-9])", stem)
    ]
    if fit:
        return conf_dir_instruments[max(fit, key=len)]
    return conf_dir_instruments.get(GENERIC, GENERIC_INSTRUMENT)


GENERIC_INSTRUMENT = Instrument(
    name=GENERIC,
    fee_bps=1.0,
    half_spread_bps=1.0,
    slippage_bps=0.5,
    calendar="days",
    edge="carry",  # its hours are not known
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
