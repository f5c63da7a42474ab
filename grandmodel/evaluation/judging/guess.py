"""A team's next decision, compiled: fast, and right but for ties within the last bits.

What it says is never believed: `judging.one_by_one` asks the team itself afterwards.
Source: `docs/definitions.md`, Judging.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.decision.aggregation import (
    ABSENT,
    AGAINST_SYNERGY_FACTOR,
    AGGRESSIVE,
    ENTRY,
    FULL_CONFIDENCE,
    LARGEST_SHARE,
    ROUNDING,
    SYNERGY_WEIGHTS,
    WAIT,
)
from grandmodel.decision.challenger import LITERAL_PATIENCE

CHALLENGER, ARGMAX, LITERAL, VOTES = range(4)
WEIGHTS = np.array(SYNERGY_WEIGHTS)


class Heads(NamedTuple):
    """The heads of a team, as arrays; empty where it has no layer norm."""

    account: NDArray[np.float32]  # [value, agent, hidden]
    out: NDArray[np.float32]  # [agent, 3, hidden]
    bias: NDArray[np.float32]  # [agent, 3]
    scale: NDArray[np.float32]  # [agent, hidden]
    shift: NDArray[np.float32]
    eps: float


class Settling(NamedTuple):
    """How logits become a target."""

    kind: int  # CHALLENGER ..
    gate: float  # or threshold
    log_pool: bool
    weights: NDArray[np.float32]  # [agent], of the pool
    places: NDArray[np.int64]  # [3]: the agent of each role, below 0: nobody
    facts: NDArray[np.int64]  # [bar, 4]: momentum, type and direction of the synergy, decides
    base: float  # contracts at full confidence


@njit(cache=True, fastmath=True)
def guess_logits(embedding, account, heads, out):  # pragma: no cover - compiled
    """Write every agent's logits before the modifiers, float32 [agent, 3], into `out`."""
    agents, hidden = embedding.shape
    layer = np.empty(hidden, np.float32)
    for agent in range(agents):
        layer[:] = embedding[agent]
        for value in range(len(account)):
            factor = account[value]
            if factor != 0.0:
                for k in range(hidden):
                    layer[k] += factor * heads.account[value, agent, k]
        if len(heads.scale) > 0:
            total, squares = np.float32(0.0), np.float32(0.0)
            for k in range(hidden):
                total += layer[k]
            mean = total / np.float32(hidden)
            for k in range(hidden):
                squares += (layer[k] - mean) * (layer[k] - mean)
            share = np.float32(1.0) / np.sqrt(squares / np.float32(hidden) + np.float32(heads.eps))
            for k in range(hidden):
                layer[k] = (layer[k] - mean) * share * heads.scale[agent, k] + heads.shift[agent, k]
        for place in range(3):
            total = np.float32(0.0)
            for k in range(hidden):
                total += max(layer[k], np.float32(0.0)) * heads.out[agent, place, k]
            out[agent, place] = total + heads.bias[agent, place]


@njit(cache=True)
def softmax_rows(values):  # pragma: no cover - compiled
    """Turn logits into probabilities, in place."""
    for row in range(len(values)):
        values[row] = np.exp(values[row] - values[row].max())
        values[row] /= values[row].sum()


@njit(cache=True)
def guess_vote(odds, position, bar, settling):  # pragma: no cover - compiled
    """Return target, whether at market, and size: `decision.single_vote` in arrays.

    odds: float32 [agent, 3].
    """
    facts = settling.facts[bar]
    sign, kind, toward, decides = facts[0], facts[1], facts[2], facts[3]
    cast, sure = np.empty(3, np.int64), np.empty(3)
    for role in range(3):
        place = settling.places[role]
        cast[role] = ABSENT[role] if place < 0 else np.argmax(odds[place])
        sure[role] = 1.0 if place < 0 else np.float64(odds[place, cast[role]])
        if role == ENTRY and place >= 0:
            sure[role] = 1.0 - np.float64(odds[place, WAIT])
    weights = WEIGHTS[kind]
    first, second = cast[0] - 1, (cast[1] - 1) * sign
    pull = weights[0] * sure[0] * first + weights[1] * sure[1] * second
    direction = 0
    if abs(pull) > ROUNDING:
        direction = 1 if pull > 0.0 else -1
    if decides == 0 or direction == 0 or direction == position:
        return position, False, 1.0
    score = 0.0
    if first == direction:
        score += weights[0] * sure[0]
    if second == direction:
        score += weights[1] * sure[1]
    if cast[ENTRY] != WAIT:
        score += weights[2] * sure[2]
    score /= weights[0] + weights[1] + weights[2]
    if toward * direction < 0:
        score *= AGAINST_SYNERGY_FACTOR
    if cast[ENTRY] == WAIT or score <= settling.gate:
        return 0, False, 1.0
    share = min(score / FULL_CONFIDENCE, LARGEST_SHARE)
    size = np.floor(settling.base * share + 0.5) / settling.base
    return direction, cast[ENTRY] == AGGRESSIVE, size


@njit(cache=True)
def pooled_odds(logits, settling):  # pragma: no cover - compiled
    """Return the ensemble's probabilities, float32 [1, 3]."""
    if not settling.log_pool:
        softmax_rows(logits)
    out = np.zeros((1, 3), np.float32)
    for agent in range(len(logits)):
        out[0] += logits[agent] * settling.weights[agent]
    if settling.log_pool:
        softmax_rows(out)
    return out


@njit(cache=True)
def guess_pool(odds, position, count, settling):  # pragma: no cover - compiled
    """Return target and the new count of decisions without confidence: `decision.challenger`.

    odds: float32 [3].
    """
    gate = np.float32(settling.gate)
    best = np.argmax(odds)
    if settling.kind == ARGMAX:
        return best - 1, count
    if settling.kind == CHALLENGER:
        odds[position + 1] = -1.0
        best = np.argmax(odds)
        return (best - 1 if odds[best] > gate else position), count
    direction, sure = best - 1, odds[best] > gate
    count = count + 1 if position != 0 and not sure else 0
    target = position
    if sure and direction != 0 and direction != position:
        target = direction
    elif position != 0 and (direction != position or count >= LITERAL_PATIENCE):
        target = 0
    return target, (count if target == position else 0)
