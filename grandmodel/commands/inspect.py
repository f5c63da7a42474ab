"""What is in a file of bars: ``python -m grandmodel.commands.inspect data.path=FILE``.

Prints what was found in it and the quality table, and writes every named column, the gaps and the
synergies from the first bar on, with a page that shows them.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grandmodel.core.checks import require
from grandmodel.core.files import atomic_path, write_text
from grandmodel.evaluation.report.feature_page import FeatureTables, feature_page, spread_table
from grandmodel.evaluation.report.tables import UNKNOWN
from grandmodel.features.arrays import gap_bars, path_arrays
from grandmodel.features.config import FeatureConfig
from grandmodel.features.gaps import EVENT_NAMES, GapEvents, as_of
from grandmodel.features.matrix import PathFeatures, compute
from grandmodel.features.synergy import TYPE_NAMES, Synergies
from grandmodel.market.bars import Bars
from grandmodel.market.calendar import session_table
from grandmodel.market.coverage import coverage, file_table
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.quality import quality_table
from grandmodel.market.reading import Reading
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.exit import guarded
from grandmodel.wiring.market import draw_dataset, read_dataset
from grandmodel.wiring.run_folder import fresh_name
from grandmodel.wiring.schema import InspectConfig

YEAR_NS = 365.25 * 86_400e9
SCORED_EVENTS = 200  # MLMI events until its value moves, and with it the first synergies
NOT_COLUMNS = ("close",)  # read by the features, not one of them
_NO_ROWS = np.zeros(0, np.int64)
NO_EVENTS = GapEvents(_NO_ROWS, _NO_ROWS, _NO_ROWS, np.zeros(0))


def times(stamps_ns: NDArray[np.int64]) -> pd.DatetimeIndex:
    """Return nanoseconds UTC as time stamps with their zone."""
    return pd.DatetimeIndex(stamps_ns.astype("datetime64[ns]"), tz="UTC")


def matrix_frame(path: MarketPath, features: PathFeatures) -> pd.DataFrame:
    """Return ``timestamp`` (bar open), ``raw_<column>`` and ``scaled_<column>``, undefined as nan.

    A column that has one form only stands under both names.
    """
    scaled = {k: values for k, values in features.scaled.items() if not k.startswith("raw_")}
    raw = {k: values for k, values in features.raw.items() if k not in NOT_COLUMNS}
    raw["atr_14"] = np.where(raw["atr_14"] > 0.0, raw["atr_14"], np.nan)
    raw["price_distance"] = _level_distance(path, features)
    raw |= {name: values for name, values in scaled.items() if name not in raw}
    columns = {f"raw_{name}": values for name, values in raw.items()}
    columns |= {f"scaled_{name}": values for name, values in scaled.items()}
    return pd.DataFrame({"timestamp": times(path.bars.open_time_ns), **columns})


def _level_distance(path: MarketPath, features: PathFeatures) -> NDArray[np.float64]:
    """Return (nearest level - close) / close at each bar's close, nan without an active gap."""
    bars, source = path.bars, gap_bars(path) or path.bars
    seen = as_of(features.gaps, source.close_time_ns, bars.close_time_ns)
    active = (seen["fvg_bullish_active"] > 0.0) | (seen["fvg_bearish_active"] > 0.0)
    return np.where(active, (seen["fvg_nearest_level"] - bars.close) / bars.close, np.nan)


def gap_frame(events: GapEvents) -> pd.DataFrame:
    """Return ``time`` (close of the bar), ``event``, ``direction`` and ``size`` (price units)."""
    return pd.DataFrame(
        {
            "time": times(events.time_ns),
            "event": np.array(EVENT_NAMES, dtype=object)[events.event],
            "direction": events.direction,
            "size": events.size,
        }
    )


