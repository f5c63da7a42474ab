"""Where columns come from: something that can be computed again on other bars.

Source: `docs/definitions.md`, "The leak audit".
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from grandmodel.features.causality import Compute
from grandmodel.features.config import FeatureConfig
from grandmodel.features.evidence import SYNERGY_COLUMNS
from grandmodel.features.inputs import Bar
from grandmodel.features.matrix import Columns, PathArrays, compute, extras, tape_columns
from grandmodel.features.tactical import TacticalMatrix
from grandmodel.market.dataset import DECISION_MINUTES
from grandmodel.market.events import Events

MATRIX_MEMORY = 2100  # the rolling z-scores, on top of what they scale
PULSE = "mlmi_signal"
BY_EVENTS = ("mlmi_value", *SYNERGY_COLUMNS)
START_EVENTS = 300  # that MLMI remembers where another start is tried
SCALES = ("trailing_sd", "atr_14")  # on the tape beside its columns
TOLERANCE = 1e-9  # in units of max(1, |value|): rounding of a user's own sums
START_TOLERANCE = 1e-6  # what `memory_bars` promises


class NotComputableError(Exception):
    """A user's own indicator failed on the bars it was given; the message says how."""


@dataclass(frozen=True)
class Source:
    """Columns with the way to compute them anew, from the first bar given."""

    columns: tuple[str, ...]
    over: Compute
    memory: Callable[[PathArrays, Columns], dict[str, float]]  # bars by column, inf: all bars
    tolerance: float = 0.0
    update: Callable[[], Callable[[Bar], Mapping[str, float]]] | None = None
    own: bool = False  # the user's own: it may fail in any way
    restarted: "Source | None" = None  # with a shorter memory, for tries of another start


def matrix_source(
    config: FeatureConfig, events: Events | None = None, minutes: int = DECISION_MINUTES
) -> Source:
    """Return the shipped columns of a tape, with the scales that rewards and views read.

    Another start is tried with a store of 300 events, but for the original store, which never
    forgets within a file.
    """
    source = _matrix_source(config, events, minutes)
    if config.mlmi.store == "text" or int(config.mlmi.store) <= START_EVENTS:
        return source
    short = replace(config, mlmi=replace(config.mlmi, store=str(START_EVENTS)))
    return replace(source, restarted=_matrix_source(short, events, minutes))


def _matrix_source(config: FeatureConfig, events: Events | None, minutes: int) -> Source:
    names = tape_columns(config, events=events is not None)
    declared = {
        name: float(max(extra.memory_bars, MATRIX_MEMORY))
        for extra in extras(config, "traded", minutes, events)
        for name in extra.columns
        if name in names
    }
    if config.fast:
        longest = TacticalMatrix(0.0, "traded", config.scaling).memory_bars
        declared["volume_ratio"] = float(max(longest, MATRIX_MEMORY))
    columns = tuple(dict.fromkeys((*names, *SCALES, PULSE)))
    by_events = [name for name in BY_EVENTS if name in names]
    first = MATRIX_MEMORY * DECISION_MINUTES // minutes  # half hours, in rows

    def over(path: PathArrays) -> Columns:
        found = next(iter(compute([path], config)))
        return {PULSE: found.raw[PULSE]} | found.scaled | {k: found.raw[k] for k in SCALES}

    def memory(path: PathArrays, values: Columns) -> dict[str, float]:
        held = dict.fromkeys(columns, float(MATRIX_MEMORY)) | declared
        if path.synergies is not None:
            return held
        held[PULSE] = float(first)
        pulses = np.cumsum(values[PULSE] != 0.0)
        row = len(pulses)
        if len(pulses) > first:
            known = pulses[first] + config.mlmi.memory.events + 1
            row = int(np.searchsorted(pulses, known)) + 1
        bars = float(row) if row < len(pulses) else math.inf
        return held | dict.fromkeys(by_events, bars)

    return Source(columns, over, memory)


def own_source(name: str, make: Callable[[], object]) -> Source:
    """Return one column of the user's own indicator.

    Args:
        name: the column.
        make: builds a fresh indicator: `over(bars)`, and `memory_bars` and `update` if it has
            them.
    """

    def over(path: PathArrays) -> Columns:
        try:
            found = np.array(make().over(path.bars)[name], dtype=np.float64)  # pyright: ignore[reportAttributeAccessIssue]
        except Exception as error:  # somebody else's code: whatever it raises is its answer
            reason = f"{type(error).__name__} over {len(path.bars)} bars"
            raise NotComputableError(f"{name}: {reason}") from error
        if found.shape != (len(path.bars),):
            raise NotComputableError(f"{name}: no value per bar over {len(path.bars)} bars")
        return {name: found}

    def memory(path: PathArrays, values: Columns) -> dict[str, float]:
        del path, values
        return {name: float(getattr(make(), "memory_bars", math.inf))}

    def update() -> Callable[[Bar], Mapping[str, float]]:
        return make().update  # pyright: ignore[reportAttributeAccessIssue]

    has_update = hasattr(make(), "update")
    return Source((name,), over, memory, TOLERANCE, update if has_update else None, own=True)
