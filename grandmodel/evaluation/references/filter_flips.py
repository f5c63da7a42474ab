"""What who knows the law of the world `flips` expects of the next bar."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.market.dataset import MarketPath
from grandmodel.market.synthetic.flips import VOLUME, FlipsLaw, step_momentum
from grandmodel.market.synthetic.world import PathTruth


@njit(cache=True)
def _filter(  # pragma: no cover - compiled
    log_return, log_volume, known, numbers, leave, first, out
):
    drift, sd, alpha, width, swell, noise = numbers
    against, momentum, lean = first, 0.0, 0.0
    for t in range(len(log_return)):
        odds = np.log(against) - np.log(1.0 - against)
        for side in (1.0, -1.0):  # how much worse each regime explains return and volume
            z = (log_return[t] - (np.log1p(side * drift * lean) - 0.5 * sd * sd)) / sd
            v = (log_volume[t] - side * swell * abs(lean)) / noise if known[t] else 0.0
            odds += 0.5 * side * (z * z + v * v)
        against = 1.0 / (1.0 + np.exp(-odds))
        against = against * (1.0 - leave[1]) + (1.0 - against) * leave[0]
        momentum, lean = step_momentum(momentum, log_return[t], alpha, width)
        out[t] = drift * lean * (1.0 - 2.0 * against)


def flips_filter(path: MarketPath, truth: PathTruth) -> NDArray[np.float64]:
    """Return the Bayes filter of the two regimes times what momentum foretells, float64 [bar].

    It knows the parameters; momentum it computes, the regime it infers from each bar's return
    and volume; a bar without volume (as stress may leave it) tells by its return alone.

    Source: `docs/definitions.md`, References on planted markets.
    """
    law: FlipsLaw = truth.law
    out = np.empty(len(path.bars.close))
    log_return = np.log(path.bars.close / path.bars.open)
    known = path.bars.volume > 0.0
    log_volume = np.log(np.where(known, path.bars.volume, VOLUME) / VOLUME)
    numbers = np.array([law.drift, law.sd, law.alpha, law.width, law.swell, law.noise])
    leave = np.array(law.leave)
    _filter(log_return, log_volume, known, numbers, leave, law.first_unconfirmed, out)
    return out
