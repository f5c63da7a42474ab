"""World `gaps`: five-minute bars that are drawn to the nearest fair value gap, or are not.

Source: `docs/definitions.md`, Synthetic markets.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.random import numpy_stream
from grandmodel.market.synthetic.fold import fold_bar
from grandmodel.market.synthetic.law import BP
from grandmodel.market.synthetic.path import CHUNK_BARS, SUB_STEPS
from grandmodel.market.synthetic.world import Drawn, PathTruth, Prices, Shown

if TYPE_CHECKING:
    from grandmodel.market.synthetic.config import SyntheticConfig

MINUTES = 5
LIFE_BARS = 50
BODY_BARS = 20
BODY_FACTOR = 1.5
CREATED, FILLED, EXPIRED = 0, 2, 3  # numbered as the features number their events
NONE = -1
TYPES = 4
_EQUAL = 1e-12  # of the price: differences below this are rounding
_SLOTS = LIFE_BARS + 1
_OPEN, _HIGH, _LOW, _CLOSE = range(4)
_BOTTOM, _TOP = range(2)
_DIRECTION, _BIRTH, _NUMBER = range(3)


@dataclass(frozen=True)
class GapLaw:
    """What a gap does to the price, and how well a synergy tells it."""

    drift: float  # expected simple return per bar towards a gap that draws, a fraction
    share: float  # of gaps that draw
    accuracy: float  # P(synergy | it draws) = P(no synergy | it does not)
    sd: float  # of the log return of a bar, a fraction

    @property
    def belief(self) -> tuple[float, float]:
        """P(it draws) at its birth without a synergy and with one."""
        told = self.share * self.accuracy, (1.0 - self.share) * (1.0 - self.accuracy)
        untold = self.share * (1.0 - self.accuracy), (1.0 - self.share) * self.accuracy
        return untold[0] / sum(untold), told[0] / sum(told)


def law_of_gaps(config: "SyntheticConfig") -> GapLaw:
    """Return the law that ``config`` describes."""
    gaps = config.gaps
    return GapLaw(gaps.drift_bp * BP, gaps.share, gaps.accuracy, config.sd_bp * BP)


@njit(cache=True)
def _end_gaps(prices, t, edges, tags, log, logged):  # pragma: no cover - compiled
    """Fill and expire the gaps of earlier bars, oldest first; return how many events there are."""
    for age in range(LIFE_BARS, 0, -1):
        slot = (t - age) % _SLOTS
        direction = tags[_DIRECTION, slot]
        if direction == 0 or tags[_BIRTH, slot] != t - age:
            continue
        bottom, top = edges[_BOTTOM, slot], edges[_TOP, slot]
        filled = prices[_LOW, t] <= bottom if direction > 0 else prices[_HIGH, t] >= top
        if filled or age == LIFE_BARS:
            log[logged, 0], log[logged, 1] = t, FILLED if filled else EXPIRED
            log[logged, 2], log[logged, 3] = direction, top - bottom
            logged += 1
            tags[_DIRECTION, slot] = 0
    return logged


@njit(cache=True)
def _new_gap(prices, t):  # pragma: no cover - compiled
    """Return the direction of the gap that bar t completes, or 0."""
    if t < BODY_BARS + 1:
        return 0
    direction = 0
    if prices[_LOW, t] > prices[_HIGH, t - 2]:
        direction = 1
    elif prices[_HIGH, t] < prices[_LOW, t - 2]:
        direction = -1
    if direction != 0:
        total = 0.0
        for back in range(2, BODY_BARS + 2):
            total += abs(prices[_CLOSE, t - back] - prices[_OPEN, t - back])
        if abs(prices[_CLOSE, t - 1] - prices[_OPEN, t - 1]) <= BODY_FACTOR * total / BODY_BARS:
            direction = 0
    return direction


@njit(cache=True)
def _nearest(close, t, edges, tags):  # pragma: no cover - compiled
    """Return the slot of the active gap with the nearest edge, of equals the younger, or NONE."""
    best, found = np.inf, NONE
    for age in range(LIFE_BARS):
        slot = (t - age) % _SLOTS
        if tags[_DIRECTION, slot] == 0 or tags[_BIRTH, slot] != t - age:
            continue
        for edge in range(2):
            distance = abs(edges[edge, slot] - close)
            if distance < best - _EQUAL * close:
                best, found = distance, slot
    return found


@njit(cache=True)
def _create(prices, t, gaps, edges, tags, log, logged):  # pragma: no cover - compiled
    """Keep the gap that bar t completes, if any, as number ``gaps``; return its direction."""
    direction = _new_gap(prices, t)
    if direction != 0:
        slot = t % _SLOTS
        edges[_BOTTOM, slot] = prices[_HIGH, t - 2] if direction > 0 else prices[_HIGH, t]
        edges[_TOP, slot] = prices[_LOW, t] if direction > 0 else prices[_LOW, t - 2]
        tags[_DIRECTION, slot], tags[_BIRTH, slot], tags[_NUMBER, slot] = direction, t, gaps
        log[logged, 0], log[logged, 1], log[logged, 2] = t, CREATED, direction
        log[logged, 3] = edges[_TOP, slot] - edges[_BOTTOM, slot]
    return direction


@njit(cache=True)
def _draw_bars(  # pragma: no cover - compiled
    normals, first, law, draws, opened, counts, edges, tags, prices, nearest, log
):
    """Draw the bars of ``normals`` from bar ``first`` on; what lasts is in counts, edges, tags.

    law: drift and sd. counts: gaps and events so far. nearest: number of the nearest active gap.
    """
    drift, sd = law
    log_price = np.log(opened)
    for i in range(normals.shape[0]):
        t = first + i
        slot = NONE if t == 0 else _nearest(opened, t - 1, edges, tags)
        mean = -0.5 * sd * sd
        if slot != NONE and draws[tags[_BIRTH, slot]]:
            mean += np.log1p(-drift * tags[_DIRECTION, slot])
        log_price = fold_bar(normals[i], mean, sd, log_price, opened, prices[:, t])
        opened = prices[_CLOSE, t]
        counts[1] = _end_gaps(prices, t, edges, tags, log, counts[1])
        if _create(prices, t, counts[0], edges, tags, log, counts[1]) != 0:
            counts += 1
        slot = _nearest(opened, t, edges, tags)
        nearest[t] = NONE if slot == NONE else tags[_NUMBER, slot]
    return opened


def draw_gap_world(config: "SyntheticConfig", bars: int, name: str) -> Drawn:
    """Draw one path of five-minute bars.

    Its truth holds, under `hidden`: ``nearest``, the number of the nearest active gap at each
    close, or -1, [bar]; of each gap by number ``birth`` (bar), ``direction``, ``draws``, ``told``
    (a synergy came with it); and ``events`` [event, 4]: bar, event, direction, size.

    Args:
        config: sizes and law.
        bars: how many.
        name: of the path; each of its random streams is its own.
    """
    law = law_of_gaps(config)
    draws = numpy_stream(config.seed, f"{name}/draws").random(bars) < law.share
    right = numpy_stream(config.seed, f"{name}/told").random(bars) < law.accuracy
    prices, nearest = np.empty((4, bars)), np.empty(bars, np.int64)
    log, counts = np.empty((2 * bars, 4)), np.zeros(2, np.int64)
    edges, tags = np.zeros((2, _SLOTS)), np.zeros((3, _SLOTS), np.int64)
    generator = numpy_stream(config.seed, f"{name}/prices")
    opened = config.start_price
    for first in range(0, bars, CHUNK_BARS):
        normals = generator.standard_normal((min(CHUNK_BARS, bars - first), SUB_STEPS))
        known = (law.drift, law.sd), draws, opened, counts, edges, tags, prices, nearest, log
        opened = _draw_bars(normals, first, *known)
    events = log[: counts[1]].copy()
    born = events[events[:, 1] == CREATED]
    birth = born[:, 0].astype(np.int64)
    hidden = {
        "nearest": nearest,
        "events": events,
        "birth": birth,
        "direction": born[:, 2].astype(np.int8),
        "draws": draws[birth],
        "told": draws[birth] == right[birth],
    }
    truth = PathTruth(_drift_next(hidden, law), config.world, law, hidden=hidden)
    volume = np.full(bars, 1_000.0)
    shown = _synergies(hidden, law, bars, numpy_stream(config.seed, f"{name}/types"))
    opens, high, low, close = prices
    return Drawn(Prices(opens, high, low, close, volume), truth, shown=shown)


def _drift_next(hidden: dict[str, NDArray], law: GapLaw) -> NDArray[np.float64]:
    """Return the drift of the bar after each bar: towards the nearest gap, if that draws, [bar]."""
    pull = -law.drift * hidden["direction"] * hidden["draws"]
    return np.append(pull, 0.0)[hidden["nearest"]]


def _synergies(
    hidden: dict[str, NDArray], law: GapLaw, bars: int, generator: np.random.Generator
) -> Shown:
    """Return the synergies, each known from the birth of its gap on and pointing to that gap."""
    birth = hidden["birth"][hidden["told"]]
    return Shown(
        bar=birth,
        type=generator.integers(1, TYPES + 1, bars)[birth],
        direction=-hidden["direction"][hidden["told"]].astype(np.int64),
        confidence=np.full(len(birth), law.belief[1]),
    )
