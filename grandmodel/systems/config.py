"""What can be set about a team and its networks; unknown keys are refused by the schema."""

from dataclasses import dataclass, field, replace
from math import isfinite

from grandmodel.core.checks import require, require_between, require_choice, require_distinct
from grandmodel.core.types import ACCOUNT_BLOCK
from grandmodel.decision.aggregation import DECIDE_ON, ROLES
from grandmodel.decision.challenger import EXECUTION_RULES
from grandmodel.decision.executor import EXECUTOR_KINDS
from grandmodel.decision.pool import POOL_MODES
from grandmodel.systems.head import TEMPERATURE_RANGE
from grandmodel.systems.modifiers import MODIFIERS

ENSEMBLE_KINDS = ("record", "performance", "gradient", "fixed")
VOTES = "votes"
CRITIC_VIEWS = ("state", "state_action", "own", "none")


@dataclass(kw_only=True)
class MemberConfig:
    """One agent of a team (`agent.members.<name>`)."""

    inputs: list[str] = field(default_factory=list)
    """Columns read over the last `window_bars` bars."""
    window_bars: int = 48
    context: list[str] = field(default_factory=list)
    """Columns read at the last bar by this agent alone, beside the team's context."""
    initial_weight: float | None = None
    """Share in the pool before training; shares of the active members are scaled to sum 1."""
    modifiers: list[str] = field(default_factory=list)
    """Adjustments of the logits, in the order given: volatility_factor, support_prior."""
    votes: str | None = None
    """What its classes mean in a team that votes: direction, momentum or entry."""
    temperature: float = 1.0
    """Of the agent's distribution when training starts; it is learned from there."""

    def __post_init__(self) -> None:
        """Refuse modifiers that are unknown or named twice, and numbers out of range."""
        for name in self.modifiers:
            require_choice("agent.members.<name>.modifiers", name, tuple(MODIFIERS))
        require_distinct("agent.members.<name>.modifiers", self.modifiers)
        _check_widths("agent.members.<name>.window_bars", [self.window_bars])
        require_between(
            "agent.members.<name>.temperature", self.temperature, *TEMPERATURE_RANGE, closed="both"
        )
        if self.votes is not None:
            require_choice("agent.members.<name>.votes", self.votes, tuple(ROLES))
        if self.initial_weight is not None:
            key = "agent.members.<name>.initial_weight"
            require_between(key, self.initial_weight, 0.0, 1.0, closed="high")


