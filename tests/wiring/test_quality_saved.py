"""The quality table of every command is that of the file's own bars."""

from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from grandmodel.market.bars import Bars, resample
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.instruments import Instrument
from grandmodel.market.quality import quality_table
from grandmodel.wiring.quality import quality_of, save_quality, show_quality


def holey() -> Bars:
    """Five-minute bars of which those within half hours are missing, never a whole half hour."""
    rows = np.arange(288 * 5)
    kept = rows[(rows % 6 == 0) | (rows % 2 == 1)]
    prices = np.full(len(kept), 100.0)
    times = np.datetime64("2024-03-04", "ns").astype(np.int64) + kept * 300_000_000_000
    instrument = Instrument(name="x", calendar="24/7")
    return Bars(times, prices, prices, prices, prices, np.ones(len(kept)), 5, instrument)


def test_bars_missing_within_half_hours_are_seen(tmp_path: Path) -> None:
    bars = holey()
    dataset = Dataset((MarketPath(resample(bars, 30), bars),), {})
    wanted = quality_table(bars)
    assert not wanted.equals(quality_table(resample(bars, 30)))
    assert quality_of(dataset).equals(wanted)
    save_quality(dataset, tmp_path)
    assert (tmp_path / "quality.csv").read_text() == wanted.to_csv(index=False)
    console = Console(record=True, width=200)
    show_quality(dataset, console)
    assert "bars of 5 minutes" in console.export_text()


def test_half_hour_files_have_bars_of_their_own() -> None:
    half = resample(holey(), 30)
    pd.testing.assert_frame_equal(quality_of(Dataset((MarketPath(half),), {})), quality_table(half))
