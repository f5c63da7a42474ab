"""The Bayes filter that knows the law of a planted world: a reference, not a ceiling."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.market.synthetic.law import RegimeLaw


@njit(cache=True)
def _filter(log_return, factor, drift, mean, sd, transition, out):  # pragma: no cover - compiled
    count = len(drift)
    belief = np.full(count, 1.0 / count)
    ahead = np.zeros(count)
    for t in range(len(log_return)):
        # the most likely regime has weight 1 before scaling, so nothing underflows
        best = -np.inf
        for k in range(count):
            scale = sd[k] * factor[t]
            z = (log_return[t] - (mean[k] + 0.5 * sd[k] ** 2 - 0.5 * scale**2)) / scale
            ahead[k] = -0.5 * z * z - np.log(scale)
            best = max(best, ahead[k])
        total = 0.0
        for k in range(count):
            belief[k] *= np.exp(ahead[k] - best)
            total += belief[k]
        for k in range(count):
            ahead[k] = 0.0
        for i in range(count):
            belief[i] /= total
            for j in range(count):
                ahead[j] += belief[i] * transition[i, j]
        out[t] = 0.0
        for k in range(count):
            belief[k] = ahead[k]
            out[t] += belief[k] * drift[k]


def filtered_drift(
    opens: NDArray[np.float64],
    close: NDArray[np.float64],
    law: RegimeLaw,
    sd_factor: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return E[drift of bar t+1 | returns up to bar t], a fraction, float64 [bar].

    Equations: b_t(k) ~ a_t(k) N(log(close_t / open_t); m_k, s_k), a_{t+1}(j) = sum_i b_t(i)
    T(i, j), out_t = sum_j a_{t+1}(j) drift(j); a_0 is uniform, the stationary distribution.

    Args:
        opens: opens of one path, where open_t = close_{t-1}, [bar].
        close: closes, [bar].
        law: the path's law.
        sd_factor: known factor on every regime's sd, [bar]; 1 where None.

    Source: `docs/definitions.md`, References on planted markets.
    """
    out = np.empty(len(close))
    factor = np.ones(len(close)) if sd_factor is None else sd_factor
    returns = np.log(close / opens)
    _filter(returns, factor, law.drift, law.log_mean, law.sd, law.transition, out)
    return out
