"""`evaluate.py protocol=`: train every fold, judge what they tested once."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from rich.console import Console

from grandmodel.core.files import write_text
from grandmodel.evaluation.protocols.plan import Fold, Piece, carry_out
from grandmodel.evaluation.report.folds import terminal_folds
from grandmodel.evaluation.report.tables import terminal_table
from grandmodel.wiring.controls import SWEEP_OPTIONS
from grandmodel.wiring.exit import InterruptedRunError
from grandmodel.wiring.hardware import use_hardware
from grandmodel.wiring.protocols.command import (
    ProtocolCommand,
    is_protocol,
    protocol_command,
    require_same_settings,
    stored_config,
)
from grandmodel.wiring.protocols.crew import Crew, workers_and_threads
from grandmodel.wiring.protocols.origin import origin_of, require_same_origin
from grandmodel.wiring.protocols.pieces import PieceJudging, Trained, trained_fold
from grandmodel.wiring.protocols.pooled import PooledJudging, SpreadJudging
from grandmodel.wiring.protocols.prepare import Prepared, folder_of, prepare, told
from grandmodel.wiring.protocols.worker import Job
from grandmodel.wiring.quality import save_quality
from grandmodel.wiring.run_folder import RunFolder, fresh_folder


def run_protocol(arguments: Sequence[str], console: Console) -> Path:
    """Carry out a protocol, or go on with one that was interrupted; return its folder.

    Raises:
        UserError: settings, bars or folds that cannot be used.
        InterruptedRunError: Ctrl-C; what is trained so far is kept.
    """
    command = protocol_command(arguments)
    if is_protocol(command.path):
        _go_on(command, console)
        return command.path
    with fresh_folder(command.path) as folder:
        prepared = prepare(command, console)
        facts = {"protocol": command.record, "sweep": command.asked, **origin_of(prepared)}
        folder.write_run_json(seed=prepared.config.seed, **facts)
        save_quality(prepared.stage.dataset, folder.path)
        words = [*command.typed, *command.sweep_words, *command.words]
        folder.write_start(OmegaConf.create(stored_config(command)), words)
        _carry_on(prepared, folder, console)
    return command.path


def _go_on(command: ProtocolCommand, console: Console) -> None:
    """Train and judge what is missing of a protocol; a finished one is shown, or judged again."""
    require_same_settings(command)
    folder = RunFolder(command.path)
    before = command.beside(folder.read_run_json().get("sweep", {}))
    with folder.held():
        prepared = prepare(before, console)
        require_same_origin(prepared, folder)
        finished = (folder.path / "metrics.json").is_file()
        why = _why_again(before, prepared, folder)
        if finished and why is None:
            _show_finished(command, console)
            return
        if finished:
            console.print(f"{folder.path} is finished; judging it again, {why}", markup=False)
        else:
            _keep_sweep(before, folder)
        _carry_on(prepared, folder, console)
        _keep_sweep(before, folder)


def _why_again(command: ProtocolCommand, prepared: Prepared, folder: RunFolder) -> str | None:
    """Return what a finished protocol is asked for and does not have, None where there is all."""
    if command.differs:
        return " ".join(command.sweep_words)
    if prepared.config.evaluation.report and not (folder.path / "report.html").is_file():
        return "for its report"
    return None


def _keep_sweep(command: ProtocolCommand, folder: RunFolder) -> None:
    """Write which costs and delays are judged; what an interruption leaves has the old ones."""
    folder.write_run_json(sweep=command.asked)
    write_text(folder.path / "overrides.txt", "".join(f"{it}\n" for it in _words(command, folder)))


def _words(command: ProtocolCommand, folder: RunFolder) -> list[str]:
    """Return the settings that it was begun with, and the costs and delays of now."""
    kept = [it for it in folder.read_overrides() if it.split("=")[0] not in SWEEP_OPTIONS]
    return [*kept, *command.sweep_words]


def _show_finished(command: ProtocolCommand, console: Console) -> None:
    metrics = json.loads((command.path / "metrics.json").read_text())
    console.print(f"{command.path} is finished: this is what it found")
    console.print(terminal_table(metrics))
    if (folds := terminal_folds(metrics)) is not None:
        console.print(folds)
    console.print(metrics["verdict_reason"], markup=False)


def _carry_on(prepared: Prepared, folder: RunFolder, console: Console) -> None:
    """Train what is not yet trained, then judge and write."""
    try:
        paths = carry_out(prepared.plan, lambda folds: _train(prepared, folds, console))
        console.print("judging what all folds tested, beside baselines", highlight=False)
        judging = _judging(prepared, paths)
        words = _words(prepared.command, folder)
        judging.write(folder.path, prepared.command.config, words)
    except (KeyboardInterrupt, InterruptedRunError) as interruption:
        done = sum(job.finished for job in _jobs(prepared, prepared.plan.folds, None))
        raise InterruptedRunError(
            f"interrupted with {done} of {len(prepared.plan.folds)} folds trained",
            prepared.command.again,
        ) from interruption
    judging.show(console)


def _train(prepared: Prepared, folds: Sequence[Fold], console: Console) -> list[Trained]:
    """Train the folds that are not finished and read the teams of all."""
    trainer, options = prepared.config.trainer, prepared.command.options
    given = options.workers
    if given is None and trainer.accelerator == "gpu":
        given = 1  # a device is shared badly by several trainings
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers, threads = workers_and_threads(given, trainer.threads, len(folds), cores or 1)
    jobs = _jobs(prepared, folds, threads)
    waiting = [job for job in jobs if not job.finished]
    console.print(told(prepared.plan, len(jobs) - len(waiting)), highlight=False)
    if waiting:
        Crew(workers, console, progress=prepared.config.callbacks.progress).train(waiting)
    return [trained_fold(prepared, fold, console) for fold in folds]


def _jobs(prepared: Prepared, folds: Sequence[Fold], threads: int | None) -> list[Job]:
    return [_job(prepared, fold, threads) for fold in folds]


def _job(prepared: Prepared, fold: Fold, threads: int | None) -> Job:
    """Return a fold as an ordinary training: its own split, judged where it is selected."""
    own: dict[str, Any] = {
        "data.split.stretches": prepared.stretches(fold),
        "data.split.name": prepared.split_name(fold),
        "judge": "validation",
        "trainer.threads": threads,
    }
    config = prepared.command.config.copy()
    for key, value in own.items():
        OmegaConf.update(config, key, value, merge=False)
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)  # noqa: S101 - narrows the type of a mapping
    said = (f"{'++' * isinstance(value, dict)}{key}={_word(value)}" for key, value in own.items())
    words = [*prepared.command.words, *said]
    settings = {str(k): v for k, v in plain.items()}
    again = prepared.command.again
    return Job(fold.name, folder_of(prepared, fold), settings, words, again)


def _word(value: Any) -> str:
    """Return a value in Hydra's grammar."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_word(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(f'"{inner}"' for inner in value) + "]"
    return str(value)


def _judging(prepared: Prepared, paths: Sequence[Sequence[Piece[Trained]]]) -> PooledJudging:
    use_hardware(prepared.config.trainer, RunFolder(prepared.command.path), resume=False)
    judged = [
        PooledJudging(prepared, [PieceJudging(prepared, piece) for piece in path], [0] * len(path))
        for path in paths
    ]
    return judged[0] if len(judged) == 1 else SpreadJudging(prepared, judged)
