"""Parameters of the Monte Carlo sources that are not planted worlds.

Source: `docs/definitions.md`, Monte Carlo sources.
"""

from dataclasses import dataclass

from grandmodel.core.checks import require, require_between

LEAST_DEGREES = 4.0  # of Student's t: below it the sd of a sample says nothing
UNBOUNDED = float("inf")


@dataclass(kw_only=True)
class GarchConfig:
    """GJR-GARCH(1,1) of half-hour returns; the sd that it returns to is `data.sd_bp`."""

    alpha: float = 0.04  # weight of the last squared surprise
    gamma: float = 0.04  # added to it after a fall; 0: plain GARCH(1,1)
    beta: float = 0.93  # weight of the last variance
    degrees: float | None = 8.0  # degrees of freedom of Student's t; null: normal surprises

    def __post_init__(self) -> None:
        """Refuse variances that are negative or never return."""
        for key in ("alpha", "gamma", "beta"):
            require_between(f"data.garch.{key}", getattr(self, key), 0.0, 1.0, closed="low")
        require(
            self.persistence < 1.0,
            "data.garch.alpha + data.garch.gamma / 2 + data.garch.beta must be below 1, or the "
            f"variance never returns to data.sd_bp; it was {self.persistence:g}",
        )
        if self.degrees is not None:
            require_between("data.garch.degrees", self.degrees, LEAST_DEGREES, UNBOUNDED)

    @property
    def persistence(self) -> float:
        """Share of a surprise in the variance that is left one bar later."""
        return self.alpha + self.gamma / 2.0 + self.beta


@dataclass(kw_only=True)
class JumpConfig:
    """Jumps of Merton's diffusion: how often, and how far in logarithms."""

    every_bars: float = 460.0  # mean number of half-hour bars between two jumps
    mean_bp: float = 0.0  # mean of the log jump
    sd_bp: float = 80.0  # sd of the log jump

    def __post_init__(self) -> None:
        """Refuse what no price can do."""
        require_between("data.jumps.every_bars", self.every_bars, 1.0, UNBOUNDED, closed="low")
        require_between("data.jumps.mean_bp", self.mean_bp, -5_000.0, 5_000.0)
        require_between("data.jumps.sd_bp", self.sd_bp, 0.0, 5_000.0, closed="low")
