"""Which bars to read and how: the `data` part of the configuration, without synthetic markets."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grandmodel.core.checks import UserError, require, require_choice, require_distinct
from grandmodel.market.bars import ADJUSTMENTS, VOLUME_KINDS
from grandmodel.market.bootstrap import BootstrapConfig
from grandmodel.market.dataset import DECISION_MINUTES
from grandmodel.market.iso import is_day, iso_time
from grandmodel.market.stress.config import parse_stress
from grandmodel.market.stretches import check_stretches
from grandmodel.market.zones import split_zone

FILE_KINDS = (  # in the order in which data=auto tries them; csv takes what nothing else does
    "parquet",
    "databento",
    "lean",
    "freqtrade",
    "tradingview",
    "histdata",
    "binance",
    "metatrader",
    "wondertrader",
    "backtrader",
    "yahoo",
    "ticks",
    "csv",
)
KINDS = ("auto", *FILE_KINDS, "synthetic", "bootstrap", "custom")
ON_DEFECT = ("refuse", "drop", "keep")
CONTINUOUS = ("volume", "calendar")  # how contracts of one file are joined
DATE_ORDERS = ("mdy", "dmy", "ymd")


@dataclass(kw_only=True)
class SplitConfig:
    """Sessions for training, validation and test: three shares, or dates.

    A share is a part of all usable sessions. A date is the first session of the FOLLOWING part:
    ``train: 2018-01-01`` trains on the sessions before it, and validation begins there;
    ``validation`` likewise ends where test begins; ``test`` ends before its date, or at the end
    of the bars where it is left at a share. Shares and dates do not mix otherwise. ``stretches``
    say it bar by bar and take the place of all three.
    """

    train: float | int | str = 0.6
    validation: float | int | str = 0.2
    test: float | int | str = 0.2
    stretches: dict[str, list[str]] = field(default_factory=dict)  # part: FROM/TO, times in UTC
    name: str | None = None  # of such stretches, in the ledger

    def __post_init__(self) -> None:
        """Refuse shares that are none, dates out of order, and mixtures."""
        check_stretches(self.stretches, self.name)
        if isinstance(self.train, str) or isinstance(self.validation, str):
            dates = [self.train, self.validation, self.test]
            dates = dates if isinstance(self.test, str) else dates[:2]
            require(
                isinstance(self.train, str) and isinstance(self.validation, str),
                "data.split.train and data.split.validation must both be dates where one is, were "
                f"{self.train} and {self.validation}: give both dates",
            )
            for key, value in zip(("train", "validation", "test"), dates, strict=False):
                iso_time(f"data.split.{key}", str(value))
                require(
                    is_day(str(value)),
                    f"data.split.{key} must be a day such as 2024-01-31, because parts begin with "
                    f"a session, was {value}",
                )
            require(
                dates == sorted(dates, key=str) and len(set(dates)) == len(dates),
                f"data.split dates must follow one another, were {', '.join(map(str, dates))}",
            )
            return
        require(
            not isinstance(self.test, str),
            "data.split.test is a date: give data.split.train and data.split.validation as dates "
            "too",
        )
        for key in ("train", "validation", "test"):
            value = getattr(self, key)
            fits = 0.0 <= value <= 1.0
            require(fits, f"data.split.{key} must lie in [0, 1] or be a date, was {value}")
        total = float(self.train) + float(self.validation) + float(self.test)
        require(total <= 1.0 + 1e-9, f"data.split shares must add up to at most 1, were {total:g}")

    @property
    def by_date(self) -> bool:
        """True where the parts are given by dates."""
        return isinstance(self.train, str)


@dataclass(kw_only=True)
class DataConfig:
    """Where bars come from and how they are to be understood."""

    kind: str = "synthetic"  # auto | a format of FILE_KINDS | synthetic | bootstrap | custom
    reader: dict[str, Any] | None = None  # of kind custom: docs/extend.md
    path: str | None = None  # the file of bars
    stamp: str | None = None  # open | close: which end of a bar its time names; None: the format's
    timezone: str | None = None  # of times without one, New York + 7 h: America/New_York+7
    on_defect: str = "refuse"  # refuse | drop | keep: rows that no market produces
    bar_minutes: int = 1  # length of the bars that are made of ticks
    price_scale: float = 1.0  # prices are multiplied by it: 0.01 for cents
    time_column: str | None = None  # where several columns could be the time
    date_order: str | None = None  # mdy | dmy | ymd, where day and month could be exchanged
    start: str | None = None  # first day or time to decide on; earlier bars feed the features
    end: str | None = None  # a day: the last one used; a time: bars that open before it
    symbol: str | None = None  # which symbol of a file with several
    continuous: str | None = None  # volume | calendar: join the contracts of a file; None: do not
    adjustment: str = "unknown"  # none | additive | ratio | unknown
    volume_kind: str | None = None  # traded | ticks | none; None: decided from the warm-up bars
    events: str | None = None  # a CSV of scheduled events: the economic calendar
    event_currencies: list[str] = field(default_factory=list)  # keep these of it; empty: all
    raw_level_at: str | None = None  # TIME=PRICE: what the contract really cost at some close
    stress: Any = None  # acts laid on the test part: a kind, a mapping, or a list of these
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)  # of kind bootstrap
    cache: bool = True
    split: SplitConfig = field(default_factory=SplitConfig)

    def __post_init__(self) -> None:
        """Refuse values out of range; whether the file exists is checked when it is read."""
        require_choice("data.kind", self.kind, KINDS)
        require_choice("data.on_defect", self.on_defect, ON_DEFECT)
        parse_stress(self.stress)
        if self.stamp is not None:
            require_choice("data.stamp", self.stamp, ("open", "close"))
        require(
            1 <= self.bar_minutes <= DECISION_MINUTES and DECISION_MINUTES % self.bar_minutes == 0,
            f"data.bar_minutes must divide {DECISION_MINUTES}, was {self.bar_minutes}",
        )
        require(
            0.0 < self.price_scale < math.inf,
            f"data.price_scale must be a number above 0, was {self.price_scale}",
        )
        require_choice("data.adjustment", self.adjustment, ADJUSTMENTS)
        if self.continuous is not None:
            require_choice("data.continuous", self.continuous, CONTINUOUS)
            require(
                self.adjustment in ("unknown", "additive") and self.raw_level_at is None,
                "data.continuous joins contracts by addition and keeps their raw level: remove "
                "data.adjustment and data.raw_level_at",
            )
        if self.volume_kind is not None:
            require_choice("data.volume_kind", self.volume_kind, VOLUME_KINDS)
        if self.date_order is not None:
            require_choice("data.date_order", self.date_order, DATE_ORDERS)
        for key in ("start", "end"):
            value = getattr(self, key)
            if value is not None:
                iso_time(f"data.{key}", value)
        if self.start is not None and self.end is not None:
            last = iso_time("data.end", self.end)
            last += np.timedelta64(1, "D") if is_day(self.end) else np.timedelta64(0, "D")
            require(
                bool(iso_time("data.start", self.start) < last),
                f"data.end must not lie before data.start {self.start}, was {self.end}",
            )
        if self.raw_level_at is not None:
            parse_raw_level(self.raw_level_at)
            require(
                self.adjustment == "additive",
                "data.raw_level_at belongs to data.adjustment=additive, which was "
                f"{self.adjustment}",
            )
        require_distinct("data.event_currencies", self.event_currencies)
        require(
            self.events is not None or not self.event_currencies,
            f"data.event_currencies={','.join(self.event_currencies)} is read with data.events "
            "only: give the calendar's file, or leave the key out",
        )
        require(
            self.kind != "bootstrap" or self.events is None,
            "data.events belongs to the days of the file, and data=bootstrap puts its sessions on "
            "others: leave it out",
        )
        if self.timezone is not None:
            _require_zone(self.timezone)


def _require_zone(timezone: str) -> None:
    try:
        split_zone(timezone)
    except ValueError as error:
        raise UserError(
            "data.timezone must be a name such as UTC, America/New_York or "
            f"America/New_York+7, was {timezone}"
        ) from error


def parse_raw_level(text: str) -> tuple[int, float]:
    """Return time (ns UTC) and price of ``TIME=PRICE``."""
    time, _, price = text.partition("=")
    try:
        level = float(price)
    except ValueError:
        level = -1.0
    require(
        0.0 < level < math.inf,
        f"data.raw_level_at must read TIME=PRICE, e.g. 2024-12-02=6047.25, was {text}",
    )
    return int(iso_time("data.raw_level_at", time.strip()).astype(np.int64)), level
