"""What it costs to hold a position from one bar into the next: swaps, funding and rolls.

Source: `docs/definitions.md`, "Carry and rolls".
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import DAY_NS, HOUR_NS
from grandmodel.market.bars import Bars
from grandmodel.market.calendar import SessionTable, session_table
from grandmodel.market.hours import FIRST_WEEKDAY, NEW_YORK, local_time_ns
from grandmodel.market.instruments import SWAP_DAYS, Instrument
from grandmodel.market.rolls import roll_dates

BASIS_POINT = 1e-4
SWAP_HOUR = 17  # New York, where one day of currencies and metals ends
WEDNESDAY = 2
WEEKDAYS, WEEK = 5, 7
SHOWN = 8  # roll dates in a sentence
DIGITS = 6  # of sums in records


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
    """Return at which opens another contract is the front one; None where nothing says so.

    Bars that were joined of contracts here know it; for others it is the rule of the instrument,
    at the first bar of the session from which it holds.
    """
    if not len(bars):
        return None
    if bars.joined is not None:
        return _since_last(np.searchsorted(bars.joined.times_ns, bars.close_time_ns)) > 0
    rule = bars.instrument
    if rule.roll_months is None:
        return None
    dates = table.session_date
    found = roll_dates(
        int(dates[0]), int(dates[-1]), rule.roll_months, rule.roll_expiry, rule.roll_days
    )
    return _since_last(np.searchsorted(found, dates, side="right")) > 0


def carry_facts(bars: Bars, table: SessionTable | None = None) -> dict[str, Any]:
    """Return what records say: rolls with their rule, and what one unit held throughout pays.

    Keys are left out where there is nothing to say; `table` is that of the bars, where it is
    known.
    """
    table = session_table(bars) if table is None else table
    found, facts = carry_of(bars, table), {}
    if found.rolls is not None:
        facts["roll_rule"] = _rule_words(bars)
        facts["rolls"] = [str(day) for day in table.session_date[found.rolls].astype("M8[D]")]
    if bars.joined is not None:
        facts["joined"] = bars.joined.facts()
    if found.long is not None and found.short is not None:
        facts["carry_long"] = round(float(found.long.sum()), DIGITS)
        facts["carry_short"] = round(float(found.short.sum()), DIGITS)
    return facts


def carry_words(bars: Bars, table: SessionTable | None = None) -> str | None:
    """Return one sentence on what holding a position is charged, None where it is nothing."""
    facts = carry_facts(bars, table)
    parts = []
    if "rolls" in facts:
        listed = ", ".join(facts["rolls"][:SHOWN]) + (", ..." if facts["rolls"][SHOWN:] else "")
        count = len(facts["rolls"])
        parts.append(f"{count} rolls by {facts['roll_rule']}" + (f" ({listed})" if count else ""))
    if "carry_long" in facts:
        parts.append(
            f"swaps and funding, {facts['carry_long']:g} per unit held long over all bars and "
            f"{facts['carry_short']:g} short"
        )
    if not parts:
        return None
    return f"{bars.source}: holding is charged for {' and for '.join(parts)}"


def _rule_words(bars: Bars) -> str:
    if bars.joined is not None:
        return f"{bars.joined.rule}, contracts of {bars.joined.root} joined by addition"
    rule = bars.instrument
    expiry = rule.roll_expiry.replace("_", " ")
    return (
        f"the calendar of {rule.name}, {rule.roll_months}, {rule.roll_days} weekdays before the "
        f"{expiry}"
    )
