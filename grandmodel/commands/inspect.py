"""What is in a file of bars: ``python -m grandmodel.commands.inspect data.path=FILE``.

Prints what was found in it and the quality table, and writes every named column of half hours and
of five-minute bars, the gaps and the synergies from the first bar on, with a page that shows them.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grandmodel.core.checks import require
from grandmodel.core.files import atomic_path, write_text
from grandmodel.evaluation.report.feature_frames import (
    five_minute_columns,
    gap_frame,
    half_hour_columns,
    price_frame,
    spread_table,
    synergy_counts,
    synergy_frame,
    synergy_months,
    times,
)
from grandmodel.evaluation.report.feature_page import FeatureTables, feature_page
from grandmodel.evaluation.report.section import UNKNOWN
from grandmodel.features.arrays import gap_bars, path_arrays
from grandmodel.features.config import FAST_MINUTES, FeatureConfig
from grandmodel.features.gaps import as_of
from grandmodel.features.matrix import PathFeatures, compute
from grandmodel.market.bars import Bars, resample
from grandmodel.market.calendar import session_table
from grandmodel.market.coverage import coverage, file_table
from grandmodel.market.dataset import DECISION_MINUTES, Dataset, MarketPath
from grandmodel.market.quality import quality_table
from grandmodel.market.reading import Reading
from grandmodel.wiring.command_line import check_words
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.exit import guarded
from grandmodel.wiring.market import draw_dataset, read_dataset
from grandmodel.wiring.run_folder import fresh_name
from grandmodel.wiring.schema import InspectConfig

SCREEN_MONTHS = 12


def _level_distance(path: MarketPath, features: PathFeatures) -> NDArray[np.float64]:
    """Return (nearest level - close) / close at each bar's close, nan without an active gap."""
    bars, source = path.bars, gap_bars(path) or path.bars
    seen = as_of(features.gaps, source.close_time_ns, bars.close_time_ns)
    active = (seen["fvg_bullish_active"] > 0.0) | (seen["fvg_bearish_active"] > 0.0)
    return np.where(active, (seen["fvg_nearest_level"] - bars.close) / bars.close, np.nan)


@dataclass(frozen=True)
class FoundPath:
    """One path on the clock of half hours, and what features make of both clocks."""

    path: MarketPath
    features: PathFeatures
    five: Bars | None  # five-minute bars, where its bars add up to them
    five_features: PathFeatures | None


def on_half_hours(path: MarketPath) -> MarketPath:
    """Return a path on the clock of half hours; a market may have been drawn on a faster one."""
    if path.bars.minutes >= DECISION_MINUTES:
        return path
    finest = path.bars if path.finest is None else path.finest
    return MarketPath(resample(path.bars, DECISION_MINUTES), finest, path.synergies)


def five_minute_bars(path: MarketPath) -> Bars | None:
    """Return a path's bars of five minutes, None where its own are longer or do not fit."""
    bars = gap_bars(path)
    return bars if bars is not None and bars.minutes == FAST_MINUTES else None


def inspect_path(found: FoundPath, notes: Sequence[str]) -> FeatureTables:
    """Put together all that is said about one path."""
    path, features = found.path, found.features
    bars, finest, gapped = path.bars, path.finest or path.bars, gap_bars(path) or path.bars
    first, last = times(finest.open_time_ns[[0, -1]])
    facts = (
        f"{finest.instrument.name}: {len(finest)} bars of {finest.minutes} minutes from "
        f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC, {len(bars)} of {bars.minutes}",
        f"volume: {bars.volume_kind}; adjustment: {bars.adjustment}",
    )
    if gapped is bars and path.synergies is None:
        notes = (*notes, f"synergies are off: they need bars shorter than {bars.minutes} minutes")
    matrices = [half_hour_columns(bars, features, _level_distance(path, features))]
    if found.five is not None and found.five_features is not None:
        matrices.append(five_minute_columns(found.five, found.five_features))
    else:
        notes = (
            *notes,
            f"matrix{FAST_MINUTES}.parquet is not written: it needs bars of {FAST_MINUTES} minutes "
            f"or shorter ones that add up to them, and these have {finest.minutes}",
        )
    return FeatureTables(
        title=f"What is in {bars.source}",
        notes=(*facts, *notes),
        quality=quality_table(finest),
        prices=pd.DataFrame({"timestamp": times(bars.open_time_ns), "close": bars.close}),
        matrices=tuple(matrices),
        gap_prices=price_frame(gapped),
        gap_minutes=gapped.minutes,
        gaps=gap_frame(features.gap_events),
        synergies=synergy_frame(features.synergies, found=path.synergies is None),
        synergy_counts=synergy_counts(bars, features),
        synergy_months=synergy_months(bars, features),
        file=file_table(finest),
        coverage=coverage(finest),
    )