@dataclass(kw_only=True)
class AgentConfig:
    """A team and how its votes become decisions (`agent.*`)."""

    name: str = "strategic"
    world: str = "regimes"
    """Synthetic market that `data=synthetic` draws for it."""
    members: dict[str, MemberConfig] = field(default_factory=dict)
    active: list[str] | None = None
    """Members that take part, in this order; all of them where not given."""
    context: list[str] | None = None
    """Columns that every member reads at the last bar; the six of the matrix where not given."""
    executor: str = "episode"
    pool_every: int = 8
    """One training environment in this many belongs to the pool; 0: none."""
    ensemble_learn: str = "record"
    pool: str = "log"
    execute: str = "challenger"
    gate: float | int | str = "calibrated"
    """`calibrated`, or a probability in [0, 1]."""
    threshold: float | int | str = "calibrated"
    """Of a team that votes (`agent.execute=votes`): `calibrated`, or a score in [0, 1]."""
    decide_on: str = "every_bar"
    """When a team that votes decides: `every_bar`, or `synergy`: as one is complete."""
    max_hold_bars: int = 96
    account: list[str] = field(default_factory=lambda: list(ACCOUNT_BLOCK))
    """What every member sees of the account, of `core.types.ACCOUNT_VALUES`."""

    def __post_init__(self) -> None:
        """Refuse values out of range, naming the key."""
        require_choice("agent.executor", self.executor, EXECUTOR_KINDS)
        require_choice("agent.ensemble_learn", self.ensemble_learn, ENSEMBLE_KINDS)
        require_choice("agent.pool", self.pool, POOL_MODES)
        require_choice("agent.execute", self.execute, (*EXECUTION_RULES, VOTES))
        require_choice("agent.decide_on", self.decide_on, DECIDE_ON)
        require(
            self.decide_on == "every_bar" or self.voting,
            f"agent.decide_on={self.decide_on} is for teams that vote (agent.execute=votes)",
        )
        for key in ("gate", "threshold"):
            value = getattr(self, key)
            if isinstance(value, str):
                require(
                    value == "calibrated",
                    f"agent.{key} must be calibrated or a number in [0, 1], was {value}",
                )
            else:
                require_between(f"agent.{key}", value, 0.0, 1.0, closed="both")
        require(
            self.pool_every >= 0 and self.pool_every != 1,
            f"agent.pool_every must be 0 or at least 2, was {self.pool_every}",
        )
        require(
            self.max_hold_bars >= 1,
            f"agent.max_hold_bars must be at least 1, was {self.max_hold_bars}",
        )
        require_distinct("agent.account", self.account)
        _check_active(self)
        _check_votes(self)
        if self.context is not None:
            require_distinct("agent.context", self.context)

    @property
    def voting(self) -> bool:
        """Whether the team votes instead of pooling its probabilities."""
        return self.execute == VOTES

    @property
    def bar_to_pass(self) -> float | str:
        """The gate of a team that pools, the threshold of one that votes."""
        return self.threshold if self.voting else self.gate

    def passing(self, value: float) -> "AgentConfig":
        """Return the same team with another gate or threshold, whichever it has."""
        return replace(self, **{"threshold" if self.voting else "gate": value})

    @property
    def active_names(self) -> tuple[str, ...]:
        """Names of the members that take part, in order."""
        return tuple(self.members if self.active is None else self.active)


@dataclass(kw_only=True)
class TemporalMemberConfig:
    """Sizes of one agent's sequence trunk (`network.temporal.members.<name>`)."""

    kernels: list[int] = field(default_factory=lambda: [3, 5])
    cell: str = "lstm"
    layers: int = 2
    bidirectional: bool = False
    inputs: list[str] | None = None
    """Columns this agent reads instead of `agent.members.<name>.inputs`."""

    def __post_init__(self) -> None:
        """Refuse even kernels (they would shift the sequence), no kernels, and unknown cells."""
        key = "network.temporal.members.<name>"
        require_choice(f"{key}.cell", self.cell, ("lstm", "gru"))
        require(self.layers >= 1, f"{key}.layers must be at least 1, was {self.layers}")
        odd = all(kernel >= 1 and kernel % 2 == 1 for kernel in self.kernels)
        require(
            odd and len(self.kernels) > 0,
            f"{key}.kernels must be odd and positive, at least one, was {self.kernels}",
        )
        if self.inputs is not None:
            require(
                len(self.inputs) > 0,
                f"{key}.inputs must name at least one column, or be null for those of "
                "agent.members.<name>.inputs, was empty",
            )
            require_distinct(f"{key}.inputs", self.inputs)


@dataclass(kw_only=True)
class TemporalConfig:
    """Sizes of the sequence trunks (`network.temporal.*`)."""

    channels: int = 32
    recurrent: int = 64
    heads: int = 4
    members: dict[str, TemporalMemberConfig] = field(default_factory=dict)
    """By agent name; an agent that is not named gets the defaults."""

    def __post_init__(self) -> None:
        """Refuse empty layers and widths that the attention heads do not divide."""
        for key in ("channels", "recurrent", "heads"):
            value = getattr(self, key)
            require(value >= 1, f"network.temporal.{key} must be at least 1, was {value}")
        require(
            self.recurrent % self.heads == 0,
            f"network.temporal.recurrent must be a multiple of network.temporal.heads "
            f"({self.heads}), was {self.recurrent}",
        )


