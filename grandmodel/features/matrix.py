"""The named columns of one path: the 48x13 matrix, and what the tape holds beside it."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from grandmodel.core.clock import close_time_ns
from grandmodel.features.additive import levels_in_ranges, nodes_in_ranges
from grandmodel.features.config import FeatureConfig
from grandmodel.features.extras.base import Extra, Forms
from grandmodel.features.extras.catalogue import Circumstances, make_extras, wanted_columns
from grandmodel.features.gaps import GapEvents, Gaps, as_of
from grandmodel.features.inputs import Bar, BarArrays
from grandmodel.features.levels import LevelInputs, Levels
from grandmodel.features.mlmi import Mlmi
from grandmodel.features.mmd import Mmd
from grandmodel.features.momentum import Momentum
from grandmodel.features.nwrqk import Nwrqk
from grandmodel.features.path import Columns, PathArrays, PathFeatures
from grandmodel.features.profile import Profile
from grandmodel.features.scaling import MATRIX_30, Scaling
from grandmodel.features.smooth import Atr
from grandmodel.features.synergy import (
    GapSignals,
    StrategicSignals,
    Synergies,
    SynergyDetector,
    no_synergies,
)
from grandmodel.features.tactical_path import TACTICAL_COLUMNS, tactical_features
from grandmodel.features.time_of_day import TimeOfDay
from grandmodel.features.volatility import Volatility
from grandmodel.market.events import Events

MODIFIERS = ("slope_z", "raw_volatility_30", "lvn_side", "support_strength")
CONTEXT = (
    "synergy_confidence", "synergy_direction", "log_volatility_ratio", "hour_sin", "hour_cos",
    "weekday",
)  # fmt: skip
TEMPORAL = ("nwrqk_pred", "fvg_size", "price_distance", "volume_imbalance", "level_touches")


class Indicator(Protocol):
    """What reads bars alone: whole arrays or one bar at a time, with the same values."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what it gives."""
        ...

    @property
    def memory_bars(self) -> int:
        """After so many bars another start changes it by less than 1e-6."""
        ...

    def over(self, bars: BarArrays) -> Columns:
        """Return the columns [bar], from nothing."""
        ...

    def update(self, bar: Bar) -> dict[str, float]:
        """Take the next bar; return its columns."""
        ...


def indicators(config: FeatureConfig, tick: float, volume_kind: str) -> tuple[Indicator, ...]:
    """Return the indicators that the matrix is made of, the slowest first.

    Args:
        config: which neighbours MLMI asks.
        tick: price step of the instrument, 0 where it has none.
        volume_kind: ``traded``, ``ticks`` or ``none``.
    """
    return (
        Mmd(),
        Mlmi(config.mlmi.memory, config.mlmi.label_mode),
        Profile(tick, volume_kind),
        Volatility(),
        Nwrqk(),
        Momentum(),
        Atr(),
        TimeOfDay(),
    )


def tape_columns(config: FeatureConfig, *, events: bool = False) -> tuple[str, ...]:
    """Return the names of a tape's feature columns, in order.

    Args:
        config: which columns.
        events: whether there is an economic calendar.
    """
    names = (*MATRIX_30, *MODIFIERS, *CONTEXT, *(TEMPORAL if config.temporal else ()))
    if config.fast:
        names = TACTICAL_COLUMNS
    return tuple(dict.fromkeys((*names, *wanted_columns(config.extra, events=events))))


def extras(
    config: FeatureConfig, volume_kind: str, minutes: int, events: Events | None
) -> list[Extra]:
    """Return what computes the extra columns that ``config`` names, afresh."""
    names = wanted_columns(config.extra, events=events is not None)
    return make_extras(names, Circumstances(volume_kind, minutes, events))


def beside(raw: dict, scaled: dict, synergy: dict) -> dict:
    """Return the columns beside the matrix from its raw and scaled values and the synergies."""
    return {
        "slope_z": scaled["slope_z"],
        "raw_volatility_30": raw["volatility_30"],
        "lvn_side": raw["lvn_side"],
        "support_strength": raw["support_strength"],
        "log_volatility_ratio": scaled["log_volatility_ratio"],
        "weekday": raw["weekday"],
        **synergy,
    }


def _gap_columns(path: PathArrays) -> tuple[Columns, GapEvents]:
    bars = path.bars if path.fine is None else path.fine
    return Gaps(path.bars.tick).with_events(bars)


