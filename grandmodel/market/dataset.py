"""A dataset: the bars of one or more paths and which of them train, select and judge."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.market.bars import Bars
from grandmodel.market.events import Events
from grandmodel.market.instruments import Instrument
from grandmodel.market.splits import Span

DECISION_MINUTES = 30  # of the bars that are made of a file; a planted world may have its own


@dataclass(frozen=True)
class SynergyEvents:
    """Synergies that a market brings along instead of those that its bars hold, in order."""

    time_ns: NDArray[np.int64]  # [event], close of the bar from which on it is known
    type: NDArray[np.int64]  # [event], 1..4
    direction: NDArray[np.int64]  # [event], -1 or 1
    confidence: NDArray[np.float64]  # [event], 0..1


@dataclass(frozen=True)
class MarketPath:
    """One uninterrupted history: bars of the decision clock and the finest ones there are."""

    bars: Bars
    finest: Bars | None = None  # bars of the file where they are shorter
    synergies: SynergyEvents | None = None  # None: those that features find
    spread: NDArray[np.float64] | None = None  # [bar] factor on half the spread; None: 1


@dataclass(frozen=True)
class Dataset:
    """Paths and their splits; bars before a span are known to the features, never decided on."""

    paths: tuple[MarketPath, ...]
    splits: dict[str, tuple[Span, ...]]  # train, validation, test
    synthetic: bool = False
    extra: dict[str, list[NDArray]] = field(default_factory=dict)  # columns by name, per path
    truth: tuple[Any, ...] | None = None  # what was true, per path; for references only
    notes: tuple[str, ...] = ()  # warnings about the data, one sentence each
    events: Events | None = None  # the economic calendar
    about: str = ""  # what bars that no file holds are, in one line
    origin: "Dataset | None" = None  # the bars that these were made from, for the seal
    cut_from: str | None = None  # bars_fingerprint of a file that data.end cuts short

    @property
    def instrument(self) -> Instrument:
        """The instrument of the paths; they share one."""
        return self.paths[0].bars.instrument

    @property
    def minutes(self) -> int:
        """Length of a bar of the decision clock; the paths share one."""
        return self.paths[0].bars.minutes

    @property
    def bars_fingerprint(self) -> str:
        """SHA-256 of the bars alone, hexadecimal: what they cost or are called does not enter."""
        return bars_fingerprint(self.paths)

    @property
    def root_fingerprint(self) -> str:
        """That of the whole file that the bars were cut or made from, else their own."""
        source = self.origin or self
        return source.cut_from or source.bars_fingerprint

    @property
    def inputs_fingerprint(self) -> str:
        """SHA-256 of what a team reads: bars, kind of volume, extra columns, calendar; hex.

        Of the adjustments only the additive one changes columns.
        """
        kinds = [bars.volume_kind for path in self.paths for bars in _clocks(path)]
        extra = {name: [_hash_of(it) for it in columns] for name, columns in self.extra.items()}
        brought = [_events_digest(path.synergies) for path in self.paths if path.synergies]
        calendar = [] if self.events is None else [self.events.fingerprint]
        others: list[Any] = [*([brought] if brought else []), *calendar]
        if any(bars.adjustment == "additive" for path in self.paths for bars in _clocks(path)):
            others.append("additive")  # columns in percent of the price are scaled by the range
        return _digest([self.bars_fingerprint, kinds, extra, *others])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that a tape is made of: inputs, adjustment, instrument, hexadecimal."""
        understood = [bars.adjustment for path in self.paths for bars in _clocks(path)]
        facts = [self.inputs_fingerprint, understood, instrument_facts(self.instrument)]
        joined = [path.bars.joined.facts() for path in self.paths if path.bars.joined is not None]
        if joined:
            facts.append(joined)
        spreads = [path.spread for path in self.paths]
        if any(spread is not None for spread in spreads):
            facts.append([None if it is None else _hash_of(it) for it in spreads])
        return _digest(facts)


def instrument_facts(instrument: Instrument) -> dict[str, Any]:
    """Return the facts of an instrument that differ from the defaults, as JSON values.

    Defaults are left out, so that a later version that knows more facts says the same of an
    instrument that has none of them.
    """
    found = {
        fact.name: getattr(instrument, fact.name)
        for fact in fields(instrument)
        if getattr(instrument, fact.name) != fact.default
    }
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {key: item for key, item in asdict(value).items() if item is not None}
    return value


def bars_fingerprint(paths: Sequence[MarketPath]) -> str:
    """Return the SHA-256 of the bars of all clocks of ``paths``, hexadecimal."""
    return _digest([len(paths), *(bars.fingerprint for path in paths for bars in _clocks(path))])


def _clocks(path: MarketPath) -> list[Bars]:
    return [path.bars] if path.finest is None else [path.bars, path.finest]


def _hash_of(values: NDArray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _events_digest(events: SynergyEvents) -> str:
    parts = [np.ascontiguousarray(getattr(events, item.name)).tobytes() for item in fields(events)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _digest(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
