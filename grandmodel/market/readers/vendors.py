"""Text files of vendors and platforms: told by their first lines, with their own conventions.

Source: `docs/definitions.md`, "Formats".
"""

import re
from dataclasses import replace

from grandmodel.market.config import DataConfig
from grandmodel.market.readers.csv import csv_table, headed_table, named_table
from grandmodel.market.readers.frame import Table
from grandmodel.market.readers.head import Head, is_number

NEW_YORK, SHANGHAI = "America/New_York", "Asia/Shanghai"
BROKER_CLOCK = "America/New_York+7"
PRICE_NAMES = ["open", "high", "low", "close"]
HISTDATA_ROW = re.compile(r"\d{8} \d{6};")
HISTDATA_FIELDS = 6
KLINE_NAMES = ["open_time", *PRICE_NAMES, "volume", "close_time"]
KLINE_FIELDS = 12
KLINE_TIME = re.compile(r"\d{13}(\d{3})?$")
DOTTED_DAY, CLOCK = re.compile(r"\d{4}\.\d{2}\.\d{2}$"), re.compile(r"\d{2}:\d{2}(:\d{2})?$")
BROKER_NAMES = [["date", "time"], ["date", "open"]]
TICK_NAMES = {"tick_volume", "tickvol", "tickvolume"}
BACKTRADER_NAMES = ["date", "time", *PRICE_NAMES, "volume", "openinterest"]
YAHOO_NAMES = {"Open", "High", "Low", "Close", "Volume"}
YAHOO_HEADER_LINES = 3  # of files that name columns, tickers and the index


def is_histdata(head: Head) -> bool:
    """Tell `20170301 000000;open;high;low;close;volume`."""
    return bool(
        head.lines and HISTDATA_ROW.match(head.lines[0]) and len(head.fields) == HISTDATA_FIELDS
    )


def histdata(head: Head, config: DataConfig) -> Table:
    """Return one-minute bars of histdata.com: New York clocks, bid prices, no volume."""
    note = (
        f"{head.source}: times are taken as New York's, as measured in such files; the site "
        "documents a clock without summer time: data.timezone=EST reads that"
    )
    table = named_table(head, config, ["timestamp", *PRICE_NAMES, "volume"])
    return replace(table, timezone=NEW_YORK, notes=(note,) if config.timezone is None else ())


def is_binance(head: Head) -> bool:
    """Tell klines: twelve columns, the first a unix time in milli- or microseconds."""
    if len(head.fields) != KLINE_FIELDS:
        return False
    if head.names[:1] == ["open_time"]:
        return True
    return bool(KLINE_TIME.match(head.fields[0])) and all(map(is_number, head.fields))


def binance(head: Head, config: DataConfig) -> Table:
    """Return klines, with or without their header."""
    if is_number(head.fields[0]):
        return replace(named_table(head, config, KLINE_NAMES), notes=())
    return headed_table(head, config, head.fields)


def is_metatrader(head: Head) -> bool:
    """Tell exports with `<DATE>`, of version 4 without a header, and columns of tick volume."""
    if not head.lines:
        return False
    if head.lines[0].startswith("<DATE>") and head.names[:2] in BROKER_NAMES:
        return True
    if DOTTED_DAY.match(head.fields[0]) and len(head.fields) > 1 and CLOCK.match(head.fields[1]):
        return True
    return bool(TICK_NAMES & set(head.names)) and set(PRICE_NAMES) <= set(head.names)


def metatrader(head: Head, config: DataConfig) -> Table:
    """Return a broker's bars: its clock is New York's plus seven hours with most of them."""
    note = (
        f"{head.source}: the broker's clock is taken as New York plus 7 hours, as most have it: "
        "set data.timezone if yours runs otherwise"
    )
    table = replace(csv_table(head, config), timezone=BROKER_CLOCK, notes=())
    return replace(table, notes=(note,) if config.timezone is None else ())


def is_wondertrader(head: Head) -> bool:
    """Tell `<Date>, <Time>, <Open>, ...`."""
    return head.separator == "," and head.fields[:3] == ["<Date>", "<Time>", "<Open>"]


def wondertrader(head: Head, config: DataConfig) -> Table:
    """Return bars in Beijing time, stamped by their close."""
    return replace(csv_table(head, config), timezone=SHANGHAI, stamp="close")


def is_backtrader(head: Head) -> bool:
    """Tell `Date,Time,Open,High,Low,Close,Volume,OpenInterest`."""
    return head.names == BACKTRADER_NAMES


def backtrader(head: Head, config: DataConfig) -> Table:
    """Return bars stamped by their close, as backtrader's own files are."""
    note = (
        f"{head.source}: times carry no zone and are taken as UTC, as the close of bars: set "
        "data.timezone, and data.stamp=open where they are opens"
    )
    known = config.timezone is not None
    return replace(csv_table(head, config), stamp="close", notes=() if known else (note,))


def is_yahoo(head: Head) -> bool:
    """Tell capital names after Date or Datetime, or the three header lines of newer files."""
    if _three_headers(head):
        return True
    capital = set(head.fields) >= YAHOO_NAMES
    return capital and head.separator == "," and head.fields[0] in ("Date", "Datetime")


def _three_headers(head: Head) -> bool:
    return head.fields[:1] == ["Price"] and head.row(1)[:1] == ["Ticker"]


def yahoo(head: Head, config: DataConfig) -> Table:
    """Return bars of Yahoo; times without an offset are New York's."""
    if not _three_headers(head):
        return replace(csv_table(head, config), timezone=NEW_YORK)
    names = ["Datetime", *head.fields[1:]]
    table = headed_table(head, config, names, header_lines=YAHOO_HEADER_LINES)
    return replace(table, timezone=NEW_YORK)
