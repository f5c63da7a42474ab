"""Tape rows and settings as decimals, for the account that all kernels are held to."""

from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median_low
from typing import NamedTuple

FIGURES = (
    "commission",
    "fee_bps",
    "half_spread_ticks",
    "half_spread_bps",
    "slippage_ticks",
    "slippage_bps",
    "maker_fee_bps",
)
BEGINNING, EPOCH = datetime.min, datetime(1970, 1, 1)  # UTC
PRICES = ("open", "high", "low", "close")


class Row(NamedTuple):
    """What a bar is and what holds on it; the last block is known at its close."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    late_open: Decimal
    late_high: Decimal
    late_low: Decimal
    volume: Decimal
    carry_long: Decimal
    carry_short: Decimal
    rolls: bool
    spread_multiplier: Decimal
    figures: tuple[Decimal, ...]  # in the order of FIGURES
    session: int
    scheduled: bool
    atr: Decimal
    trailing_sd: Decimal
    volatility: Decimal  # raw_volatility_30
    break_ahead_hours: Decimal
    edge_ahead: bool


class Rules(NamedTuple):
    """Facts of the instrument and settings, as decimals."""

    capital: Decimal
    multiplier: Decimal
    tick: Decimal  # 0 where none is known
    lot: Decimal
    initial: Decimal
    maintenance: Decimal
    size: str = "notional"
    contracts: Decimal = Decimal(1)
    vol_target: Decimal = Decimal("0.1")
    sd_floor: Decimal = Decimal(0)
    bars_per_year: Decimal = Decimal(1)
    edge: str = "carry"
    max_hold: int = 96
    long_only: bool = False
    entry: str = "market"
    stop_atr: Decimal | None = None
    target_atr: Decimal | None = None
    fill: str = "next_open"
    slippage: str = "fixed"
    impact: Decimal = Decimal("0.1")
    volume_limit: Decimal = Decimal("0.025")
    whole_lots: bool = False
    cost_scale: Decimal = Decimal(1)


def decimal(value: float | None) -> Decimal | None:
    """The decimal number that a float is written as: 0.1 is a tenth."""
    return None if value is None else Decimal(repr(float(value)))


def decimals(values) -> list[Decimal]:
    return [Decimal(repr(value)) for value in values.double().tolist()]


def figures_at(instrument, times_ns: list[int]) -> list[tuple[Decimal, ...]]:
    """The costs that hold at each instant: a figure holds until a later entry gives another."""
    held = {name: getattr(instrument, name) for name in FIGURES}
    entries = [(BEGINNING, held)]
    for entry in sorted(instrument.costs, key=lambda entry: entry.valid_from):
        given = {name: getattr(entry, name) for name in FIGURES}
        held = held | {name: value for name, value in given.items() if value is not None}
        entries.append((datetime.fromisoformat(entry.valid_from), held))
    told = []
    for begun, figures in entries:
        maker = figures["fee_bps"] if figures["maker_fee_bps"] is None else figures["maker_fee_bps"]
        told.append((begun, tuple(map(decimal, (figures | {"maker_fee_bps": maker}).values()))))
    moments = [EPOCH + timedelta(microseconds=time // 1000) for time in times_ns]
    return [[held for begun, held in told if begun <= moment][-1] for moment in moments]


def rows_of(tape) -> list[Row]:
    """Read a tape off, row by row."""
    count = len(tape)
    nothing = [Decimal(0)] * count

    def column(name, otherwise=nothing):
        values = getattr(tape, name)
        return otherwise if values is None else decimals(values)

    opened, high, low, close = (decimals(getattr(tape, name)) for name in PRICES)
    ratio = [Decimal(1)] * count
    if "raw_volatility_30" in tape.columns:
        ratio = decimals(tape.column("raw_volatility_30"))
    rolls = [False] * count if tape.rolls is None else tape.rolls.tolist()
    return [
        Row(*values)
        for values in zip(
            opened,
            high,
            low,
            close,
            column("late_open", opened),
            column("late_high", high),
            column("late_low", low),
            column("volume"),
            column("carry_long"),
            column("carry_short"),
            rolls,
            decimals(tape.spread_multiplier),
            figures_at(tape.instrument, tape.open_time_ns.tolist()),
            tape.session.tolist(),
            tape.scheduled.tolist(),
            decimals(tape.atr14),
            decimals(tape.trailing_sd),
            ratio,
            decimals(tape.break_ahead_hours),
            tape.edge_ahead.tolist(),
            strict=True,
        )
    ]


def bars_per_year(tape, sessions_per_year: float) -> Decimal:
    """Lower median of the bars of the sessions in the first 600 bars, times sessions of a year."""
    counts: dict[int, int] = {}
    for session in tape.session.tolist()[:600]:
        counts[session] = counts.get(session, 0) + 1
    whole = list(counts.values())
    whole = whole[:-1] if len(whole) > 1 else whole
    return decimal(median_low(whole)) * decimal(sessions_per_year)


def rules_of(tape, config, sd_floor: float = 0.0, cost_scale: float = 1.0) -> Rules:
    """The rules of an account on this tape under these settings."""
    instrument = tape.instrument
    per_year = instrument.sessions_per_year
    return Rules(
        capital=decimal(config.capital),
        multiplier=decimal(instrument.multiplier),
        tick=decimal(instrument.tick or 0.0),
        lot=decimal(instrument.lot),
        initial=decimal(instrument.initial_margin),
        maintenance=decimal(instrument.maintenance_margin),
        size=config.size,
        contracts=decimal(config.contracts),
        vol_target=decimal(config.vol_target),
        sd_floor=decimal(sd_floor),
        bars_per_year=Decimal(1) if per_year is None else bars_per_year(tape, per_year),
        edge=config.edge or instrument.edge or config.default_edge,
        max_hold=config.max_hold_bars,
        long_only=instrument.long_only,
        entry=config.entry,
        stop_atr=decimal(config.stop_atr),
        target_atr=decimal(config.target_atr),
        fill=config.fill,
        slippage=config.slippage,
        impact=decimal(config.impact),
        volume_limit=decimal(config.volume_limit),
        whole_lots=config.lots == "whole",
        cost_scale=decimal(cost_scale),
    )
