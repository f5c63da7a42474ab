"""Long at one volatility: the weight follows an estimate that past sessions alone have made.

Source: `docs/definitions.md`, Baselines.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.types import Segment
from grandmodel.envs.action import session_edge
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import Desk
from grandmodel.evaluation.rivals.baselines import FOREVER, Baseline, Setting, as_held
from grandmodel.features.tape import Tape
from grandmodel.market.calendar import sessions_per_year

RATE = 0.06  # weight of the newest session in the mean square of session returns
LEAST_SESSIONS = 5  # that an estimate rests on; without one there is no position
MOST_WEIGHT = 2.0


@njit(cache=True)
def _volatility(session, path, opens, closes, over_breaks, least):  # pragma: no cover - compiled
    """Per-session sd known when each row's session begins, float64 [bar]; nan where unknown."""
    out = np.full(len(session), np.nan)
    square, known, count = 0.0, 0.0, 0
    before, estimate = np.nan, np.nan
    first = 0
    for row in range(len(session)):
        if row == 0 or path[row] != path[row - 1]:
            square, known, count = 0.0, 0.0, 0
            before, estimate = np.nan, np.nan
            first = row
        elif session[row] != session[row - 1]:
            begin = before if over_breaks and count > 0 else opens[first]
            gain = closes[row - 1] / begin - 1.0
            square = (1.0 - RATE) * square + RATE * gain * gain
            known = (1.0 - RATE) * known + RATE
            count += 1
            before, first = closes[row - 1], row
            if count >= least:
                estimate = np.sqrt(square / known)
        out[row] = estimate
    return out


def target_weights(tape: Tape, env: EnvConfig) -> NDArray[np.float64]:
    """Return the notional in units of equity that aims at `env.vol_target` by row, [bar].

    One weight a session, known before it begins; 0 where too few sessions have passed.

    Args:
        tape: the bars, on the CPU.
        env: the volatility aimed at, and whether positions are held over breaks.
    """
    sd = _volatility(
        tape.session.numpy(),
        tape.path.numpy(),
        tape.open.numpy(),
        tape.close.numpy(),
        session_edge(env, tape) == "carry",
        LEAST_SESSIONS,
    )
    yearly = sd * np.sqrt(sessions_per_year(tape.instrument))
    most = min(MOST_WEIGHT, 1.0 / tape.instrument.initial_margin)
    least = np.where(np.isnan(yearly), np.inf, np.maximum(yearly, env.vol_target / most))
    return env.vol_target / least


def vol_target(tape: Tape, segments: Sequence[Segment], env: EnvConfig) -> Baseline:
    """Return the account that is long at one volatility; changes of its weight pay costs.

    Args:
        tape: the bars.
        segments: where it is judged.
        env: as the policy's, but for its sizes; the holding time is not limited.
    """
    tape = tape.to("cpu")
    weights = target_weights(tape, env)
    desk = Desk(tape, segments, as_held(env), max_hold_bars=FOREVER, weights=weights)
    here = desk.at_rows(weights)
    track = desk.track((here > 0.0).astype(np.int8))
    setting: Setting = {"target": env.vol_target, "mean_weight": float(here.mean())}
    return Baseline("vol_target", track, setting)
