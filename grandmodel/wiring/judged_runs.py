"""Judgements of finished runs: found again where there are some, and read for a comparison."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from grandmodel.core.checks import UserError
from grandmodel.evaluation.comparison import RunResult
from grandmodel.evaluation.statistics.standing import Series
from grandmodel.evaluation.trials.ledger import NO_TRIAL_KEYS, Ledger, Trial, config_hash
from grandmodel.wiring.run_folder import RunFolder

OF_THE_TASK = ("data", "instrument")  # sections that say on what a configuration is tried
TRIAL_KEYS = tuple(item.name for item in fields(Trial))
SAME_RESULT = (  # words of a judgement that leave the account as it is
    "run=", "split=", "hydra.run.dir=", "paths.", "trainer.", "trust=", "allow_overlap=", "costs=",
    "delay_bars=", "evaluation.report=", "evaluation.draws=", "evaluation.random_draws=",
    "evaluation.surrogates=", "evaluation.label_shifts=", "evaluation.learned=",
)  # fmt: skip


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
    run: Finished, split: str, evaluations: Path, words: Sequence[str] = ()
) -> Path | None:
    """Find a judgement of a run on a split with the same settings, None where there is none.

    That of the training itself counts where it was on that split and nothing is changed.

    Args:
        run: the run.
        split: test or validation.
        evaluations: folder of all evaluations.
        words: settings that a judgement would be given now.
    """
    own, wanted = run.folder.path, _changing(words)
    if _metrics(own).get("split") == split and not wanted:
        return own
    trained = run.folder.best_checkpoint.stat().st_mtime
    for file in sorted(evaluations.glob("*/run.json"), reverse=True):
        place = file.parent
        metrics = place / "metrics.json"
        if not metrics.is_file() or metrics.stat().st_mtime < trained:
            continue
        judged = json.loads(file.read_text()).get("judged_run")
        if judged is None or Path(judged).resolve() != own.resolve():
            continue
        made_with = (place / "overrides.txt").read_text().splitlines()
        if _metrics(place).get("split") == split and _changing(made_with) == wanted:
            return place
    return None


def _changing(words: Sequence[str]) -> set[str]:
    """Return the settings among the words of a judgement that can change its account."""
    return {word for word in words if not word.startswith(SAME_RESULT)}


def result_of(run: Finished, task: str, judgement: Path, ledger: Ledger) -> RunResult:
    """Read a judgement, and what a ledger keeps of it, for a comparison."""
    trial = _trial_of(judgement, ledger)
    sessions = judgement / "sessions.parquet"
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
        sessions=pd.read_parquet(sessions) if sessions.is_file() else None,
    )


def _metrics(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


def _trial_of(judgement: Path, ledger: Ledger) -> Trial | None:
    """Return the trial that a judgement is, as the ledger names it; None where it does not."""
    own = [
        line
        for line in ledger.lines()
        if Path(str(line.get("run", ""))).resolve() == judgement.resolve()
    ]
    return Trial(**{key: own[-1][key] for key in TRIAL_KEYS}) if own else None


def _returns(ledger: Ledger, trial: Trial) -> Series | None:
    """Return the session returns that a ledger keeps of a trial, None where it does not."""
    try:
        return ledger.returns(trial.key)
    except UserError:  # moved away: told as unknown
        return None
