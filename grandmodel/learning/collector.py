"""The collector: all environments, some steps, actions of whoever executes each of them."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor

from grandmodel.core.types import Observation, Rollout, StepResult
from grandmodel.decision.executor import Executors, closed_positions
from grandmodel.learning.choice import Chooser, ExecutorChooser, Orders
from grandmodel.learning.seats import Seats

_OBSERVATION = ("bar", "account", "position", "bars_held")


class Environments(Protocol):
    """What the collector needs of a batch of environments."""

    cost_scale: float | Tensor

    def reset(self) -> Observation:
        """Start all environments."""
        ...

    def step(self, orders: Orders) -> StepResult:
        """Advance all environments by one decision: int64 [env] in {-1, 0, 1}, or orders."""
        ...

    def end_rollout(self) -> None:
        """Take note that a rollout is complete (reward normalisers)."""
        ...

    def state_dict(self) -> Mapping[str, Any]:
        """Return tensors and numbers from which the environments continue exactly."""
        ...

    def load_state_dict(self, state: Any) -> None:
        """Continue from a :meth:`state_dict`."""
        ...


class Collector:
    """Rolls a team out; successive calls continue the same episodes.

    Nothing is prepared ahead: every logit of a rollout comes from the weights that the team has
    when :meth:`collect` is called.

    Args:
        env: the environments; started here.
        seats: the team with its views of the market.
        executors: who executes in each environment.
        steps: decisions of each environment in one rollout.
        generator: draws actions and dropout masks, on the device of the environments.
        autocast: context of every forward pass, the same as in the update.
        chooser: how logits become actions; None: the executor's sampled class is the position.
    """

    def __init__(
        self,
        env: Environments,
        seats: Seats,
        executors: Executors,
        *,
        steps: int,
        generator: torch.Generator,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
        chooser: Chooser | None = None,
    ) -> None:
        self.env = env
        self.seats = seats
        self.executors = executors
        self.steps = steps
        self.generator = generator
        self.autocast = autocast
        self.chooser = chooser or ExecutorChooser(seats.team, executors)
        self._seen = env.reset()
        self.sums: dict[str, Tensor] = {}

    @torch.no_grad()
    def collect(self, cost_scale: float = 1.0) -> Rollout:
        """Return the next rollout.

        Args:
            cost_scale: factor on the costs that the environments charge, in (0, 1]. The
                rollout's ``net`` is at full costs whatever the factor.
        """
        self.env.cost_scale = cost_scale
        masks = self.seats.draw_dropout(self._seen.bar.shape[0], self.generator)
        rows: dict[str, list[Tensor]] = {}
        self.sums = {}
        with self.autocast():
            act = self.seats.acting(masks)
            for _ in range(self.steps):
                self._step(act, rows)
        stacked = {name: torch.stack(values) for name, values in rows.items()}
        self.env.end_rollout()
        return Rollout(
            **stacked,
            last_bar=self._seen.bar,
            last_account=self._seen.account,
            last_executor=self.executors.current.clone(),
            dropout=masks,
        )

    def _step(self, act: Callable[[Observation], Tensor], rows: dict[str, list[Tensor]]) -> None:
        seen, executor = self._seen, self.executors.current
        chosen = self.chooser(act(seen), seen, self.generator)
        result = self.env.step(chosen.orders)
        done = result.terminated | result.truncated
        closed = closed_positions(seen.position, result.observation.position)
        self.executors.advance(done, closed, self.seats.team.weights)
        self._seen = result.observation
        row = {
            "bar": seen.bar,
            "account": seen.account,
            "action": chosen.action,
            "log_prob": chosen.log_prob,
            "executor": executor,
            "reward": result.reward,
            "net": result.terms.get("net_full_cost", result.net),
            "terminated": result.terminated,
            "truncated": result.truncated,
            "final_bar": result.final.bar,
            "final_account": result.final.account,
        }
        for name, value in row.items():
            rows.setdefault(name, []).append(value)
        if result.shaping is not None:
            rows.setdefault("shaping", []).append(result.shaping)
        self._count(result)

    def _count(self, result: StepResult) -> None:
        """Add up the named reward terms and what the accounts did, for the log."""
        position = result.executed
        for name, values in (*result.terms.items(), ("exposure", position.abs())):
            total = values.sum(dtype=torch.float64)
            self.sums[name] = self.sums[name] + total if name in self.sums else total

    def term_means(self) -> dict[str, float]:
        """Return the mean per decision of each reward term, and the exposure, of a rollout."""
        rows = self.steps * self._seen.bar.shape[0]
        return {name: float(total) / rows for name, total in self.sums.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return everything from which :meth:`load_state_dict` continues bit for bit."""
        return {
            "env": dict(self.env.state_dict()),
            "executors": self.executors.state_dict(),
            "generator": self.generator.get_state(),
            "seen": {name: getattr(self._seen, name) for name in _OBSERVATION},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict`."""
        self.env.load_state_dict(state["env"])
        self.executors.load_state_dict(state["executors"])
        self.generator.set_state(state["generator"].cpu())
        device = self._seen.bar.device
        self._seen = Observation(**{name: state["seen"][name].to(device) for name in _OBSERVATION})
