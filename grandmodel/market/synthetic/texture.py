"""What makes a planted world look like a market: volatility clusters, the day's shape, volume."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.random import numpy_stream

BARS_PER_DAY = 46


@njit(cache=True)
def _autoregression(innovations, persistence, first):  # pragma: no cover - compiled
    out = np.empty(len(innovations))
    state = first
    for t in range(len(innovations)):
        state = persistence * state + innovations[t]
        out[t] = state
    return out


@dataclass(frozen=True)
class Texture:
    """Log volatility as a slow autoregression times a daily shape; volume follows both.

    Source: `docs/definitions.md`, Synthetic markets.
    """

    persistence: float = 0.995  # of log volatility per bar: half-life of three days
    log_sd: float = 0.35  # stationary sd of log volatility
    mean_volume: float = 1_000.0
    volume_noise: float = 0.35  # sd of log volume around its expectation

    def day_shape(self) -> NDArray[np.float64]:
        """Return the volatility of each half hour of the day, root mean square 1, shape [46]."""
        hour = (np.arange(BARS_PER_DAY) + 0.5) / 2.0
        europe = 0.6 * np.exp(-0.5 * ((hour - 8.0) / 1.2) ** 2)
        america = 1.4 * np.exp(-0.5 * ((hour - 14.5) / 1.3) ** 2)
        evening = 0.7 * np.exp(-0.5 * ((hour - 20.0) / 0.9) ** 2)
        shape = 0.55 + europe + america + evening
        return shape / np.sqrt(np.mean(shape**2))

    def draw(
        self, bars: int, seed: int, name: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the factor on the sd and the volume of each bar, both [bar].

        The factor's mean square is 1, so a textured world moves as much as a plain one.
        """
        generator = numpy_stream(seed, f"{name}/volatility")
        first = self.log_sd * generator.standard_normal()
        scale = self.log_sd * np.sqrt(1.0 - self.persistence**2)
        log_factor = _autoregression(
            scale * generator.standard_normal(bars), self.persistence, first
        )
        clustered = np.exp(log_factor - self.log_sd**2)
        shape = np.resize(self.day_shape(), bars)
        return clustered * shape, self.draw_volume(clustered, bars, seed, name)

    def draw_volume(
        self, activity: NDArray[np.float64] | float, bars: int, seed: int, name: str
    ) -> NDArray[np.float64]:
        """Return the volume of each bar, at least 1, [bar].

        Args:
            activity: factor on it, 1 on average; one figure or [bar].
            bars: how many.
            seed: `data.seed`.
            name: of the path; the noise comes from its stream ``volume``.
        """
        shape = np.resize(self.day_shape(), bars)
        noise = numpy_stream(seed, f"{name}/volume").standard_normal(bars)
        volume = self.mean_volume * activity * shape**1.5
        volume *= np.exp(self.volume_noise * noise - 0.5 * self.volume_noise**2)
        return np.maximum(1.0, np.round(volume))
