"""`evaluate.py runs=GLOB`: finished runs judged, and told together by configuration."""

import glob
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grandmodel.core.checks import require, require_choice
from grandmodel.core.files import write_json, write_text
from grandmodel.evaluation.comparison import compare
from grandmodel.evaluation.outputs import tidy
from grandmodel.evaluation.report.runs_page import (
    OVER_SEEDS,
    as_one_reasons,
    as_one_rows,
    comparison_rows,
    overfitting_text,
    write_comparison,
)
from grandmodel.evaluation.report.section import Row, cell
from grandmodel.evaluation.trials.ledger import Ledger
from grandmodel.evaluation.trials.overlap import UsedSpan, overlapping
from grandmodel.wiring.command_line import given_words, word_of
from grandmodel.wiring.evaluate import run_evaluation
from grandmodel.wiring.judged_runs import Finished, folder_of, judgement_of, result_of, tasks_of
from grandmodel.wiring.protocols.command import command_again, is_protocol
from grandmodel.wiring.run_config import closed
from grandmodel.wiring.run_folder import RunFolder, existing_run, fresh_folder, fresh_name
from grandmodel.wiring.sections import PathsConfig
from grandmodel.wiring.unseen import ALL_THE_SAME, MADE_FROM

OWN_KEYS = ("split", "allow_overlap", "trust", "hydra.run.dir")
PASSED_ON = ("evaluation", "paths", "trainer")  # to the judgement of a run that has none
MANY_RUNS = "the configuration of each run is in its config.yaml"
NOTE_ALLOWED = "runs that were trained on bars of the test period are among these"
NEVER_FOLDED = ("Sharpe", OVER_SEEDS, "verdict", "less long only")  # columns of the terminal
LEFT_TO_REPORT = ("seeds", "deflated", "trials", "less vol target", "less ma cross")
DRAWS, SEED = 2_000, 0


@dataclass(frozen=True)
class RunsCommand:
    """What `runs=` was asked for."""

    pattern: str
    split: str
    allowed: bool  # bars that a run was made from are judged all the same
    words: tuple[str, ...]  # handed on to judgements
    output: Path
    ledger: Path | None  # None: that of the first run
    folder: str | None


def runs_command(arguments: Sequence[str]) -> RunsCommand:
    """Read the command line of a comparison.

    Raises:
        UserError: keys that do not go with it.
    """
    raw = [word for word in arguments if word.startswith("runs=")]
    pattern = raw[-1].removeprefix("runs=").strip("'\"") if raw else ""
    others = [word for word in arguments if word not in raw]
    given = given_words(["runs=all", *others], "runs", MANY_RUNS)
    given.pop("runs")
    require(bool(pattern), "runs= is empty; give a pattern such as runs='outputs/sweep/NAME/*'")
    require(
        "run" not in given,
        "run= cannot be given with runs=, which names several: leave one of the two out",
    )
    for key in given:
        handed = any(key == name or key.startswith(f"{name}.") for name in PASSED_ON)
        require(
            handed or key in OWN_KEYS,
            f"{key} cannot be given with runs=: the runs keep their own settings; what may be "
            f"given is {', '.join((*OWN_KEYS, *PASSED_ON))}",
        )
    split = str(_value(given, "split", "test"))
    require_choice("split", split, ("test", "validation"))
    folder, ledger = _value(given, "hydra.run.dir", None), _value(given, "paths.ledger", None)
    handed = [item for key, item in given.items() if key not in ("hydra.run.dir", "split")]
    return RunsCommand(
        pattern=pattern,
        split=split,
        allowed=_value(given, "allow_overlap", False) is True,
        words=(f"split={split}", *(word_of(item) for item in handed)),
        output=Path(str(_value(given, "paths.output", PathsConfig().output))),
        ledger=None if ledger is None else Path(str(ledger)),
        folder=None if folder is None else str(folder),
    )


def _value(given: dict[str, Override], key: str, usual: object) -> object:
    return given[key].value() if key in given else usual


def run_comparison(arguments: Sequence[str], console: Console) -> Path:
    """Judge runs where that was not done before, tell them together; return the folder.

    Raises:
        UserError: there are no such runs, one is not finished, or one saw what it is judged on.
    """
    command = runs_command(arguments)
    runs = find_runs(command)
    seen = _refuse_seen(command, runs)
    parent = f"{command.output}/evaluate"
    with fresh_folder(Path(command.folder or f"{parent}/{fresh_name(parent)}")) as folder:
        ledger = Ledger(command.ledger or Path(runs[0].config["paths"]["ledger"]))
        listed = {folder_of(line) for line in ledger.lines()}
        known = [_judgement(command, run, listed) for run in runs]
        places = [
            found or _judge(command, run, console) for run, found in zip(runs, known, strict=True)
        ]
        results = [
            result_of(run, task, place, ledger)
            for run, task, place in zip(runs, tasks_of(runs), places, strict=True)
        ]
        record = compare(results, ledger, draws=DRAWS, seed=SEED)
        record = tidy({"split": command.split, **record})
        notes = [NOTE_ALLOWED] if seen else []
        if now := known.count(None):
            sealed = ", which opened their sealed bars" if command.split == "test" else ""
            notes.append(f"{now} of {len(runs)} runs were judged on {command.split} now{sealed}")
        _write(folder, command, arguments, record, notes)
    _show(record, notes, console)
    return folder.path


