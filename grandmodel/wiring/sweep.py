"""What a multirun prints when it ends: one table of its runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from grandmodel.wiring.run_folder import shown_path

SHOWN_METRICS = ("sharpe", "total_return", "max_drawdown", "trades")


class SweepSummary(Callback):
    """Hydra callback: one row per run of a multirun, then the sweep's folder."""

    folder: ClassVar[Path | None] = None  # of the multirun that this process has begun

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Remember the folder that Hydra is about to create."""
        SweepSummary.folder = Path(config.hydra.sweep.dir)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print overrides and metrics of every run, in job order."""
        folder = Path(config.hydra.sweep.dir)
        table = Table(title="sweep")
        for heading in ("run", "overrides", *SHOWN_METRICS, "verdict"):
            table.add_column(heading)
        for run in sorted((path for path in folder.glob("*") if path.is_dir()), key=_job_number):
            table.add_row(*_row(run))
        console = Console(soft_wrap=True)
        console.print(table)
        console.print(f"run: {shown_path(folder)}", highlight=False)


@contextmanager
def whole_sweep() -> Iterator[None]:
    """Remove the folder of a multirun that ends early without having made a single run."""
    try:
        yield
    except BaseException:
        if SweepSummary.folder is not None and SweepSummary.folder.is_dir():
            _discard_if_unused(SweepSummary.folder)
        raise


def _discard_if_unused(folder: Path) -> None:
    if any(folder.glob("*/config.yaml")):
        return
    (folder / "multirun.yaml").unlink(missing_ok=True)
    with suppress(OSError):  # it holds something that is not ours
        folder.rmdir()


def _job_number(path: Path) -> tuple[int, str]:
    return (int(path.name), "") if path.name.isdigit() else (1 << 30, path.name)


def _row(run: Path) -> list[str]:
    overrides = run / "overrides.txt"
    given = " ".join(overrides.read_text().split()) if overrides.exists() else ""
    metrics_file = run / "metrics.json"
    if not metrics_file.exists():
        return [run.name, given, *("-" for _ in SHOWN_METRICS), "not finished"]
    metrics = json.loads(metrics_file.read_text())
    shown = [_figure(metrics.get(key)) for key in SHOWN_METRICS]
    return [run.name, given, *shown, str(metrics.get("verdict"))]


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3f}"
