"""How a metric falls off around the best of a sweep, setting by setting.

Source: ``docs/definitions.md``, Plateau.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Settings = Mapping[str, object]  # the settings in which the runs of a sweep differ, by full name


def plateau_rows(results: Sequence[tuple[Settings, float]]) -> list[dict[str, Any]]:
    """Return a row per numeric setting that was varied alone around the best.

    Runs of equal settings (seeds) are averaged first. A row holds ``key``; ``best``, the value of
    the best run; ``points``, a list of ``{value, metric, share}`` in order of the value, from the
    runs that differ from the best in this setting alone; and ``neighbours_share``, the smaller
    share of the best metric that the values next to the best one keep. Shares are None where the
    best metric is not above zero.

    Args:
        results: the settings that differ, and the metric; larger is better.
    """
    runs = _averaged(results)
    if not runs:
        return []
    best, top = max(runs, key=lambda run: run[1])
    rows = []
    for key, value in best.items():
        if not _numeric(value):
            continue
        alone = [
            (found[key], metric)
            for found, metric in runs
            if _numeric(found.get(key)) and _same_but(found, best, key)
        ]
        if len(alone) > 1:
            rows.append(_row(key, value, sorted(alone, key=lambda point: point[0]), top))  # pyright: ignore
    return rows


def _averaged(results: Sequence[tuple[Settings, float]]) -> list[tuple[dict[str, object], float]]:
    """Join runs of equal settings into their mean, in order of first appearance."""
    groups: list[tuple[dict[str, object], list[float]]] = []
    for settings, metric in results:
        group = next((values for known, values in groups if known == dict(settings)), None)
        if group is None:
            groups.append((dict(settings), [metric]))
        else:
            group.append(metric)
    return [(settings, sum(values) / len(values)) for settings, values in groups]


def _numeric(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_but(found: Settings, best: Settings, key: str) -> bool:
    names = (found.keys() | best.keys()) - {key}
    return all(found.get(name) == best.get(name) for name in names)


def _row(key: str, best: object, alone: list[tuple[float, float]], top: float) -> dict[str, Any]:
    points = [
        {"value": value, "metric": metric, "share": metric / top if top > 0.0 else None}
        for value, metric in alone
    ]
    place = [point["value"] for point in points].index(best)
    beside = [points[near] for near in (place - 1, place + 1) if 0 <= near < len(points)]
    shares = [point["share"] for point in beside if point["share"] is not None]
    return {
        "key": key,
        "best": best,
        "points": points,
        "neighbours_share": min(shares) if shares else None,
    }
