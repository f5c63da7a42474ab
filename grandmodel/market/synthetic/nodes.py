"""World `nodes`: hidden price levels at which little is traded and which push the price off."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.random import numpy_stream
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.path import CHUNK_BARS, SUB_STEPS
from grandmodel.market.synthetic.world import Drawn, PathTruth, prices_of_logs

BP = 1e-4
SHIFTS = 4_096  # levels whose places are drawn; then they repeat
NEVER = -(10**9)
VOLUME = 1_000.0  # of a bar whose range is one sd


@dataclass(frozen=True)
class NodesLaw:
    """Levels and what they do; all lengths are log prices.

    Source: `docs/definitions.md`, Synthetic markets.
    """

    drift: float  # away from the nearest level that works, within reach
    back: float  # towards it, farther off
    sd: float
    spacing: float
    reach: float
    thin: float
    thin_share: float
    memory_bars: int
    shift: NDArray[np.float64]  # [4 096] level k lies at (k + shift[k mod 4 096]) x spacing

    @property
    def levels(self) -> tuple[tuple[float, ...], NDArray[np.float64], int]:
        """All but the noise, as the compiled loops take it."""
        lengths = (self.drift, self.back, self.spacing, self.reach, self.thin)
        return lengths, self.shift, self.memory_bars


def nodes_law(config: SyntheticConfig, name: str) -> NodesLaw:
    """Return the law of a path; its levels are hidden and its own."""
    own = config.nodes
    shift = own.jitter * (numpy_stream(config.seed, f"{name}/levels").random(SHIFTS) - 0.5)
    return NodesLaw(
        drift=own.drift_bp * BP,
        back=own.back_bp * BP,
        sd=config.sd_bp * BP,
        spacing=own.spacing_bp * BP,
        reach=own.reach_bp * BP,
        thin=own.thin_bp * BP,
        thin_share=own.thin_share,
        memory_bars=own.memory_bars,
        shift=shift,
    )


@njit(cache=True)
def level_at(k, spacing, shift):  # pragma: no cover - compiled
    """Return the log price of level k."""
    return (k + shift[k % shift.size]) * spacing


@njit(cache=True)
def expected_move(t, price, levels, seen):  # pragma: no cover - compiled
    """Return the expected return of the bar after bar t, which closed at the log ``price``.

    ``seen`` is what `note_levels` wrote: a level works where both sides were traded lately.
    """
    (drift, back, spacing, reach, _), shift, memory_bars = levels
    middle = int(np.floor(price / spacing + 0.5))
    away = np.inf  # from the nearest level that works, signed
    for k in range(middle - 1, middle + 2):
        oldest = min(seen[0, k % shift.size], seen[1, k % shift.size])
        distance = price - level_at(k, spacing, shift)
        if t - oldest < memory_bars and abs(distance) < abs(away):
            away = distance
    if np.isinf(away):
        return 0.0
    side = 1.0 if away >= 0.0 else -1.0
    return side * (drift if abs(away) < reach else -back)


@njit(cache=True)
def note_levels(t, low, high, levels, seen):  # pragma: no cover - compiled
    """Tell whether bar t came near a level; else note below and above which levels it traded.

    ``seen`` is (below, above) [2, 4 096]: the last bar of full volume on that side of a level.
    """
    (_, _, spacing, _, thin), shift, _ = levels
    first = int(np.floor(low / spacing)) - 2
    last = int(np.ceil(high / spacing)) + 2
    for k in range(first, last + 1):
        if low - thin < level_at(k, spacing, shift) < high + thin:
            return True
    for k in range(first, last + 1):
        side = 1 if low > level_at(k, spacing, shift) else 0
        seen[side, k % shift.size] = t
    return False


@njit(cache=True)
def _fold(normals, first, numbers, levels, state, seen, columns):  # pragma: no cover - compiled
    """Run the bars of a chunk in logs; `state` is (log price, drift of the next bar)."""
    sd, thin_share = numbers
    high, low, close, volume, ahead = columns
    steps = normals.shape[1]
    scale = sd / np.sqrt(steps)
    for t in range(normals.shape[0]):
        shift_per_step = (np.log1p(state[1]) - 0.5 * sd * sd) / steps
        top = bottom = state[0]
        for i in range(steps):
            state[0] += shift_per_step + scale * normals[t, i]
            top = max(top, state[0])
            bottom = min(bottom, state[0])
        high[t], low[t], close[t] = top, bottom, state[0]
        near = note_levels(first + t, bottom, top, levels, seen)
        volume[t] = VOLUME * ((top - bottom) / sd) ** 2 * (thin_share if near else 1.0)
        state[1] = expected_move(first + t, state[0], levels, seen)
        ahead[t] = state[1]


def draw_nodes(config: SyntheticConfig, bars: int, name: str) -> Drawn:
    """Draw one path of the world `nodes`; ``name`` names its random streams."""
    law = nodes_law(config, name)
    numbers = np.array([law.sd, law.thin_share])
    high, low, close, volume, ahead = (np.empty(bars) for _ in range(5))
    seen = np.full((2, SHIFTS), NEVER)
    state = np.array([np.log(config.start_price), 0.0])
    generator = numpy_stream(config.seed, f"{name}/prices")
    for start in range(0, bars, CHUNK_BARS):
        part = slice(start, min(start + CHUNK_BARS, bars))
        normals = generator.standard_normal((part.stop - start, SUB_STEPS))
        columns = (high[part], low[part], close[part], volume[part], ahead[part])
        _fold(normals, start, numbers, law.levels, state, seen, columns)
    prices = prices_of_logs(high, low, close, config.start_price, volume)
    return Drawn(prices, PathTruth(ahead, config.world, law))
