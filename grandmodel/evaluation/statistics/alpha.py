"""What a track earned beside the market. Source: ``docs/definitions.md``, Alpha and beta."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.evaluation.measures.metrics import Measured, number
from grandmodel.evaluation.statistics.deflation import minimum_detectable_sharpe
from grandmodel.evaluation.statistics.intervals import block_sessions


@dataclass(frozen=True)
class Alpha:
    """Regression of a track's session returns on those of the market."""

    alpha: float  # return per year that the market does not explain, fraction
    alpha_t: float
    beta: float
    beta_t: float


def alpha_beta(
    net: NDArray[np.float64],
    market: NDArray[np.float64],
    sessions_per_year: float,
    *,
    lags: int,
) -> Alpha | None:
    """Regress session returns on the market's; t values allow for dependence over ``lags``.

    Newey-West errors (Bartlett weights) with the small-sample factor n / (n - 2).

    Args:
        net: net session returns of the track, [session].
        market: net session returns of long_only over the same sessions, [session].
        sessions_per_year: of the calendar.
        lags: sessions over which residuals may depend on one another.

    Returns:
        None where the market does not vary or there are no more sessions than lags + 2.
    """
    if len(net) <= lags + 2 or market.std() <= 1e-12:
        return None
    if net.std() <= 1e-12:
        return Alpha(float(net.mean()) * sessions_per_year, 0.0, 0.0, 0.0)
    # half a second to load, which training need not wait for
    from statsmodels.regression.linear_model import OLS

    design = np.column_stack([np.ones(len(market)), market])
    fitted = OLS(net, design).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}
    )
    (alpha, beta), (alpha_t, beta_t) = fitted.params, fitted.tvalues
    return Alpha(float(alpha) * sessions_per_year, float(alpha_t), float(beta), float(beta_t))


def beside_market(own: Measured, long_only: Measured) -> dict[str, Any]:
    """Return `market`, alpha and beta to long only, and `minimum_detectable_sharpe`."""
    found = alpha_beta(
        own.sessions.net,
        long_only.sessions.net,
        own.sessions_per_year,
        lags=block_sessions(own.sessions, own.trips),
    )
    detectable = minimum_detectable_sharpe(len(own.sessions) / own.sessions_per_year)
    return {
        "market": None if found is None else asdict(found),
        "minimum_detectable_sharpe": number(detectable),
    }
