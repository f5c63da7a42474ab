"""Splits that name their bars: several stretches of training, selection and test.

Source: ``docs/definitions.md``, Splits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import require
from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.iso import is_day, iso_time
from grandmodel.market.splits import PARTS, Span, warmup_of

KEY = "data.split.stretches"


def check_stretches(stretches: Mapping[str, Sequence[str]], name: str | None) -> None:
    """Refuse stretches that are none, overlap or belong to no part.

    Raises:
        UserError: key, value, rule and remedy.
    """
    require(
        name is None or bool(stretches),
        f"data.split.name={name} names stretches and there are none; give {KEY} or leave it out",
    )
    if not stretches:
        return
    for part in stretches:
        require(part in PARTS, f"{KEY} knows the parts {', '.join(PARTS)}, was {part}")
    for part in PARTS:
        require(
            bool(stretches.get(part)),
            f"{KEY}.{part} is missing; give at least one FROM/TO for each of {', '.join(PARTS)}",
        )
    times = sorted(
        (start, stop, text)
        for texts in stretches.values()
        for text in texts
        for start, stop in [parse(text)]
    )
    for before, after in pairwise(times):
        require(
            before[1] <= after[0],
            f"{KEY} must not overlap, were {before[2]} and {after[2]}: let one end where the next "
            "begins, or before it",
        )


def parse(text: str) -> tuple[int, int]:
    """Return both times of ``FROM/TO``, ns UTC.

    Raises:
        UserError: it is not of that form, or ends before it begins.
    """
    start, slash, stop = text.partition("/")
    require(
        bool(slash) and not is_day(start) and not is_day(stop),
        f"{KEY} must read FROM/TO with times in UTC, such as "
        f"2024-01-02T00:00:00/2024-03-01T00:00:00, was {text}",
    )
    first, end = (int(iso_time(KEY, value).astype(np.int64)) for value in (start, stop))
    require(first < end, f"{KEY} must end after it begins, was {text}")
    return first, end


def written(open_time_ns: NDArray[np.int64], minutes: int, start: int, stop: int) -> str:
    """Return bars [start, stop) as ``FROM/TO``: first open, last close."""
    ends = (open_time_ns[start], open_time_ns[stop - 1] + minutes * MINUTE_NS)
    return "/".join(np.datetime_as_string(np.datetime64(int(it), "ns"), unit="s") for it in ends)


def one_history(dataset: Dataset) -> Dataset:
    """Return the training path of a planted market alone, all of it to be split anew."""
    return replace(
        dataset,
        paths=dataset.paths[:1],
        splits={"train": (), "validation": (), "test": dataset.splits["train"][:1]},
        extra={name: columns[:1] for name, columns in dataset.extra.items()},
        truth=None if dataset.truth is None else dataset.truth[:1],
    )


def lay_stretches(dataset: Dataset, stretches: Mapping[str, Sequence[str]]) -> Dataset:
    """Split a dataset of one path by stretches that name their bars.

    What trains or selects after a test stretch knows nothing of it: it becomes a path of its own
    that begins where the test ends, so that its features start afresh.

    Args:
        dataset: its test part is all that may be used.
        stretches: ``FROM/TO`` by part, as :func:`check_stretches` wants them.

    Raises:
        UserError: a stretch holds no usable bars, or begins before features that start after a
            test stretch are warm.
    """
    require(
        dataset.origin is None,
        f"{KEY} divides one real history, and data=bootstrap and data.stress make other bars of "
        "it: leave them out",
    )
    usable, history = dataset.splits["test"][0], dataset.paths[0]
    spans = {
        part: [_span(history, usable, part, text) for text in stretches[part]] for part in PARTS
    }
    whole = {part: tuple(found) for part, found in spans.items()}
    begins = _cold_begins(spans)
    if not begins:
        return replace(dataset, splits=whole)
    least = min(span.start - begin for span, begin in begins.items())
    require(
        least >= warmup_of(dataset.minutes),
        f"{KEY}: {least} bars lie between a test stretch and what is learned after it, and "
        f"features that start afresh need {warmup_of(dataset.minutes)}: begin it later",
    )
    origin = replace(dataset, splits=whole)
    cold = {begin: number for number, begin in enumerate(sorted(set(begins.values())), start=1)}
    ends = {begin: max(s.stop for s, b in begins.items() if b == begin) for begin in cold}
    paths = [history, *(sliced(history, begin, ends[begin]) for begin in cold)]
    moved = {
        part: tuple(
            Span(cold[begins[s]], s.start - begins[s], s.stop - begins[s]) if s in begins else s
            for s in found
        )
        for part, found in whole.items()
    }
    extra = {
        name: [columns[0], *(columns[0][begin : ends[begin]] for begin in cold)]
        for name, columns in dataset.extra.items()
    }
    return replace(
        dataset, paths=tuple(paths), splits=moved, extra=extra, truth=None, origin=origin
    )


def _cold_begins(spans: Mapping[str, Iterable[Span]]) -> dict[Span, int]:
    """Return where the features of what is learned after a test stretch begin, by span."""
    ends = sorted(span.stop for span in spans["test"])
    found = {}
    for part in ("train", "validation"):
        for span in spans[part]:
            before = [end for end in ends if end <= span.start]
            if before:
                found[span] = before[-1]
    return found


def _span(history: MarketPath, usable: Span, part: str, text: str) -> Span:
    start_ns, stop_ns = parse(text)
    start, stop = (
        int(it) for it in np.searchsorted(history.bars.open_time_ns, (start_ns, stop_ns))
    )
    start, stop = max(start, usable.start), min(stop, usable.stop)
    require(
        stop - start >= 2,
        f"{KEY}.{part}={text} holds {max(stop - start, 0)} usable bars of {history.bars.source} "
        "and 2 are needed: give another stretch, or data.start and data.end that reach around it",
    )
    return Span(0, start, stop)


def sliced(path: MarketPath, start: int, stop: int) -> MarketPath:
    """Return bars [start, stop) of a path as a history of their own."""
    bars = path.bars.slice(start, stop)
    begin, end = int(bars.open_time_ns[0]), int(bars.close_time_ns[-1])
    finest = None if path.finest is None else path.finest.between(begin, end)
    synergies = path.synergies
    if synergies is not None:
        kept = (synergies.time_ns > begin) & (synergies.time_ns <= end)
        names = ("time_ns", "type", "direction", "confidence")
        synergies = replace(synergies, **{name: getattr(synergies, name)[kept] for name in names})
    spread = None if path.spread is None else path.spread[start:stop]
    return MarketPath(bars, finest, synergies, spread)
