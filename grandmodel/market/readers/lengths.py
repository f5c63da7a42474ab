"""How long the bars of a file last, and whether all of them do.

Source: `docs/definitions.md`, "Reading files".
"""

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import UserError, require
from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.defects import RowName, utc_text
from grandmodel.market.readers.sieve import HALF_HOUR_MINUTES, usual_step


def bar_minutes(
    source: str,
    stamps: NDArray[np.int64],
    name_row: RowName = lambda row: f"row {row + 1}",
    length_ns: int | None = None,
) -> int:
    """Return the length of the bars: the one given, else the shortest step that is not rare.

    Raises:
        UserError: one bar alone, bars closer together than their length, or no whole minutes.
    """
    steps = np.diff(stamps)
    length = length_ns
    if length is None:
        require(len(steps) > 0, f"{source}: one bar has no length that could be seen: give more")
        length = usual_step(steps)
    if length % MINUTE_NS:
        raise UserError(
            f"{source}: bars stand {length / 1e9:g} seconds apart: give bars of whole minutes"
        )
    if steps.min(initial=length) < length:
        row = int(np.argmax(steps < length)) + 1
        raise UserError(
            f"{source}: {name_row(row)}: the bar at {utc_text(stamps[row])} UTC begins "
            f"{steps[row - 1] / MINUTE_NS:g} minutes after the one before, the others last "
            f"{length // MINUTE_NS}: keep bars of one length in a file"
        )
    return length // MINUTE_NS


def refuse_odd_minutes(
    source: str, opens: NDArray[np.int64], minutes: int, name_row: RowName
) -> None:
    """Refuse bars that do not lie within one half hour."""
    if minutes > HALF_HOUR_MINUTES:
        return
    odd = opens % (minutes * MINUTE_NS) != 0
    if odd.any():
        row = int(np.argmax(odd))
        raise UserError(
            f"{source}: {name_row(row)}: a bar of {minutes} minutes begins at "
            f"{utc_text(opens[row])} UTC, which is no multiple of its length: check data.stamp and "
            "data.timezone"
        )
