"""What volume means in a file, decided once from its first bars.

Source: `docs/definitions.md`, "Volume".
"""

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.bars import Bars
from grandmodel.market.instruments import Instrument
from grandmodel.market.splits import WARMUP_BARS

HALF_HOUR_NS = 30 * MINUTE_NS
NEARLY_ALL = 0.99


def warmup_rows(open_time_ns: NDArray[np.int64], bars: int = WARMUP_BARS) -> int:
    """Return how many rows make up the first `bars` half hours that have any."""
    bucket = open_time_ns // HALF_HOUR_NS
    starts = np.flatnonzero(np.diff(bucket, prepend=bucket[:1] - 1))
    return int(starts[bars]) if len(starts) > bars else len(open_time_ns)


def decide_volume_kind(
    open_time_ns: NDArray[np.int64],
    volume: NDArray[np.float64],
    instrument: Instrument,
    ticks: bool = False,
) -> str:
    """Return traded, ticks or none, from the bars of the warm-up alone.

    none: all of them are 0. Else ticks, if the file's column or the instrument says so.
    """
    if not volume[: warmup_rows(open_time_ns)].any():
        return "none"
    return "ticks" if ticks else instrument.volume


def volume_contradiction(bars: Bars) -> str | None:
    """Return a sentence where bars after the warm-up contradict the kind, else None."""
    later = bars.volume[warmup_rows(bars.open_time_ns) :]
    if not len(later):
        return None
    zero = float((later == 0.0).mean())
    if bars.volume_kind == "none" and zero < 1.0:
        return (
            f"{bars.source}: volume is taken as none, as in the warm-up bars, but {1.0 - zero:.1%} "
            "of the later bars have some: set data.volume_kind=traded to use it"
        )
    if bars.volume_kind != "none" and zero > NEARLY_ALL:
        return (
            f"{bars.source}: volume is taken as {bars.volume_kind}, as in the warm-up bars, but "
            f"{zero:.1%} of the later bars have none: set data.volume_kind=none to do without"
        )
    return None