def find_runs(command: RunsCommand) -> list[Finished]:
    """Find the training runs that a pattern names, folds of protocols included.

    Raises:
        UserError: there are none, or some are not finished.
    """
    places = [Path(name) for name in sorted(glob.glob(command.pattern))]  # noqa: PTH207
    for place in filter(is_protocol, places):
        require(
            (place / "metrics.json").is_file(),
            f"{place} is a protocol that is not finished: go on with it, {command_again(place)}, "
            "or leave it out of runs=",
        )
    nested = [
        inner
        for place in places
        for inner in (sorted((place / "folds").glob("*")) if is_protocol(place) else [place])
    ]
    folders = [place for place in nested if (place / "config.yaml").is_file()]
    trained = [it for it in folders if not {"judged_run", "runs"} & set(_facts(it))]
    require(
        bool(trained),
        f"runs={command.pattern} names no run: {len(places)} things are there and none of them is "
        "the folder of a training; give the folders that train.py named, such as "
        "runs='outputs/sweep/NAME/*'",
    )
    waiting = [place for place in trained if not (place / "metrics.json").is_file()]
    require(
        not waiting,
        f"{len(waiting)} of {len(trained)} runs are not finished, the first is "
        f"{waiting[0] if waiting else ''}: continue it with python train.py resume=DIR, or leave "
        "it out of runs=",
    )
    return [_finished(place) for place in trained]


def _facts(place: Path) -> Mapping[str, Any]:
    return RunFolder(place).read_run_json()


def _finished(place: Path) -> Finished:
    folder, stored = existing_run(str(place), "runs")
    config = OmegaConf.to_container(closed(stored), resolve=True)
    assert isinstance(config, dict)  # noqa: S101 - narrows the type of a mapping
    return Finished(folder, {str(key): value for key, value in config.items()})


def _refuse_seen(command: RunsCommand, runs: Sequence[Finished]) -> bool:
    """Refuse runs that were made from bars of the split they are to be judged on.

    Returns:
        Whether there are such runs, which were allowed.

    Raises:
        UserError: there are, and ``allow_overlap`` is not given.
    """
    use = "test" if command.split == "test" else "selection"
    found = []
    for run in runs:
        used = [UsedSpan.from_record(it) for it in run.folder.read_run_json().get("used", [])]
        wanted = [it for it in used if it.use == use and it.run == run.folder.path.name]
        makers = [it for it in used if it.use in MADE_FROM[command.split] and it not in wanted]
        planted = run.config["data"]["kind"] == "synthetic"
        if not planted and any(overlapping(span, makers) for span in wanted):
            found.append(run.folder.path)
    require(
        command.allowed or not found,
        f"{found[0] if found else ''} was trained on bars of the {command.split} split that it "
        f"would be judged on: leave it out of runs=, or give {ALL_THE_SAME}",
    )
    return bool(found)


def _judgement(command: RunsCommand, run: Finished, listed: Collection[Path]) -> Path | None:
    """Return a judgement that there is already."""
    evaluations = command.output / "evaluate"
    return judgement_of(run, command.split, evaluations, command.words, listed)


def _judge(command: RunsCommand, run: Finished, console: Console) -> Path:
    """Judge a run as `evaluate.py run=` does, quietly; return the folder."""
    place = run.folder.path
    console.print(f"judging {place} on {command.split}", markup=False)
    return run_evaluation([f"run={place}", *command.words], Console(quiet=True)).folder.path


def _write(
    folder: RunFolder,
    command: RunsCommand,
    arguments: Sequence[str],
    record: dict[str, Any],
    notes: Sequence[str],
) -> None:
    folder.write_run_json(runs=[row["run"] for row in record["runs"]], notes=list(notes))
    title = f"{len(record['runs'])} runs, {len(record['configurations'])} configurations, "
    write_comparison(folder.path, title + record["split"], record, notes)
    write_json(folder.path / "metrics.json", record)
    write_text(folder.path / "overrides.txt", "".join(f"{word}\n" for word in arguments))
    settings = DictConfig({"runs": command.pattern, "split": command.split})
    write_text(folder.path / "config.yaml", OmegaConf.to_yaml(settings))


def _show(record: dict[str, Any], notes: Sequence[str], console: Console) -> None:
    """Print verdicts on seeds, the table of configurations, and what choosing among them means."""
    title = f"{record['split']}: {len(record['runs'])} runs"
    rows = comparison_rows(record)
    console.print(_terminal_table(title, [{k: row[k] for k in row if k != "note"} for row in rows]))
    for row in (row for row in rows if row["note"]):
        console.print(f"{row['configuration']}: {row['note']}", markup=False)
    as_one = as_one_rows(record)
    if as_one:
        one_task = len({row["task"] for row in as_one}) == 1
        without = (*LEFT_TO_REPORT, "task") if one_task else LEFT_TO_REPORT
        figures = [{key: row[key] for key in row if key not in without} for row in as_one]
        console.print(_terminal_table("seeds judged as one", figures))
    for row in as_one_reasons(record):
        console.print(f"{row['configuration']}, {row['task']}: {row['reason']}", markup=False)
    console.print(overfitting_text(record), markup=False)
    for note in notes:
        console.print(f"note: {note}", markup=False, style="yellow")


def _terminal_table(title: str, rows: Sequence[Row]) -> Table:
    table = Table(title=title, box=box.SIMPLE)
    for name in rows[0]:
        table.add_column(name, no_wrap=name in NEVER_FOLDED, overflow="fold")
    for row in rows:
        cells = [cell(row[name]) for name in row]
        table.add_row(*(Text(f"{it.text}  {it.small}".rstrip()) for it in cells))
    return table
