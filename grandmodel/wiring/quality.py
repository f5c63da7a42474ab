"""The data-quality table on the terminal."""

from pathlib import Path

from pandas import DataFrame
from rich.console import Console
from rich.table import Table

from grandmodel.core.files import write_text
from grandmodel.market.bars import Bars
from grandmodel.market.dataset import Dataset
from grandmodel.market.quality import quality_table


def quality_of(dataset: Dataset) -> DataFrame:
    """Return the quality table of the file's own bars, which may be finer than the decisions'."""
    return quality_table(_own_bars(dataset))


def _own_bars(dataset: Dataset) -> Bars:
    path = dataset.paths[0]
    return path.finest or path.bars


def show_quality(dataset: Dataset, console: Console) -> None:
    """Print instrument, warnings and what is odd about the bars of a file."""
    console.print(f"instrument {dataset.instrument.summary()}", markup=False)
    if dataset.about:
        console.print(f"data {dataset.about}", markup=False)
    for note in dataset.notes:
        console.print(f"note: {note}", markup=False, style="yellow")
    if dataset.synthetic:
        return
    frame = quality_of(dataset)
    table = Table(title=f"data quality, bars of {_own_bars(dataset).minutes} minutes")
    for heading in frame.columns:
        table.add_column(str(heading).replace("_", " "))
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def save_quality(dataset: Dataset, folder: Path) -> None:
    """Write the quality table of the first path as ``quality.csv``."""
    write_text(folder / "quality.csv", quality_of(dataset).to_csv(index=False))


def _cell(value: object) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
