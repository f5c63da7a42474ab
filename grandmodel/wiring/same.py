"""Whether a run goes on, or is judged, on the bars and the instrument that it was made from."""

from grandmodel.core.checks import require
from grandmodel.market.dataset import instrument_facts
from grandmodel.wiring.market import Stage
from grandmodel.wiring.run_folder import RunFolder


def require_same_bars(folder: RunFolder, stage: Stage, key: str) -> None:
    """Refuse to go on with a run whose bars are no longer the same.

    Raises:
        UserError: the fingerprint differs from that in ``run.json``.
    """
    require(
        folder.read_run_json().get("inputs_fingerprint") == stage.dataset.inputs_fingerprint,
        f"{key}={folder.path}: the bars are not those that the run was made from (their "
        "fingerprint differs); restore the file and its data.* settings, or judge the run on "
        "other bars with backtest.py",
    )


def require_same_market(folder: RunFolder, stage: Stage, key: str) -> None:
    """Refuse to train on with other bars, or with the same bars of another instrument.

    Raises:
        UserError: a fingerprint differs from that in ``run.json``.
    """
    require_same_bars(folder, stage, key)
    require(
        folder.read_run_json().get("data_fingerprint") == stage.dataset.fingerprint,
        f"{key}={folder.path}: the facts of the instrument are no longer those of the run"
        f"{told_changes(folder, stage)}; restore them in conf/instrument, or start anew with "
        "init_from=",
    )


def told_changes(folder: RunFolder, stage: Stage) -> str:
    """Say which facts of the instrument the run did not have, empty where there are none."""
    then = folder.read_run_json().get("instrument_facts", {})
    now = instrument_facts(stage.dataset.instrument)
    changes = [
        f"instrument.{name} was {then.get(name, 'unset')}, is {now.get(name, 'unset')}"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]
    return f": {', '.join(changes)}" if changes else ""


def other_market(folder: RunFolder, stage: Stage) -> tuple[str, ...]:
    """Return a note on the facts of the instrument that the run was not trained with."""
    changes = told_changes(folder, stage)
    return (f"judged as another instrument than the run was trained on{changes}",) * bool(changes)


def other_costs(folder: RunFolder, stage: Stage) -> tuple[str, ...]:
    """Return that note for bars of the run's own instrument; those of another have others."""
    then = folder.read_run_json().get("instrument_facts", {}).get("name")
    return other_market(folder, stage) if then == stage.dataset.instrument.name else ()
