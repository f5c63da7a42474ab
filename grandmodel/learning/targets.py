"""From a rollout to what the losses compare to: returns, advantages and running scales."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grandmodel.core.types import Rollout
from grandmodel.learning import returns
from grandmodel.learning.batch import Batch, Rows
from grandmodel.learning.config import AlgorithmConfig
from grandmodel.learning.risk import RiskTerm, learner_reward
from grandmodel.learning.seats import Seats
from grandmodel.learning.statistics import Statistics
from grandmodel.learning.value_norm import ValueNorm

FORWARD_ROWS = 32_768  # rows of one forward pass where no gradient is needed


class Targets:
    """Makes the batch of a rollout and moves what learns once per rollout.

    That is: the scale of returns, the risk term's averages and the record of each agent.

    Args:
        seats: the team with its views.
        config: settings.
        value_norm: running scale of returns.
        risk: aversion to risk.
        pooled: whether one learner, the ensemble, learns from all rows.
        decides: bars at which votes count; None: at all.
    """

    def __init__(
        self,
        seats: Seats,
        config: AlgorithmConfig,
        *,
        value_norm: ValueNorm,
        risk: RiskTerm,
        pooled: bool,
        decides: Bool[Tensor, " bar"] | None = None,
    ) -> None:
        self.seats = seats
        self.config = config
        self.value_norm = value_norm
        self.risk = risk
        self.pooled = pooled
        self.decides = decides

    @torch.no_grad()
    def batch(self, rollout: Rollout, progress: float, statistics: Statistics) -> Batch:
        """Turn a rollout into rows with advantages and returns; moves the running scales.

        Args:
            rollout: fresh experience.
            progress: share of training done before it, in [0, 1].
            statistics: takes in what is worth logging.
        """
        self._take_in_risk(rollout)
        coefficient = self.risk.coefficient(progress)
        reward = learner_reward(rollout.reward, coefficient)
        self._take_in_record(rollout, reward)
        value, value_tp1 = self._values(rollout)
        advantage = self._advantages(rollout, reward, value, value_tp1)
        target = advantage + self.value_norm.denormalise(value)
        statistics.add(_description(reward, target, advantage, coefficient))
        self.value_norm.update(target)
        executor = rollout.executor.flatten()
        learner_rows = self._learner_rows(rollout)
        n_envs = rollout.bar.shape[1]
        rows = Rows(
            bar=rollout.bar.flatten(),
            account=rollout.account.flatten(0, 1),
            action=rollout.action.flatten(0, 1),
            log_prob=rollout.log_prob.flatten(0, 1),
            executor=executor,
            environment=torch.arange(executor.shape[0], device=executor.device) % n_envs,
            advantage=self._scaled_advantage(advantage.flatten(0, 1), learner_rows),
            value=value.flatten(0, 1),
            target=self.value_norm.normalise(target).flatten(0, 1),
        )
        weight = self.config.entropy_weight(progress)
        return Batch(rows, learner_rows, rollout.dropout, weight)

    def _advantages(
        self, rollout: Rollout, reward: Tensor, value: Tensor, value_tp1: Tensor
    ) -> Float[Tensor, "time env *head"]:
        """Return advantages in units of the reward; the first head's is the team's reward."""
        value, value_tp1 = map(self.value_norm.denormalise, (value, value_tp1))

        def under(own: Tensor, value_t: Tensor, following_t: Tensor) -> Tensor:
            return returns.advantages(
                own,
                value_t,
                following_t,
                rollout.terminated,
                rollout.truncated,
                gamma=self.config.gamma,
                gae_lambda=self.config.advantage_lambda,
            )

        if rollout.shaping is not None:
            rewards = [reward, *(reward + extra for extra in rollout.shaping.unbind(-1))]
        elif value.dim() == reward.dim():
            return under(reward, value, value_tp1)
        else:
            rewards = [reward] * value.shape[-1]  # agents with values of their own
        heads = zip(rewards, value.unbind(-1), value_tp1.unbind(-1), strict=True)
        return torch.stack([under(*head) for head in heads], dim=-1)

    def _take_in_risk(self, rollout: Rollout) -> None:
        pool = rollout.executor == self.seats.team.n_agents
        self.risk.update(rollout.net[pool] if bool(pool.any()) else rollout.net)

    def _take_in_record(self, rollout: Rollout, reward: Tensor) -> None:
        team = self.seats.team
        n_agents = team.n_agents
        executor = rollout.executor.flatten()
        count = torch.bincount(executor, minlength=n_agents + 1)[:n_agents]
        total = torch.zeros(n_agents + 1, dtype=torch.float64, device=executor.device)
        total.index_add_(0, executor, reward.flatten().double())
        mean = (total[:n_agents] / count.clamp_min(1)).float()
        performance = None
        if team.pool_weights.kind == "performance":
            performance = self._performance(rollout, reward)
        team.pool_weights.update(mean, count > 0, performance)

    def _performance(self, rollout: Rollout, reward: Tensor) -> Float[Tensor, " agent"]:
        """Mean of outcome x each agent's confidence, over all decisions of the rollout."""
        bar, account = rollout.bar.flatten(), rollout.account.flatten(0, 1)
        means = []
        for agent in range(self.seats.team.n_agents):
            confidence = [
                self.seats.log_probs(agent, bar[rows], account[rows], None).exp().amax(dim=-1)
                for rows in torch.arange(bar.shape[0], device=bar.device).split(FORWARD_ROWS)
            ]
            means.append((torch.cat(confidence) * reward.flatten()).mean())
        return torch.stack(means)

    def _values(self, rollout: Rollout) -> tuple[Tensor, Tensor]:
        """Return the critic's output at each step and after it, normalised, [time, env] each."""
        shape = rollout.bar.shape
        bar = torch.cat([rollout.bar.flatten(), rollout.last_bar])
        account = torch.cat([rollout.account.flatten(0, 1), rollout.last_account])
        executor = torch.cat([rollout.executor.flatten(), rollout.last_executor])
        cut = rollout.truncated
        bar = torch.cat([bar, rollout.final_bar[cut]])
        account = torch.cat([account, rollout.final_account[cut]])
        executor = torch.cat([executor, rollout.executor[cut]])
        pieces = zip(
            bar.split(FORWARD_ROWS),
            account.split(FORWARD_ROWS),
            executor.split(FORWARD_ROWS),
            strict=True,
        )
        flat = torch.cat([self.seats.values(*piece) for piece in pieces])
        size, n_envs = rollout.bar.numel(), shape[1]
        value = flat[:size].view(*shape, *flat.shape[1:])
        final = torch.zeros_like(value)
        final[cut] = flat[size + n_envs :]
        following = returns.next_values(value, flat[size : size + n_envs], final, cut)
        return value, following

    def _learner_rows(self, rollout: Rollout) -> tuple[Tensor, ...]:
        executor = rollout.executor.flatten()
        everything = torch.arange(executor.shape[0], device=executor.device)
        if self.pooled:
            return (everything,)
        if rollout.action.dim() == 3:
            if self.decides is not None:
                everything = self.decides[rollout.bar.flatten()].nonzero()[:, 0]
            return (everything,) * self.seats.team.n_agents
        return tuple(
            (executor == agent).nonzero()[:, 0] for agent in range(self.seats.team.n_agents)
        )

    def _scaled_advantage(self, advantage: Tensor, rows: tuple[Tensor, ...]) -> Tensor:
        if advantage.dim() == 2:
            heads = [self._scaled_advantage(head, rows) for head in advantage.unbind(-1)]
            return torch.stack(heads, dim=-1)
        if self.config.normalise_advantages == "per_batch":
            return returns.standardise(advantage)
        if self.config.normalise_advantages == "per_agent":
            scaled = torch.zeros_like(advantage)
            for own in rows:
                scaled[own] = returns.standardise(advantage[own])
            return scaled
        return advantage


def _description(
    reward: Tensor, target: Tensor, advantage: Tensor, coefficient: float
) -> dict[str, Tensor]:
    unexplained = advantage.var() / target.var().clamp_min(1e-12)
    return {
        "learner_reward": reward.mean(),
        "return_mean": target.mean(),
        "return_sd": target.std(),
        "explained_variance": 1.0 - unexplained,
        "risk_coefficient": torch.tensor(coefficient),
    }