def synergy_frame(synergies: Synergies) -> pd.DataFrame:
    """Return ``time`` (when it was known), ``type``, ``direction``, ``confidence``, ``tied``."""
    return pd.DataFrame(
        {
            "time": times(synergies.time_ns),
            "type": np.array(TYPE_NAMES, dtype=object)[synergies.type - 1],
            "direction": synergies.direction,
            "confidence": synergies.confidence,
            "tied": synergies.tied,
        }
    )


def synergy_counts(bars: Bars, features: PathFeatures) -> pd.DataFrame:
    """Return ``type``, ``count`` and ``per_year``, counted from the 200th MLMI event on."""
    events = np.flatnonzero(features.raw["mlmi_signal"] != 0.0)
    counts = features.synergies.counts()
    counts["all"] = len(features.synergies)
    years = 0.0
    if len(events) >= SCORED_EVENTS:
        since = bars.close_time_ns[events[SCORED_EVENTS - 1]]
        years = float(bars.close_time_ns[-1] - since) / YEAR_NS
    rate = [count / years if years > 0.0 else np.nan for count in counts.values()]
    return pd.DataFrame({"type": counts.keys(), "count": counts.values(), "per_year": rate})


def inspect_path(path: MarketPath, features: PathFeatures, notes: Sequence[str]) -> FeatureTables:
    """Put together all that is said about one path."""
    bars, finest = path.bars, path.finest or path.bars
    events = features.gap_events
    first, last = times(finest.open_time_ns[[0, -1]])
    facts = (
        f"{finest.instrument.name}: {len(finest)} bars of {finest.minutes} minutes from "
        f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC, {len(bars)} of {bars.minutes}",
        f"volume: {bars.volume_kind}; adjustment: {bars.adjustment}",
    )
    if gap_bars(path) is None and path.synergies is None:
        notes = (*notes, f"synergies are off: they need bars shorter than {bars.minutes} minutes")
    return FeatureTables(
        title=f"What is in {bars.source}",
        notes=(*facts, *notes),
        quality=quality_table(finest),
        prices=pd.DataFrame({"timestamp": times(bars.open_time_ns), "close": bars.close}),
        matrix=matrix_frame(path, features),
        gaps=gap_frame(events) if events is not None else gap_frame(NO_EVENTS),
        synergies=synergy_frame(features.synergies),
        synergy_counts=synergy_counts(bars, features),
        file=file_table(finest),
        coverage=coverage(finest),
    )


def write_tables(tables: FeatureTables, reading: Reading | None, folder: Path) -> None:
    """Write tables and page into ``folder``, each file whole or not at all."""
    frames = {
        "file": tables.file,
        "quality": tables.quality,
        "matrix30": tables.matrix,
        "gaps": tables.gaps,
        "synergies": tables.synergies,
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
    console.print(_rich("scaled columns after the warm-up", spread_table(tables.matrix)))


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

    return read_dataset(config, seen=show, purge_bars=0, min_bars=1, whole=True)


def inspect(dataset: Dataset, config: FeatureConfig, out: Path, console: Console) -> None:
    """Write and print what is in a dataset; of several paths each has a folder of its own."""
    events = dataset.events
    arrays = [path_arrays(path, session_table(path.bars), events) for path in dataset.paths]
    found = compute(arrays, replace(config, temporal=True), workers=len(os.sched_getaffinity(0)))
    for index, (path, features) in enumerate(zip(dataset.paths, found, strict=True)):
        tables = inspect_path(path, features, dataset.notes)
        folder = out if len(dataset.paths) == 1 else out / f"path_{index}"
        write_tables(tables, path.bars.reading, folder)
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
    config = typed(compose("inspect", overrides), InspectConfig)
    out = folder_for(config)
    console = Console(highlight=False)
    inspect(read(config, console), config.features, out, console)
    Console(highlight=False, soft_wrap=True).print(f"run: {out}", markup=False)


if __name__ == "__main__":
    guarded(lambda: main(sys.argv[1:]))
