"""The Bayes filter of world `gaps`: how likely each gap draws the price, given what was seen."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.market.dataset import MarketPath
from grandmodel.market.synthetic.world import PathTruth


@njit(cache=True)
def _filter(log_return, nearest, direction, belief, drift, sd, out):  # pragma: no cover - compiled
    for t in range(len(log_return)):
        gap = -1 if t == 0 else nearest[t - 1]
        if gap >= 0:
            # only the nearest gap has moved this bar, so only it is judged by it
            shift = np.log1p(-drift * direction[gap])
            z = log_return[t] + 0.5 * sd * sd
            ratio = np.exp((z * shift - 0.5 * shift * shift) / (sd * sd))
            belief[gap] = belief[gap] * ratio / (belief[gap] * ratio + 1.0 - belief[gap])
        gap = nearest[t]
        out[t] = 0.0 if gap < 0 else -drift * direction[gap] * belief[gap]


def gap_filter(path: MarketPath, truth: PathTruth) -> NDArray[np.float64]:
    """Return E[drift of bar t+1 | bars and synergies up to bar t], a fraction, float64 [bar].

    It reads gaps and synergies, which everybody sees, and none of the gaps' states: belief b of
    the nearest gap becomes b L / (b L + 1 - b), L the likelihood ratio of the bar's log return
    with and without drift; b begins at the share of drawing gaps among those with (without) a
    synergy. The gap that is not nearest moves nothing, so its belief stays.

    Source: `docs/definitions.md`, References on planted markets.
    """
    law, hidden = truth.law, truth.hidden
    out = np.empty(len(path.bars))
    belief = np.where(hidden["told"], law.belief[1], law.belief[0])
    returns = np.log(path.bars.close / path.bars.open)
    _filter(returns, hidden["nearest"], hidden["direction"], belief, law.drift, law.sd, out)
    return out
