"""Does anything see the future: ``python -m grandmodel.commands.audit agent=NAME data=...``.

Takes the keys of train.py and audits what that training would use: bars, columns, fills and
rewards. Prints each leak with its column, its cause and its first bar, and writes audit.json into
a new folder under outputs/audit, or into out=DIR. Exit status 0: no leak, 1: leaks, 2: bad input.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from grandmodel.core.checks import require
from grandmodel.core.files import write_json
from grandmodel.evaluation.leaks.finding import AuditReport
from grandmodel.wiring.command_line import check_words
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.exit import guarded
from grandmodel.wiring.leaks import audit_stage
from grandmodel.wiring.market import build_stage
from grandmodel.wiring.run_config import wants_help
from grandmodel.wiring.run_folder import fresh_name
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.system import fitted_reward, read_columns, with_needed_features

LEAKS_STATUS = 1
OUT = "out="


def audited(overrides: Sequence[str]) -> tuple[AuditReport, TrainConfig]:
    """Audit the training that the overrides describe; return its configuration too."""
    config = with_needed_features(typed(compose("train", overrides), TrainConfig))
    stage = build_stage(
        config,
        max_hold_bars=config.env.max_hold_bars,
        episode_bars=config.env.episode_bars,
        columns=read_columns(config),
    )
    scale = fitted_reward(config, stage).scale
    return audit_stage(config, stage, scale, sample=False), config


def show(report: AuditReport, console: Console) -> None:
    """Print findings and notes."""
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    for found in report.findings:
        console.print(f"leak: {found}", markup=False)
    console.print(report.line("all checks"), markup=False)


def folder_for(out: str | None, parent: Path) -> Path:
    """Return the folder to write into: the user's, else a new one.

    Raises:
        UserError: it is a file, or the folder of a run.
    """
    if out is None:
        return parent / fresh_name(str(parent))
    require(not Path(out).is_file(), f"out={out} is a file; give a folder")
    require(
        not (Path(out) / "config.yaml").exists(),
        f"out={out} is the folder of a run; give another folder",
    )
    return Path(out)


def main(arguments: Sequence[str]) -> None:
    """Audit, print, write; leave with status 1 where leaks were found."""
    console = Console(highlight=False, soft_wrap=True)
    if wants_help(arguments):
        console.print((__doc__ or "").strip(), markup=False)
        return
    check_words(arguments)
    given = [item.removeprefix(OUT) for item in arguments if item.startswith(OUT)]
    out = given[-1] if given else None
    if out is not None:
        folder_for(out, Path())
    report, config = audited([item for item in arguments if not item.startswith(OUT)])
    folder = folder_for(out, Path(config.paths.output) / "audit")
    write_json(folder / "audit.json", report.as_record())
    show(report, console)
    console.print(f"run: {folder}", markup=False)
    if report.findings:
        sys.exit(LEAKS_STATUS)


if __name__ == "__main__":
    guarded(lambda: main(sys.argv[1:]))
