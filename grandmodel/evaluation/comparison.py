"""Several runs beside one another: seeds and tasks of each configuration told as one.

Source: ``docs/definitions.md``, Seeds and Choosing among configurations.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.evaluation.controls.plateau import plateau_rows
from grandmodel.evaluation.seeds_together import JudgedSeed, judge_together, why_apart
from grandmodel.evaluation.statistics.seeds import interquartile_mean, seeds_interval
from grandmodel.evaluation.statistics.selection import overfitting_probability
from grandmodel.evaluation.statistics.standing import LEAST_CONFIGURATIONS, Series
from grandmodel.evaluation.trials.ledger import Ledger, Trial
from grandmodel.evaluation.trials.ledger_lines import LedgerLines
from grandmodel.evaluation.verdict import RIVALS

NAME_LENGTH = 60
JUDGE_AGAIN = (
    "has no judgement with session returns and a line in the ledger; judge it with evaluate.py "
    "run=, then give runs= again"
)
DIFFERENCE = "sharpe_difference"  # and its bounds, of each baseline of the verdict
LEAST_SEEDS = 3  # the resamples of two are the seeds themselves
ONE_SEED = "one seed: no interval over seeds"
TWO_SEEDS = "two seeds: no interval over seeds"
OWN_FIGURES = ("sharpe", "total_return", "max_drawdown", "trades", "win_rate", "verdict")


@dataclass(frozen=True)
class RunResult:
    """A judged run: what it was, on what, and what it earned."""

    run: str  # its folder
    judgement: str  # the folder in which it was judged
    configuration: str  # hash of all settings but the seed and what belongs to the task
    settings: Mapping[str, object]  # these settings by full name
    task: str  # data set or fold
    seed: int
    metrics: Mapping[str, Any]  # metrics.json of the judgement
    returns: Series | None  # closes and net returns of its sessions; None: no longer known
    trial: Trial | None = None  # as the ledger names it; None: it does not
    trained: str | None = None  # hash of the settings that its training had; None: as the trial
    sessions: pd.DataFrame | None = None  # rows of sessions.parquet; None: there is none

    @property
    def score(self) -> float:
        """Net Sharpe ratio, 0 where there is none."""
        return float(self.metrics.get("sharpe") or 0.0)


def compare(
    results: Sequence[RunResult], ledger: Ledger, *, draws: int, seed: int
) -> dict[str, Any]:
    """Tell runs by configuration: seeds as rows, tasks as columns, and the seeds judged as one.

    Args:
        results: judged runs; of two that are the same configuration, task and seed the first
            counts.
        ledger: of all trials.
        draws: resamples behind each interval.
        seed: of the resamples.

    Returns:
        ``configurations``, best first; ``settings`` that differ; ``as_one``, a row per
        configuration and task of several seeds; ``pbo`` with its reason where it is null;
        ``plateau`` of the settings that were varied alone; ``runs``.
    """
    counted = {(it.configuration, it.task, it.seed): it for it in reversed(results)}
    first = [it for it in results if counted[it.configuration, it.task, it.seed] is it]
    groups: dict[str, list[RunResult]] = {}
    for result in first:
        groups.setdefault(result.configuration, []).append(result)
    settings = {key: found[0].settings for key, found in groups.items()}
    names = dict(zip(settings, configuration_names(list(settings.values())), strict=True))
    rows = [
        {"name": names[key], **_told(found, draws=draws, seed=seed)}
        for key, found in groups.items()
    ]
    rows.sort(key=lambda row: -row["sharpe"])
    best_first = {row["name"]: groups[row["configuration"]] for row in rows}
    overfitting, reason = _overfitting(list(groups.values()))
    keys = differing(list(settings.values()))
    varied = [({key: it.settings.get(key) for key in keys}, it.score) for it in first]
    return {
        "configurations": rows,
        "settings": [
            {"setting": key, **{names[of]: found.get(key) for of, found in settings.items()}}
            for key in keys
        ],
        "as_one": _as_one(best_first, ledger, draws, seed),
        "pbo": overfitting,
        "pbo_reason": reason,
        "plateau": plateau_rows(varied),
        "runs": [_run(it, names[it.configuration]) for it in results],
    }


def _run(result: RunResult, name: str) -> dict[str, Any]:
    return {
        "run": result.run,
        "judgement": result.judgement,
        "configuration": name,
        "task": result.task,
        "seed": result.seed,
        **{key: result.metrics.get(key) for key in OWN_FIGURES},
        "differences": {
            name: {key: value for key, value in found.items() if key.startswith(DIFFERENCE)}
            for name, found in (result.metrics.get("baselines") or {}).items()
            if name in RIVALS
        },
    }


def configuration_names(settings: Sequence[Mapping[str, object]]) -> list[str]:
    """Name configurations by the settings in which they differ; one alone is `all runs`.

    A setting goes by the last part of its name where that is its alone. Where a name would be
    longer than NAME_LENGTH, all are numbered.
    """
    keys = differing(settings)
    if not keys:
        return ["all runs"] * len(settings)
    last = Counter(key.rpartition(".")[2] for key in keys)
    short = {key: end if last[end := key.rpartition(".")[2]] == 1 else key for key in keys}
    names = [", ".join(f"{short[key]}={found.get(key)}" for key in keys) for found in settings]
    if max(map(len, names)) > NAME_LENGTH:
        return [f"configuration {number}" for number in range(1, len(settings) + 1)]
    return names


def differing(settings: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the keys whose values are not the same everywhere, in order of the alphabet."""
    names = sorted({key for found in settings for key in found})
    return [key for key in names if any(it.get(key) != settings[0].get(key) for it in settings)]


