"""Stress on the judged part of a dataset, on every clock that its paths have.

Source: `docs/definitions.md`, Stress.
"""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import require
from grandmodel.market.bars import COLUMNS, PRICES, Bars
from grandmodel.market.calendar import session_table
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.defects import utc_text
from grandmodel.market.splits import Span
from grandmodel.market.stress.acts import ACTS, Columns
from grandmodel.market.stress.config import KEY, Act

JUDGED = "test"
LEAK = "leak"  # a column that knows the future


class _Stressed:
    """The bars of one path while acts are laid on them, one after the other."""

    def __init__(self, path: MarketPath, on_defect: str) -> None:
        self.path, self.on_defect = path, on_defect
        # finer bars of a half hour that is not complete belong to no decision bar
        self.fine = (path.finest or path.bars).between(None, int(path.bars.close_time_ns[-1]))
        self.columns = Columns(**{name: getattr(self.fine, name).copy() for name in COLUMNS})
        self.spread = np.ones(len(path.bars)) if path.spread is None else path.spread.copy()
        # row of the finest bars at which each decision bar begins, and the end
        begins = np.searchsorted(self.fine.open_time_ns, path.bars.open_time_ns)
        self.begins = np.append(begins, len(self.fine))
        self.absent = np.zeros(len(path.bars), bool)

    def lay(self, act: Act, row: int) -> None:
        """Let an act begin at a decision bar."""
        length = 1 if act.kind == "gap_open" else act.bars
        edges = [int(edge) for edge in self.begins[row : row + length + 1]]
        ACTS[act.kind](self.columns, edges, act)
        self.columns.volume[edges[0] : edges[-1]] *= act.volume
        self.spread[row : row + length] *= act.spread
        if act.kind == "limit_halt" and act.absent:
            self.absent[row : row + length] = True

    def require_prices(self, act: Act, row: int) -> None:
        """Refuse prices at or below 0, or leave their bars out where the user wants that."""
        bad = np.zeros(len(self.fine), bool)
        for name in PRICES:
            bad |= getattr(self.columns, name) <= 0.0
        if not bad.any():
            return
        first = int(np.argmax(bad))
        require(
            self.on_defect == "drop",
            f"{KEY}={act.kind}: the price is {self.columns.low[first]:g} at "
            f"{utc_text(self.fine.open_time_ns[first])} UTC; returns, sizes and margins need "
            "prices above 0, so such bars are refused as they are in a file: data.on_defect=drop "
            "leaves them out",
        )
        owner = np.searchsorted(self.begins, np.flatnonzero(bad), side="right") - 1
        self.absent[np.unique(owner)] = True
        for name in PRICES:  # of bars that are left out, but maths goes on
            getattr(self.columns, name)[bad] = self.columns.close[self.begins[row] - 1]

    def finished(self) -> tuple[MarketPath, NDArray[np.bool_]]:
        """Return the path and which of its decision bars are left."""
        left = ~self.absent
        values = {name: getattr(self.columns, name) for name in COLUMNS}
        fine = replace(self.fine, **values)
        if self.path.finest is None:
            bars, finest = fine, None
        else:
            bars, finest = _longer(fine, self.path.bars, self.begins[:-1]), fine
            finest = _kept(finest, np.repeat(left, np.diff(self.begins)))
        kept = _kept(bars, left)
        return MarketPath(kept, finest, self.path.synergies, self.spread[left]), left


def _longer(fine: Bars, bars: Bars, begins: NDArray[np.int64]) -> Bars:
    """Return decision bars made again of the finer bars that they were made of."""
    ends = np.append(begins[1:], len(fine)) - 1
    return replace(
        bars,
        open=fine.open[begins],
        high=np.maximum.reduceat(fine.high, begins),
        low=np.minimum.reduceat(fine.low, begins),
        close=fine.close[ends],
        volume=np.add.reduceat(fine.volume, begins),
    )


def _kept(bars: Bars, rows: NDArray[np.bool_]) -> Bars:
    if rows.all():
        return bars
    names = ("open_time_ns", *COLUMNS)
    return replace(bars, **{name: getattr(bars, name)[rows] for name in names})


