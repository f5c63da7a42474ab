"""What a multirun prints when it ends: one table of its runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grandmodel.wiring.run_folder import shown_path

HEADINGS = {
    "sharpe": "Sharpe",
    "total_return": "return",
    "max_drawdown": "drawdown",
    "trades": "trips",
}


class SweepSummary(Callback):
    """Hydra callback: one row per run of a multirun, then the sweep's folder."""

    folder: ClassVar[Path | None] = None  # of the multirun that this process has begun

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Remember the folder that Hydra is about to create."""
        SweepSummary.folder = Path(config.hydra.sweep.dir)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print what differs between the runs, and metrics of each, in job order."""
        folder = Path(config.hydra.sweep.dir)
        console = Console()
        console.print(sweep_table(folder))
        console.print(f"run: {shown_path(folder)}", highlight=False, soft_wrap=True)


def sweep_table(folder: Path) -> Table:
    """Return one row per run of a multirun: the overrides that others lack, and its metrics."""
    runs = sorted((path for path in folder.glob("*") if path.is_dir()), key=_job_number)
    given = [_overrides(run) for run in runs]
    shared = set.intersection(*map(set, given)) if len(given) > 1 else set()
    table = Table(title="sweep", box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("run", "overrides that differ", *HEADINGS.values(), "verdict"):
        right = heading in HEADINGS.values()
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for run, words in zip(runs, given, strict=True):
        own = "\n".join(word for word in words if word not in shared)
        table.add_row(run.name, Text(own), *_figures(run))
    return table


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


def _overrides(run: Path) -> list[str]:
    file = run / "overrides.txt"
    return file.read_text().splitlines() if file.exists() else []


def _figures(run: Path) -> list[str]:
    metrics_file = run / "metrics.json"
    if not metrics_file.exists():
        return [*("-" for _ in HEADINGS), "not finished"]
    metrics = json.loads(metrics_file.read_text())
    return [*(_figure(metrics.get(key)) for key in HEADINGS), str(metrics.get("verdict"))]


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3f}"
