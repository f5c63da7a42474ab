"""The closed configuration: one dataclass per command, one section per room."""

from dataclasses import dataclass, field, fields, replace

from grandmodel.core.checks import UserError, require, require_choice
from grandmodel.envs.config import EnvConfig, RewardConfig
from grandmodel.evaluation.config import EvaluationConfig
from grandmodel.features.config import FeatureConfig
from grandmodel.learning.config import AlgorithmConfig
from grandmodel.market.config import DataConfig
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.systems.config import AgentConfig, NetworkConfig
from grandmodel.wiring.sections import (
    CallbacksConfig,
    InstrumentConfig,
    LoggerConfig,
    PathsConfig,
    TrainerConfig,
)

# of the data section, by readers and planted worlds alike
READ_BY_ALL = ("kind", "cache", "stress")


@dataclass(kw_only=True)
class DataSection(DataConfig, SyntheticConfig):
    """Bars of a file or of a planted world: `data.kind` says which keys are read."""

    def __post_init__(self) -> None:
        """Run the checks of both parts."""
        DataConfig.__post_init__(self)
        SyntheticConfig.__post_init__(self)
        if self.kind == "synthetic":
            self._refuse_reader_keys()

    def _refuse_reader_keys(self) -> None:
        """Refuse what only readers of files look at: nobody would notice that it was ignored."""
        usual = DataConfig()
        for key in (item.name for item in fields(DataConfig)):
            value = getattr(self, key)
            if key == "split":  # stretches lie on any history
                value = replace(value, stretches={}, name=None)
            read = key in READ_BY_ALL or (key == "on_defect" and self.stress is not None)
            if not read and value != getattr(usual, key):
                given = "data.split" if key == "split" else f"data.{key}={value}"
                raise UserError(
                    f"{given} is given but data=synthetic reads no file: write data=auto, or "
                    "the format such as data=csv"
                )


@dataclass(kw_only=True)
class MarketSections:
    """What every command needs to read bars and make features."""

    data: DataSection = field(default_factory=DataSection)
    instrument: InstrumentConfig = field(default_factory=InstrumentConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)


@dataclass(kw_only=True)
class TrainConfig(MarketSections):
    """Everything `train.py` reads; also what `config.yaml` of a run holds."""

    env: EnvConfig = field(default_factory=EnvConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    algorithm: AlgorithmConfig = field(default_factory=AlgorithmConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    callbacks: CallbacksConfig = field(default_factory=CallbacksConfig)
    total_steps: int = 600_000
    seed: int = 0
    judge: str = (
        "auto"  # which split the end is judged on; auto: test of a planted world, else validation
    )
    init_from: str | None = None  # a run whose weights this one starts from
    allow_overlap: bool = False  # select and judge on bars that those weights were made from

    def __post_init__(self) -> None:
        """Check the keys of the top level."""
        require(self.total_steps >= 1, f"total_steps must be at least 1, was {self.total_steps}")
        require(self.seed >= 0, f"seed must not be negative, was {self.seed}")
        require_choice("judge", self.judge, ("auto", "validation", "test"))


@dataclass(kw_only=True)
class InspectConfig(MarketSections):
    """Everything `python -m grandmodel.commands.inspect` reads."""

    out: str | None = None  # folder to write into; null: a new one under outputs/inspect


@dataclass(kw_only=True)
class LedgerFilter:
    """Which lines of the ledger are meant, `where.*`."""

    kind: str | None = None  # train, evaluate, backtest, environment or damaged
    split: str | None = None
    data: str | None = None  # beginning of a fingerprint of bars, or the name of an instrument
    agent: str | None = None
    config: str | None = None  # beginning of a hash of settings
    seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse a seed that no run has."""
        given = self.seed is None or self.seed >= 0
        require(given, f"where.seed must not be negative, was {self.seed}")


@dataclass(kw_only=True)
class LedgerConfig:
    """Everything `python -m grandmodel.commands.ledger` reads."""

    paths: PathsConfig = field(default_factory=PathsConfig)
    where: LedgerFilter = field(default_factory=LedgerFilter)
    last: int = 20  # lines shown; 0: all
    out: str | None = None  # file of all lines found, .csv or .parquet

    def __post_init__(self) -> None:
        """Check what can be told without the ledger."""
        require(self.last >= 0, f"last must not be negative, was {self.last}; 0 shows all lines")


@dataclass(kw_only=True)
class WandbReportConfig:
    """Everything `python -m grandmodel.commands.wandb_report` reads."""

    paths: PathsConfig = field(default_factory=PathsConfig)
    runs: str | None = None  # folder of a run, or a pattern of several
    project: str = "grandmodel"  # of Weights & Biases
    entity: str | None = None  # whose it is; null: the account's own
    title: str | None = None  # null: how many runs
    out: str | None = None  # folder of the local copy; null: a new one under outputs/wandb_report

    def __post_init__(self) -> None:
        """Refuse a project without a name."""
        require(bool(self.project), "project must not be empty; give a project of Weights & Biases")
