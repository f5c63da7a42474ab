"""Judgements of finished runs: found again where there are some, and read for a comparison."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from grandmodel.core.checks import UserError
from grandmodel.evaluation.comparison import RunResult
from grandmodel.evaluation.statistics.standing import Series
from grandmodel.evaluation.trials.ledger import (
    NO_TRIAL_KEYS,
    TRAINED,
    Ledger,
    Trial,
    config_hash,
)
from grandmodel.wiring.run_folder import RunFolder

OF_THE_TASK = ("data", "instrument")  # sections that say on what a configuration is tried
SESSIONS = "sessions.parquet"
TRIAL_KEYS = tuple(item.name for item in fields(Trial))
OF_THE_COMMAND = frozenset(  # keys of a judgement that are no settings of its account
    {"run", "split", "hydra.run.dir", "trust", "allow_overlap", "costs", "delay_bars"}
)


@dataclass(frozen=True)
class Finished:
    """A finished training run and its whole configuration."""

    folder: RunFolder
    config: Mapping[str, Any]

    @cached_property
    def settings(self) -> dict[str, object]:
        """Settings that make its configuration, by full name: no seed, nothing of the task."""
        kept = {key: value for key, value in self.config.items() if key not in OF_THE_TASK}
        return dict(_deciding(kept))

    @cached_property
    def bars(self) -> str:
        """Hash of all that says which bars it was tried on, and at which costs."""
        said = {name: self.config[name] for name in OF_THE_TASK}
        return config_hash({**said, "bars": self.folder.read_run_json().get("data_fingerprint")})

    @property
    def short_task(self) -> str:
        """The data set or fold, in a few words."""
        data = self.config["data"]
        if data["kind"] == "synthetic":
            name = f"{data['world']} {data['seed']}"
        else:
            name = Path(str(data["path"] or data["kind"])).stem
        split = data["split"].get("name")
        return f"{name} {split}" if split else name


def tasks_of(runs: Sequence[Finished]) -> list[str]:
    """Name the task of each run; of one short name and several kinds of bars, by their hash too.

    Runs on other stretches, splits or costs of a file are never told as seeds of one task.
    """
    kinds: dict[str, set[str]] = {}
    for run in runs:
        kinds.setdefault(run.short_task, set()).add(run.bars)
    return [
        run.short_task if len(kinds[run.short_task]) == 1 else f"{run.short_task} #{run.bars[:6]}"
        for run in runs
    ]


def _deciding(section: Mapping[str, Any], above: str = "") -> list[tuple[str, object]]:
    """Lay settings out by full name, without those that cannot change a result."""
    found: list[tuple[str, object]] = []
    for key, value in section.items():
        name = f"{above}{key}"
        if name in NO_TRIAL_KEYS:
            continue
        if isinstance(value, Mapping) and value:
            found += _deciding(value, f"{name}.")
        else:
            found.append((name, value))
    return found


def judgement_of(
    run: Finished,
    split: str,
    evaluations: Path,
    words: Sequence[str] = (),
    listed: Collection[Path] = (),
) -> Path | None:
    """Find a judgement of a run on a split with the same settings, None where there is none.

    One that the ledger lists and that tells its sessions goes before all others, then that of
    the training itself, then the latest.

    Args:
        run: the run.
        split: test or validation.
        evaluations: folder of all evaluations.
        words: settings that a judgement would be given now.
        listed: folders that the ledger names.
    """
    own, wanted = run.folder.path, _changing(words)
    found = [own] if _metrics(own).get("split") == split and not wanted else []
    trained = run.folder.best_checkpoint.stat().st_mtime
    for file in evaluations.glob("*/run.json"):
        place = file.parent
        metrics = place / "metrics.json"
        if not metrics.is_file() or metrics.stat().st_mtime < trained:
            continue
        judged = json.loads(file.read_text()).get("judged_run")
        if judged is None or Path(judged).resolve() != own.resolve():
            continue
        made_with = (place / "overrides.txt").read_text().splitlines()
        if _metrics(place).get("split") == split and _changing(made_with) == wanted:
            found.append(place)

    def preferred(place: Path) -> tuple[bool, bool, float]:
        whole = (place / SESSIONS).is_file() and place.resolve() in listed
        return whole, place == own, (place / "metrics.json").stat().st_mtime

    return max(found, key=preferred, default=None)


def _changing(words: Sequence[str]) -> set[str]:
    """Return the settings among the words of a judgement that can change its account."""
    return {word for word in words if not _same_account(word.partition("=")[0].lstrip("+~"))}


def _same_account(key: str) -> bool:
    sections = {key[:end] for end, letter in enumerate(key) if letter == "."}
    return bool((NO_TRIAL_KEYS | OF_THE_COMMAND) & {key, *sections})


def result_of(run: Finished, task: str, judgement: Path, ledger: Ledger) -> RunResult:
    """Read a judgement, and what a ledger keeps of it, for a comparison."""
    line = _line_of(judgement, ledger)
    trial = None if line is None else Trial(**{k: line[k] for k in TRIAL_KEYS if k in line})
    sessions = judgement / SESSIONS
    return RunResult(
        run=str(run.folder.path),
        judgement=str(judgement),
        configuration=config_hash(run.settings),
        settings=run.settings,
        task=task,
        seed=int(run.config["seed"]),
        metrics=_metrics(judgement),
        returns=None if trial is None else _returns(ledger, trial),
        trial=trial,
        trained=None if line is None else line.get(TRAINED),
        sessions=pd.read_parquet(sessions) if sessions.is_file() else None,
    )


def _metrics(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


def _line_of(judgement: Path, ledger: Ledger) -> Mapping[str, Any] | None:
    """Return the latest line that the ledger has of a judgement, None where it has none."""
    own = [line for line in ledger.lines() if folder_of(line) == judgement.resolve()]
    return own[-1] if own else None


def folder_of(line: Mapping[str, Any]) -> Path:
    """Return the folder that a line of the ledger names."""
    return Path(str(line.get("run", ""))).resolve()


def _returns(ledger: Ledger, trial: Trial) -> Series | None:
    """Return the session returns that a ledger keeps of a trial, None where it does not."""
    try:
        return ledger.returns(trial.key)
    except UserError:  # moved away: told as unknown
        return None
