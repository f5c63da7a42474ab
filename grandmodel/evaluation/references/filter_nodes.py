"""What who knows the law of the world `nodes` expects of the next bar."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.market.dataset import MarketPath
from grandmodel.market.synthetic.nodes import NEVER, SHIFTS, NodesLaw, expected_move, note_levels
from grandmodel.market.synthetic.world import PathTruth


@njit(cache=True)
def _filter(low, high, close, levels, seen, out):  # pragma: no cover - compiled
    for t in range(close.size):
        note_levels(t, low[t], high[t], levels, seen)
        out[t] = expected_move(t, close[t], levels, seen)


def nodes_filter(path: MarketPath, truth: PathTruth) -> NDArray[np.float64]:
    """Return the drift that the nearest level with trade on both sides makes, float64 [bar].

    It knows the parameters, and the place of a level from the bar on that trades full volume on
    its other side: before that the level does nothing. Everything else it takes from the bars.

    Source: `docs/definitions.md`, References on planted markets.
    """
    law: NodesLaw = truth.law
    bars = path.bars
    out = np.empty(len(bars.close))
    logs = np.log(bars.low), np.log(bars.high), np.log(bars.close)
    seen = np.full((2, SHIFTS), NEVER)
    _filter(*logs, law.levels, seen, out)
    return out
