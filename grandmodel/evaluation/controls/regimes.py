"""What was held and earned in each regime of the market.

Source: ``docs/definitions.md``, Regimes for reports and Results by regime.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.evaluation.measures.metrics import (
    Measured,
    decision_returns,
    number,
    session_sharpe,
)
from grandmodel.evaluation.measures.ratios import session_of_row
from grandmodel.features.inputs import BarArrays
from grandmodel.features.momentum import Momentum
from grandmodel.features.regimes import REGIMES, SIDEWAYS, Regimes
from grandmodel.features.tape import Tape
from grandmodel.features.volatility import Volatility

BASIS_POINTS = 1e4
LEAST_SESSIONS = 2


def regime_labels(tape: Tape, paths: Sequence[int]) -> NDArray[np.int64]:
    """Return the regime of every bar as it is known at its close, index into `REGIMES`, [bar].

    Args:
        tape: the bars.
        paths: whose bars are asked for; others are sideways.
    """
    path = tape.path.cpu().numpy()
    close = tape.close.cpu().numpy()
    out = np.full(len(tape), SIDEWAYS)
    for wanted in paths:
        rows = path == wanted
        bars = _of_closes(close[rows].copy(), tape.minutes)
        out[rows] = Regimes().over({**Volatility().over(bars), **Momentum().over(bars)})
    return out


def _of_closes(close: NDArray[np.float64], minutes: int) -> BarArrays:
    """Return bars of which nothing but the closes is read."""
    none = np.zeros(0)
    whole = np.zeros(0, np.int64)
    return BarArrays(
        open_time_ns=whole,
        open=none,
        high=none,
        low=none,
        close=close,
        volume=none,
        day=whole,
        hour=none,
        weekday=whole,
        minutes=minutes,
        tick=0.0,
        volume_kind="none",
        additive=False,
    )


def regime_rows(labels: NDArray[np.int64], measured: Measured) -> list[dict[str, Any]]:
    """Return a row per regime that was met: `controls.regimes` of ``metrics.json``.

    Args:
        labels: of every bar of the tape, [bar].
        measured: the account; a decision belongs to the regime of the bar it was taken on.
    """
    track, sessions = measured.track, measured.sessions
    here = labels[track.bar]
    earned, held = decision_returns(track), np.abs(track.position)
    session = session_of_row(track)
    rows = []
    for label, name in enumerate(REGIMES):
        inside = here == label
        if not inside.any():
            continue
        met = np.unique(session[inside])
        sums = np.bincount(session[inside], earned[inside], minlength=len(sessions))
        net = sums[met].astype(np.float64)
        ratio = None
        if len(met) >= LEAST_SESSIONS:
            ratio = number(float(session_sharpe(net, measured.sessions_per_year)))
        rows.append(
            {
                "regime": name,
                "share": float(inside.mean()),
                "exposure": float(held[inside].mean()),
                "net_mean_bp": BASIS_POINTS * float(earned[inside].mean()),
                "sharpe": ratio,
            }
        )
    return rows
