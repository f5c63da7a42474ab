"""What moves the price of worlds `synergies` and `gaps`."""

from dataclasses import dataclass

from grandmodel.core.checks import require, require_between


@dataclass(kw_only=True)
class SynergyWorldConfig:
    """World `synergies` (`data.synergies.*`)."""

    drift_bp: float = 1.0  # expected simple return per bar in the direction of a synergy
    bars: int = 48  # how many bars it lasts

    def __post_init__(self) -> None:
        """Refuse values out of range, naming the key."""
        require_between("data.synergies.drift_bp", self.drift_bp, 0.0, 1_000.0, closed="low")
        require(self.bars >= 1, f"data.synergies.bars must be at least 1, was {self.bars}")


@dataclass(kw_only=True)
class GapWorldConfig:
    """World `gaps` (`data.gaps.*`)."""

    drift_bp: float = 2.0  # expected simple return per bar towards a gap that draws
    share: float = 0.7  # of gaps that draw
    accuracy: float = 0.8  # how often a synergy, or its absence, tells rightly whether one draws

    def __post_init__(self) -> None:
        """Refuse values out of range, naming the key."""
        require_between("data.gaps.drift_bp", self.drift_bp, 0.0, 1_000.0, closed="low")
        require_between("data.gaps.share", self.share, 0.0, 1.0)
        require_between("data.gaps.accuracy", self.accuracy, 0.0, 1.0)
