"""The data-quality table on the terminal."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from grandmodel.core.files import write_text
from grandmodel.market.dataset import Dataset
from grandmodel.market.quality import quality_table


def show_quality(dataset: Dataset, console: Console) -> None:
    """Print instrument, warnings and what is odd about the bars of a file."""
    console.print(f"instrument {dataset.instrument.summary()}", markup=False)
    for note in dataset.notes:
        console.print(f"note: {note}", markup=False, style="yellow")
    if dataset.synthetic:
        return
    frame = quality_table(dataset.paths[0].bars)
    table = Table(title="data quality, bars of the decision clock")
    for heading in frame.columns:
        table.add_column(str(heading).replace("_", " "))
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def save_quality(dataset: Dataset, folder: Path) -> None:
    """Write the quality table of the first path as ``quality.csv``."""
    write_text(folder / "quality.csv", quality_table(dataset.paths[0].bars).to_csv(index=False))


def _cell(value: object) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
