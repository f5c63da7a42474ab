"""The market as the tactical team sees it while it happens: bars in, synergies and matrix out.

Source: `docs/definitions.md`, The tactical service.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from grandmodel.core.checks import UserError, require
from grandmodel.core.clock import HOUR_NS, MINUTE_NS
from grandmodel.envs.observation import (
    DISTANCE_LIMIT,
    DRAWDOWN_GAIN,
    HELD_LIMIT,
    HELD_UNIT_BARS,
)
from grandmodel.features.arrays import bar_arrays
from grandmodel.features.config import FAST_MINUTES, FeatureConfig
from grandmodel.features.inputs import Bar
from grandmodel.features.stream import StreamRow
from grandmodel.features.synergy import TYPE_NAMES, TYPE_SIGNALS, Synergy
from grandmodel.features.tactical import MATRIX_5, TACTICAL_BARS
from grandmodel.features.tactical_stream import TacticalStream
from grandmodel.market.bars import Bars
from grandmodel.market.calendar import session_table
from grandmodel.market.instruments import Instrument
from grandmodel.market.splits import warmup_of
from grandmodel.serving.synergy_event import (
    RefusedInputError,
    Snapshot,
    SynergyEvent,
    is_number,
    moment,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_ZERO = EPOCH.date().toordinal()


@dataclass(frozen=True)
class Holding:
    """The account at the latest close, as the agents are told about it."""

    position: int = 0  # -1, 0, 1
    entry_price: float = 0.0  # price units, of the fill; any while flat
    bars_held: int = 0  # five-minute bars since the entry, its own included; 0 while flat
    drawdown: float = 0.0  # 1 - equity / its peak over the last `env.episode_bars` bars
    stop: float | None = None  # price units; None: none
    take_profit: float | None = None  # likewise


class TacticalFeed:
    """Keeps the five-minute matrix of one instrument and finds its synergies.

    Args:
        config: features as in the team's training.
        instrument: whose tick and time zone count.
        volume_kind: ``traded``, ``ticks`` or ``none``.
        max_hold_bars: as in the team's training.
    """

    def __init__(
        self,
        config: FeatureConfig,
        instrument: Instrument,
        volume_kind: str = "traded",
        max_hold_bars: int = 78,
    ) -> None:
        self.instrument = instrument
        self._holding, self._hold = Holding(), max_hold_bars
        self._zone = ZoneInfo(instrument.timezone)
        self._stream = TacticalStream(config, instrument.tick or 0.0, volume_kind)
        self._window = [self._stream.columns.index(name) for name in MATRIX_5]
        self._matrix = np.zeros((TACTICAL_BARS, len(MATRIX_5)), np.float32)
        self._needed, self._taken = warmup_of(FAST_MINUTES), 0
        self._last: tuple[Bar, StreamRow] | None = None

    @property
    def holding(self) -> Holding:
        """The account at the latest close, as its owner last told it; flat until then."""
        return self._holding

    @holding.setter
    def holding(self, told: Holding) -> None:
        require(
            isinstance(told, Holding),
            f"feed.holding must be a Holding, was {told!r}: give Holding() where nothing is held",
        )
        self._holding = told

    def follow(self, bars: Bars) -> None:
        """Take bars of the past, so that indicators are as they were in training.

        Raises:
            UserError: they are not five-minute bars, or come before those already taken.
        """
        require(
            bars.minutes == FAST_MINUTES,
            f"{bars.source}: the tactical service needs bars of {FAST_MINUTES} minutes, was given "
            f"{bars.minutes}: resample finer bars, or give a file of finer ones",
        )
        arrays = bar_arrays(bars, session_table(bars))
        for index in range(len(arrays)):
            self._take(arrays.bar(index))

    def close_bar(
        self,
        opened: datetime | str,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: float = 0.0,
    ) -> SynergyEvent | None:
        """Take the bar that has just closed; return the synergy that it completed, if it did.

        Args:
            opened: when it opened, with its time zone; it closes five minutes later.
            open_: prices of the bar, as the next three.
            high: at least as high as the others.
            low: at most as high as the others.
            close: the last price.
            volume: what was traded, in the units of the history.

        Raises:
            UserError: the time or a price is none, or the bar does not follow the last one.
        """
        try:
            time = moment("opened", "" if opened is None else opened) or EPOCH
        except RefusedInputError as refusal:
            raise UserError(str(refusal)) from refusal
        prices = (open_, high, low, close)
        numbers = all(map(is_number, (*prices, volume)))
        sound = numbers and all(map(math.isfinite, (*prices, volume))) and volume >= 0.0
        require(
            sound and low <= min(open_, close) and high >= max(open_, close),
            f"the bar of {time.isoformat()} is none: open {open_}, high {high}, low {low}, close "
            f"{close}, volume {volume}",
        )
        row = self._take(self._bar(time, prices, volume))
        return None if row.synergy is None else _event(row.synergy, close, row)

    def snapshot(self) -> Snapshot:
        """Return what is known at the latest close; set :attr:`holding` beforehand.

        Raises:
            RefusedInputError: fewer bars were taken than the matrix has.
        """
        if self._last is None or self._taken < self._needed:
            raise RefusedInputError(
                f"the feed has seen {self._taken} of the {self._needed} bars that indicators need: "
                "wait, or let it follow past bars first"
            )
        bar, row = self._last
        return Snapshot(
            matrix=self._matrix.copy(),
            context=row.scaled,
            account=_account(self._holding, bar.close, row.raw["atr_14"], self._hold),
            close=bar.close,
            atr_14=row.raw["atr_14"],
            closed_at=_time(bar.open_time_ns) + timedelta(minutes=FAST_MINUTES),
        )

    def _take(self, bar: Bar) -> StreamRow:
        row = self._stream.update(bar)
        self._matrix[:-1] = self._matrix[1:]
        self._matrix[-1] = row.row[self._window]
        self._taken += 1
        self._last = bar, row
        return row

    def _bar(self, opened: datetime, prices: tuple[float, ...], volume: float) -> Bar:
        local = opened.astimezone(self._zone)
        opens, high, low, close = (float(price) for price in prices)
        return Bar(
            open_time_ns=(opened - EPOCH) // timedelta(microseconds=1) * 1000,
            open=opens,
            high=high,
            low=low,
            close=close,
            volume=float(volume),
            day=local.date().toordinal() - DAY_ZERO,
            hour=(local.hour * HOUR_NS + local.minute * MINUTE_NS) / HOUR_NS,
            weekday=local.weekday(),
            minutes=FAST_MINUTES,
        )


def _event(synergy: Synergy, close: float, row: StreamRow) -> SynergyEvent:
    return SynergyEvent(
        synergy_type=TYPE_NAMES[synergy.type - 1],
        direction=synergy.direction,
        confidence=synergy.confidence,
        signal_sequence=[{"signal": name} for name in TYPE_SIGNALS[synergy.type - 1]],
        market_context={"close": close, "atr_14": row.raw["atr_14"]},
        timestamp=_time(synergy.time_ns),
    )


def _account(holding: Holding, close: float, atr_14: float, hold: int) -> dict[str, float]:
    """Return all that agents may be shown of the account, by name: `envs.observation.Standing`."""
    side, known = holding.position, atr_14 > 0.0

    def away(price: float | None, toward: int) -> float:
        if not (side and known) or price is None:
            return 0.0
        far = toward * side * (price - close) / atr_14
        return min(max(far, -DISTANCE_LIMIT), DISTANCE_LIMIT)

    gained = side * (close - holding.entry_price) / atr_14 if known else 0.0
    return {
        "position": float(side),
        "unrealised_pnl_atr": gained,
        "bars_held": min(holding.bars_held / HELD_UNIT_BARS, HELD_LIMIT),
        "drawdown": min(holding.drawdown * DRAWDOWN_GAIN, 1.0),
        "hold_share": holding.bars_held / hold,
        "stop_distance_atr": away(holding.stop, -1),
        "target_distance_atr": away(holding.take_profit, 1),
    }


def _time(time_ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=time_ns // 1000)
