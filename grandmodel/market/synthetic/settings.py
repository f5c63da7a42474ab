"""Settings of single worlds (`data.<world>.*`); what they share stands in `config`."""

from dataclasses import dataclass

from grandmodel.core.checks import require_between


@dataclass(kw_only=True)
class RealisticConfig:
    """Settings of the world `realistic` (`data.realistic.*`)."""

    drift_bp: float = 0.57  # expected simple return per bar in a trend

    def __post_init__(self) -> None:
        """Refuse what no market can be made of."""
        require_between("data.realistic.drift_bp", self.drift_bp, 0.0, 1_000.0, closed="low")


@dataclass(kw_only=True)
class FlipsConfig:
    """Settings of the world `flips` (`data.flips.*`)."""

    drift_bp: float = 1.7  # largest expected simple return per bar, either way
    momentum_bars: float = 40.0  # 1 / weight of the newest return in the momentum
    width_sds: float = 2.0  # momentum that counts whole, in sds of a random walk's momentum
    confirmed_bars: float = 300.0  # mean stay where momentum goes on
    unconfirmed_bars: float = 300.0  # mean stay where it turns back
    swell: float = 40.0  # factor on volume at whole momentum; its inverse where it turns back
    volume_noise: float = 0.3  # sd of log volume around its expectation

    def __post_init__(self) -> None:
        """Refuse what no market can be made of."""
        require_between("data.flips.drift_bp", self.drift_bp, 0.0, 1_000.0, closed="low")
        for key in ("momentum_bars", "confirmed_bars", "unconfirmed_bars"):
            require_between(f"data.flips.{key}", getattr(self, key), 1.0, float("inf"))
        for key in ("width_sds", "swell"):
            require_between(f"data.flips.{key}", getattr(self, key), 0.0, float("inf"))
        key = "data.flips.volume_noise"
        require_between(key, self.volume_noise, 0.0, 10.0)


@dataclass(kw_only=True)
class NodesConfig:
    """Settings of the world `nodes` (`data.nodes.*`)."""

    drift_bp: float = 1.8  # expected return per bar away from the nearest level that works
    back_bp: float = 0.45  # expected return per bar towards it, farther off than its reach
    spacing_bp: float = 75.0  # mean distance of two levels
    jitter: float = 0.2  # how far a level may lie off its place, in distances
    reach_bp: float = 30.0  # a level pushes off the price where it is nearer than this
    thin_bp: float = 1.0  # bars that come nearer than this are thin
    thin_share: float = 0.01  # volume of a thin bar, as a share of the others'
    memory_bars: int = 46  # a level works so long after it was last traded through

    def __post_init__(self) -> None:
        """Refuse what no market can be made of."""
        for key in ("drift_bp", "back_bp"):
            value = getattr(self, key)
            require_between(f"data.nodes.{key}", value, 0.0, 1_000.0, closed="low")
        for key in ("spacing_bp", "reach_bp"):
            require_between(f"data.nodes.{key}", getattr(self, key), 0.0, float("inf"))
        require_between("data.nodes.thin_bp", self.thin_bp, 0.0, float("inf"), closed="low")
        require_between("data.nodes.thin_share", self.thin_share, 0.0, 1.0, closed="high")
        require_between("data.nodes.jitter", self.jitter, 0.0, 1.0, closed="both")
        require_between("data.nodes.memory_bars", self.memory_bars, 1, 1_000, closed="both")
