"""Multi-agent PPO: one clipped policy loss per agent, one critic for all of them.

An agent learns from the environments in which it acted: those that it executed and no others, or
all of them where the team votes. The critic learns from all. Source: `docs/definitions.md`,
Training loop. Yu et al. 2022, "The surprising effectiveness of PPO in cooperative multi-agent
games".
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from grandmodel.core.types import Rollout
from grandmodel.learning import losses, returns
from grandmodel.learning.batch import Batch, Part, Rows, gradient_steps
from grandmodel.learning.config import AlgorithmConfig
from grandmodel.learning.risk import RiskTerm
from grandmodel.learning.seats import Seats
from grandmodel.learning.statistics import Statistics
from grandmodel.learning.targets import Targets
from grandmodel.learning.value_norm import ValueNorm


class Mappo:
    """Targets, minibatches, losses and stops of one team.

    A *learner* is what one policy loss moves: an agent, or under ``executor=pool`` the ensemble
    of all agents.

    Args:
        seats: the team with its views.
        config: settings.
        value_norm: running scale of returns.
        risk: aversion to risk.
        generator: shuffles rows; a CPU generator.
        pooled: whether the ensemble's distribution is the policy that is learned.
        shaped: agents with rewards of their own beside the team's, in the order of the critic's
            heads after the first.
        decides: bars at which votes count; None: at all. Policies learn from no others.
    """

    def __init__(
        self,
        seats: Seats,
        config: AlgorithmConfig,
        *,
        value_norm: ValueNorm,
        risk: RiskTerm,
        generator: torch.Generator,
        pooled: bool = False,
        shaped: Sequence[str] = (),
        decides: Bool[Tensor, " bar"] | None = None,
    ) -> None:
        self.seats = seats
        self.config = config
        self.value_norm = value_norm
        self.risk = risk
        self.generator = generator
        self.pooled = pooled
        self.targets = Targets(
            seats, config, value_norm=value_norm, risk=risk, pooled=pooled, decides=decides
        )
        team = seats.team
        self.learners = ("pool",) if pooled else team.names
        shared = [1 + shaped.index(n) if n in shaped else 0 for n in self.learners]
        self._heads = list(range(len(self.learners))) if team.critic.apart else shared
        self.learning = [True] * len(self.learners)
        self.statistics = Statistics()
        self._divergence: list[Tensor] = []

    def begin(self, rollout: Rollout, progress: float) -> Batch:
        """Start the update from a fresh rollout.

        Args:
            rollout: collected with the present weights.
            progress: share of training done before it, in [0, 1].
        """
        self.learning = [True] * len(self.learners)
        self.statistics = Statistics()
        return self.targets.batch(rollout, progress, self.statistics)

    def gradient_steps(self, batch: Batch) -> Iterator[list[Part]]:
        """Yield the parts of every gradient step of all epochs."""
        config = self.config
        return gradient_steps(
            batch,
            epochs=config.epochs,
            steps=config.minibatches,
            parts=config.accumulate,
            generator=self.generator,
            whole=config.deal == "environments",
        )

    def losses(self, batch: Batch, part: Part) -> Iterator[Float[Tensor, ""]]:
        """Yield the part's contributions to the gradient step: any critic's, then each learner's.

        No two of them move the same parameter. Going backward through each before the next is
        made gives the gradient of their sum with one network's activations in memory at a time.
        """
        if self.config.has_critic:
            yield self._critic_loss(part.critic) * part.critic_share
        if len(self._divergence) != len(self.learners):
            device = part.critic.bar.device
            self._divergence = [torch.zeros((), device=device) for _ in self.learners]
        for index, (rows, share) in enumerate(zip(part.policy, part.policy_share, strict=True)):
            if self.learning[index] and len(rows) > 0:
                yield self._policy_loss(batch, index, rows, share) * share

    def _policy_loss(
        self, batch: Batch, learner: int, rows: Rows, share: float
    ) -> Float[Tensor, ""]:
        config = self.config
        log_probs = self._log_probs(batch, learner, rows)
        action, collected = rows.acted(learner)
        log_prob = log_probs.gather(1, action[:, None])[:, 0]
        advantage = rows.advantage_of(self._heads[learner])
        if config.normalise_advantages == "per_minibatch":
            advantage = returns.standardise(advantage)
        ratio = losses.probability_ratio(log_prob, collected)
        surrogate = losses.clipped_surrogate(ratio, advantage, config.clip_ratio).mean()
        entropy = losses.entropy(log_probs).mean()
        with torch.no_grad():
            divergence = losses.k3_divergence(log_prob, collected).mean()
            self._divergence[learner] = self._divergence[learner] + share * divergence
            self._note(
                learner,
                policy_loss=surrogate,
                entropy=entropy,
                kl=divergence,
                clipped=((ratio - 1.0).abs() > config.clip_ratio).float().mean(),
            )
        return surrogate - batch.entropy_weight * entropy

    def _note(self, learner: int, **values: Tensor) -> None:
        name = self.learners[learner]
        self.statistics.add({f"{key}/{name}": value for key, value in values.items()})

    def _log_probs(self, batch: Batch, learner: int, rows: Rows) -> Float[Tensor, "row 3"]:
        masks = batch.masks(rows)
        if self.pooled:
            return self.seats.pooled_log_probs(rows.bar, rows.account, masks)
        own = None if masks is None else masks[:, learner]
        return self.seats.log_probs(learner, rows.bar, rows.account, own)

    def _critic_loss(self, rows: Rows) -> Float[Tensor, ""]:
        config = self.config
        loss = losses.value_loss(
            self.seats.values(rows.bar, rows.account, rows.executor),
            rows.value,
            rows.target,
            clip=config.value_clip,
            huber_delta=config.huber_delta if config.value_loss == "huber" else None,
        ).mean()
        self.statistics.add({"value_loss": loss})
        return loss

    def stop_diverged(self) -> None:
        """Stop learners whose k3 divergence passed 1.5 x target; their gradient is dropped.

        Called between the backward passes of a step and the step itself.
        """
        divergence, self._divergence = self._divergence, []
        if self.config.kl_target is None or not divergence:
            return
        limit = 1.5 * self.config.kl_target
        for index, value in enumerate(torch.stack(divergence).tolist()):
            if self.learning[index] and value > limit:
                self.learning[index] = False
        for index, learning in enumerate(self.learning):
            if not learning:
                for parameter in self.parameters_of(index):
                    parameter.grad = None
            self.statistics.add({f"learning/{self.learners[index]}": torch.tensor(float(learning))})

    def parameters_of(self, learner: int) -> list[nn.Parameter]:
        """Return the parameters that one learner's loss moves."""
        team = self.seats.team
        if self.pooled:
            return team.actor_parameters()
        return list(team.policies[learner].parameters())

    def clip_gradients(self) -> None:
        """Clip the gradient norm of every learner and of the critic, each by itself."""
        if self.config.grad_clip is None:
            return
        groups = [self.parameters_of(index) for index in range(len(self.learners))]
        names = [f"gradient/{name}" for name in self.learners]
        groups.append(list(self.seats.team.critic.parameters()))
        for name, group in zip([*names, "gradient/critic"], groups, strict=True):
            if any(parameter.grad is not None for parameter in group):
                norm = nn.utils.clip_grad_norm_(group, self.config.grad_clip)
                self.statistics.add({name: norm})

    def report(self) -> dict[str, float]:
        """Return what is worth logging of the last update, by name."""
        means = self.statistics.means()
        team = self.seats.team
        for name in self.learners:
            share = means.pop(f"learning/{name}", 1.0)
            means[f"epochs/{name}"] = share * self.config.epochs
        weights, records = team.weights.tolist(), team.pool_weights.record.tolist()
        for name, weight, record in zip(team.names, weights, records, strict=True):
            means[f"weight/{name}"] = weight
            means[f"record/{name}"] = record
        return means

    def optimiser(self, *, fused: bool) -> torch.optim.Adam:
        """Return one Adam over agents (group 0) and critic (group 1)."""
        actor_lr, critic_lr = self.config.learning_rates(0.0)
        team = self.seats.team
        groups = [
            {"params": team.actor_parameters(), "lr": actor_lr},
            {"params": list(team.critic.parameters()), "lr": critic_lr},
        ]
        return torch.optim.Adam(groups, eps=self.config.adam_eps, fused=fused)
