"""What can be set about features (`features.*`)."""

from dataclasses import dataclass, field
from typing import Any

from grandmodel.core.checks import require, require_choice, require_distinct
from grandmodel.features.extras.catalogue import ALL, EXTRAS, near_matches
from grandmodel.features.mlmi import (
    LABEL_MODES,
    LARGEST_STORE,
    LEAST_EVENTS,
    TEXT_MEMORY,
    Memory,
)
from grandmodel.features.scaling import SCALINGS
from grandmodel.features.synergy import GATES

SLOW_MINUTES, FAST_MINUTES = 30, 5


@dataclass(kw_only=True)
class MlmiConfig:
    """The momentum index (`features.mlmi.*`)."""

    store: str = "1000"
    """How many past events are remembered: a number, or `text` (10 000, 200 neighbours)."""
    label_mode: str = "literal"
    """`literal`: the leg that an event ends; `predictive`: the outcome of the event before."""

    def __post_init__(self) -> None:
        """Refuse values out of range, naming the key."""
        require_choice("features.mlmi.label_mode", self.label_mode, LABEL_MODES)
        number = int(self.store) if self.store.isdecimal() else 0
        require(
            self.store == "text" or LEAST_EVENTS <= number <= LARGEST_STORE,
            f"features.mlmi.store must be text or a number of events in "
            f"[{LEAST_EVENTS}, {LARGEST_STORE}], was {self.store}",
        )

    @property
    def memory(self) -> Memory:
        """The setting as the indicator takes it."""
        if self.store == "text":
            return TEXT_MEMORY
        return Memory(int(self.store), 0)


@dataclass(kw_only=True)
class SynergyConfig:
    """The synergy detector (`features.synergy.*`)."""

    gates: str = "shipped"
    """`shipped`, or `text` for the original thresholds, which hardly ever pass."""

    def __post_init__(self) -> None:
        """Refuse values out of range, naming the key."""
        require_choice("features.synergy.gates", self.gates, GATES)


@dataclass(kw_only=True)
class FeatureConfig:
    """Which columns a tape has and how they are made (`features.*`)."""

    minutes: int = SLOW_MINUTES
    """Length of the bars that are decided on: 30 (the strategic matrix) or 5 (the tactical one)."""
    scaling: str = "shipped"
    """`shipped`, or `text`: running z-scores."""
    temporal: bool = False
    """Whether to add the level inputs that `network=temporal` reads."""
    extra: Any = field(default_factory=list)
    """Extra columns to compute beside those that agents name (docs/columns.md), or `all`."""
    mlmi: MlmiConfig = field(default_factory=MlmiConfig)
    synergy: SynergyConfig = field(default_factory=SynergyConfig)
    own: dict[str, Any] = field(default_factory=dict)
    """Indicators of the user's own by column name, built by `_target_` (docs/extend.md)."""

    def __post_init__(self) -> None:
        """Refuse values out of range, naming the key."""
        require(
            self.minutes in (SLOW_MINUTES, FAST_MINUTES),
            f"features.minutes must be {SLOW_MINUTES} or {FAST_MINUTES}, was {self.minutes}",
        )
        require(
            not (self.fast and self.temporal),
            "features.temporal belongs to features.minutes=30: network=temporal reads half hours",
        )
        require_choice("features.scaling", self.scaling, SCALINGS)
        self.extra = [self.extra] if isinstance(self.extra, str) else list(self.extra or ())
        require_distinct("features.extra", self.extra)
        for name in self.extra:
            require(
                name in (ALL, *EXTRAS),
                f"features.extra: there is no extra column {name}{near_matches(name, EXTRAS)}; "
                "docs/columns.md lists them, all stands for every one",
            )

    @property
    def fast(self) -> bool:
        """Whether decisions are taken on five-minute bars."""
        return self.minutes == FAST_MINUTES
