"""Synergies: three signals of one direction in a meaningful order, on two clocks."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.checks import require_choice
from grandmodel.core.clock import MINUTE_NS
from grandmodel.features.nwrqk import FIRST_SLOPE_BAR
from grandmodel.features.smooth import rolling_sd, rolling_step

GATES = ("shipped", "text")
KINDS = ("mlmi", "nwrqk", "fvg")
TYPE_NAMES = ("TYPE_1", "TYPE_2", "TYPE_3", "TYPE_4")
COOLDOWN_NS = 25 * MINUTE_NS

# per set of gates: MLMI points, slope in its rolling sds, slope in bp, gap in ATR, gap as a
# fraction of the price, window in minutes (the text counts ten 5-minute bars), and whether the
# MLMI value must lie on the side of its pulse (the text takes the distance from 50 alone)
_GATE_VALUES = {
    "shipped": np.array([5.0, 0.05, 0.0, 0.25, 0.0, 90.0, 1.0]),
    "text": np.array([25.0, 0.0, 0.3, 0.0, 0.001, 50.0, 0.0]),
}
_POINTS, _SLOPE_SD, _SLOPE_BP, _GAP_ATR, _GAP_SHARE, _WINDOW_MINUTES, _AGREES = range(7)
_MLMI, _NWRQK, _FVG = range(3)
_BARS_SEEN = 3  # in the slope's state, after the three numbers of `rolling_step`
# order of the kinds in each type
_ORDERS = np.array([[0, 1, 2], [0, 2, 1], [1, 2, 0], [1, 0, 2]], np.int64)
TYPE_SIGNALS = tuple(tuple(KINDS[kind] for kind in order) for order in _ORDERS.tolist())
_NEVER = np.iinfo(np.int64).min
_SINCE = 4  # in `found`: how long ago each kind was signalled, in ns
_KEPT, _LAST_EMISSION = 3, 4  # in `times`, after the three kinds' own


@njit(cache=True, nogil=True)
def _gate_strategic(mlmi_value, mlmi_signal, nwrqk_signal, slope, gates, slope_state, batch):
    """Write direction and strength of a 30-minute bar's two signals into ``batch`` [kind, 2].

    ``slope_state`` holds what `rolling_step` keeps of the slope, and bars seen.
    """
    batch[:_FVG] = 0.0
    seen = slope_state[_BARS_SEEN]
    slope_state[_BARS_SEEN] = seen + 1.0
    distance = mlmi_value - 50.0
    points = mlmi_signal * distance if gates[_AGREES] else abs(distance)
    if mlmi_signal != 0.0 and points >= gates[_POINTS]:
        batch[_MLMI, 0] = mlmi_signal
        batch[_MLMI, 1] = min(abs(distance) / 50.0, 1.0)
    if seen < FIRST_SLOPE_BAR or math.isnan(slope):
        return
    rolling_step(slope, slope_state)
    sd = rolling_sd(slope_state)
    size = abs(slope)
    if nwrqk_signal != 0.0 and size >= gates[_SLOPE_SD] * sd and size >= gates[_SLOPE_BP]:
        batch[_NWRQK, 0] = nwrqk_signal
        batch[_NWRQK, 1] = min(size / sd, 1.0) if sd > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _gate_gap(direction, size, atr, close, gates, batch):
    """Write direction and strength of a finer bar's mitigation into ``batch``."""
    batch[_FVG] = 0.0
    if direction == 0.0 or not atr > 0.0:
        return
    if size >= gates[_GAP_ATR] * atr and size >= gates[_GAP_SHARE] * close:
        batch[_FVG, 0] = direction
        batch[_FVG, 1] = min(size / (2.0 * atr), 1.0)


@njit(cache=True, nogil=True)
def _type_of(times, orders):
    """Return the lowest type (1..4) whose order the three times allow, or 0."""
    for t in range(4):
        a, b, c = orders[t]
        if times[a] <= times[b] <= times[c]:
            return t + 1
    return 0