def score_table(
    results: Sequence[RunResult],
) -> tuple[list[int], list[str], NDArray[np.float64]]:
    """Lay scores out as seeds, tasks and [seed, task]; NaN where there is no run."""
    seeds = sorted({it.seed for it in results})
    tasks = list(dict.fromkeys(it.task for it in results))
    scores = np.full((len(seeds), len(tasks)), np.nan)
    for it in reversed(results):
        scores[seeds.index(it.seed), tasks.index(it.task)] = it.score
    return seeds, tasks, scores


def _told(results: Sequence[RunResult], *, draws: int, seed: int) -> dict[str, Any]:
    """Return interquartile mean, interval and table of one configuration."""
    seeds, tasks, scores = score_table(results)
    whole = np.array([not np.isnan(row).any() for row in scores])
    notes = [
        f"seed {number} is left out of the interval: it has no run of "
        f"{', '.join(task for task, score in zip(tasks, row, strict=True) if np.isnan(score))}"
        for number, row, complete in zip(seeds, scores, whole, strict=True)
        if not complete
    ]
    low = high = None
    value = interquartile_mean(scores[~np.isnan(scores)])
    if len(seeds) == 1:
        notes.append(ONE_SEED)
    elif whole.sum() >= LEAST_SEEDS:
        found = seeds_interval(scores[whole], draws=draws, seed=seed)
        value, low, high = found.value, found.low, found.high
    elif whole.sum() == 2:
        value = interquartile_mean(scores[whole])
        notes.append(TWO_SEEDS)
    return {
        "configuration": results[0].configuration,
        "sharpe": value,
        "sharpe_ci_low": low,
        "sharpe_ci_high": high,
        "seeds": seeds,
        "tasks": tasks,
        "table": [[None if np.isnan(it) else float(it) for it in row] for row in scores],
        "notes": notes,
    }


def _as_one(
    groups: Mapping[str, Sequence[RunResult]], ledger: Ledger, draws: int, seed: int
) -> list[dict[str, Any]]:
    """Judge the seeds of each configuration on each task as one account; by name."""
    cells: dict[tuple[str, str], list[RunResult]] = {}
    for name, group in groups.items():
        for it in group:
            cells.setdefault((name, it.task), []).append(it)
    several = {place: found for place, found in cells.items() if len(found) > 1}
    reasons = {place: _why_apart(found) for place, found in several.items()}
    together: dict[str, set[int]] = {}
    for place in (place for place, reason in reasons.items() if reason is None):
        for it in _judged_seeds(several[place]):
            together.setdefault(it.trial.config, set()).add(it.trial.seed)
    lines = ledger.read() if together else LedgerLines()
    settings: dict[str, int] = {"draws": draws, "seed": seed}
    rows = []
    for place, found in several.items():
        row = {
            "configuration": place[0],
            "task": place[1],
            "seeds": sorted(it.seed for it in found),
        }
        if reasons[place] is None:
            seeds = _judged_seeds(found)
            row |= judge_together(seeds, lines, ledger.returns, together, **settings)
        else:
            row |= {"verdict": None, "verdict_reason": f"not judged as one: {reasons[place]}"}
        rows.append(row)
    return rows


def _judged_seeds(found: Sequence[RunResult]) -> list[JudgedSeed]:
    return [
        JudgedSeed(it.trial, it.trained or it.trial.config, it.metrics, it.sessions)
        for it in found
        if it.trial is not None and it.sessions is not None
    ]


def _why_apart(found: Sequence[RunResult]) -> str | None:
    """Return why the seeds of a configuration cannot be judged as one, None where they can."""
    seeds = _judged_seeds(found)
    if len(seeds) < len(found):
        known = [it.seed for it in found if it.trial is not None and it.sessions is not None]
        unknown = ", ".join(str(it.seed) for it in found if it.seed not in known)
        return f"seed {unknown} {JUDGE_AGAIN}"
    return why_apart(seeds)


def _overfitting(groups: Sequence[Sequence[RunResult]]) -> tuple[float | None, str | None]:
    """Return the probability of overfitting among configurations, or why there is none."""
    if len(groups) < LEAST_CONFIGURATIONS:
        return None, f"{len(groups)} configurations, {LEAST_CONFIGURATIONS} are needed"
    columns = [_series(group) for group in groups]
    known = [column for column in columns if column is not None]
    if len(known) < len(columns):
        return None, "the session returns of some runs are no longer beside the ledger"
    if any(not np.array_equal(closes, known[0][0]) for closes, _ in known):
        return None, "the configurations were not judged on the same sessions"
    return overfitting_probability(np.column_stack([net for _, net in known])), None


def _series(group: Sequence[RunResult]) -> Series | None:
    """Return the sessions of all tasks of a configuration one after another, seeds averaged."""
    closes, nets = [], []
    for task in sorted({it.task for it in group}):
        series = [it.returns for it in group if it.task == task]
        found = [it for it in series if it is not None]
        if len(found) < len(series) or any(not np.array_equal(it[0], found[0][0]) for it in found):
            return None
        closes.append(found[0][0])
        nets.append(np.mean([net for _, net in found], axis=0))
    return np.concatenate(closes), np.concatenate(nets)
