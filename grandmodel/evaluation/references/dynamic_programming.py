"""The best a trader could have done who knew every price: the yardstick of leaked worlds."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def _solve(gain, unit_cost, must_be_flat, no_entry):  # pragma: no cover - compiled
    """Solve backwards, then walk forwards; ties keep the position."""
    steps = len(gain)
    choice = np.zeros((steps, 3), np.int8)
    value = np.zeros(3)
    fresh = np.zeros(3)
    for t in range(steps - 1, -1, -1):
        for held in range(-1, 2):
            best = -np.inf
            for k in range(3):
                target = held
                if k > 0:
                    target = (held + 1 + k) % 3 - 1
                if must_be_flat[t] and target != 0:
                    continue
                if no_entry[t] and target != held and target != 0:
                    continue
                worth = target * gain[t] - unit_cost[t] * abs(target - held) + value[target + 1]
                if worth > best:
                    best = worth
                    choice[t, held + 1] = target
            fresh[held + 1] = best
        value[:] = fresh
    positions = np.zeros(steps, np.int8)
    held = 0
    for t in range(steps):
        held = choice[t, held + 1]
        positions[t] = held
    return positions, value[1]


def best_positions(
    gain: NDArray[np.float64],
    unit_cost: NDArray[np.float64],
    *,
    must_be_flat: NDArray[np.bool_] | None = None,
    no_entry: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int8], float]:
    """Return the positions in {-1, 0, 1} with the highest sum of net returns.

    Maximises sum over t of a_t gain_t - unit_cost_t |a_t - a_{t-1}| with a_{-1} = 0. Returns are
    added, not compounded, and the holding time is not limited.

    Args:
        gain: return from the fill of decision t to the fill of decision t + 1, [step].
        unit_cost: cost of trading one unit at the fill of decision t, a fraction, [step].
        must_be_flat: where the position must be 0 after the fill, [step].
        no_entry: where no position may be opened or reversed, [step].

    Returns:
        Positions int8 [step] and the sum that they reach.

    Source: `docs/definitions.md`, The optimum of a leaked world.
    """
    never = np.zeros(len(gain), np.bool_)
    positions, total = _solve(
        np.ascontiguousarray(gain, np.float64),
        np.ascontiguousarray(unit_cost, np.float64),
        never if must_be_flat is None else must_be_flat,
        never if no_entry is None else no_entry,
    )
    return positions, float(total)
