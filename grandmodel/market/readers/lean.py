"""Zips of Lean: one day of one instrument, milliseconds since midnight.

Source: `docs/definitions.md`, "Formats".
"""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from grandmodel.core.checks import UserError, require
from grandmodel.market.config import DataConfig
from grandmodel.market.readers.columns import Columns
from grandmodel.market.readers.frame import Table, numbers
from grandmodel.market.readers.head import Head
from grandmodel.market.readers.text import Layout, read_text

MEMBER = re.compile(
    r"(?P<day>\d{8})_(?P<symbol>[^_]+)_(?P<step>minute|second|hour|daily)_(?P<kind>trade|quote)"
    r"(_[^_]+)*\.csv$"
)
PRICE_NAMES = ["open", "high", "low", "close"]
TRADE_NAMES = ["time", *PRICE_NAMES, "volume"]
BID, ASK = [f"bid_{name}" for name in PRICE_NAMES], [f"ask_{name}" for name in PRICE_NAMES]
QUOTE_NAMES = ["time", *BID, "bid_size", *ASK, "ask_size"]
EQUITY = "equity"  # folder of the instruments that Lean writes in New York time, times 10000
EQUITY_SCALE = 1e-4
EQUITY_PRICE = 10_000.0  # a whole number above it is ten-thousandths where no folder tells
DAY_MS = 86_400_000
NEW_YORK = "America/New_York"


def recognises(head: Head) -> bool:
    """Tell a zip whose files are named day, symbol, minute and trade or quote."""
    return MEMBER.search(head.source.member or "") is not None


def table(head: Head, config: DataConfig) -> Table:
    """Return the bars of a day; quotes as the middle of bid and ask, without volume.

    Raises:
        UserError: these are no minutes, or a row has other fields than they.
    """
    named = MEMBER.search(head.source.member or "")
    require(named is not None and named["step"] == "minute", _no_minutes(head))
    assert named is not None  # noqa: S101 - narrows the type after require
    equity = EQUITY in (part.lower() for part in head.source.path.parts)
    equity = equity or _in_ten_thousandths(head)
    names = QUOTE_NAMES if named["kind"] == "quote" else TRADE_NAMES
    layout = Layout(names, names, "time", ",", head.blank_lines, 0, frozenset(names))
    frame, defects = read_text(head, layout, config)
    columns = Columns("time", None, *PRICE_NAMES, traded="volume", ticks=None, symbol=None)
    notes = ()
    read = Table(str(head.source), frame, columns, head.blank_lines, defects=defects)
    if named["kind"] == "quote":
        frame, one_sided = _middle(read, config)
        notes = (
            f"{head.source}: quotes are read as the middle of bid and ask, without volume; "
            f"{one_sided} bars have one side only, which is taken",
        )
    zone = NEW_YORK if equity else "UTC"
    times = _times(replace(read, frame=frame), named["day"])
    return replace(
        read,
        frame=frame.assign(time=times),
        timezone=zone,
        price_scale=EQUITY_SCALE if equity else 1.0,
        notes=notes,
    )


def _no_minutes(head: Head) -> str:
    return f"{head.source} holds no minutes: of Lean's zips those of minute bars are read"


def _in_ten_thousandths(head: Head) -> bool:
    """Tell whole prices of an equity outside its folder: no other instrument has such."""
    prices = head.fields[1:5]
    return bool(prices) and all(text.isdecimal() and float(text) > EQUITY_PRICE for text in prices)


def _times(read: Table, day: str) -> pd.Series:
    """Return the local times of a day's milliseconds; what is none stays missing."""
    try:
        midnight = pd.to_datetime(day, format="%Y%m%d")
    except ValueError as error:
        raise UserError(f"{read.source}: {day} is no day: correct the name of the file") from error
    since = numbers(read, "time", "drop")
    fits = np.isfinite(since) & (since >= 0) & (since < DAY_MS)
    offset = pd.to_timedelta(np.where(fits, since, 0.0), unit="ms")
    return pd.Series(midnight + offset, index=read.frame.index).where(fits)


def _middle(read: Table, config: DataConfig) -> tuple[pd.DataFrame, int]:
    """Return the middle of bid and ask, the only side where there is one, and how often."""
    frame, one_sided = pd.DataFrame({"time": read.frame["time"]}), np.zeros(len(read.frame), bool)
    for name in PRICE_NAMES:
        bid, ask = (numbers(read, f"{side}_{name}", config.on_defect) for side in ("bid", "ask"))
        middle = np.where(np.isnan(bid), ask, np.where(np.isnan(ask), bid, (bid + ask) / 2.0))
        one_sided |= np.isnan(bid) != np.isnan(ask)
        frame[name] = middle
    return frame.assign(volume=0.0), int(one_sided.sum())
