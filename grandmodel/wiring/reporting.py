"""What the report of a judgement is told: everything of it that a reader may ask for."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from grandmodel.evaluation.report.contents import ReportData
from grandmodel.evaluation.report.tables import openings_text, orders_text
from grandmodel.evaluation.report.words import judged_text, seal_label
from grandmodel.evaluation.trials.ledger import Trial
from grandmodel.market.cost_table import COST_KEYS
from grandmodel.wiring.quality import quality_of
from grandmodel.wiring.run_folder import environment_facts

if TYPE_CHECKING:
    from grandmodel.wiring.judging import Judging


def report_data(
    judging: "Judging", decisions: pd.DataFrame, folder: Path, trial: Trial, words: Sequence[str]
) -> ReportData:
    """Collect what the report of a judgement shows.

    Args:
        judging: the judgement, its line in the ledger written.
        decisions: rows of ``decisions.parquet``.
        folder: where it is written.
        trial: what was judged, as the ledger knows it.
        words: settings of the command line.
    """
    stage, occasion, subject = judging.stage, judging.occasion, judging.subject
    instrument = stage.dataset.instrument
    return ReportData(
        title=f"{judging.config.agent.name} on {instrument.name}, {occasion.split}",
        facts={
            "run": folder.name,
            "instrument": instrument.name,
            "split": occasion.split,
            "judged": judged_text(judging.metrics),
            "seed": str(judging.config.seed),
            **_steps(judging),
            "orders": orders_text(judging.config.env),
            **_seal(judging),
        },
        metrics=judging.metrics,
        own=judging.measured,
        baselines=judging.rivals.baselines,
        decisions=decisions,
        close=judging.market.close[judging.measured.track.bar],
        agents=subject.team.names,
        costs=dict(zip(COST_KEYS, instrument.cost_schedule[0].figures, strict=True)),
        quality=_records(quality_of(stage.dataset)),
        gate_sharpes=subject.gate_sharpes,
        training=subject.training,
        gate=subject.gate,
        notes=(*stage.dataset.notes, *occasion.notes),
        band_seed=judging.config.evaluation.seed,
        team_right=judging.votes.team_right,
        origin=_origin(occasion.kind, trial, words),
    )


def _steps(judging: "Judging") -> dict[str, str]:
    """Return the steps that were taken, or, of a judgement, those up to the judged checkpoint."""
    taken = judging.occasion.kind == "train"
    what = "environment steps, whole training" if taken else "environment steps, judged checkpoint"
    steps = f"{judging.subject.env_steps:,}"
    if "folds" not in judging.metrics:
        return {what: steps}
    why = "each fold trains a team of its own up to the checkpoint that is judged"
    return {"environment steps, sum over the folds": f"{steps} ({why})"}


def _origin(kind: str, trial: Trial, words: Sequence[str]) -> dict[str, str]:
    """Return what makes a result again: the command, what it read, and with which versions."""
    facts = environment_facts()
    return {
        "command": shlex.join(("python", f"{kind}.py", *words)),
        "settings": trial.config,
        "bars": trial.data,
        "seed": str(trial.seed),
        "grandmodel": f"{facts['version']}, commit {facts['git_commit'] or 'unknown'}",
        "python": facts["python"],
        **facts["libraries"],
    }


def _seal(judging: "Judging") -> dict[str, str]:
    if judging.stage.dataset.synthetic:
        return judging.told
    openings = openings_text(judging.metrics["test_openings"])
    return judging.told | {seal_label(judging.metrics): openings}


def _records(frame: pd.DataFrame) -> Sequence[Mapping[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
