"""Which bars of a file are there and which are missing, by day and half hour.

Source: `docs/definitions.md`, "Data quality".
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.core.clock import DAY_NS, MINUTE_NS
from grandmodel.market.bars import Bars
from grandmodel.market.carry import carry_facts
from grandmodel.market.hours import Hours, open_time_before, trading_hours
from grandmodel.market.quality import gap_table

SLOT_MINUTES = 30
MAX_COLUMNS = 800  # days in a picture; longer files have several days in a column
USUAL_SHARE = 0.5  # of the weeks, for files whose hours nobody knows
WEEK = 7


@dataclass(frozen=True)
class Coverage:
    """Share of the bars that should be there, nan where none should."""

    days: NDArray[np.datetime64]  # [column] first day of each, UTC
    days_per_column: int
    slot_minutes: int
    share: NDArray[np.float64]  # [slot of the day, column] 0 all missing to 1 all there
    known: bool  # by the calendar; else by the hours that have bars in most weeks


def coverage(bars: Bars) -> Coverage:
    """Return what share of the scheduled bars a file has, for every day and half hour (UTC)."""
    minutes = max(SLOT_MINUTES, bars.minutes)
    width = minutes * MINUTE_NS
    slots = -(-DAY_NS // width)
    first = int(bars.open_time_ns[0] // DAY_NS)
    days = int(bars.open_time_ns[-1] // DAY_NS) - first + 1
    place = bars.open_time_ns - first * DAY_NS
    cell = (place // DAY_NS) * slots + (place % DAY_NS) // width
    there = np.bincount(cell, minlength=days * slots).astype(np.float64).reshape(days, slots)
    hours = trading_hours(bars.open_time_ns, bars.instrument.calendar)
    if hours is not None:
        wanted = _scheduled(first, days, slots, width, hours) / (bars.minutes * MINUTE_NS)
    else:
        wanted = _usual(there, first)
    begin, end = np.unravel_index([cell[0], cell[-1]], (days, slots))[1]
    wanted[0, :begin], wanted[-1, end + 1 :] = 0.0, 0.0  # the file does not reach there
    step = -(-days // MAX_COLUMNS)
    starts = np.arange(0, days, step)
    there, wanted = np.add.reduceat(there, starts), np.add.reduceat(np.floor(wanted), starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(wanted > 0.0, np.minimum(there / wanted, 1.0), np.nan)
    dates = (first + starts).astype("datetime64[D]")
    return Coverage(dates, step, minutes, share.T, hours is not None)


def _scheduled(first: int, days: int, slots: int, width: int, hours: Hours) -> NDArray[np.float64]:
    """Return how long the market is open in each slot, ns, [day, slot]."""
    starts = (first + np.arange(days))[:, None] * DAY_NS + np.arange(slots) * width
    ends = np.minimum(starts + width, (first + 1 + np.arange(days))[:, None] * DAY_NS)
    opened = open_time_before(ends.ravel(), hours) - open_time_before(starts.ravel(), hours)
    return opened.reshape(days, slots).astype(np.float64)


def _usual(there: NDArray[np.float64], first: int) -> NDArray[np.float64]:
    """Return the median of each weekday's slot over the weeks, 0 where most weeks have none."""
    wanted = np.zeros_like(there)
    weekday = (first + np.arange(len(there))) % WEEK
    for day in range(WEEK):
        rows = weekday == day
        if not rows.any():
            continue
        has = (there[rows] > 0.0).mean(axis=0) >= USUAL_SHARE
        wanted[rows] = np.where(has, np.floor(np.median(there[rows], axis=0)), 0.0)
    return wanted


def file_table(bars: Bars) -> pd.DataFrame:
    """Return what was found in a file: one row per fact, columns fact and value."""
    first, last = bars.open_time_ns[0], bars.open_time_ns[-1]
    gaps = gap_table(bars)
    kinds = ", ".join(f"{count} {kind}" for kind, count in gaps.kind.value_counts().items())
    facts: list[tuple[str, str]] = [("file", bars.source)]
    reading = bars.reading
    if reading is not None:
        named = ", ".join(f"{key} = {name}" for key, name in reading.columns.items())
        lost = len(reading.defects)
        facts += [
            ("format", reading.format + (", recognised" if reading.recognised else "")),
            ("columns", named),
            ("time zone", reading.timezone),
            ("stamp", f"{reading.stamp} of the bar"),
            ("symbol", reading.symbol or "the only one"),
            ("rows", f"{reading.rows}, {lost} defects"),
        ]
    return pd.DataFrame(
        [
            *facts,
            ("instrument", f"{bars.instrument.name}, calendar {bars.instrument.calendar}"),
            ("bars", f"{len(bars)} of {bars.minutes} minutes"),
            ("first", f"{_text(int(first))} UTC"),
            ("last", f"{_text(int(last))} UTC"),
            ("gaps", f"{len(gaps)}" + (f": {kinds}" if len(gaps) else "")),
            ("missing bars", str(int(gaps.missing_bars.sum()))),
            ("volume", bars.volume_kind),
            *_holding(bars),
        ],
        columns=["fact", "value"],
    )


def _holding(bars: Bars) -> list[tuple[str, str]]:
    """Return what holding a position costs, and where contracts were joined."""
    facts, rows = carry_facts(bars), []
    if "rolls" in facts:
        rows.append(("rolls", f"by {facts['roll_rule']}: {', '.join(facts['rolls']) or 'none'}"))
    if bars.joined is not None:
        rows += [
            (
                f"roll {_text(roll.time_ns)}",
                f"{roll.before} to {roll.after}, gap {roll.gap:g}, prices shifted by "
                f"{roll.offset:g}",
            )
            for roll in bars.joined.rolls
        ]
    if "carry_long" in facts:
        rows.append(
            (
                "swaps, funding",
                f"{facts['carry_long']:g} per unit held long over all bars, "
                f"{facts['carry_short']:g} short",
            )
        )
    return rows


def _text(time_ns: int) -> str:
    return str(np.datetime64(time_ns, "ns").astype("datetime64[m]")).replace("T", " ")
