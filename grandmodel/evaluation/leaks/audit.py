"""The whole audit: of a dataset, its tape and the environment that trades it.

Source: `docs/definitions.md`, "The leak audit".
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from grandmodel.evaluation.leaks import finding
from grandmodel.evaluation.leaks.cause import label_of
from grandmodel.evaluation.leaks.columns import Level, Stretch, audit_columns
from grandmodel.evaluation.leaks.finding import AuditReport, Finding, joined
from grandmodel.evaluation.leaks.orders import (
    MakeEnv,
    Rows,
    fill_findings,
    future_findings,
    tape_part,
)
from grandmodel.evaluation.leaks.probe import Place
from grandmodel.evaluation.leaks.source import Source
from grandmodel.features.arrays import path_arrays
from grandmodel.features.inputs import BarArrays
from grandmodel.features.matrix import Columns, PathArrays
from grandmodel.features.tape import Tape
from grandmodel.market.bars import resample
from grandmodel.market.calendar import SessionTable, session_table
from grandmodel.market.dataset import Dataset, MarketPath

LABEL_BARS = 5000
BROUGHT_RANK = 0.5
BROUGHT_HORIZONS = tuple(range(1, 11))
ORDER_ROWS = 800
LATEST_ROW = 600  # of fills looked at, where there are enough
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Subject:
    """What is audited."""

    dataset: Dataset
    tape: Tape
    sources: Sequence[Source]  # shipped columns and the user's own
    silent: tuple[str, ...] = ()  # columns that the tape holds as 0 on purpose
    make_env: MakeEnv | None = None
    fills_at_open: bool = True


def audit(subject: Subject, level: Level) -> AuditReport:
    """Return what the audit finds on the path that is trained on."""
    number, stop = training_path(subject.dataset)
    path = subject.dataset.paths[number]
    table = session_table(path.bars)
    stretch = Stretch(path_arrays(path, table, subject.dataset.events), stop, Place(number))
    reports = [
        audit_columns(source, stretch, _on_tape(subject, number, source), level)
        for source in subject.sources
    ]
    known = {name for source in subject.sources for name in source.columns}
    brought = [name for name in subject.tape.columns if name not in known]
    reports.append(_brought(subject, brought, stretch))
    reports.append(_bars(path, table, stretch.place, level))
    if subject.make_env is not None:
        reports.append(_orders(subject, subject.make_env, number))
    return joined(reports)


def training_path(dataset: Dataset) -> tuple[int, int]:
    """Return the path that is trained on and the end of the bars that training may know.

    Bars purged between training and validation count as training's; without a training split all
    bars of the first path do.
    """
    spans = dataset.splits.get("train", ())
    if not spans:
        return 0, len(dataset.paths[0].bars)
    path = spans[0].path
    end = max(span.stop for span in spans if span.path == path)
    later = [
        span.start
        for split in ("validation", "test")
        for span in dataset.splits.get(split, ())
        if span.path == path and span.start >= end
    ]
    return path, min(later, default=len(dataset.paths[path].bars))


def _on_tape(subject: Subject, path: int, source: Source) -> Columns:
    """Return the columns of one path as the tape holds them, those silenced left out."""
    tape = subject.tape
    first = tape.path_start(path)
    rows = slice(first, first + len(subject.dataset.paths[path].bars))
    scales = {"trailing_sd": tape.trailing_sd, "atr_14": tape.atr14}
    found: Columns = {}
    for name in source.columns:
        if name in scales:
            found[name] = scales[name][rows].cpu().numpy()
        elif name in tape.columns and name not in subject.silent:
            found[name] = tape.column(name)[rows].cpu().numpy()
    return found


def _brought(subject: Subject, names: Sequence[str], stretch: Stretch) -> AuditReport:
    """Compare columns that nothing can compute again with the returns that follow them."""
    path = stretch.path.bars
    bars = path.slice(0, min(LABEL_BARS, len(path)))
    offset = subject.tape.path_start(stretch.place.path)
    findings = []
    for name in names:
        values: NDArray = subject.tape.column(name)[offset : offset + len(bars)].cpu().numpy()
        label = label_of(bars, values.astype(np.float64), BROUGHT_HORIZONS, BROUGHT_RANK)
        if label is not None:
            row = int(np.flatnonzero(values != values[0])[0])
            found = stretch.place.found(name, (finding.LABEL, label), row, stretch.path)
            findings.append(found)
    return AuditReport(tuple(findings), (), tuple(names))


def _bars(path: MarketPath, table: SessionTable, place: Place, level: Level) -> AuditReport:
    """Check that bars hold only finer ones closed by then, and sessions no later bar."""
    findings = [*_timetable(path, table, place, level), *_closed_bars(path, place)]
    names = ("session", *PRICES) if path.finest is not None else ("session",)
    return AuditReport(tuple(findings), (), names)


def _timetable(path: MarketPath, table: SessionTable, place: Place, level: Level) -> list[Finding]:
    found = {}
    for cut in level.cuts(len(path.bars))[:: max(level.count // 4, 1)]:
        known = session_table(path.bars.slice(0, cut))
        for item in fields(SessionTable):
            one, other = getattr(known, item.name), getattr(table, item.name)[:cut]
            if not np.array_equal(one, other) and item.name not in found:
                row = int(np.flatnonzero(one != other)[0])
                cause = (finding.END_OF_DATA, "it changes where the data end earlier")
                bars = PathArrays(_arrays(path))
                found[item.name] = place.found(item.name, cause, row, bars)
    return list(found.values())


def _closed_bars(path: MarketPath, place: Place) -> list[Finding]:
    """Make the bars again from the finer ones that close by then."""
    if path.finest is None or path.finest.minutes >= path.bars.minutes:
        return []
    made = resample(path.finest, path.bars.minutes)
    common, left, right = np.intersect1d(
        path.bars.open_time_ns, made.open_time_ns, return_indices=True
    )
    for name in PRICES:
        wrong = np.flatnonzero(getattr(path.bars, name)[left] != getattr(made, name)[right])
        if len(common) and len(wrong):
            text = "it is not that of the finer bars which have closed by then"
            row = int(left[wrong[0]])
            cause = (finding.UNCLOSED_BAR, text)
            return [place.found(name, cause, row, PathArrays(_arrays(path)))]
    return []


def _arrays(path: MarketPath) -> BarArrays:
    return path_arrays(MarketPath(path.bars), session_table(path.bars)).bars


def _orders(subject: Subject, make_env: MakeEnv, path: int) -> AuditReport:
    tape = subject.tape
    first = tape.path_start(path)
    count = len(subject.dataset.paths[path].bars)
    skip = min(LATEST_ROW, max(count - ORDER_ROWS, 0))
    stop = first + min(count, skip + ORDER_ROWS)
    rows = Rows(tape_part(tape, first + skip, stop), skip, path)
    found, note = fill_findings(make_env, rows, at_open=subject.fills_at_open)
    later = future_findings(make_env, rows)
    return AuditReport((*found, *later), (note,) if note else (), ("fills", "rewards"))
