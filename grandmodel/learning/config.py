"""Settings of the learner; they serve as configuration schema and as argument."""

from dataclasses import dataclass, field
from math import inf

from grandmodel.core.checks import require, require_between, require_choice
from grandmodel.learning.risk import RiskConfig
from grandmodel.systems.config import CRITIC_VIEWS

DEALS = ("rows", "environments")
NORMALISATIONS = ("per_batch", "per_agent", "per_minibatch", "off")
VALUE_LOSSES = ("huber", "mse")


@dataclass(kw_only=True)
class CostCurriculum:
    """Costs charged while training: from ``start`` of the true costs to all of them.

    Attributes:
        start: factor on costs at the first step; 1 switches the curriculum off.
        share: share of training after which the full costs are charged.
    """

    start: float = 0.25
    share: float = 0.25

    def __post_init__(self) -> None:
        """Refuse values outside their ranges."""
        require_between("algorithm.costs.start", self.start, 0.0, 1.0, closed="high")
        require_between("algorithm.costs.share", self.share, 0.0, 1.0, closed="both")

    def scale(self, progress: float) -> float:
        """Return the factor on costs at ``progress``, the share of training done."""
        if self.share == 0.0:
            return 1.0
        return self.start + (1.0 - self.start) * min(1.0, progress / self.share)


