"""A dataset: the bars of one or more paths and which of them train, select and judge."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.market.bars import Bars
from grandmodel.market.instruments import Instrument
from grandmodel.market.splits import Span

DECISION_MINUTES = 30


@dataclass(frozen=True)
class MarketPath:
    """One uninterrupted history: bars of the decision clock and the finest ones there are."""

    bars: Bars
    finest: Bars | None = None  # bars of the file where they are shorter


@dataclass(frozen=True)
class Dataset:
    """Paths and their splits; bars before a span are known to the features, never decided on."""

    paths: tuple[MarketPath, ...]
    splits: dict[str, tuple[Span, ...]]  # train, validation, test
    synthetic: bool = False
    extra: dict[str, list[NDArray]] = field(default_factory=dict)  # columns by name, per path
    truth: tuple[Any, ...] | None = None  # what was true, per path; for references only
    notes: tuple[str, ...] = ()  # warnings about the data, one sentence each

    @property
    def instrument(self) -> Instrument:
        """The instrument of the paths; they share one."""
        return self.paths[0].bars.instrument

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that a tape is made of: bars, their kind, instrument, extra columns."""
        digest = hashlib.sha256()
        for path in self.paths:
            for bars in (path.bars, path.finest):
                if bars is None:
                    digest.update(b"-")
                    continue
                facts = (bars.fingerprint, bars.volume_kind, bars.adjustment, bars.instrument)
                digest.update(repr(facts).encode())
        for name, columns in sorted(self.extra.items()):
            digest.update(name.encode())
            for values in columns:
                digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()
