"""Every extra column by name: what it is, and what computes it.

Source: `docs/definitions.md`, "Extra columns".
"""

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from grandmodel.core.checks import require
from grandmodel.features.extras.base import Extra
from grandmodel.features.extras.flow import Amihud, SignedVolume, VolumeRatio
from grandmodel.features.extras.ranges import (
    CloseInRange,
    CorwinSchultz,
    OpeningGap,
    Parkinson,
    Roll,
)
from grandmodel.features.extras.schedule import EVENT_COLUMNS, KINDS, Schedule
from grandmodel.features.extras.states import RegimeStates, Sessions
from grandmodel.features.extras.technical import Bollinger, Macd, Natr, Rsi
from grandmodel.market.events import IMPORTANCES, Events

ALL = "all"
NEAR = 3  # names offered instead of an unknown one


@dataclass(frozen=True)
class Circumstances:
    """What extra columns are made for."""

    volume_kind: str  # traded | ticks | none
    minutes: int
    events: Events | None = None


Make = Callable[[Circumstances], Extra]

GROUPS: dict[tuple[str, ...], Make] = {
    Rsi.columns: lambda _: Rsi(),
    Macd.columns: lambda _: Macd(),
    Natr.columns: lambda _: Natr(),
    Bollinger.columns: lambda _: Bollinger(),
    VolumeRatio.columns: lambda given: VolumeRatio(given.volume_kind, given.minutes),
    SignedVolume.columns: lambda given: SignedVolume(given.volume_kind),
    Amihud.columns: lambda given: Amihud(given.volume_kind),
    Parkinson.columns: lambda _: Parkinson(),
    CorwinSchultz.columns: lambda _: CorwinSchultz(),
    Roll.columns: lambda _: Roll(),
    CloseInRange.columns: lambda _: CloseInRange(),
    OpeningGap.columns: lambda _: OpeningGap(),
    RegimeStates.columns: lambda _: RegimeStates(),
    Sessions.columns: lambda _: Sessions(),
}
EXTRAS = (*(name for names in GROUPS for name in names), *EVENT_COLUMNS)
PULSES = (
    "opening_gap",
    *RegimeStates.columns,
    *Sessions.columns,
    *EVENT_COLUMNS,
)  # mostly one value


def wanted_columns(extra: Sequence[str], *, events: bool) -> tuple[str, ...]:
    """Return the extra columns that ``features.extra`` names, in the catalogue's order.

    Args:
        extra: names, or ``all``, which leaves out those of a calendar where there is none.
        events: whether there is an economic calendar.

    Raises:
        UserError: a column of the calendar is named without one.
    """
    if ALL in extra:
        return EXTRAS if events else tuple(name for name in EXTRAS if name not in EVENT_COLUMNS)
    found = tuple(name for name in EXTRAS if name in extra)
    asked = [name for name in found if name in EVENT_COLUMNS]
    require(
        events or not asked,
        f"the column {', '.join(asked[:1])} needs an economic calendar: give data.events=FILE (a "
        "CSV of time, importance and currency) with bars of a file",
    )
    return found


def make_extras(names: Iterable[str], given: Circumstances) -> list[Extra]:
    """Return what computes the columns ``names``, each group once, afresh."""
    asked = set(names)
    found = [make(given) for columns, make in GROUPS.items() if asked.intersection(columns)]
    for importance in IMPORTANCES:
        columns = {f"event_{kind}_{importance}" for kind in KINDS}
        if given.events is not None and asked & columns:
            found.append(Schedule(given.events, importance))
    return found


def near_matches(name: str, known: Iterable[str]) -> str:
    """Return a hint at the names that ``name`` may have meant, for a message; empty for none."""
    names = list(dict.fromkeys(known))
    close = difflib.get_close_matches(name.lower(), names, n=NEAR, cutoff=0.5)
    stem = name.lower().split("_")[0]
    related = [other for other in names if stem and stem in other.split("_")]
    found = list(dict.fromkeys([*close, *related]))[:NEAR]
    return f" (did you mean {' or '.join(found)}?)" if found else ""
