"""Figures of several paths over the same bars: each is told as its mean over the paths.

Source: ``docs/definitions.md``, Protocols.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grandmodel.evaluation.controls.label_shift import p_value

Record = Mapping[str, Any]
NAMING = ("cost_scale", "delay_bars", "multiple", "bars")  # numbers that say which row it is


def mean_record(records: Sequence[Any]) -> Any:
    """Return records of one form with every number replaced by its mean over those that have it.

    A whole number that all of them share stays whole.

    Rows of tables are matched by what names them: their words and the keys of ``NAMING``. What
    is neither a number nor a table is that of the first record.
    """
    head = records[0]
    if isinstance(head, Mapping):
        return {
            key: mean_record([it[key] for it in records if isinstance(it, Mapping) and key in it])
            for key in head
        }
    if isinstance(head, list) and head and all(isinstance(row, Mapping) for row in head):
        return _mean_rows([it for it in records if isinstance(it, list)])
    if isinstance(head, str | bool | list):
        return head
    known = [it for it in records if isinstance(it, int | float)]
    if isinstance(head, int) and all(isinstance(it, int) and it == head for it in known):
        return head
    return float(np.mean(known)) if known else head


def _mean_rows(tables: Sequence[Sequence[Record]]) -> list[Record]:
    """Return the rows of all tables, those of one name as their mean, in order of appearance."""
    named: dict[tuple[Any, ...], list[Record]] = {}
    for row in (row for table in tables for row in table):
        named.setdefault(_name(row), []).append(row)
    return [mean_record(rows) | {key: rows[0][key] for key in NAMING if key in rows[0]}
            for rows in named.values()]  # fmt: skip


def _name(row: Record) -> tuple[Any, ...]:
    said = (value for key, value in row.items() if isinstance(value, str) or key in NAMING)
    return tuple(said)


def mean_shift(records: Sequence[Record | None]) -> Record | None:
    """Return `controls.label_shift` of the paths: Sharpe ratios of one shift as their mean.

    The first of them where the paths were not shifted alike.
    """
    head = records[0]
    alike = [it for it in records if it is not None and head is not None
             and it["shift_decisions"] == head["shift_decisions"]]  # fmt: skip
    if head is None or len(alike) < len(records):
        return head
    drawn = np.mean([it["sharpe"] for it in alike], axis=0)
    own = float(np.mean([it["unshifted_sharpe"] for it in alike]))
    told = {"sharpe": drawn.tolist(), "unshifted_sharpe": own, "p_value": p_value(own, drawn)}
    return {**head, **told}


def mean_delay(rows: Sequence[Record], sharpe: float | None) -> list[Record]:
    """Return `controls.delay` of the paths: what is kept is told from the means that it shows.

    Args:
        rows: means over the paths.
        sharpe: of the account, a mean over the paths; nothing is kept where it is not above zero.
    """

    def kept(late: float | None) -> float | None:
        return late / sharpe if sharpe is not None and sharpe > 0.0 and late is not None else None

    return [{**row, "kept": kept(row["sharpe"])} for row in rows]


def with_counts(means: Any, whole: Any) -> Any:
    """Return means with the counts, which are whole numbers, of all paths together.

    Args:
        means: over the paths.
        whole: the same figures of all paths together.
    """
    if isinstance(whole, Mapping) and isinstance(means, Mapping):
        return {key: with_counts(it, whole.get(key)) for key, it in means.items()}
    if isinstance(whole, list) and isinstance(means, list) and len(whole) == len(means):
        return [with_counts(*pair) for pair in zip(means, whole, strict=True)]
    return whole if isinstance(whole, int) else means
