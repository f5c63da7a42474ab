"""World `flips`: momentum goes on where volume goes with it, and turns back where it does not."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.random import numpy_stream
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.path import CHUNK_BARS, SUB_STEPS
from grandmodel.market.synthetic.world import Drawn, PathTruth, prices_of_logs

CONFIRMED, UNCONFIRMED = 0, 1
BP = 1e-4
VOLUME = 1_000.0


@dataclass(frozen=True)
class FlipsLaw:
    """Momentum with a sign per regime, and the volume that tells the regimes apart.

    Source: `docs/definitions.md`, Synthetic markets.
    """

    drift: float  # largest drift, a fraction
    sd: float  # of the log return per bar, a fraction
    alpha: float  # weight of the newest log return in the momentum
    width: float  # momentum that counts whole, a fraction
    leave: tuple[float, float]  # probability of leaving (confirmed, unconfirmed) at a bar
    swell: float  # log of how much volume a whole momentum adds or takes away
    noise: float  # sd of log volume around its expectation

    @property
    def first_unconfirmed(self) -> float:
        """Stationary probability of the regime in which momentum turns back."""
        return self.leave[CONFIRMED] / sum(self.leave)


def flips_law(config: SyntheticConfig) -> FlipsLaw:
    """Return the law of the world."""
    own, sd, alpha = config.flips, config.sd_bp * BP, 1.0 / config.flips.momentum_bars
    return FlipsLaw(
        drift=own.drift_bp * BP,
        sd=sd,
        alpha=alpha,
        width=own.width_sds * sd * float(np.sqrt(alpha / (2.0 - alpha))),
        leave=(1.0 / own.confirmed_bars, 1.0 / own.unconfirmed_bars),
        swell=float(np.log(own.swell)),
        noise=own.volume_noise,
    )


@njit(cache=True)
def _walk(leaves, first, leave):  # pragma: no cover - compiled
    """Follow the two regimes: leave where the uniform draw lies below the regime's `leave`."""
    regime = np.empty(len(leaves), np.int8)
    here = first
    for t in range(len(leaves)):
        if t > 0 and leaves[t] < leave[here]:
            here = 1 - here
        regime[t] = here
    return regime


@njit(cache=True)
def step_momentum(momentum, log_return, alpha, width):  # pragma: no cover - compiled
    """Return the momentum after a bar and what of it counts, within +-1."""
    momentum += alpha * (log_return - momentum)
    return momentum, min(max(momentum / width, -1.0), 1.0)


@njit(cache=True)
def _fold(normals, sign, numbers, state, high, low, close, lean):  # pragma: no cover - compiled
    """Run the bars of a chunk in logs; `state` is (log price, momentum, what of it counts).

    `lean[t]` is what of the momentum counts at the close of bar t.
    """
    drift, sd, alpha, width = numbers
    steps = normals.shape[1]
    scale = sd / np.sqrt(steps)
    for t in range(normals.shape[0]):
        begin = state[0]
        shift = (np.log1p(sign[t] * drift * state[2]) - 0.5 * sd * sd) / steps
        top = bottom = begin
        for i in range(steps):
            state[0] += shift + scale * normals[t, i]
            top = max(top, state[0])
            bottom = min(bottom, state[0])
        high[t], low[t], close[t] = top, bottom, state[0]
        state[1], state[2] = step_momentum(state[1], state[0] - begin, alpha, width)
        lean[t] = state[2]


def draw_kinds(law: FlipsLaw, bars: int, seed: int, name: str) -> NDArray[np.int8]:
    """Return the regime of each bar, int8 [bar]; a longer path begins like a shorter one."""
    first = int(numpy_stream(seed, f"{name}/first regime").random() < law.first_unconfirmed)
    leaves = numpy_stream(seed, f"{name}/leave").random(bars)
    return _walk(leaves, first, np.array(law.leave))


def sign_of(regime: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return +1 where momentum goes on and -1 where it turns back, [bar]."""
    return np.where(regime == CONFIRMED, 1.0, -1.0)


def draw_flips(config: SyntheticConfig, bars: int, name: str) -> Drawn:
    """Draw one path of the world `flips`; ``name`` names its random streams."""
    law = flips_law(config)
    regime = draw_kinds(law, bars + 1, config.seed, name)
    sign = sign_of(regime)
    numbers = np.array([law.drift, law.sd, law.alpha, law.width])
    high, low, close, lean = (np.empty(bars) for _ in range(4))
    generator = numpy_stream(config.seed, f"{name}/prices")
    state = np.array([np.log(config.start_price), 0.0, 0.0])
    for start in range(0, bars, CHUNK_BARS):
        part = slice(start, min(start + CHUNK_BARS, bars))
        normals = generator.standard_normal((part.stop - start, SUB_STEPS))
        _fold(normals, sign[part], numbers, state, high[part], low[part], close[part], lean[part])
    before = np.concatenate([[0.0], np.abs(lean[:-1])])
    noise = numpy_stream(config.seed, f"{name}/volume").standard_normal(bars)
    volume = VOLUME * np.exp(law.swell * sign[:bars] * before + law.noise * noise)
    prices = prices_of_logs(high, low, close, config.start_price, volume)
    drift_next = law.drift * lean * sign[1:]
    return Drawn(prices, PathTruth(drift_next, config.world, law, regime[:bars]))
