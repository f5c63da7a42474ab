"""Random worlds full of edge cases, and random orders that aim at them.

Prices lie on a grid, so that touches, ties and stops exactly at a low are common; orders are
placed around the prices of the bar that will fill them.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np
import torch
from decimal_account import Order

from grandmodel.core.types import Segment
from grandmodel.features.tape import Tape
from grandmodel.market.instruments import Instrument

TAPE_FIELDS = ("carry_long", "carry_short", "rolls")
ORDER_FIELDS = ("size", "limit", "stop", "take_profit")
HALF_HOUR_NS = 1_800_000_000_000


@dataclass(frozen=True)
class World:
    """What a batch of streams has in common."""

    seed: int
    facts: dict[str, Any] = field(default_factory=dict)  # of the instrument
    settings: dict[str, Any] = field(default_factory=dict)  # of EnvConfig
    grid: str = "0.25"  # step of all prices
    level: int = 4000  # first price in steps
    sd: float = 20.0  # of a bar, in steps
    gaps: float = 0.4  # share of bars that do not open at the close before
    leverage: float = 1.0  # contracts per unit, as a multiple of the capital at the first price
    orders: str = "own"  # prices and sizes of their own | targets alone | mixed: by turns
    without: tuple[str, ...] = ()  # fields of the tape and of orders that are not given
    cost_scale: float = 1.0
    streams: int = 250
    bars: int = 26

    @property
    def instrument(self) -> Instrument:
        plain = {"name": "stream", "calendar": "24/7", "sessions_per_year": 252.0}
        return Instrument(**(plain | self.facts))

    @property
    def segments(self) -> list[Segment]:
        return [Segment(k * self.bars, (k + 1) * self.bars) for k in range(self.streams)]

    def own_orders(self, step: int) -> bool:
        """True where the orders of a step bring their own prices."""
        return self.orders == "own" or (self.orders == "mixed" and step % 3 == 2)

    def config(self) -> dict[str, Any]:
        """Keyword arguments of EnvConfig; `contracts` follows from the leverage."""
        price = self.level * float(self.grid) * self.instrument.multiplier
        capital = self.settings.get("capital", 100_000.0)
        contracts = max(1e-3, round(self.leverage * capital / price, 3))
        return {"contracts": contracts, "max_hold_bars": 9, "episode_bars": 40} | self.settings


def on_grid(steps: np.ndarray, grid: str) -> torch.Tensor:
    """Return multiples of the grid as the floats nearest to their decimal numbers, float64."""
    unit = Decimal(grid)
    flat = [float(int(step) * unit) for step in steps.ravel()]
    return torch.tensor(flat, dtype=torch.float64).reshape(steps.shape)


def random_steps(world: World, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return prices in steps of the grid, int64 [stream, bar]: gaps, ties, bars without range."""
    shape = (world.streams, world.bars)

    def some(share: float, sd: float) -> np.ndarray:
        return np.where(rng.random(shape) < share, rng.normal(0.0, sd, shape), 0.0).round()

    gap, body = some(world.gaps, 1.5 * world.sd), some(0.85, world.sd)
    still = rng.random(shape) < 0.1
    body[still] = 0.0
    wicks = np.abs(np.stack([some(0.7, world.sd), some(0.7, world.sd)])) * ~still
    path = (world.level + (gap + body).cumsum(axis=1)).astype(np.int64)
    close = np.abs(path - 50) + 50  # reflected above 50 steps
    opened = np.maximum(50, close - body.astype(np.int64))
    high = np.maximum(opened, close) + wicks[0].astype(np.int64)
    low = np.maximum(10, np.minimum(opened, close) - wicks[1].astype(np.int64))
    return with_late({"open": opened, "high": high, "low": low, "close": close}, rng)


