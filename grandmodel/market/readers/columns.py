"""Which column is which: time, prices, volume and symbol under their usual names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from grandmodel.core.checks import UserError, require
from grandmodel.market.config import DataConfig

STAMPS = (
    "timestamp",
    "time",
    "datetime",
    "date",
    "date_time",
    "ts",
    "ts_event",
    "unix",
    "epoch",
    "gmt_time",
    "local_time",
    "time_utc",
    "timestamp_utc",
    "datetime_utc",
    "date_utc",
    "index",
)
OPEN_STAMPS = ("open_time", "opentime", "bar_open", "start")
CLOSE_STAMPS = ("close_time", "closetime", "bar_close", "end")
PRICES = {
    "open": ("open", "o", "open_price", "openprice"),
    "high": ("high", "h", "high_price", "highprice"),
    "low": ("low", "l", "low_price", "lowprice"),
    "close": ("close", "c", "close_price", "closeprice", "last"),
}
TRADED = ("volume", "vol", "v", "real_volume", "base_volume", "volume_base")
SIZES = ("size", "qty", "quantity", "amount")
TICKS = ("tick_volume", "tickvol", "tick_vol", "tickvolume", "ticks")
TRADE_PRICES = ("price", "last", "last_price", "trade_price", "bid")
SYMBOL = ("symbol", "ticker", "sym", "instrument", "contract", "instrument_id")
MAX_SHOWN = 40  # letters of a name and names of a file, in messages


@dataclass(frozen=True)
class Columns:
    """Names of a file's columns by what they hold."""

    time: str
    time_of_day: str | None  # where date and time stand apart
    open: str
    high: str
    low: str
    close: str
    traded: str | None
    ticks: str | None
    symbol: str | None

    @property
    def all(self) -> list[str]:
        """Every column to be read."""
        prices = (self.open, self.high, self.low, self.close)
        rest = (self.time_of_day, self.traded, self.ticks, self.symbol)
        return [self.time, *prices, *(name for name in rest if name is not None)]


def plain(name: str) -> str:
    """Return a column's name without case, brackets and blanks: `<Open Time>` is open_time."""
    return re.sub(r"[\s\-.]+", "_", str(name).strip().strip("<>\ufeff").strip().lower())


def find_columns(source: str, names: Sequence[str], config: DataConfig) -> Columns:
    """Find the columns by their names.

    Args:
        source: the file, for messages.
        names: the file's columns.
        config: `time_column` settles which of several is the time; `stamp` does so where a file
            has both ends of its bars.

    Raises:
        UserError: a column is missing, or several could be the same thing.
    """
    by_plain: dict[str, list[str]] = {}
    for name in names:
        by_plain.setdefault(plain(name), []).append(name)
    time, time_of_day = time_columns(source, by_plain, config)
    prices = {}
    for key, usual in PRICES.items():
        found = _one(source, key, usual, by_plain)
        require(
            found is not None,
            f"{source}: no column {key}: rename a column to {key}, it has {_listed(names)}",
        )
        prices[key] = str(found)
    return Columns(
        time=time,
        time_of_day=time_of_day,
        traded=_one(source, "volume", TRADED, by_plain),
        ticks=_one(source, "tick volume", TICKS, by_plain),
        symbol=_first(SYMBOL, by_plain),
        **prices,
    )


def time_columns(
    source: str, by_plain: dict[str, list[str]], config: DataConfig
) -> tuple[str, str | None]:
    """Return the column of times, and the one of the time of day where it stands apart."""
    if config.time_column is not None:
        found = by_plain.get(plain(config.time_column), [])
        known = _listed([name for names in by_plain.values() for name in names])
        require(
            len(found) == 1,
            f"data.time_column must name one column of {source}, was {config.time_column}: it has "
            f"{known}",
        )
        return found[0], None
    own_end = CLOSE_STAMPS if config.stamp == "close" else OPEN_STAMPS
    found = [name for usual in own_end for name in by_plain.get(usual, [])]
    found += [name for usual in STAMPS for name in by_plain.get(usual, [])]
    plains = [plain(name) for name in found]
    if plains in (["time", "date"], ["date", "time"]):
        return found[plains.index("date")], found[plains.index("time")]
    known = _listed([name for names in by_plain.values() for name in names])
    if not found:
        raise UserError(
            f"{source}: no time column: rename one to timestamp or name it with data.time_column=, "
            f"it has {known}"
        )
    require(
        len(found) == 1,
        f"{source}: columns {_listed(found)} could all be the time: name one with "
        "data.time_column=",
    )
    return found[0], None


def _one(
    source: str, what: str, usual: Sequence[str], by_plain: dict[str, list[str]]
) -> str | None:
    """Return the column of the most usual name; the same name twice is refused."""
    for name in usual:
        found = by_plain.get(name, [])
        require(
            len(found) <= 1,
            f"{source}: columns {_listed(found)} could all be {what}: keep one of them",
        )
        if found:
            return found[0]
    return None


def _first(usual: Sequence[str], by_plain: dict[str, list[str]]) -> str | None:
    return next((by_plain[name][0] for name in usual if name in by_plain), None)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(str(name)[:MAX_SHOWN] for name in list(names)[:MAX_SHOWN])
    return shown + (", ..." if len(names) > MAX_SHOWN else "")
