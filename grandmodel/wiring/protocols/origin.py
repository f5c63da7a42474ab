"""What a protocol was begun with, beside its settings: it goes on with the same, or not at all."""

from typing import Any

from grandmodel.core.checks import require
from grandmodel.wiring.protocols.prepare import Prepared
from grandmodel.wiring.run_folder import RunFolder
from grandmodel.wiring.same import told_changes

ANEW = "or begin anew in another hydra.run.dir"


def origin_of(prepared: Prepared) -> dict[str, Any]:
    """Return what ``run.json`` keeps of bars, instrument and start weights."""
    start = prepared.start
    return {**prepared.stage.facts(), "start_weights": None if start is None else start.content}


def require_same_origin(prepared: Prepared, folder: RunFolder) -> None:
    """Refuse to go on with other bars, another instrument or other start weights.

    A fold that is begun now would be trained for another market than those that are finished.

    Raises:
        UserError: what changed, and how to go on.
    """
    stored, now = folder.read_run_json(), origin_of(prepared)
    require(
        stored.get("inputs_fingerprint") == now["inputs_fingerprint"],
        f"the bars of {folder.path} are not those that it was begun with (their fingerprint "
        f"differs); restore the file, {ANEW}",
    )
    changes = told_changes(folder, prepared.stage)
    require(
        stored.get("data_fingerprint") == now["data_fingerprint"],
        f"the facts of the instrument are not those that {folder.path} was begun with"
        f"{changes or ': spreads or joins of the bars'}; restore them in conf/instrument, {ANEW}",
    )
    start = prepared.start
    require(
        start is None or stored.get("start_weights", start.content) == start.content,
        f"init_from={prepared.config.init_from} no longer holds the weights that {folder.path} was "
        f"begun with ({'' if start is None else start.source} has other content); restore them, "
        f"{ANEW}",
    )
