"""World `synergies`: half hours that drift after a synergy and at no other time.

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
from grandmodel.market.synthetic.timetable import MINUTES, open_times
from grandmodel.market.synthetic.world import Drawn, PathTruth, Prices, Watch

if TYPE_CHECKING:
    from grandmodel.market.synthetic.config import SyntheticConfig

FINE_MINUTES = 5
FINE_BARS = MINUTES // FINE_MINUTES
STEPS = SUB_STEPS // FINE_BARS  # of a finer bar
VOLUME = 1_000.0  # of a bar on the decision clock


@dataclass(frozen=True)
class SynergyLaw:
    """What a synergy does to the bars after it; effects of several add up."""

    drift: float  # expected simple return per bar in its direction, a fraction
    bars: int  # how many bars it lasts
    sd: float  # of the log return of a bar, a fraction


def law_of_synergies(config: "SyntheticConfig") -> SynergyLaw:
    """Return the law that ``config`` describes."""
    return SynergyLaw(config.synergies.drift_bp * BP, config.synergies.bars, config.sd_bp * BP)


def recent_synergies(direction: NDArray[np.int8], bars: int) -> NDArray[np.float64]:
    """Return the sum of the directions shown at the last ``bars`` closes, [bar].

    Args:
        direction: of the synergy shown at each close, -1, 0 or 1, [bar].
        bars: how many closes, the present one included.
    """
    started = np.cumsum(direction, dtype=np.int64)
    ended = np.concatenate([np.zeros(bars, np.int64), started])[: len(direction)]
    return (started - ended).astype(np.float64)


def drift_left(direction: NDArray[np.int8], law: SynergyLaw) -> NDArray[np.float64]:
    """Return what the synergies shown so far still have to move, in sum, float64 [bar].

    After one synergy it falls from `bars` drifts to none, so a position can be left in time.
    """
    left = law.drift * np.arange(law.bars, 0, -1.0)
    return np.convolve(direction, left)[: len(direction)]


@njit(cache=True)
def _fold(normals, mean, sd, log_price, opened, fine):  # pragma: no cover - compiled
    """Fold the finer bars of one decision bar into ``fine`` [4, fine bar], the first at opened."""
    for i in range(normals.shape[0]):
        log_price = fold_bar(normals[i], mean, sd, log_price, opened, fine[:, i])
        opened = fine[3, i]
    return log_price


def draw_synergy_world(config: "SyntheticConfig", bars: int, name: str, watch: Watch) -> Drawn:
    """Draw one path; ``watch`` sees each bar as it closes, and its word moves the bars after.

    Args:
        config: sizes and law.
        bars: on the decision clock.
        name: of the path; its random stream is its own.
        watch: a fresh one.
    """
    law = law_of_synergies(config)
    direction = np.zeros(bars, np.int8)
    fine = np.empty((4, bars * FINE_BARS))
    times = open_times(0, bars)
    generator = numpy_stream(config.seed, f"{name}/prices")
    log_price, price = float(np.log(config.start_price)), config.start_price
    sd = law.sd / np.sqrt(FINE_BARS)
    active = 0
    for t in range(bars):
        if t % CHUNK_BARS == 0:
            normals = generator.standard_normal((min(CHUNK_BARS, bars - t), FINE_BARS, STEPS))
        mean = np.log1p(law.drift * active / FINE_BARS) - 0.5 * sd**2
        here = fine[:, t * FINE_BARS : (t + 1) * FINE_BARS]
        log_price = _fold(normals[t % CHUNK_BARS], mean, sd, log_price, price, here)
        price = here[3, -1]
        direction[t] = watch(times[t], *here)
        active += int(direction[t])
        if t >= law.bars:
            active -= int(direction[t - law.bars])
    recent = recent_synergies(direction, law.bars)
    truth = PathTruth(law.drift * recent, config.world, law, hidden={"synergy": direction})
    opens, high, low, close = fine
    finest = Prices(opens, high, low, close, np.full(bars * FINE_BARS, VOLUME / FINE_BARS))
    return Drawn(_joined(finest), truth, finest, {"recent_synergies": recent})


def _joined(fine: Prices) -> Prices:
    """Return the bars of the decision clock that finer bars add up to."""
    return Prices(
        fine.open[::FINE_BARS].copy(),
        fine.high.reshape(-1, FINE_BARS).max(axis=1),
        fine.low.reshape(-1, FINE_BARS).min(axis=1),
        fine.close[FINE_BARS - 1 :: FINE_BARS].copy(),
        np.add.reduceat(fine.volume, np.arange(0, len(fine.volume), FINE_BARS)),
    )
