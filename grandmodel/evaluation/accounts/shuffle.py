"""Random trades with a policy's own holding times: its runs in another order."""

import numpy as np
from numba import njit, prange


@njit(cache=True)
def run_lengths(positions):  # pragma: no cover - compiled
    """Return the states of the runs of a path (-1, 0, 1) and their lengths in rows."""
    states = np.empty(len(positions), np.int64)
    lengths = np.zeros(len(positions), np.int64)
    count = 0
    for i in range(len(positions)):
        if i == 0 or positions[i] != positions[i - 1]:
            states[count] = positions[i]
            count += 1
        lengths[count - 1] += 1
    return states[:count], lengths[:count]


@njit(cache=True)
def _can_finish(left, last):  # pragma: no cover - compiled
    """Whether the runs left can follow a run of state `last` with no two equal neighbours."""
    total = left[0] + left[1] + left[2]
    for state in range(3):
        others = total - left[state]
        spare = 0 if state == last else 1
        if left[state] > others + spare:
            return False
    return True


@njit(cache=True)
def shuffle_runs(states, lengths, uniforms, out):  # pragma: no cover - compiled
    """Write the runs in random order into `out`, never two of one state side by side.

    So every run keeps its length, and the shares of long, short and flat stay as they are. The
    next state is drawn in proportion to the runs left of it, among those after which the rest
    can still be arranged; such a state exists, because the given order is an arrangement.

    Args:
        states: -1, 0 or 1 of each run, int64 [run].
        lengths: rows of each run, int64 [run].
        uniforms: in [0, 1), float64 [2 run].
        out: int8 [row].
    """
    count = len(states)
    left = np.zeros(3, np.int64)
    for k in range(count):
        left[states[k] + 1] += 1
    pools = np.empty((3, max(1, count)), np.int64)
    filled = np.zeros(3, np.int64)
    for k in range(count):
        state = states[k] + 1
        pools[state, filled[state]] = lengths[k]
        filled[state] += 1
    row = 0
    last = -1
    weights = np.zeros(3)
    for k in range(count):
        total = 0.0
        for state in range(3):
            weights[state] = 0.0
            if state != last and left[state] > 0:
                left[state] -= 1
                if _can_finish(left, state):
                    weights[state] = left[state] + 1.0
                left[state] += 1
            total += weights[state]
        draw = uniforms[2 * k] * total
        chosen = -1
        for state in range(3):
            if weights[state] > 0.0:
                chosen = state
                if draw < weights[state]:
                    break
                draw -= weights[state]
        pick = int(uniforms[2 * k + 1] * left[chosen])
        length = pools[chosen, pick]
        left[chosen] -= 1
        pools[chosen, pick] = pools[chosen, left[chosen]]
        for _ in range(length):
            out[row] = chosen - 1
            row += 1
        last = chosen


@njit(cache=True, parallel=True)
def shuffle_stretches(positions, edges, order, uniforms, out, row):  # pragma: no cover - compiled
    """Shuffle runs inside stretches, once per draw, into out[draw, row ...].

    Args:
        positions: int8 [step]; the last step of each stretch stays where it is.
        edges: where stretches begin, and the end, int64 [stretch + 1].
        order: whose runs each stretch gets, of the same length, int64 [draw, stretch].
        uniforms: in [0, 1), two for each run of each stretch, float64 [draw, 2 run].
        out: int8 [draw, rows].
        row: where the first step goes.
    """
    for draw in prange(out.shape[0]):
        used = 0
        for k in range(len(edges) - 1):
            source = positions[edges[order[draw, k]] : edges[order[draw, k] + 1] - 1]
            states, lengths = run_lengths(source)
            target = out[draw, row + edges[k] : row + edges[k + 1]]
            target[-1] = positions[edges[order[draw, k] + 1] - 1]
            shuffle_runs(states, lengths, uniforms[draw, used:], target)
            used += 2 * len(states)
