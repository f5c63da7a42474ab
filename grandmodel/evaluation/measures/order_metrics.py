"""Whether orders came to what was asked for, and what their size did to the price.

Source: ``docs/definitions.md``, Figures of trades.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.decision.rules import Rule
from grandmodel.evaluation.accounts.track import FLAT_REASONS
from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.measures.ratios import Ratio, summed

SIZE_REFUSED = (Rule.BELOW_LOT, Rule.NO_VOLUME, Rule.MARGIN)
REFUSED = (*SIZE_REFUSED, Rule.MISSED, Rule.CLOSED)
SEGMENT_END = FLAT_REASONS.index("segment_end")


def order_ratios(
    measured: Measured, rows: NDArray[np.int64], decisions: pd.DataFrame
) -> dict[str, Ratio]:
    """Return shares of entry orders as sums over sessions.

    ``order_success``: filled, of all that were sent. ``sizing_accuracy``: filled with the units
    that were asked for, of all that met the market.

    Args:
        measured: the account.
        rows: session of each row of the track.
        decisions: rows of ``decisions.parquet``.
    """
    sessions = measured.sessions
    filled = summed(rows[measured.trips.entry_row], np.ones(len(measured.trips)), sessions)
    rule = decisions["rule"].to_numpy()

    def told(*rules: Rule) -> NDArray[np.float64]:
        return summed(rows, np.isin(rule, [it.name.lower() for it in rules]), sessions)

    return {
        "order_success": Ratio(filled, filled + told(*REFUSED)),
        "sizing_accuracy": Ratio(filled - told(Rule.PARTIAL), filled + told(*SIZE_REFUSED)),
    }


def impact_ratio(
    measured: Measured, rows: NDArray[np.int64], volume: NDArray[np.float64], impact: float
) -> Ratio:
    """Mean share of the price that a fill moves it by: impact x (units / volume of its bar)^2.

    Args:
        measured: the account.
        rows: session of each row of the track.
        volume: traded units of each bar of the tape, [bar].
        impact: of the model that ``env.slippage=volume_share`` charges.
    """
    trips, track, sessions = measured.trips, measured.track, measured.sessions
    left = ~(trips.marked & (trips.reason == SEGMENT_END))
    row = np.concatenate([trips.entry_row, trips.exit_row[left]])
    units = np.concatenate([trips.quantity, trips.quantity[left]])
    traded = volume[track.bar[row] + 1]
    share = np.divide(units, traded, out=np.ones_like(units), where=traded > 0)
    moved = impact * np.minimum(share, 1.0) ** 2
    of = rows[row]
    return Ratio(summed(of, moved, sessions), summed(of, np.ones(len(of)), sessions))
