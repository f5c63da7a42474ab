"""Monte Carlo sources: geometric Brownian motion, GARCH and jumps, nothing planted in them.

Source: `docs/definitions.md`, Monte Carlo sources.
"""

from typing import TYPE_CHECKING

import numpy as np
from arch.univariate import GARCH
from numpy.typing import NDArray

from grandmodel.core.random import numpy_stream
from grandmodel.market.synthetic.path import SUB_STEPS, ShapeSteps, walk_prices
from grandmodel.market.synthetic.texture import Texture
from grandmodel.market.synthetic.world import Drawn, PathTruth, Prices

if TYPE_CHECKING:
    from grandmodel.market.synthetic.config import SyntheticConfig

BP = 1e-4
BURN_BARS = 500  # until the variance has forgotten where it began
ROOT_STEPS = np.sqrt(SUB_STEPS)


def draw_gbm(config: "SyntheticConfig", bars: int, name: str) -> Drawn:
    """Draw a geometric Brownian motion with drift_bp and sd_bp per bar."""
    return _drawn(config, bars, name, np.full(bars, config.sd_bp * BP))


def draw_garch(config: "SyntheticConfig", bars: int, name: str) -> Drawn:
    """Draw a GJR-GARCH(1,1); the bar of a large surprise is wide within as well."""
    sigma, normal, mixing = _garch_sigma(config, bars, name)

    def shape(steps: NDArray[np.float64], part: slice) -> NDArray[np.float64]:
        bridge = steps - steps.mean(axis=1, keepdims=True)
        return bridge + normal[part, None] / ROOT_STEPS

    sd = config.sd_bp * BP * sigma
    return _drawn(config, bars, name, sd * mixing, shape=shape, activity=sigma)


def draw_jumps(config: "SyntheticConfig", bars: int, name: str) -> Drawn:
    """Draw Merton's jump diffusion; the jumps of a bar come at one of its sub-steps."""
    law, generator = config.jumps, numpy_stream(config.seed, f"{name}/jumps")
    rate, mean, spread = 1.0 / law.every_bars, law.mean_bp * BP, law.sd_bp * BP
    count = generator.poisson(rate, bars)
    size = numpy_stream(config.seed, f"{name}/jump size").standard_normal(bars)
    jump = count * mean + np.sqrt(count) * spread * size
    when = numpy_stream(config.seed, f"{name}/jump step").integers(SUB_STEPS, size=bars)
    scale = config.sd_bp * BP

    def shape(steps: NDArray[np.float64], part: slice) -> NDArray[np.float64]:
        steps[np.arange(len(steps)), when[part]] += jump[part] * ROOT_STEPS / scale
        return steps

    compensator = rate * np.expm1(mean + 0.5 * spread**2)
    activity = np.sqrt(1.0 + (jump / scale) ** 2)
    sd = np.full(bars, scale)
    return _drawn(config, bars, name, sd, shape=shape, activity=activity, less=compensator)


def _garch_sigma(
    config: "SyntheticConfig", bars: int, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return sd known before each bar (rms 1), its normal surprise and the mixing of Student's t.

    A surprise of Student's t is a normal one times the root of a random variance: given that
    variance the bar is a Brownian motion, so its high and low are as wide as its close is far.
    """
    law, total = config.garch, bars + BURN_BARS
    normal = numpy_stream(config.seed, f"{name}/surprise").standard_normal(total)
    mixing = np.ones(total)
    if law.degrees is not None:
        chi2 = numpy_stream(config.seed, f"{name}/mixing").chisquare(law.degrees, total)
        mixing = np.sqrt((law.degrees - 2.0) / chi2)
    parameters = [1.0 - law.persistence, law.alpha, law.gamma, law.beta]
    _, variance = GARCH(p=1, o=1, q=1).simulate(
        parameters, bars, lambda _: normal * mixing, burn=BURN_BARS
    )
    return np.sqrt(variance), normal[BURN_BARS:], mixing[BURN_BARS:]


def _drawn(
    config: "SyntheticConfig",
    bars: int,
    name: str,
    sd: NDArray[np.float64],
    *,
    shape: ShapeSteps | None = None,
    activity: NDArray[np.float64] | float = 1.0,
    less: float = 0.0,
) -> Drawn:
    """Walk the prices so that the expected simple return of each bar is the drift.

    Args:
        config: drift, seed and start price.
        bars: how many.
        name: of the path.
        sd: of each bar's log return without jumps, [bar].
        shape: what becomes of the normal sub-steps.
        activity: factor on the volume.
        less: what the jumps of a bar add to the expected return, taken off the drift.
    """
    drift = config.drift_bp * BP
    mean = np.log1p(drift) - 0.5 * sd**2 - less
    walked = walk_prices(mean, sd, config.seed, name, config.start_price, shape)
    volume = Texture().draw_volume(activity, bars, config.seed, name)
    return Drawn(Prices(*walked, volume), PathTruth(np.full(bars, drift), config.world, law=None))


def about_gbm(config: "SyntheticConfig") -> str:
    """Say what the source is, in one line."""
    return f"geometric Brownian motion, {_per_bar(config)}"


def about_garch(config: "SyntheticConfig") -> str:
    """Say what the source is, in one line."""
    law = config.garch
    tails = "normal" if law.degrees is None else f"Student's t({law.degrees:g})"
    return (
        f"GJR-GARCH(1,1), {_per_bar(config)}, alpha {law.alpha:g}, gamma {law.gamma:g}, beta "
        f"{law.beta:g}, {tails} surprises"
    )


def about_jumps(config: "SyntheticConfig") -> str:
    """Say what the source is, in one line."""
    law = config.jumps
    return (
        f"Merton's jump diffusion, {_per_bar(config)} without jumps, one jump in "
        f"{law.every_bars:g} bars of mean {law.mean_bp:g} bp and sd {law.sd_bp:g} bp"
    )


def _per_bar(config: "SyntheticConfig") -> str:
    return f"drift {config.drift_bp:g} bp and sd {config.sd_bp:g} bp per half hour"
