"""Judgements of finished runs: found again where there are some, and read for a comparison."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from grandmodel.core.checks import UserError
from grandmodel.evaluation.comparison import RunResult
from grandmodel.evaluation.statistics.standing import Series
from grandmodel.evaluation.trials.ledger import NO_TRIAL_KEYS, Ledger, config_hash
from grandmodel.wiring.run_folder import RunFolder

OF_THE_TASK = ("data", "instrument")  # sections that say on what a configuration is tried
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


def judgement_of(run: Finished, split: str, evaluations: Path) -> Path | None:
    """Find a judgement of a run as it is on a split, None where there is none.

    That of the training itself counts where it was on that split.

    Args:
        run: the run.
        split: test or validation.
        evaluations: folder of all evaluations.
    """
    own = run.folder.path
    if _metrics(own).get("split") == split:
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
        words = (place / "overrides.txt").read_text().splitlines()
        if _metrics(place).get("split") == split and all(
            it.startswith(SAME_RESULT) for it in words
        ):
            return place
    return None


def result_of(run: Finished, task: str, judgement: Path) -> RunResult:
    """Read a judgement for a comparison."""
    return RunResult(
        run=str(run.folder.path),
        judgement=str(judgement),
        configuration=config_hash(run.settings),
        settings=run.settings,
        task=task,
        seed=int(run.config["seed"]),
        metrics=_metrics(judgement),
        returns=_returns(run, judgement),
    )


def _metrics(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


def _returns(run: Finished, judgement: Path) -> Series | None:
    """Return the session returns that the ledger keeps of a judgement, None where it does not."""
    ledger = Ledger(Path(run.config["paths"]["ledger"]))
    own = [
        line["trial"]
        for line in ledger.lines()
        if Path(str(line.get("run", ""))).resolve() == judgement.resolve()
    ]
    try:
        return ledger.returns(own[-1]) if own else None
    except UserError:  # moved away: told as unknown
        return None