def lay_stress(dataset: Dataset, acts: Sequence[Act], on_defect: str = "refuse") -> Dataset:
    """Return the dataset with the acts laid on each stretch of its test part.

    Training and validation stay as they are, and so do the bars before the first event.

    Args:
        dataset: bars and splits.
        acts: what to lay on them, in this order.
        on_defect: refuse | drop | keep, for prices at or below 0.

    Raises:
        UserError: an act does not fit the judged bars, or takes the price to 0 or below.
    """
    if not acts:
        return dataset
    require(
        LEAK not in dataset.extra,
        f"{KEY} cannot be laid on bars with planted looks into the future, which would then be "
        "wrong: leave out data.leak",
    )
    spans = dataset.splits.get(JUDGED, ())
    require(len(spans) > 0, f"{KEY} is laid on the test part, and there is none")
    made = {span.path: _Stressed(dataset.paths[span.path], on_defect) for span in spans}
    notes = []
    for act in acts:
        rows = {span: _rows(act, span, dataset.paths[span.path].bars) for span in spans}
        for span, found in rows.items():
            for row in found:
                made[span.path].lay(act, row)
                made[span.path].require_prices(act, row)
        notes.append(_told(act, rows, dataset))
    if any(act.spread != 1.0 for act in acts) and not _has_spread(dataset):
        notes.append(
            f"{KEY}: {dataset.instrument.name} has no spread, so a factor on it changes nothing: "
            "set data.half_spread_bps of a synthetic market, instrument.half_spread_bps of a file"
        )
    return _put_together(dataset, made, tuple(notes))


def _has_spread(dataset: Dataset) -> bool:
    figures = [entry.figures for entry in dataset.instrument.cost_schedule]
    return any(entry[2] > 0.0 or entry[3] > 0.0 for entry in figures)


def _rows(act: Act, span: Span, bars: Bars) -> list[int]:
    """Return the decision bars at which an act begins in one stretch."""
    length = 1 if act.kind == "gap_open" else act.bars
    shares = [(k + act.at) / act.times for k in range(act.times)]
    size = span.stop - span.start
    rows = [span.start + int(share * size) for share in shares]
    if act.kind == "gap_open":
        rows = [_session_start(row, span, bars) for row in rows]
    rows = [max(row, 1) for row in rows]
    ends = [*rows[1:], span.stop]
    require(
        all(row + length <= end for row, end in zip(rows, ends, strict=True)),
        f"{KEY} {act.kind} needs {length} bars from {act.times} places on, and a judged stretch "
        f"has {size} bars: lower its bars, times or at, or give more bars",
    )
    return rows


def _session_start(row: int, span: Span, bars: Bars) -> int:
    """Return the first bar of the next session of the stretch, or of the last one in it."""
    session = session_table(bars).session[span.start : span.stop]
    starts = span.start + 1 + np.flatnonzero(np.diff(session) != 0)
    require(len(starts) > 0, f"{KEY} gap_open: a judged stretch holds no open of a session")
    return int(starts[min(int(np.searchsorted(starts, row)), len(starts) - 1)])


def _told(act: Act, rows: dict[Span, list[int]], dataset: Dataset) -> str:
    """Say what was laid where."""
    first_span, first = next(iter(rows.items()))
    when = utc_text(dataset.paths[first_span.path].bars.open_time_ns[first[0]])
    count = sum(len(found) for found in rows.values())
    return f"stress: {act.told()} laid {count} times on the test part, first at {when} UTC"


def _put_together(dataset: Dataset, made: dict[int, _Stressed], notes: tuple[str, ...]) -> Dataset:
    paths, truth = list(dataset.paths), list(dataset.truth or ())
    extra = {name: list(columns) for name, columns in dataset.extra.items()}
    splits = {name: list(spans) for name, spans in dataset.splits.items()}
    for index, stressed in made.items():
        paths[index], left = stressed.finished()
        if left.all():
            continue
        before = np.concatenate([[0], np.cumsum(~left)])  # rows gone before each row
        for spans in splits.values():
            for place, span in enumerate(spans):
                if span.path == index:
                    start, stop = (edge - int(before[edge]) for edge in span[1:])
                    spans[place] = Span(index, start, stop)
        for columns in extra.values():
            columns[index] = columns[index][left]
        if truth:
            truth[index] = _rows_of(truth[index], left)
    return replace(
        dataset,
        paths=tuple(paths),
        splits={name: tuple(spans) for name, spans in splits.items()},
        extra=extra,
        truth=tuple(truth) if dataset.truth is not None else None,
        notes=(*dataset.notes, *notes),
        origin=dataset.origin or dataset,
    )


def _rows_of(truth: Any, left: NDArray[np.bool_]) -> Any:
    """Return a truth without the bars that are gone, whatever arrays it holds."""
    if isinstance(truth, np.ndarray):
        return truth[left] if truth.shape[:1] == left.shape else truth
    if isinstance(truth, dict):
        return {key: _rows_of(value, left) for key, value in truth.items()}
    if is_dataclass(truth) and not isinstance(truth, type):
        arrays = {f.name: getattr(truth, f.name) for f in fields(truth) if f.name != "law"}
        return replace(truth, **{key: _rows_of(value, left) for key, value in arrays.items()})
    return truth
