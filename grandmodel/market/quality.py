"""How good the bars of a file are: a table of findings, and one of gaps.

Source: `docs/definitions.md`, "Data quality".
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.core.clock import HOUR_NS, MINUTE_NS
from grandmodel.market.bars import Bars
from grandmodel.market.hours import inside, open_time_before, trading_hours

JUMP_FACTOR = 20.0  # times the median absolute return of the file
JUMP_FLOOR = 0.01
FINDINGS = ("finding", "count", "share", "worst", "first_time", "note")


def gap_table(bars: Bars) -> pd.DataFrame:
    """Return one row per gap: a bar that does not begin where the one before ended.

    kind is `closed` where the market was open for less than one bar of the gap by its calendar,
    `missing` where bars should stand there, `unknown` for instruments without a calendar.

    Returns:
        Columns start, end (UTC: close before, open after), hours, kind, missing_bars.
    """
    starts, ends = bars.close_time_ns[:-1], bars.open_time_ns[1:]
    gap = np.flatnonzero(ends > starts)
    starts, ends = starts[gap], ends[gap]
    hours = trading_hours(bars.open_time_ns, bars.instrument.calendar)
    if hours is None:
        missing = np.full(len(gap), -1, dtype=np.int64)
    else:
        open_ns = open_time_before(ends, hours) - open_time_before(starts, hours)
        missing = open_ns // (bars.minutes * MINUTE_NS)
    kind = np.where(missing < 0, "unknown", np.where(missing == 0, "closed", "missing"))
    return pd.DataFrame(
        {
            "start": _utc(starts),
            "end": _utc(ends),
            "hours": (ends - starts) / HOUR_NS,
            "kind": kind,
            "missing_bars": np.maximum(missing, 0),
        }
    )


def quality_table(bars: Bars) -> pd.DataFrame:
    """Return what there is to know about the bars before one trusts them, one finding per row.

    Returns:
        Columns finding, count, share (of the bars), worst (in the unit that note names),
        first_time (UTC) and note. Duplicates and non-positive prices are always 0 in bars, which
        would have been refused; they stand there because readers look for them. Rows that
        `data.on_defect` dropped or mended come last, with their rows and the time of the first.
    """
    gaps = gap_table(bars)
    rows = [_row(bars, "bars", np.arange(len(bars)), None, f"{bars.minutes} minutes each")]
    for kind in ("closed", "missing", "unknown"):
        part = gaps[gaps.kind == kind]
        after = np.searchsorted(bars.open_time_ns, _ns(part.end))
        worst = float(part.hours.max()) if len(part) else None
        rows.append(_row(bars, f"gaps, {kind}", after, worst, "hours, the longest"))
    lost = int(gaps.missing_bars.sum())
    rows.append(_counted(bars, "bars missing", lost, "inside the hours of the calendar"))
    rows.append(_outside(bars))
    rows.append(_counted(bars, "duplicate times", int((np.diff(bars.open_time_ns) == 0).sum()), ""))
    prices = np.stack([bars.open, bars.high, bars.low, bars.close])
    bad = np.flatnonzero((prices <= 0.0).any(axis=0))
    rows.append(_row(bars, "non-positive prices", bad, None, ""))
    zero = np.flatnonzero(bars.volume == 0.0)
    rows.append(_row(bars, "zero volume", zero, None, f"volume: {bars.volume_kind}"))
    rows.append(_row(bars, "high equals low", np.flatnonzero(bars.high == bars.low), None, ""))
    rows += _jumps(bars)
    rows += _defects(bars)
    return pd.DataFrame(rows, columns=list(FINDINGS))


def _jumps(bars: Bars) -> list[tuple]:
    """Return price jumps inside sessions and over breaks: reported, never refused."""
    returns = np.abs(bars.close[1:] / bars.close[:-1] - 1.0)
    limit = max(JUMP_FLOOR, JUMP_FACTOR * float(np.median(returns))) if len(returns) else JUMP_FLOOR
    follows = bars.open_time_ns[1:] == bars.close_time_ns[:-1]
    rows = []
    for name, where in (("price jumps", follows), ("price jumps over gaps", ~follows)):
        found = np.flatnonzero(where & (returns > limit))
        worst = float(returns[found].max()) if len(found) else None
        note = f"share of the price, the largest; counted above {limit:.2%}"
        rows.append(_row(bars, name, found + 1, worst, note))
    return rows


def _defects(bars: Bars) -> list[tuple]:
    """Return what the reader dropped or mended, with the rows of the file."""
    if bars.reading is None:
        return []
    found = bars.reading.counts().itertuples(index=False)
    share = 1.0 / max(bars.reading.rows, 1)
    return [
        (finding, count, count * share, None, first, f"{note}; share of the rows of the file")
        for finding, count, first, note in found
    ]


def _outside(bars: Bars) -> tuple:
    hours = trading_hours(bars.open_time_ns, bars.instrument.calendar)
    calendar = bars.instrument.calendar
    found = np.flatnonzero(~inside(bars.open_time_ns, hours))
    note = f"calendar {calendar}" if hours is not None else "no calendar: nothing can be said"
    return _row(bars, "bars outside the calendar", found, None, note)


def _row(
    bars: Bars, finding: str, rows: NDArray[np.int64], worst: float | None, note: str
) -> tuple:
    first = _utc(bars.open_time_ns[rows[:1]])[0] if len(rows) else pd.NaT
    return finding, len(rows), len(rows) / max(len(bars), 1), worst, first, note


def _counted(bars: Bars, finding: str, count: int, note: str) -> tuple:
    return finding, count, count / max(len(bars), 1), None, pd.NaT, note


def _utc(time_ns: NDArray[np.int64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(time_ns.view("datetime64[ns]")).tz_localize("UTC")


def _ns(times: pd.Series) -> NDArray[np.int64]:
    return pd.DatetimeIndex(times).as_unit("ns").asi8
