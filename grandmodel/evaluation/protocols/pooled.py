"""Tracks and judgements of several folds joined into one, as if one trader had followed them.

Source: ``docs/definitions.md``, Protocols.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.types import Segment
from grandmodel.evaluation.accounts.track import Legs, Track
from grandmodel.evaluation.judging.judgement import Detail, Judgement

Joined = Callable[[Sequence[NDArray[Any]]], NDArray[Any]]


def numbered(parts: Sequence[Sequence[Segment]], paths: Sequence[int]) -> tuple[Segment, ...]:
    """Return the segments of all parts on the path of each part, numbered in their order."""
    count: Counter[int] = Counter()
    found = []
    for part, path in zip(parts, paths, strict=True):
        for segment in part:
            found.append(replace(segment, path=path, segment=count[path]))
            count[path] += 1
    return tuple(found)


def join_tracks(tracks: Sequence[Track], paths: Sequence[int]) -> Track:
    """Join accounts into one.

    Args:
        tracks: those of a path stand together, in order of time.
        paths: the path that each becomes a part of.
    """
    head = tracks[0]

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(track, name) for track in tracks])

    lengths = np.concatenate([np.diff(track.first) for track in tracks])
    legs = None
    if all(track.legs is not None for track in tracks):
        legs = Legs(*(np.concatenate(column) for column in zip(*_legs(tracks), strict=True)))
    return replace(
        head,
        segments=numbered([track.segments for track in tracks], paths),
        first=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        legs=legs,
        **{name: joined(name) for name in _columns(head) if name != "first"},
    )


def _legs(tracks: Sequence[Track]) -> list[Legs]:
    return [track.legs for track in tracks if track.legs is not None]


def join_judgements(
    judgements: Sequence[Judgement], paths: Sequence[int], rules: tuple[str, ...]
) -> Judgement:
    """Join judgements copy by copy into one.

    Args:
        judgements: each with as many copies, in the same order; those of a path stand together.
        paths: the path that each becomes a part of.
        rules: names of the copies.
    """
    head = judgements[0]
    steps = max(found.equity.shape[2] for found in judgements)

    def joined(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([_padded(value, steps) for value in values], axis=1)

    return replace(
        head,
        segments=numbered([found.segments for found in judgements], paths),
        rules=rules,
        detail=_detail_of(judgements, joined),
        legs=_legs_of(judgements, joined),
        **{name: joined([getattr(found, name) for found in judgements]) for name in _columns(head)},
    )


def _columns(record: Track | Judgement) -> list[str]:
    """Return the fields of a record that are arrays."""
    names = [item.name for item in fields(record)]
    return [name for name in names if isinstance(getattr(record, name), np.ndarray)]


def _legs_of(found: Sequence[Judgement], joined: Joined) -> Legs | None:
    legs = [it.legs for it in found if it.legs is not None]
    if len(legs) < len(found):
        return None
    return Legs(*(joined(list(columns)) for columns in zip(*legs, strict=True)))


def _detail_of(found: Sequence[Judgement], joined: Joined) -> Detail | None:
    details = [it.detail for it in found if it.detail is not None]
    if len(details) < len(found):
        return None
    names = [item.name for item in fields(Detail) if item.name not in ("names", "class_names")]
    columns = {name: joined([getattr(detail, name) for detail in details]) for name in names}
    return replace(details[0], **columns)


def _padded(values: NDArray[Any], steps: int) -> NDArray[Any]:
    """Lengthen [copy, segment, step, ...] to ``steps``, with what no segment reaches."""
    missing = [(0, 0)] * values.ndim
    missing[2] = (0, steps - values.shape[2])
    return np.pad(values, missing)
