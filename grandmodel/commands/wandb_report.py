"""Runs side by side: ``python -m grandmodel.commands.wandb_report runs='outputs/train/*'``.

``runs=`` is the folder of a run or a pattern of several, quoted for the shell. Writes
``report.html`` and ``report.md`` into ``out=DIR`` (a new folder under outputs/wandb_report), and
where an account of Weights & Biases is known saves the same as a report there, in ``project=``
(and ``entity=``), beside panels of the runs that were logged to it (``logger=wandb``).
"""

import glob
import json
import os
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import wandb
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from wandb.errors import Error as WandbError

from grandmodel.core.checks import UserError, require
from grandmodel.core.files import write_text
from grandmodel.evaluation.report.comparison import Compared, comparison
from grandmodel.evaluation.report.contents import EQUITY_TITLE
from grandmodel.evaluation.report.html import html_of
from grandmodel.evaluation.report.markdown import one_line, rows_text, text_of
from grandmodel.evaluation.report.page import document
from grandmodel.evaluation.report.section import Section
from grandmodel.wiring.command_line import check_words
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.exit import guarded
from grandmodel.wiring.loggers import has_key, report_key
from grandmodel.wiring.run_config import wants_help
from grandmodel.wiring.run_folder import RunFolder, existing_run, fresh_name
from grandmodel.wiring.schema import WandbReportConfig

NEEDED = ("metrics.json", "config.yaml", "equity.parquet")
OFFLINE = ("offline", "disabled", "dryrun")
LEARNING_STEP = "trainer/global_step"


def folders_of(pattern: str | None) -> list[Path]:
    """Return the finished runs that a pattern names, in order of their names.

    Raises:
        UserError: no pattern, or no finished run fits it.
    """
    if pattern is None:
        raise UserError("runs= is missing; give a pattern of run folders: runs='outputs/train/*'")
    found = sorted(Path(name) for name in glob.glob(pattern))  # noqa: PTH207 - it may be absolute
    finished = [path for path in found if all((path / name).is_file() for name in NEEDED)]
    require(
        len(finished) > 0,
        f"runs={pattern} fits {len(found)} files or folders, none of them a finished run (with "
        f"{', '.join(NEEDED)}); give the folders that train.py named",
    )
    return finished


def read(folder: Path, name: str) -> Compared:
    """Read what a run says of itself.

    Raises:
        UserError: a file is broken.
    """
    _, config = existing_run(str(folder), key="runs")
    try:
        metrics = json.loads((folder / "metrics.json").read_text())
        equity = pd.read_parquet(folder / "equity.parquet")
    except (json.JSONDecodeError, OSError, ValueError) as error:
        raise UserError(
            f"runs={folder}: metrics.json or equity.parquet cannot be read; judge the run again or "
            "leave it out"
        ) from error
    return Compared(name, metrics, _flat(config), equity)


def _flat(config: DictConfig) -> dict[str, Any]:
    """Settings by their full names."""
    plain = OmegaConf.to_container(config, resolve=True)
    return pd.json_normalize([plain]).iloc[0].to_dict()  # pyright: ignore[reportArgumentType]


def names_of(folders: Sequence[Path]) -> list[str]:
    """Shortest ends of paths that tell the folders apart."""
    for parts in range(1, max(len(path.parts) for path in folders) + 1):
        names = ["/".join(path.parts[-parts:]) for path in folders]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in folders]


def write(out: Path, title: str, sections: Sequence[Section]) -> None:
    """Write the comparison as a page and as text."""
    write_text(out / "report.md", f"# {one_line(title)}\n\n{text_of(sections)}")
    write_text(out / "report.html", document(title, f"<h1>{escape(title)}</h1>{html_of(sections)}"))


def why_local(project: str) -> str | None:
    """Return why nothing can be saved to Weights & Biases, None where it can."""
    if os.environ.get("WANDB_MODE", "").lower() in OFFLINE:
        return "WANDB_MODE keeps Weights & Biases offline"
    if not has_key():
        return (
            "no account of Weights & Biases is known here (WANDB_API_KEY or wandb login); with one "
            f"the same is saved as a report of the project {project}"
        )
    return None


def blocks_of(sections: Sequence[Section], runset: Any) -> list[Any]:
    """Return the blocks of a report of Weights & Biases: tables as text, panels of the runs.

    Without a ``runset`` there are no panels: they would show other runs of the project.
    """
    import wandb_workspaces.reports.v2 as reports

    blocks: list[Any] = [reports.TableOfContents()]
    for section in sections:
        blocks.append(reports.H2(section.title))
        if section.note:
            blocks.append(reports.P(section.note))
        blocks += [reports.MarkdownBlock(rows_text(block.rows)) for block in section.blocks]
    if runset is None:
        return [*blocks, reports.P("None of these runs was logged to Weights & Biases.")]
    panels = [
        reports.BarPlot(title="Sharpe ratio", metrics=["sharpe"]),
        reports.LinePlot(title="validation", x=LEARNING_STEP, y=["validation/score"]),
        reports.MediaBrowser(media_keys=[report_key(EQUITY_TITLE)]),
        reports.RunComparer(diff_only=True),
    ]
    return [*blocks, reports.H2("Runs"), reports.PanelGrid(runsets=[runset], panels=panels)]


def save(config: WandbReportConfig, title: str, sections: Sequence[Section], ids: list[str]) -> str:
    """Save the comparison to Weights & Biases; return its address.

    Raises:
        UserError: the service refuses it or cannot be reached.
    """
    from wandb_workspaces.reports.v2.interface import Report, Runset

    try:
        entity = config.entity or wandb.Api().default_entity
        if entity is None:
            raise UserError("the account has no default entity: give entity=NAME")
        runset = None
        if ids:
            runset = Runset(entity=entity, project=config.project, filters=f"ID in {ids}")
        report = Report(
            project=config.project,
            entity=entity,
            title=title,
            description="Runs side by side",
            blocks=blocks_of(sections, runset),
            width="fluid",
        )
        report.save()
    except (WandbError, OSError) as error:
        raise UserError(
            f"Weights & Biases does not take the report ({one_line(str(error))}); the local one is "
            "written, check the key, entity= and project="
        ) from error
    return str(report.url)


def main(arguments: Sequence[str]) -> None:
    """Compare runs, here and, where there is an account, on Weights & Biases."""
    console = Console(highlight=False, soft_wrap=True)
    if wants_help(arguments):
        console.print((__doc__ or "").strip(), markup=False)
        return
    check_words(arguments, "runs")
    config = typed(compose("wandb_report", arguments), WandbReportConfig)
    folders = folders_of(config.runs)
    sections = comparison(
        [read(path, name) for path, name in zip(folders, names_of(folders), strict=True)]
    )
    title = config.title or f"{len(folders)} run{'s' * (len(folders) > 1)} side by side"
    parent = f"{config.paths.output}/wandb_report"
    out = Path(config.out) if config.out is not None else Path(parent) / fresh_name(parent)
    require(not (out / "config.yaml").exists(), f"out={out} is the folder of a run; give another")
    write(out, title, sections)
    reason = why_local(config.project)
    if reason is None:
        known = [RunFolder(path).read_run_json().get("wandb_id") for path in folders]
        address = save(config, title, sections, [str(it) for it in known if it])
        console.print(f"report: {address}", markup=False)
    else:
        console.print(f"written here alone: {reason}", markup=False)
    console.print(f"run: {out}", markup=False)


if __name__ == "__main__":
    guarded(lambda: main(sys.argv[1:]))
