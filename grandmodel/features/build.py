"""From a dataset to a tape: features over all bars of every path, one path after the other."""

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from grandmodel.features.arrays import path_arrays
from grandmodel.features.cache import cache_key, load_tape, save_tape
from grandmodel.features.config import FeatureConfig
from grandmodel.features.matrix import compute, tape_columns
from grandmodel.features.tape import Tape
from grandmodel.market.calendar import SessionTable, session_table
from grandmodel.market.carry import carry_of
from grandmodel.market.dataset import Dataset
from grandmodel.market.late import late_prices

PRICES = ("open_time_ns", "open", "high", "low", "close")
SESSIONS = ("scheduled", "edge_ahead", "break_ahead_hours", "break_hours", "spread_multiplier")


def build_tape(dataset: Dataset, config: FeatureConfig, workers: int | None = None) -> Tape:
    """Return the tape of all paths; indicators start afresh with each path.

    Args:
        dataset: paths of bars, with extra columns where it brings any.
        config: which columns.
        workers: threads for the features; None: one per core. No value depends on it.
    """
    tables = [session_table(path.bars) for path in dataset.paths]
    events = dataset.events
    arrays = [path_arrays(*pair, events) for pair in zip(dataset.paths, tables, strict=True)]
    names = tape_columns(config, events=events is not None)
    extra = sorted(dataset.extra)
    total = sum(len(path.bars) for path in dataset.paths)
    features = np.empty((total, len(names) + len(extra)), np.float32)
    own = {"trailing_sd": np.empty(total), "atr14": np.empty(total)}
    start = 0
    for index, found in enumerate(compute(arrays, config, workers or _cores())):
        stop = start + len(arrays[index].bars)
        for place, name in enumerate(names):
            features[start:stop, place] = found.scaled[name]
        for place, name in enumerate(extra, start=len(names)):
            features[start:stop, place] = dataset.extra[name][index]
        own["trailing_sd"][start:stop] = found.raw["trailing_sd"]
        own["atr14"][start:stop] = found.raw["atr_14"]
        start = stop
    prices = {
        name: np.concatenate([getattr(path.bars, name) for path in dataset.paths])
        for name in PRICES
    }
    columns = {**own, **prices, **_sessions(tables), **_if_any(dataset, tables)}
    columns["spread_multiplier"] = columns["spread_multiplier"] * np.concatenate(
        [np.ones(len(path.bars)) if path.spread is None else path.spread for path in dataset.paths]
    )
    return Tape(
        columns=(*names, *extra),
        features=torch.from_numpy(features),
        minutes=dataset.minutes,
        instrument=dataset.instrument,
        fingerprint=dataset.fingerprint,
        volume_kind=dataset.paths[0].bars.volume_kind,
        **{name: torch.from_numpy(values) for name, values in columns.items()},
    )


def load_or_build_tape(
    dataset: Dataset, config: FeatureConfig, cache_dir: Path | None, workers: int | None = None
) -> Tape:
    """Return the tape of ``dataset``, from ``cache_dir`` where it holds one.

    Args:
        dataset: paths of bars.
        config: which columns.
        cache_dir: folder of kept tapes; None neither reads nor writes one.
        workers: threads for the features; None: one per core.
    """
    if cache_dir is None:
        return build_tape(dataset, config, workers)
    file = cache_dir / f"tape_{cache_key(dataset, config)[:32]}.npz"
    tape = load_tape(file, dataset)
    if tape is None:
        tape = build_tape(dataset, config, workers)
        save_tape(tape, file)
    return tape


def _sessions(tables: list[SessionTable]) -> dict[str, NDArray]:
    """Join the session tables of all paths; a session is never shared by two of them."""
    offset, sessions, paths = 0, [], []
    for index, table in enumerate(tables):
        sessions.append(table.session + offset)
        paths.append(np.full(len(table.session), index, np.int64))
        offset = int(sessions[-1][-1]) + 1
    joined = {name: np.concatenate([getattr(table, name) for table in tables]) for name in SESSIONS}
    return {**joined, "session": np.concatenate(sessions), "path": np.concatenate(paths)}


def _if_any(dataset: Dataset, tables: list[SessionTable]) -> dict[str, NDArray]:
    """Join what only some markets have: volume, carry, rolls and late prices."""
    paths = dataset.paths
    carry = [carry_of(path.bars, table) for path, table in zip(paths, tables, strict=True)]
    late = [late_prices(path) for path in paths]
    parts: dict[str, list[NDArray | None]] = {
        "volume": [path.bars.volume if path.bars.volume_kind != "none" else None for path in paths],
        "carry_long": [found.long for found in carry],
        "carry_short": [found.short for found in carry],
        "rolls": [found.rolls for found in carry],
        "late_open": [found and found.open for found in late],
        "late_high": [found and found.high for found in late],
        "late_low": [found and found.low for found in late],
    }
    joined = {}
    for name, values in parts.items():
        there = [value for value in values if value is not None]
        if len(there) == len(paths):
            joined[name] = np.concatenate(there)
    return joined


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
