"""A team's own positions held at other times: what its habits earn without its timing.

Source: ``docs/definitions.md``, Shifted positions.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.random import numpy_stream
from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import DRAWS_AT_ONCE, Desk
from grandmodel.evaluation.accounts.track import Track
from grandmodel.evaluation.rivals.baselines import FOREVER, as_held
from grandmodel.features.tape import Tape

LEAST_SESSIONS = 3  # two have one shift alone


@dataclass(frozen=True)
class Shifted:
    """Net Sharpe ratios of the shifted positions beside that of the same ones where they were."""

    decisions: NDArray[np.int64]  # [draw]: by how many those of the first segment were shifted
    sharpe: NDArray[np.float64]  # [draw]
    unshifted: float

    @property
    def p_value(self) -> float:
        """Share of shifts that do as well, the true one counted among them."""
        return p_value(self.unshifted, self.sharpe)

    def record(self) -> dict[str, Any]:
        """Lay out `controls.label_shift` of ``metrics.json``."""
        return {
            "shift_decisions": self.decisions.tolist(),
            "sharpe": self.sharpe.tolist(),
            "unshifted_sharpe": self.unshifted,
            "p_value": self.p_value,
        }


def p_value(own: float, others: NDArray[np.float64]) -> float:
    """Share of ``others`` at least as large as ``own``, itself counted as one of them."""
    return (1 + int((others >= own).sum())) / (1 + len(others))


def session_edges(track: Track, index: int) -> NDArray[np.int64]:
    """Rows of a segment at which its sessions begin, the first one left out, [session - 1]."""
    return np.flatnonzero(np.diff(track.session[track.rows_of(index)])) + 1


def shifted_positions(
    track: Track, where: NDArray[np.float64]
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return the positions shifted round in each segment by whole sessions.

    Args:
        track: whose positions.
        where: share of each segment's sessions by which a draw is shifted, in [0, 1), [draw].

    Returns:
        positions, int8 [draw, row]; by how many decisions those of the first segment were shifted.
    """
    out = np.zeros((len(where), len(track)), np.int8)
    first = np.zeros(len(where), np.int64)
    for index in range(len(track.segments)):
        rows, edges = track.rows_of(index), session_edges(track, index)
        held = track.position[rows]
        if not len(edges):
            out[:, rows] = held
            continue
        by = edges[(where * len(edges)).astype(np.int64)]
        source = (np.arange(len(held))[None] - by[:, None]) % len(held)
        out[:, rows] = held[source]
        first = by if index == 0 else first
    return out, first


def shift_labels(
    tape: Tape,
    segments: tuple[Segment, ...],
    env: EnvConfig,
    track: Track,
    *,
    draws: int,
    seed: int,
    sd_floor: float = 0.0,
) -> Shifted | None:
    """Shift a team's positions against the prices, by whole sessions and round each segment.

    Where a segment has few sessions every shift that there is counts once. The account is told
    by its positions alone, shifted or not, so that nothing but the shift differs.

    Args:
        tape: the bars.
        segments: where the team was judged.
        env: money, sizes and session edges.
        track: what it did.
        draws: at most so many shifts.
        seed: of the shifts.
        sd_floor: smallest trailing sd, read by size=vol_target.

    Returns:
        None where no segment has LEAST_SESSIONS sessions, or nothing was ever held.
    """
    most = max(len(session_edges(track, index)) for index in range(len(segments)))
    if most + 1 < LEAST_SESSIONS or not track.position.any():
        return None
    if most <= draws:
        where = (np.arange(most) + 0.5) / most  # the middle: no edge is met twice or never
    else:
        where = np.sort(numpy_stream(seed, "label shift").random(draws))
    desk = Desk(tape, segments, as_held(env), max_hold_bars=FOREVER, sd_floor=sd_floor)
    unshifted = float(desk.sharpe(track.position[None])[0])
    decisions, sharpes = [], []
    for start in range(0, len(where), DRAWS_AT_ONCE):
        positions, by = shifted_positions(track, where[start : start + DRAWS_AT_ONCE])
        decisions.append(by)
        sharpes.append(desk.sharpe(positions))
    return Shifted(np.concatenate(decisions), np.concatenate(sharpes), unshifted)
