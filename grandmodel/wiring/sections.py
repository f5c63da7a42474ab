"""The configuration sections that belong to the wiring itself: hardware, loggers, folders."""

from dataclasses import dataclass, field
from math import inf
from typing import Any

from grandmodel.core.checks import require, require_between, require_choice, require_distinct


@dataclass(kw_only=True)
class TrainerConfig:
    """Hardware profile: where to compute and in which precision."""

    accelerator: str = "cpu"
    devices: int = 1
    precision: str = "32-true"
    threads: int | None = None  # CPU threads; null leaves torch's choice

    def __post_init__(self) -> None:
        """Refuse what no profile can mean."""
        require_choice("trainer.accelerator", self.accelerator, ("cpu", "gpu"))
        precisions = ("32-true", "bf16-mixed", "16-mixed")
        require_choice("trainer.precision", self.precision, precisions)
        require(self.devices == 1, f"trainer.devices must be 1, was {self.devices}")
        require(
            self.threads is None or self.threads >= 1,
            f"trainer.threads must be at least 1 or null, was {self.threads}",
        )


@dataclass(kw_only=True)
class LoggerConfig:
    """Where curves of the training go, beside the run folder's own files."""

    kind: str = "csv"
    mode: str = "online"
    project: str = "grandmodel"
    group: str | None = None
    tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse unknown loggers and modes, and tags given twice."""
        require_choice("logger.kind", self.kind, ("csv", "tensorboard", "wandb", "none"))
        require_choice("logger.mode", self.mode, ("online", "offline", "disabled"))
        require_distinct("logger.tags", self.tags)


@dataclass(kw_only=True)
class CallbacksConfig:
    """What watches over a training."""

    progress: bool = True
    early_stopping_patience: int | None = None  # validations without a better one; null: never
    checkpoint_every_s: float = 10.0
    monitor_updates: int = 20  # updates over which convergence and trends are told; 0: not at all

    def __post_init__(self) -> None:
        """Refuse patience below one validation and times that are negative or have no end."""
        patience = self.early_stopping_patience
        require(
            patience is None or patience >= 1,
            f"callbacks.early_stopping_patience must be at least 1 or null, was {patience}",
        )
        every = self.checkpoint_every_s
        require_between("callbacks.checkpoint_every_s", every, 0.0, inf, closed="low")
        updates = self.monitor_updates
        require(
            updates == 0 or updates >= 3,
            f"callbacks.monitor_updates must be 0 or at least 3, was {updates}",
        )


@dataclass(kw_only=True)
class InstrumentConfig:
    """Contract facts that the user gives; a name of null means: found from the file's name.

    A key left at null keeps the value of :class:`grandmodel.market.instruments.Instrument`.
    """

    name: str | None = None
    tick: float | None = None
    multiplier: float | None = None
    lot: float | None = None
    commission: float | None = None
    fee_bps: float | None = None
    half_spread_ticks: float | None = None
    half_spread_bps: float | None = None
    slippage_ticks: float | None = None
    slippage_bps: float | None = None
    maker_fee_bps: float | None = None
    swap_long_ticks: float | None = None
    swap_short_ticks: float | None = None
    swap_triple: str | None = None
    funding_bps: float | None = None
    funding_hours: int | None = None
    roll_months: str | None = None
    roll_expiry: str | None = None
    roll_days: int | None = None
    costs: list[dict[str, Any]] | None = None
    initial_margin: float | None = None
    maintenance_margin: float | None = None
    calendar: str | None = None
    timezone: str | None = None
    long_only: bool | None = None
    edge: str | None = None
    volume: str | None = None
    sessions_per_year: float | None = None

    def given(self) -> dict[str, Any]:
        """Return the keys that are set."""
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass(kw_only=True)
class PathsConfig:
    """Folders, relative to where the command is started."""

    output: str = "outputs"
    cache: str = "outputs/cache"
    ledger: str = "outputs/ledger.jsonl"
