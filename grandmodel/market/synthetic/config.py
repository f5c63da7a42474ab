"""What a synthetic market is made of: the planted-world part of the configuration."""

from dataclasses import dataclass, field

from grandmodel.core.checks import require, require_between, require_choice
from grandmodel.market.synthetic.effect_config import GapWorldConfig, SynergyWorldConfig
from grandmodel.market.synthetic.monte_carlo_config import GarchConfig, JumpConfig
from grandmodel.market.synthetic.settings import FlipsConfig, NodesConfig, RealisticConfig

WORLD_NAMES = (  # of `worlds.WORLDS`
    "regimes",
    "half_cost",
    "textured",
    "random_walk",
    "realistic",
    "flips",
    "nodes",
    "gbm",
    "garch",
    "jumps",
    "synergies",
    "gaps",
)
WINDOW_BARS = 48  # a window never reaches into the path before
LATEST_TOTAL_BARS = 3_000_000  # one calendar runs through all paths and must end before 2262


@dataclass(kw_only=True)
class SyntheticConfig:
    """A planted world and its sizes; a path is one uninterrupted stretch of bars.

    Source: `docs/definitions.md`, Synthetic markets.
    """

    world: str = "regimes"  # one of WORLD_NAMES
    leak: str = "none"  # none | all | the one agent that sees the planted look into the future
    seed: int = 0
    train_bars: int = 200_000
    validation_paths: int = 4
    validation_bars: int = 20_000
    test_paths: int = 8
    test_bars: int = 30_000
    warmup_bars: int = 600  # of each path: known to the features, never decided on
    drift_bp: float = 1.5  # expected simple return per bar in a trend
    sd_bp: float = 11.0  # sd of the return per bar in a trend
    quiet_factor: float = 0.8  # sd in the sideways regime, in units of sd_bp
    volatile_factor: float = 2.0  # sd in the volatile regime, in units of sd_bp
    mean_duration_bars: float = 200.0
    edge_share: float = 0.5  # half_cost: drift over a mean stay / cost of a round trip
    cost_bps: float = 1.0  # per unit traded
    half_spread_bps: float = 0.0  # half the spread, paid on top of it by market orders
    start_price: float = 100.0
    garch: GarchConfig = field(default_factory=GarchConfig)  # read by world garch
    jumps: JumpConfig = field(default_factory=JumpConfig)  # read by world jumps
    synergies: SynergyWorldConfig = field(default_factory=SynergyWorldConfig)
    gaps: GapWorldConfig = field(default_factory=GapWorldConfig)
    realistic: RealisticConfig = field(default_factory=RealisticConfig)  # read by world realistic
    flips: FlipsConfig = field(default_factory=FlipsConfig)  # read by world flips
    nodes: NodesConfig = field(default_factory=NodesConfig)  # read by world nodes

    def __post_init__(self) -> None:
        """Refuse what no market can be made of."""
        require_choice("data.world", self.world, WORLD_NAMES)
        require(bool(self.leak), "data.leak must be none, all or the name of an agent, was empty")
        require(self.seed >= 0, f"data.seed must not be negative, was {self.seed}")
        for key in ("train_bars", "validation_bars", "test_bars"):
            value = getattr(self, key)
            floor = self.warmup_bars + 2
            require(value >= floor, f"data.{key} must be at least {floor}, was {value}")
        for key in ("validation_paths", "test_paths"):
            value = getattr(self, key)
            require(value >= 1, f"data.{key} must be at least 1, was {value}")
        require(
            self.warmup_bars >= WINDOW_BARS,
            f"data.warmup_bars must be at least the 48 bars of a window, was {self.warmup_bars}",
        )
        require(
            self.total_bars <= LATEST_TOTAL_BARS,
            f"data asks for {self.total_bars} bars in all, at most {LATEST_TOTAL_BARS} "
            "fit the calendar: lower train_bars, validation_paths, test_paths or their bars",
        )
        for key in ("sd_bp", "quiet_factor", "volatile_factor", "start_price"):
            require_between(f"data.{key}", getattr(self, key), 0.0, float("inf"))
        for key in ("cost_bps", "half_spread_bps", "edge_share", "drift_bp"):
            value = getattr(self, key)
            require_between(f"data.{key}", value, 0.0, 1_000.0, closed="low")
        duration = self.mean_duration_bars
        require_between("data.mean_duration_bars", duration, 1.0, float("inf"))

    @property
    def total_bars(self) -> int:
        """Bars of all paths together."""
        return (
            self.train_bars
            + self.validation_paths * self.validation_bars
            + self.test_paths * self.test_bars
        )
