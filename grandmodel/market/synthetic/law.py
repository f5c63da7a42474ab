"""The law of a planted world: what a filter that knows its parameters knows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grandmodel.market.synthetic.config import SyntheticConfig

UP, DOWN, SIDEWAYS, VOLATILE = 0, 1, 2, 3
BP = 1e-4


@dataclass(frozen=True)
class RegimeLaw:
    """A Markov chain of regimes, each with a drift and an sd per bar.

    Source: `docs/definitions.md`, Synthetic markets.
    """

    drift: NDArray[np.float64]  # [regime] expected simple return per bar, a fraction
    sd: NDArray[np.float64]  # [regime] sd of the log return per bar, a fraction
    mean_duration_bars: float

    @property
    def count(self) -> int:
        """Number of regimes."""
        return len(self.drift)

    @property
    def transition(self) -> NDArray[np.float64]:
        """Probability of regime j at bar t+1 given i at bar t, shape [regime, regime]."""
        if self.count == 1:
            return np.ones((1, 1))
        leave = 1.0 / self.mean_duration_bars
        table = np.full((self.count, self.count), leave / (self.count - 1))
        np.fill_diagonal(table, 1.0 - leave)
        return table

    @property
    def log_mean(self) -> NDArray[np.float64]:
        """Mean of the log return that makes the expected simple return equal the drift."""
        return np.log1p(self.drift) - 0.5 * self.sd**2


def drift_of_half_cost(config: SyntheticConfig) -> float:
    """Drift per bar that earns ``edge_share`` of a round trip's cost over a mean stay.

    A round trip trades two units, so it costs 2 x cost_bps; a regime lasts mean_duration_bars on
    average, and geometric stays have no memory, so nobody can expect more of a trend than
    drift x mean_duration_bars, however early it is recognised.
    """
    return config.edge_share * 2.0 * config.cost_bps * BP / config.mean_duration_bars


def drift_of_trend(config: SyntheticConfig) -> float:
    """Drift per bar of a trend where the world says nothing else."""
    return config.drift_bp * BP


def drift_of_realistic(config: SyntheticConfig) -> float:
    """Drift per bar of a trend that a filter can trade with a Sharpe ratio of about 1.5."""
    return config.realistic.drift_bp * BP


DRIFTS = {"half_cost": drift_of_half_cost, "realistic": drift_of_realistic}


def law_of(config: SyntheticConfig) -> RegimeLaw:
    """Return the law of ``config.world``."""
    if config.world == "random_walk":
        return RegimeLaw(np.zeros(1), np.array([config.sd_bp * BP]), config.mean_duration_bars)
    drift = DRIFTS.get(config.world, drift_of_trend)(config)
    factors = np.array([1.0, 1.0, config.quiet_factor, config.volatile_factor])
    return RegimeLaw(
        np.array([drift, -drift, 0.0, 0.0]),
        config.sd_bp * BP * factors,
        config.mean_duration_bars,
    )
