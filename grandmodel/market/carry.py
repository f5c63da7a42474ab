"""What it costs to hold a position from one bar into the next: swaps, funding and rolls.

Source: `docs/definitions.md`, "Carry and rolls".
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import DAY_NS, HOUR_NS
from grandmodel.market.bars import Bars
from grandmodel.market.calendar import SessionTable
from grandmodel.market.hours import FIRST_WEEKDAY, NEW_YORK, local_time_ns
from grandmodel.market.instruments import SWAP_DAYS, Instrument
from grandmodel.market.rolls import roll_dates

BASIS_POINT = 1e-4
SWAP_HOUR = 17  # New York, where one day of currencies and metals ends
WEDNESDAY = 2
WEEKDAYS, WEEK = 5, 7


class Carry(NamedTuple):
    """What a unit held from the close before into each open pays there, [bar]; None: nothing."""

    long: NDArray[np.float64] | None  # quote currency; below 0: received
    short: NDArray[np.float64] | None
    rolls: NDArray[np.bool_] | None  # the position moves into the next contract


def carry_of(bars: Bars, table: SessionTable) -> Carry:
    """Return carry and rolls of each bar; no value of a bar depends on a later one.

    A swap or funding falls to the first open at or after its time, on what was held over the
    open before. The first bar of a path pays nothing: nothing was held before it.
    """
    instrument = bars.instrument
    long, short = _charges(bars, instrument)
    return Carry(long, short, _rolls(bars, table))


def _charges(bars: Bars, instrument: Instrument) -> tuple:
    """Return what longs and shorts pay at each open, None for an instrument without carry."""
    entries = instrument.cost_schedule
    if not any(any(entry.carry) for entry in entries):
        return None, None
    starts = np.array([entry.valid_from_ns for entry in entries])
    which = np.searchsorted(starts, bars.open_time_ns, side="right") - 1
    swap_long, swap_short, funding_bps = np.array([entry.carry for entry in entries])[which].T
    days = _since_last(_swap_days(bars.open_time_ns, instrument.swap_triple))
    fundings = _since_last(bars.open_time_ns // (instrument.funding_hours * HOUR_NS))
    point = (instrument.tick or 0.0) * instrument.multiplier
    funding = fundings * funding_bps * BASIS_POINT * bars.open * instrument.multiplier
    return days * swap_long * point + funding, days * swap_short * point - funding


def _swap_days(time_ns: NDArray[np.int64], triple: str) -> NDArray[np.int64]:
    """Return the days that were charged until each time, 17:00 New York of weekdays each.

    One weekday counts three, for the weekend over which the delivery of spot trades passes.
    """
    weights = np.array([1] * WEEKDAYS + [0] * (WEEK - WEEKDAYS))
    weights[WEDNESDAY + SWAP_DAYS.index(triple)] = 3
    until = np.concatenate([[0], np.cumsum(weights)])
    day = (local_time_ns(time_ns, NEW_YORK) - SWAP_HOUR * HOUR_NS) // DAY_NS
    monday = day + FIRST_WEEKDAY
    return monday // WEEK * until[-1] + until[monday % WEEK + 1]


def _since_last(count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how much a count has grown since the bar before."""
    return np.diff(count, prepend=count[:1])


def _rolls(bars: Bars, table: SessionTable) -> NDArray[np.bool_] | None:
    """Return the first bars of the sessions in which another contract is the front one."""
    if bars.instrument.roll_months is None or not len(bars):
        return None
    dates = table.session_date
    found = roll_days_of(bars.instrument, int(dates[0]), int(dates[-1]))
    return _since_last(np.searchsorted(found, dates, side="right")) > 0


def roll_days_of(instrument: Instrument, first: int, last: int) -> NDArray[np.int64]:
    """Return the session dates in [first, last] from which a next contract is the front one."""
    if instrument.roll_months is None:
        return np.zeros(0, np.int64)
    rule = (instrument.roll_months, instrument.roll_expiry, instrument.roll_days)
    return roll_dates(first, last, *rule)