@dataclass(kw_only=True)
class AlgorithmConfig:
    """Multi-agent PPO (`docs/definitions.md`, Training loop).

    Attributes:
        name: the algorithm; ``mappo``.
        gamma: discount per decision.
        gae_lambda: weight of longer advantage estimates.
        environments: environments stepped together.
        rollout_steps: steps of each environment in one rollout.
        epochs: passes over a rollout.
        minibatch: rows of one gradient step, over all agents.
        deal: what is shuffled into minibatches: single ``rows``, or ``environments`` with all of
            their rows in order, so that networks that share work between neighbours can.
        accumulate: parts into which a minibatch is cut; their gradients are added.
        clip_ratio: half width of the interval in which the probability ratio earns.
        actor_lr: learning rate of the agents at the start.
        critic_lr: learning rate of the critic at the start.
        lr_final: share of both rates left at the end (linear).
        adam_eps: epsilon of Adam.
        grad_clip: largest gradient norm, of each agent and of the critic apart; null: none.
        entropy_start: entropy weight at the start; 0 switches entropy off.
        entropy_end: entropy weight at the end (exponential between the two).
        kl_target: an agent stops its epochs at 1.5 times this k3 divergence; null: never.
        normalise_advantages: over the whole rollout, each agent's rows, each minibatch, off.
        value_loss: ``huber`` or ``mse``.
        huber_delta: where Huber becomes linear, in normalised units.
        value_clip: half width of the value's clip in normalised units; null: none.
        value_norm: normalise returns for the critic.
        value_norm_rate: weight of a new rollout in their moving moments.
        value_norm_floor: smallest variance used.
        critic_sees: ``state`` (all inputs), ``own`` (the agent's: IPPO), ``state_action``, or
            ``none``: no critic, advantages are whole returns (``gae_lambda`` is not read).
        costs: cost curriculum.
        risk: the learner's aversion to risk.
    """

    name: str = "mappo"
    gamma: float = 0.95
    gae_lambda: float = 0.8
    environments: int = 512
    rollout_steps: int = 64
    epochs: int = 4
    minibatch: int = 4096
    deal: str = "rows"
    accumulate: int = 1
    clip_ratio: float = 0.2
    actor_lr: float = 1e-3
    critic_lr: float = 1e-3
    lr_final: float = 0.1
    adam_eps: float = 1e-5
    grad_clip: float | None = 0.5
    entropy_start: float = 0.1
    entropy_end: float = 0.003
    kl_target: float | None = 0.03
    normalise_advantages: str = "per_batch"
    value_loss: str = "huber"
    huber_delta: float = 10.0
    value_clip: float | None = None
    value_norm: bool = True
    value_norm_rate: float = 0.05
    value_norm_floor: float = 0.01
    critic_sees: str = "state"
    costs: CostCurriculum = field(default_factory=CostCurriculum)
    risk: RiskConfig = field(default_factory=RiskConfig)

    def __post_init__(self) -> None:
        """Refuse values outside their ranges."""
        require_choice("algorithm.name", self.name, ("mappo",))
        require_choice("algorithm.normalise_advantages", self.normalise_advantages, NORMALISATIONS)
        require_choice("algorithm.deal", self.deal, DEALS)
        require_choice("algorithm.value_loss", self.value_loss, VALUE_LOSSES)
        require_choice("algorithm.critic_sees", self.critic_sees, CRITIC_VIEWS)
        require_between("algorithm.gamma", self.gamma, 0.0, 1.0, closed="both")
        require_between("algorithm.gae_lambda", self.gae_lambda, 0.0, 1.0, closed="both")
        require_between("algorithm.clip_ratio", self.clip_ratio, 0.0, 1.0)
        require_between("algorithm.lr_final", self.lr_final, 0.0, 1.0, closed="both")
        require_between("algorithm.value_norm_rate", self.value_norm_rate, 0.0, 1.0, closed="high")
        self._check_counts()
        self._check_positive()

    def _check_counts(self) -> None:
        for key in ("environments", "rollout_steps", "epochs", "minibatch", "accumulate"):
            value = getattr(self, key)
            require(value >= 1, f"algorithm.{key} must be at least 1, was {value}")
        require(
            self.accumulate <= self.minibatch,
            "algorithm.accumulate must not exceed algorithm.minibatch "
            f"({self.minibatch}), was {self.accumulate}",
        )

    def _check_positive(self) -> None:
        keys = ("actor_lr", "critic_lr", "adam_eps", "huber_delta", "value_norm_floor")
        optional = ("grad_clip", "kl_target", "value_clip")
        for key in (*keys, *(key for key in optional if getattr(self, key) is not None)):
            require_between(f"algorithm.{key}", getattr(self, key), 0.0, inf)
        require_between("algorithm.entropy_start", self.entropy_start, 0.0, inf, closed="low")
        require(
            0.0 <= self.entropy_end <= self.entropy_start,
            "algorithm.entropy_end must lie between 0 and algorithm.entropy_start "
            f"({self.entropy_start}), was {self.entropy_end}",
        )

    @property
    def has_critic(self) -> bool:
        """Whether a value function is learned."""
        return self.critic_sees != "none"

    @property
    def advantage_lambda(self) -> float:
        """Weight of longer advantage estimates; without a critic there are no shorter ones."""
        return self.gae_lambda if self.has_critic else 1.0

    @property
    def rows(self) -> int:
        """Environment steps of one rollout."""
        return self.environments * self.rollout_steps

    @property
    def minibatches(self) -> int:
        """Gradient steps of one pass over a rollout."""
        return max(1, -(-self.rows // self.minibatch))

    def whole_rollouts(self, total_steps: int) -> int:
        """Return ``total_steps`` rounded up to whole rollouts, in environment steps."""
        require(total_steps >= 1, f"total_steps must be at least 1, was {total_steps}")
        return -(-total_steps // self.rows) * self.rows

    def learning_rates(self, progress: float) -> tuple[float, float]:
        """Return the agents' and the critic's rate at ``progress``, the share done."""
        factor = 1.0 - (1.0 - self.lr_final) * min(1.0, progress)
        return self.actor_lr * factor, self.critic_lr * factor

    def entropy_weight(self, progress: float) -> float:
        """Return the weight of the entropy at ``progress``, the share done."""
        if self.entropy_start == 0.0 or self.entropy_end == 0.0:
            return self.entropy_start * (1.0 - min(1.0, progress))
        return self.entropy_start * (self.entropy_end / self.entropy_start) ** min(1.0, progress)