def with_late(steps: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the prices and, inside each bar, a late open with the extremes from then on."""
    high, low, close = steps["high"], steps["low"], steps["close"]
    late = low + (rng.random(low.shape) * (high - low + 1)).astype(np.int64)
    upper, lower = np.maximum(late, close), np.minimum(late, close)
    return steps | {
        "late_open": late,
        "late_high": upper + (rng.random(low.shape) * (high - upper + 1)).astype(np.int64),
        "late_low": lower - (rng.random(low.shape) * (lower - low + 1)).astype(np.int64),
    }


def tape_of(world: World, steps: dict[str, np.ndarray], rng: np.random.Generator) -> Tape:
    """Return the tape of all streams, one after the other, with a timetable of all kinds."""
    count = world.streams * world.bars
    prices = {name: on_grid(values, world.grid).ravel() for name, values in steps.items()}
    begins = rng.random(count) < 0.12
    breaks = np.where(begins, rng.choice([1.0, 16.0, 24.0, 24.5, 65.0], count), 0.0)
    unit = float(prices["open"].median())
    usual = 100_000.0 / (unit * world.instrument.multiplier) / 0.025
    volume = (usual * np.exp(rng.normal(0.5, 1.5, count))).round(2)
    volume[rng.random(count) < 0.1] = 0.0
    carry = rng.choice([0.0, 0.0, 0.013, -0.004, 0.2], (2, count)) * unit / 1000.0
    ratio = np.float32(rng.lognormal(0.0, 0.5, count))

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.tensor(values)

    tape = Tape(
        columns=(),
        features=torch.zeros(count, 0),
        open_time_ns=torch.arange(count) * HALF_HOUR_NS,
        trailing_sd=tensor(rng.choice([1e-5, 1e-3, 4e-3, 0.05], count)),
        atr14=tensor(rng.choice([0.0, 0.513, 1.027, 2.039], count) * world.sd * float(world.grid)),
        session=tensor(begins.cumsum()),
        scheduled=tensor(rng.random(count) > 0.06),
        edge_ahead=tensor(rng.random(count) < 0.08),
        break_ahead_hours=tensor(np.roll(breaks, -1)),
        break_hours=tensor(breaks),
        spread_multiplier=tensor(rng.choice([1.0, 1.0, 2.0, 4.0, 8.0], count)),
        path=torch.zeros(count, dtype=torch.int64),
        minutes=30,
        instrument=world.instrument,
        fingerprint="streams",
        volume=tensor(volume),
        volume_kind="traded",
        carry_long=tensor(carry[0].round(6)),
        carry_short=tensor(carry[1].round(6)),
        rolls=tensor(rng.random(count) < 0.04),
        **prices,
    )
    absent = [name for name in world.without if name in TAPE_FIELDS]
    return replace(tape, **dict.fromkeys(absent)).with_column("raw_volatility_30", tensor(ratio))


def random_targets(world: World, rng: np.random.Generator) -> np.ndarray:
    """Return targets, int64 [stream, step]; some streams hold on, some change all the time."""
    shape = (world.streams, world.bars - 1)
    drawn = rng.integers(-1, 2, shape)
    stays = rng.random(shape) < rng.choice([0.0, 0.5, 0.9], (world.streams, 1))
    for step in range(1, shape[1]):
        drawn[:, step] = np.where(stays[:, step], drawn[:, step - 1], drawn[:, step])
    return drawn


def aimed(steps: dict[str, np.ndarray], rng: np.random.Generator, share: float, sd: float):
    """Return prices in steps, float64 [stream, step], at and near those of the coming bar."""
    coming = [steps[name][:, 1:] for name in ("open", "high", "low", "close")]
    coming += [steps["close"][:, :-1], steps["late_open"][:, 1:], steps["late_low"][:, 1:]]
    shape = coming[0].shape
    price = np.choose(rng.integers(0, len(coming), shape), coming)
    off = np.where(
        rng.random(shape) < 0.6, rng.integers(-2, 3, shape), rng.normal(0, 3 * sd, shape)
    )
    price = np.maximum(5, price + off.round().astype(np.int64))
    return np.where(rng.random(shape) < share, price, -1)


@dataclass(frozen=True)
class Streams:
    """Orders of all streams, [stream, step]; prices are nan where there is none."""

    target: torch.Tensor
    size: torch.Tensor | None
    limit: torch.Tensor | None
    stop: torch.Tensor | None
    take_profit: torch.Tensor | None

    def orders(self) -> list[list[Order]]:
        """The orders in decimals, stream by stream."""
        nothing = torch.full(self.target.shape, torch.nan)
        given = [getattr(self, name) for name in ORDER_FIELDS]
        figures = [nothing if values is None else values for values in given]
        columns = [values.tolist() for values in (self.target, *figures)]
        return [
            [
                Order(target, *[None if x != x else Decimal(repr(x)) for x in figures])
                for target, *figures in zip(*stream, strict=True)
            ]
            for stream in zip(*columns, strict=True)
        ]

    def column(self, step: int) -> dict[str, torch.Tensor | None]:
        """The orders of one step, by field."""
        given = {name: getattr(self, name) for name in Order._fields}
        return {
            name: None if values is None else values[:, step].contiguous()
            for name, values in given.items()
        }


def orders_of(world: World, steps: dict[str, np.ndarray], rng: np.random.Generator) -> Streams:
    """Return random orders; a stop or target may lie on the wrong side, as users err."""

    def prices(share: float) -> torch.Tensor:
        drawn = aimed(steps, rng, share, world.sd)
        return torch.where(torch.tensor(drawn < 0), torch.nan, on_grid(drawn, world.grid))

    target = random_targets(world, rng)
    size = torch.tensor(rng.choice([1.0, 1.0, 0.3, 0.5, 0.37, 2.5, 0.0], target.shape))
    streams = Streams(torch.tensor(target), size, prices(0.5), prices(0.6), prices(0.6))
    absent = [name for name in world.without if name in ORDER_FIELDS]
    return replace(streams, **dict.fromkeys(absent))


def drawn(world: World, bars: dict[str, np.ndarray] | None = None) -> tuple[Tape, Streams]:
    """Return the bars and the orders of a world; the same seed gives the same.

    `bars` are prices in steps to be taken instead of random ones, int64 [stream, bar].
    """
    rng = np.random.default_rng(world.seed)
    steps = random_steps(world, rng) if bars is None else bars
    return tape_of(world, steps, rng), orders_of(world, steps, rng)