def write_tables(tables: FeatureTables, reading: Reading | None, folder: Path) -> None:
    """Write tables and page into ``folder``, each file whole or not at all."""
    frames = {
        "file": tables.file,
        "quality": tables.quality,
        **{f"matrix{part.minutes}": part.frame for part in tables.matrices},
        "gaps": tables.gaps,
        "synergies": tables.synergies,
        "synergy_months": tables.synergy_months,
    }
    if reading is not None:
        frames["defects"] = reading.defects.astype({"value": str, "column": str})
    for name, frame in frames.items():
        with atomic_path(folder / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary, index=False)
    write_text(folder / "features.html", feature_page(tables))


def print_tables(tables: FeatureTables, console: Console) -> None:
    """Print what a reader wants to know first."""
    for note in tables.notes:
        console.print(note, markup=False)
    console.print(_rich("data quality", tables.quality))
    console.print(_rich("synergies since the 200th MLMI event", tables.synergy_counts))
    recent = tables.synergy_months.tail(SCREEN_MONTHS)
    console.print(_rich(f"synergies per month, the last {SCREEN_MONTHS}", recent))
    for part in tables.matrices:
        title = f"scaled columns of {part.minutes}-minute bars after the warm-up"
        console.print(_rich(title, spread_table(part)))


def _rich(title: str, frame: pd.DataFrame) -> Table:
    """Show a frame; numbers to the right, dashes where nothing is known."""
    table = Table(title=title, title_justify="left")
    for name in frame.columns:
        number = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(name.replace("_", " "), justify="right" if number else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    return table


def _cell(value: object) -> Text:
    if value is None or pd.isna(value):  # pyright: ignore[reportGeneralTypeIssues]
        return Text(UNKNOWN)
    if isinstance(value, float):
        return Text(f"{value:.4g}")
    return Text(f"{value:%Y-%m-%d %H:%M}" if isinstance(value, pd.Timestamp) else str(value))


def read(config: InspectConfig, console: Console | None = None) -> Dataset:
    """Read all bars of the file, however few, or draw those of a synthetic market.

    What was found in a file is printed even where no features can be made of it.
    """
    if config.data.kind == "synthetic":
        return draw_dataset(config)

    def show(bars: Bars) -> None:
        if console is not None:
            console.print(_rich("what was found in the file", file_table(bars)))

    features = replace(config.features, minutes=DECISION_MINUTES)  # five minutes are made beside
    config = replace(config, features=features)
    return read_dataset(config, seen=show, purge_bars=0, min_bars=1, whole=True)


def find(dataset: Dataset, config: FeatureConfig) -> Iterator[FoundPath]:
    """Yield what features make of each path, on half hours and on five-minute bars."""
    workers, events = len(os.sched_getaffinity(0)), dataset.events
    slow = replace(config, minutes=DECISION_MINUTES, temporal=True)
    fast = replace(config, minutes=FAST_MINUTES, temporal=False)
    for given in dataset.paths:
        path = on_half_hours(given)
        five = five_minute_bars(path)
        arrays = path_arrays(path, session_table(path.bars), events)
        (features,) = compute([arrays], slow, workers)
        if five is None:
            yield FoundPath(path, features, None, None)
            continue
        fine = MarketPath(five, synergies=path.synergies)
        (faster,) = compute([path_arrays(fine, session_table(five), events)], fast, workers)
        yield FoundPath(path, features, five, faster)


def inspect(dataset: Dataset, config: FeatureConfig, out: Path, console: Console) -> None:
    """Write and print what is in a dataset; of several paths each has a folder of its own."""
    for index, found in enumerate(find(dataset, config)):
        tables = inspect_path(found, dataset.notes)
        folder = out if len(dataset.paths) == 1 else out / f"path_{index}"
        write_tables(tables, found.path.bars.reading, folder)
        print_tables(tables, console)


def folder_for(config: InspectConfig) -> Path:
    """Return the folder to write into: the user's, else a new one.

    Raises:
        UserError: it is a file, or the folder of a run.
    """
    if config.out is None:
        parent = Path(config.paths.output) / "inspect"
        return parent / fresh_name(str(parent))
    out = Path(config.out)
    require(not out.is_file(), f"out={out} is a file; give a folder")
    require(
        not (out / "config.yaml").exists(),
        f"out={out} is the folder of a run; give another folder",
    )
    return out


def main(overrides: Sequence[str]) -> None:
    """Inspect what the overrides name."""
    check_words(overrides, "data.path")
    config = typed(compose("inspect", overrides), InspectConfig)
    out = folder_for(config)
    console = Console(highlight=False)
    inspect(read(config, console), config.features, out, console)
    Console(highlight=False, soft_wrap=True).print(f"run: {out}", markup=False)


if __name__ == "__main__":
    guarded(lambda: main(sys.argv[1:]))
