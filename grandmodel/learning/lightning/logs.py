"""Log files that survive a kill: written row by row, cut back to a checkpoint on resume."""

import csv
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.summary.writer.record_writer import RecordWriter

from grandmodel.core.files import atomic_path


class CsvLog(Logger):
    """A table of metrics, one row per environment step count, a column per name.

    Rows are on disk when :meth:`log_metrics` returns. Lightning's own logger deletes the rows
    of the run that it continues; this one keeps them.

    Args:
        path: the file; rows that exist in it stay.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__()
        self.path = Path(path)
        self._columns, _ = read_csv_log(self.path)

    @property
    def name(self) -> str:
        """Name of the log."""
        return self.path.stem

    @property
    def version(self) -> str:
        """There is one version."""
        return "0"

    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Do nothing: the run folder holds its configuration."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append one row; names not seen before become new columns."""
        row = {"env_steps": str(step)} | {name: repr(value) for name, value in metrics.items()}
        new = [name for name in row if name not in self._columns]
        if new:
            _, rows = read_csv_log(self.path)
            self._columns += new
            write_csv_log(self.path, self._columns, rows)
        with self.path.open("a", encoding="utf8", newline="") as file:
            csv.DictWriter(file, self._columns, restval="", lineterminator="\n").writerow(row)


def read_csv_log(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return columns and complete rows of a log; a row cut short by a kill is left out."""
    if not path.is_file():
        return [], []
    text = path.read_text(encoding="utf8")
    whole = text[: text.rfind("\n") + 1]
    reader = csv.DictReader(whole.splitlines())
    columns = list(reader.fieldnames or [])
    return columns, [row for row in reader if None not in row and None not in row.values()]


def write_csv_log(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    """Write a whole log, or nothing."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf8", newline="") as file:
        writer = csv.DictWriter(
            file, columns, restval="", lineterminator="\n", extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(rows)


def cut_csv(path: Path, env_steps: int) -> None:
    """Remove rows after ``env_steps``, and columns that only those rows had."""
    columns, rows = read_csv_log(path)
    if not columns:
        return
    kept = [row for row in rows if int(row["env_steps"]) <= env_steps]
    used = [name for name in columns if any(row[name] != "" for row in kept)]
    write_csv_log(path, used or ["env_steps"], kept)


def cut_tensorboard(folder: Path, env_steps: int) -> None:
    """Rewrite the event files below ``folder`` without events after ``env_steps``."""
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        loader = LegacyEventFileLoader(str(path))
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            writer = RecordWriter(file)
            for event in loader.Load():
                if event.step <= env_steps:
                    writer.write(event.SerializeToString())
