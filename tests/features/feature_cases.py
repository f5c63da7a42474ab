"""Every indicator as two functions of bars, whole and streamed, for the tests of causality."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from grandmodel.features.config import FeatureConfig, MlmiConfig
from grandmodel.features.extras.catalogue import (
    EVENT_COLUMNS,
    GROUPS,
    Circumstances,
    make_extras,
)
from grandmodel.features.gaps import Gaps
from grandmodel.features.inputs import Bar, BarArrays
from grandmodel.features.levels import LevelInputs, Levels
from grandmodel.features.matrix import PathArrays, compute
from grandmodel.features.mlmi import Memory, Mlmi
from grandmodel.features.mmd import Mmd
from grandmodel.features.momentum import Momentum
from grandmodel.features.nwrqk import Nwrqk
from grandmodel.features.profile import Profile
from grandmodel.features.smooth import Atr
from grandmodel.features.stream import MatrixStream
from grandmodel.features.time_of_day import TimeOfDay
from grandmodel.features.volatility import Volatility
from grandmodel.market.events import Events

MINUTE_NS = 60 * 10**9
PARTS = 6  # five-minute bars in a half hour


@dataclass(frozen=True)
class Case:
    """One thing under test: columns [bar] from bars, at once and bar by bar."""

    name: str
    over: Callable[[BarArrays], dict[str, np.ndarray]]
    stream: Callable[[BarArrays], dict[str, np.ndarray]]
    memory_bars: int
    store_events: int = 0  # what is remembered by events, beside the bars


def fine_bars(bars: BarArrays) -> BarArrays:
    """Return five-minute bars inside half-hour bars: a fixed zigzag that stays within them."""
    number = bars.open_time_ns[:, None] // (30 * MINUTE_NS) * PARTS + np.arange(PARTS + 1)
    position = np.abs(np.sin(number * 12.9898)) * 43758.5453 % 1.0
    position[:, 0] = (bars.open - bars.low) / np.maximum(bars.high - bars.low, 1e-9)
    position[:, -1] = (bars.close - bars.low) / np.maximum(bars.high - bars.low, 1e-9)
    price = bars.low[:, None] + position * (bars.high - bars.low)[:, None]
    first, last = price[:, :-1].ravel(), price[:, 1:].ravel()
    steps = np.arange(PARTS) * 5 * MINUTE_NS
    empty = np.zeros(0)
    return BarArrays(
        (bars.open_time_ns[:, None] + steps).ravel(),
        first, np.maximum(first, last), np.minimum(first, last), last,
        np.repeat(bars.volume, PARTS) / PARTS,
        empty.astype(np.int64), empty, empty.astype(np.int64), 5, bars.tick, bars.volume_kind,
    )  # fmt: skip


def thinned(fine: BarArrays, keep: np.ndarray) -> BarArrays:
    """Return the finer bars that are kept: a market that did not trade in the others."""
    names = ("open_time_ns", "open", "high", "low", "close", "volume")
    return replace(fine, **{name: getattr(fine, name)[keep] for name in names})


def fine_bar(fine: BarArrays, index: int) -> Bar:
    """Return one finer bar; its local calendar is unknown and not read."""
    prices = (fine.open, fine.high, fine.low, fine.close, fine.volume)
    stamp = int(fine.open_time_ns[index])
    return Bar(stamp, *(float(part[index]) for part in prices), 0, 0.0, 0, fine.minutes)


def streamed(update: Callable, bars: BarArrays) -> dict[str, np.ndarray]:
    rows = [update(bars.bar(t)) for t in range(len(bars))]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _simple(name: str, make: Callable, **more) -> Case:
    return Case(
        name,
        lambda bars: make().over(bars),
        lambda bars: streamed(make().update, bars),
        make().memory_bars,
        **more,
    )


def _level_inputs(bars: BarArrays) -> LevelInputs:
    wave = 1.0 + 0.002 * np.sin(np.round(bars.close))
    return LevelInputs(bars.close * wave, bars.close / wave, bars.high - bars.low, bars.volume % 2)


def _levels_stream(bars: BarArrays) -> dict[str, np.ndarray]:
    levels, inputs = Levels("traded"), _level_inputs(bars)
    rows = [
        levels.update(bars.bar(t), LevelInputs(*(float(part[t]) for part in inputs)))
        for t in range(len(bars))
    ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def calendar(seed: int = 0) -> Events:
    """Return events at odd minutes over the first hundred days of bars."""
    draw = np.random.default_rng(seed)
    times = np.sort(draw.integers(0, 100 * 1440, 300)) * MINUTE_NS
    return Events(times, (np.arange(300) % 3).astype(np.int8), ("",) * 300, ("",) * 300)


def _flat(forms) -> dict:
    return {**{f"raw_{name}": part for name, part in forms.raw.items()}, **forms.scaled}


def _extra(columns: tuple[str, ...], kind: str = "traded") -> Case:
    def make():
        (extra,) = make_extras(columns, Circumstances(kind, 30, calendar()))
        return extra

    def stream(bars: BarArrays) -> dict[str, np.ndarray]:
        update = make().update
        return streamed(lambda bar: _flat(update(bar)), bars)

    name = columns[0] if kind == "traded" else f"{columns[0]}_{kind}"
    return Case(name, lambda bars: _flat(make().over(bars)), stream, make().memory_bars)


def matrix_over(bars: BarArrays, config: FeatureConfig, *, finer: bool) -> dict[str, np.ndarray]:
    path = PathArrays(bars, fine_bars(bars) if finer else None)
    return next(iter(compute([path], config))).scaled


def matrix_stream(bars: BarArrays, config: FeatureConfig, *, finer: bool) -> dict[str, np.ndarray]:
    kind, additive = bars.volume_kind, bars.additive
    stream = MatrixStream(config, bars.tick, kind, finer=finer, additive=additive)
    fine = fine_bars(bars) if finer else None
    rows = []
    for t in range(len(bars)):
        parts = range(t * PARTS, (t + 1) * PARTS) if fine else ()
        rows.append(stream.update(bars.bar(t), [fine_bar(fine, k) for k in parts]).scaled)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _matrix(name: str, *, finer: bool, temporal: bool, extra=()) -> Case:
    config = FeatureConfig(temporal=temporal, extra=extra, mlmi=MlmiConfig(store="300"))
    return Case(
        name,
        lambda bars: matrix_over(bars, config, finer=finer),
        lambda bars: matrix_stream(bars, config, finer=finer),
        2300 if extra else 2100,
        store_events=300,
    )


CASES = (
    _simple("mlmi", lambda: Mlmi(Memory(300, 0)), store_events=300),
    _simple("mlmi_predictive", lambda: Mlmi(Memory(300, 0), "predictive"), store_events=300),
    _simple("nwrqk", Nwrqk),
    _simple("momentum", Momentum),
    _simple("volatility", Volatility),
    _simple("atr", Atr),
    _simple("time_of_day", TimeOfDay),
    _simple("mmd", Mmd),
    _simple("profile", lambda: Profile(0.25, "traded")),
    _simple("gaps", lambda: Gaps(0.25)),
    Case(
        "levels",
        lambda bars: Levels("traded").over(bars, _level_inputs(bars)),
        _levels_stream,
        Levels.memory_bars,
    ),
    _matrix("matrix", finer=False, temporal=True),
    _matrix("matrix_finer", finer=True, temporal=False),
    _matrix("matrix_extra", finer=False, temporal=False, extra="all"),
    *(_extra(columns) for columns in GROUPS),
    *(_extra((name,), "none") for name in ("volume_ratio", "signed_volume_20", "amihud_20")),
    *(_extra((name,)) for name in EVENT_COLUMNS[::3]),
)
