"""What no market produces, refused in one sentence that names file, row and column.

Rows count from 1 without a header. Source: `docs/definitions.md`, "Bars".
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import UserError

RowName = Callable[[int], str]
Labels = Mapping[str, str]
NO_LABELS: Labels = {}


def row_name(index: int) -> str:
    """Return how a message names a row of the data, counted from 1."""
    return f"row {index + 1}"


def utc_text(time_ns: int) -> str:
    """Return a UTC time as text, to the second."""
    return str(np.datetime64(int(time_ns), "ns").astype("datetime64[s]")).replace("T", " ")


def refuse_defects(
    source: str,
    open_time_ns: NDArray[np.int64],
    columns: Mapping[str, NDArray[np.float64]],
    name_row: RowName = row_name,
    labels: Labels = NO_LABELS,
) -> None:
    """Refuse bars that are unsorted, doubled, not finite, not positive or contradictory.

    Args:
        source: file or maker of the bars, for the message.
        open_time_ns: opens of the bars, [bar].
        columns: open, high, low, close, volume, each [bar].
        name_row: how to name row i in the message.
        labels: what the file calls time, open, high, low, close, volume where it differs.
    """
    count = len(open_time_ns)
    for name, values in columns.items():
        if len(values) != count:
            raise UserError(f"{source}: column {name} has {len(values)} values for {count} times")
    refuse_disorder(source, open_time_ns, name_row, labels.get("time", "time"))
    low, high, body = columns["low"], columns["high"], (columns["open"], columns["close"])
    plausible = all(bool(np.isfinite(values).all()) for values in columns.values())
    plausible = plausible and bool(
        (low > 0.0).all()
        and (columns["volume"] >= 0.0).all()
        and (low <= np.minimum(*body)).all()
        and (high >= np.maximum(*body)).all()
    )
    if not plausible:
        _explain(source, columns, name_row, labels)


def refuse_disorder(
    source: str, times: NDArray[np.int64], name_row: RowName = row_name, label: str = "time"
) -> None:
    """Refuse times that do not rise from row to row."""
    steps = np.diff(times)
    if (steps > 0).all():
        return
    first = int(np.argmax(steps <= 0)) + 1
    place = f"{source}: {name_row(first)}, column {label}"
    stamp = utc_text(times[first])
    if steps[first - 1] == 0:
        raise UserError(f"{place}: {stamp} UTC stands there twice: keep one bar per time")
    raise UserError(
        f"{place}: {stamp} UTC comes after {utc_text(times[first - 1])}: sort the bars by time"
    )


def _explain(
    source: str, columns: Mapping[str, NDArray], name_row: RowName, labels: Labels
) -> None:
    """Raise the sentence for the first defect, rule by rule."""
    high, low = columns["high"], columns["low"]
    found: list[tuple[str, NDArray[np.bool_], str]] = []
    for name, values in columns.items():
        found.append((name, ~np.isfinite(values), "is not a finite number"))
    for name, values in columns.items():
        if name == "volume":
            found.append((name, values < 0.0, "is negative"))
        else:
            found.append((name, values <= 0.0, "is not above 0, which returns need"))
    found.append(("high", high < low, "lies below the low of its bar"))
    for name in ("open", "close"):
        outside = (columns[name] > high) | (columns[name] < low)
        found.append((name, outside, "lies outside the low and high of its bar"))
    for name, bad, rule in found:
        if bad.any():
            row = int(np.argmax(bad))
            place = f"{source}: {name_row(row)}, column {labels.get(name, name)}"
            raise UserError(f"{place}: {columns[name][row]:g} {rule}: mend or remove the row")