@njit(cache=True, nogil=True)
def _detect(now, batch, orders, window, cooldown, never, times, strengths, found):
    """Take the signals of one time; return whether a synergy is complete (in ``found``).

    ``times`` holds when each kind was signalled, the direction kept, and the last emission.
    """
    low = min(batch[0, 0], batch[1, 0], batch[2, 0])
    high = max(batch[0, 0], batch[1, 0], batch[2, 0])
    if low == 0.0 and high == 0.0:
        return False
    if low < 0.0 < high:
        times[:3] = never
        return False
    direction = 1 if high > 0.0 else -1
    first = now
    for kind in range(3):
        if times[kind] != never:
            first = min(first, times[kind])
    if times[_KEPT] != direction or now - first > window:
        times[:3] = never
    times[_KEPT] = direction
    for kind in range(3):
        if batch[kind, 0] != 0.0:
            times[kind] = now
            strengths[kind] = batch[kind, 1]
    if min(times[0], times[1], times[2]) == never:
        return False
    kind_of_order = _type_of(times, orders)
    if kind_of_order == 0:
        # only an order that begins with the gap fits no type, so the gap is the first signal
        times[_FVG] = never
        return False
    tied = times[0] == times[1] or times[1] == times[2] or times[0] == times[2]
    for kind in range(3):
        found[_SINCE + kind] = now - times[kind]
    times[:3] = never
    if times[_LAST_EMISSION] != never and now - times[_LAST_EMISSION] < cooldown:
        return False
    times[_LAST_EMISSION] = now
    found[0] = kind_of_order
    found[1] = direction
    found[2] = (strengths[0] + strengths[1] + strengths[2]) / 3.0
    found[3] = 1.0 if tied else 0.0
    return True


@njit(cache=True, nogil=True)
def _run(
    slow_time, slow, fast_time, fast, gates, orders, window, cooldown, never,
    slope_state, batch, times, strengths, found,
):  # fmt: skip
    """Walk both clocks in order of time; return times [event] and synergies [event, 7]."""
    log = np.empty((slow_time.size, found.size))
    log_time = np.empty(slow_time.size, np.int64)
    logged = 0
    i = j = 0
    while i < slow_time.size or j < fast_time.size:
        if j == fast_time.size or (i < slow_time.size and slow_time[i] <= fast_time[j]):
            now = slow_time[i]
        else:
            now = fast_time[j]
        batch[:] = 0.0
        if i < slow_time.size and slow_time[i] == now:
            _gate_strategic(
                slow[0, i], slow[1, i], slow[2, i], slow[3, i], gates, slope_state, batch
            )
            i += 1
        if j < fast_time.size and fast_time[j] == now:
            _gate_gap(fast[0, j], fast[1, j], fast[2, j], fast[3, j], gates, batch)
            j += 1
        if _detect(now, batch, orders, window, cooldown, never, times, strengths, found):
            log_time[logged] = now
            for k in range(found.size):
                log[logged, k] = found[k]
            logged += 1
    return log_time[:logged].copy(), log[:logged].copy()


class StrategicSignals(NamedTuple):
    """What the detector reads of 30-minute bars: arrays [bar] for `over`, numbers for `update`."""

    mlmi_value: NDArray[np.float64] | float  # 0..100
    mlmi_signal: NDArray[np.float64] | float  # pulse -1, 0, 1
    nwrqk_signal: NDArray[np.float64] | float  # turn -1, 0, 1
    nwrqk_slope: NDArray[np.float64] | float  # bp per bar


class GapSignals(NamedTuple):
    """What the detector reads of the gaps' bars: arrays [bar] for `over`, else numbers."""

    mitigated_direction: NDArray[np.float64] | float  # -1, 0, 1
    mitigated_size: NDArray[np.float64] | float  # price units
    atr_14: NDArray[np.float64] | float  # price units, nan until known
    close: NDArray[np.float64] | float


class Synergy(NamedTuple):
    """One synergy, known from ``time_ns`` on."""

    time_ns: int
    type: int  # 1..4
    direction: int  # -1, 1
    confidence: float  # 0..1
    tied: bool
    signal_ns: tuple[int, ...]  # close of each signal, in order of KINDS