@dataclass(kw_only=True)
class ConvMemberConfig:
    """One agent's view in `network=conv` (`network.conv.members.<name>`)."""

    attention: list[float] = field(default_factory=list)
    """Factor on each input at the start of training, in their order; equal where empty."""

    def __post_init__(self) -> None:
        """Refuse what is no number."""
        require(
            all(isfinite(weight) for weight in self.attention),
            "network.conv.members.<name>.attention must hold finite numbers, was "
            f"{list(self.attention)}",
        )


@dataclass(kw_only=True)
class ConvConfig:
    """Sizes of the convolutional trunks (`network.conv.*`)."""

    channels: list[int] = field(default_factory=lambda: [32, 64])
    kernel: int = 3
    bins: int = 16
    """Parts of the window whose averages go on."""
    members: dict[str, ConvMemberConfig] = field(default_factory=dict)
    """By agent name; an agent that is not named weighs its inputs equally."""

    def __post_init__(self) -> None:
        """Refuse empty layers."""
        _check_widths("network.conv.channels", self.channels)
        _check_widths("network.conv.bins", [self.bins])
        _check_widths("network.conv.kernel", [self.kernel])


@dataclass(kw_only=True)
class CriticConfig:
    """The value function (`network.critic.*`; `sees` follows `algorithm.critic_sees`)."""

    sees: str = "state"
    kind: str = "mlp"
    hidden: list[int] = field(default_factory=lambda: [128, 64])
    layer_norm: bool = True

    def __post_init__(self) -> None:
        """Refuse unknown kinds and empty layers."""
        require_choice("algorithm.critic_sees", self.sees, CRITIC_VIEWS)
        require_choice("network.critic.kind", self.kind, ("mlp", "residual"))
        _check_widths("network.critic.hidden", self.hidden)


@dataclass(kw_only=True)
class NetworkConfig:
    """Networks of the policies and the critic (`network.*`)."""

    kind: str = "mlp"
    trunk: list[int] = field(default_factory=lambda: [128])
    head: int = 64
    layer_norm: bool = True
    dropout: float = 0.0
    """Rate of the consistent dropout in the heads."""
    learn_temperature: bool = True
    temporal: TemporalConfig = field(default_factory=TemporalConfig)
    conv: ConvConfig = field(default_factory=ConvConfig)
    critic: CriticConfig = field(default_factory=CriticConfig)

    def __post_init__(self) -> None:
        """Refuse values out of range, naming the key."""
        require_choice("network.kind", self.kind, ("mlp", "temporal", "conv"))
        _check_widths("network.trunk", self.trunk)
        _check_widths("network.head", [self.head])
        require_between("network.dropout", self.dropout, 0.0, 1.0, closed="low")


def _check_votes(agent: AgentConfig) -> None:
    """Refuse teams that vote by half."""
    require(
        agent.voting == (agent.executor == VOTES),
        f"agent.execute={VOTES} and agent.executor={VOTES} belong together: a team that is judged "
        f"by its votes learns from them, were {agent.execute} and {agent.executor}",
    )
    if not agent.voting:
        return
    roles = [agent.members[name].votes for name in agent.active_names if name in agent.members]
    require(
        None not in roles and len(set(roles)) == len(roles),
        "agent.members.<name>.votes must give each active member of a voting team a role of its "
        f"own ({', '.join(ROLES)}), were {', '.join(str(role) for role in roles)}",
    )
    require(
        "position" in agent.account,
        "agent.account of a team that votes must hold position, which its orders depend on, was "
        f"{', '.join(agent.account) or 'empty'}",
    )


def _check_active(agent: AgentConfig) -> None:
    known = ", ".join(agent.members)
    for name in agent.active or ():
        require(
            name in agent.members,
            f"agent.active may name members only ({known}), was {name}; add agent.members.{name}",
        )
    if agent.active is not None:
        unique = len(set(agent.active)) == len(agent.active) > 0
        listed = ", ".join(agent.active) or "empty"
        require(unique, f"agent.active must name each member once and at least one, was {listed}")


def _check_widths(key: str, widths: list[int]) -> None:
    good = len(widths) > 0 and all(width >= 1 for width in widths)
    require(good, f"{key} must hold at least one positive width, was {widths}")
