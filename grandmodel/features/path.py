"""One path of bars as features read it, and what they make of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grandmodel.features.gaps import GapEvents
from grandmodel.features.inputs import BarArrays
from grandmodel.features.synergy import Synergies
from grandmodel.market.events import Events

Columns = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class PathArrays:
    """Bars of one path on the decision clock and, where there are any, the finer ones."""

    bars: BarArrays
    fine: BarArrays | None = None  # gaps are found on these; 5 minutes or a little more
    synergies: Synergies | None = None  # those that the data bring; None: they are looked for
    events: Events | None = None  # the economic calendar, known beforehand
    slow: BarArrays | None = None  # the same market in half hours, where decisions are faster


@dataclass(frozen=True)
class PathFeatures:
    """All that is computed over one path, float64 [bar]; what is undefined is nan in `raw`."""

    raw: Columns  # indicator values in their own units
    scaled: Columns  # the columns of the tape, finite
    gaps: Columns  # of the finer bars [fine bar], else of the path's; empty where unused
    gap_events: GapEvents | None
    synergies: Synergies