def _synergies(path: PathArrays, raw: Columns, gaps: Columns, config: FeatureConfig) -> Synergies:
    """Return the path's synergies: none without bars finer than the decision clock."""
    if path.synergies is not None:
        return path.synergies
    if path.fine is None:
        return no_synergies()
    strategic = StrategicSignals(
        raw["mlmi_value"], raw["mlmi_signal"], raw["nwrqk_signal"], raw["nwrqk_slope"]
    )
    signals = GapSignals(
        gaps["fvg_mitigated_direction"], gaps["fvg_mitigated_size"], gaps["fvg_atr_14"],
        path.fine.close,
    )  # fmt: skip
    return SynergyDetector(config.synergy.gates).over(
        close_time_ns(path.bars.open_time_ns, path.bars.minutes),
        strategic,
        close_time_ns(path.fine.open_time_ns, path.fine.minutes),
        signals,
    )


def _levels(path: PathArrays, raw: Columns, gaps: Columns) -> Columns:
    """Return the temporal columns, gaps as they were last known at each bar's close."""
    bars, source = path.bars, path.bars if path.fine is None else path.fine
    names = ("fvg_nearest_level", "fvg_width", "fvg_bullish_active", "fvg_bearish_active")
    known_from = close_time_ns(source.open_time_ns, source.minutes)
    closes = close_time_ns(bars.open_time_ns, bars.minutes)
    seen = as_of({name: gaps[name] for name in names}, known_from, closes)
    active = np.maximum(seen["fvg_bullish_active"], seen["fvg_bearish_active"])
    inputs = LevelInputs(raw["nwrqk_value"], seen["fvg_nearest_level"], seen["fvg_width"], active)
    return Levels(bars.volume_kind).over(bars, inputs)


def _join(path: PathArrays, config: FeatureConfig, results: list) -> PathFeatures:
    """Scale the raw columns of one path and put together what the tape holds."""
    *parts, (gaps, events) = results
    forms = [part for part in parts if isinstance(part, Forms)]
    columns = [*(part.raw for part in forms), *(p for p in parts if not isinstance(p, Forms))]
    raw = {name: values for part in columns for name, values in part.items()}
    raw["close"] = path.bars.close
    if path.bars.additive:
        raw.update(nodes_in_ranges(raw))
    synergies = _synergies(path, raw, gaps, config)
    closes = close_time_ns(path.bars.open_time_ns, path.bars.minutes)
    scaled = Scaling(config.scaling).over(raw)
    found = {**scaled, **beside(raw, scaled, synergies.as_context(closes))}
    if config.temporal:
        levels = _levels(path, raw, gaps)
        found.update(levels_in_ranges(levels, raw) if path.bars.additive else levels)
    for part in forms:
        found.update(part.scaled)
    kept = {name: found[name] for name in tape_columns(config, events=path.events is not None)}
    return PathFeatures(raw, kept, gaps, events, synergies)


def compute(
    paths: Sequence[PathArrays], config: FeatureConfig, workers: int = 1
) -> Iterable[PathFeatures]:
    """Yield the features of each path, in order, each path computed from its first bar.

    Indicators of all paths share ``workers`` threads, the longest work first; no value depends
    on their number.
    """
    with ThreadPoolExecutor(workers) as pool:
        if config.fast:
            yield from pool.map(lambda path: _fast(path, config), paths)
            return
        jobs: dict[tuple[int, int], Future] = {}
        for number, work in _by_length(paths, config):
            jobs[number] = pool.submit(work)
        width = 1 + max(column for _, column in jobs)
        for index, path in enumerate(paths):
            results = [jobs.pop((index, column)).result() for column in range(width)]
            yield _join(path, config, results)


def _fast(path: PathArrays, config: FeatureConfig) -> PathFeatures:
    """Return the features of one path on the five-minute clock."""
    added = extras(config, path.bars.volume_kind, path.bars.minutes, path.events)
    return tactical_features(path, config, added)


def _by_length(
    paths: Sequence[PathArrays], config: FeatureConfig
) -> list[tuple[tuple[int, int], Callable]]:
    """Return ((path, place in the results), work): slow indicators and long paths first."""
    found = []
    for index, path in enumerate(paths):
        kind, minutes = path.bars.volume_kind, path.bars.minutes
        parts = (
            *indicators(config, path.bars.tick, kind),
            *extras(config, kind, minutes, path.events),
        )
        for place, part in enumerate(parts):
            found.append((place, -len(path.bars), index, _over(part, path.bars)))
        if path.fine is not None or config.temporal:
            found.append((len(parts), 0, index, _gaps_of(path)))
        else:
            found.append((len(parts), 0, index, _no_gaps))
    found.sort(key=lambda job: job[:3])
    return [((index, place), work) for place, _, index, work in found]


def _over(part: Indicator | Extra, bars: BarArrays) -> Callable[[], Columns | Forms]:
    return lambda: part.over(bars)


def _gaps_of(path: PathArrays) -> Callable[[], tuple[Columns, GapEvents]]:
    return lambda: _gap_columns(path)


def _no_gaps() -> tuple[Columns, None]:
    return {}, None