@dataclass(frozen=True)
class Synergies:
    """All synergies of a path, in order of time."""

    time_ns: NDArray[np.int64]  # [event], close of the bar that completed it
    type: NDArray[np.int64]  # [event], 1..4
    direction: NDArray[np.int64]  # [event], -1 or 1
    confidence: NDArray[np.float64]  # [event], 0..1
    tied: NDArray[np.bool_]  # [event], signals of one time stood in for an order
    signal_ns: NDArray[np.int64]  # [event, kind], close of each signal, in order of KINDS

    def __len__(self) -> int:
        return len(self.time_ns)

    def counts(self) -> dict[str, int]:
        """Return how many there are of each type."""
        found = np.bincount(self.type, minlength=len(TYPE_NAMES) + 1)[1:]
        return dict(zip(TYPE_NAMES, found.tolist(), strict=True))

    def as_context(self, decision_time_ns: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Return what each decision is shown: the synergy completed since the one before.

        Args:
            decision_time_ns: closes of the decision bars, sorted, int64 [decision].

        Returns:
            ``synergy_confidence`` and ``synergy_direction`` [decision], 0 where there is none;
            of two since the decision before, the later.
        """
        decision = np.searchsorted(decision_time_ns, self.time_ns, side="left")
        shown = decision < len(decision_time_ns)
        confidence, direction = np.zeros((2, len(decision_time_ns)))
        confidence[decision[shown]] = self.confidence[shown]
        direction[decision[shown]] = self.direction[shown]
        return {"synergy_confidence": confidence, "synergy_direction": direction}


def no_synergies() -> Synergies:
    """Return the empty table: what 30-minute bars alone can give."""
    whole, none = np.zeros(0, np.int64), np.zeros((0, len(KINDS)), np.int64)
    return Synergies(whole, whole, whole, np.zeros(0), np.zeros(0, np.bool_), none)


class SynergyDetector:
    """Finds MLMI pulse, NW-RQK turn and filled gap in one direction within 90 minutes.

    Rules and types: `docs/definitions.md`, section Synergies. Signals come at the close of
    their bars; what closes at one time is one batch. The slope's rolling sd needs 2 000 bars.

    Args:
        gates: ``shipped``, or ``text`` for the original thresholds (which hardly ever pass).
    """

    columns = ("synergy_confidence", "synergy_direction")
    memory_bars = 2000

    def __init__(self, gates: str = "shipped") -> None:
        require_choice("features.synergy.gates", gates, GATES)
        self._gates = _GATE_VALUES[gates]
        window = int(self._gates[_WINDOW_MINUTES]) * MINUTE_NS
        self._rules = (_ORDERS, window, COOLDOWN_NS, _NEVER)
        self._reset()

    def _reset(self) -> None:
        self._slope_state = np.zeros(_BARS_SEEN + 1)
        self._batch = np.zeros((3, 2))
        self._sequence = (np.full(5, _NEVER, np.int64), np.zeros(3), np.zeros(_SINCE + 3))

    def over(
        self,
        strategic_close_ns: NDArray[np.int64],
        strategic: StrategicSignals,
        gap_close_ns: NDArray[np.int64],
        gaps: GapSignals,
    ) -> Synergies:
        """Return all synergies of a path, from nothing; `update` may go on from there.

        Args:
            strategic_close_ns: closes of the 30-minute bars, sorted, int64 [bar].
            strategic: their signals, each [bar].
            gap_close_ns: closes of the bars that gaps are found on, sorted, int64 [fine bar].
            gaps: mitigations on them, each [fine bar].
        """
        self._reset()
        time_ns, found = _run(
            strategic_close_ns, np.stack(strategic).astype(np.float64),
            gap_close_ns, np.stack(gaps).astype(np.float64),
            self._gates, *self._rules, self._slope_state, self._batch, *self._sequence,
        )  # fmt: skip
        kind, direction = found[:, :2].astype(np.int64).T
        signal_ns = time_ns[:, None] - found[:, _SINCE:].astype(np.int64)
        return Synergies(time_ns, kind, direction, found[:, 2].copy(), found[:, 3] != 0, signal_ns)

    def update(
        self,
        time_ns: int,
        strategic: StrategicSignals | None = None,
        gaps: GapSignals | None = None,
    ) -> Synergy | None:
        """Take what closed at ``time_ns``, both bars in one call; return a synergy or None."""
        self._batch[:] = 0.0
        if strategic is not None:
            _gate_strategic(*strategic, self._gates, self._slope_state, self._batch)
        if gaps is not None:
            _gate_gap(*gaps, self._gates, self._batch)
        if not _detect(time_ns, self._batch, *self._rules, *self._sequence):
            return None
        kind, direction, confidence, tied, *since = self._sequence[-1].tolist()
        signals = tuple(time_ns - int(passed) for passed in since)
        return Synergy(time_ns, int(kind), int(direction), confidence, tied != 0.0, signals)
