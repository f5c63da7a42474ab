"""The market as a PettingZoo ParallelEnv: the team's members are its agents.

Importing this module needs the package `pettingzoo`. Source: `docs/definitions.md`, "Adapters".
"""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from grandmodel.core.checks import UserError, require, require_choice
from grandmodel.core.random import stream_seed
from grandmodel.core.types import Observation, ObservationSpec
from grandmodel.decision.executor import draw_agents
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.episodes import (
    ACTIONS,
    Episodes,
    Info,
    Row,
    Settings,
    flat_observation,
    observation_space,
    only,
    targets,
    view_of,
)
from grandmodel.envs.observation import MarketView
from grandmodel.envs.reward import Reward
from grandmodel.envs.starts import Stretch
from grandmodel.features.tape import Tape

REWARDS = ("own", "shared")


class PettingZooMarketEnv(ParallelEnv[str, Row, np.int64]):
    """One account; in each episode one agent, the executor, trades it.

    The executor is drawn at `reset` with fixed weights. All agents see, and all may act, but
    the executor's action alone is executed. The last entry of an observation is 1 for the
    executor, 0 for the others.

    Args:
        tape: bars and columns.
        specs: what each agent observes; their names are the agents'.
        env: money, orders, episodes.
        reward: fitted on the training stretches.
        spans: stretches of tape rows in which episodes run.
        weights: with which executors are drawn, one per agent; their sum need not be 1.
        critic: what :meth:`state` shows beside the account and the executor.
        rewards: `own`: the executor gets the reward, the others 0; `shared`: all get it.
        **settings: seed (of starts and executors), rollout_steps and in_turn, as of
            :class:`Episodes`.
    """

    metadata = {"name": "grandmodel_market_v0", "render_modes": []}  # noqa: RUF012
    render_mode = None

    def __init__(
        self,
        tape: Tape,
        specs: Sequence[ObservationSpec | MarketView],
        env: EnvConfig,
        reward: Reward,
        spans: Sequence[Stretch],
        *,
        weights: Sequence[float],
        critic: ObservationSpec | MarketView,
        rewards: str = "own",
        **settings: Unpack[Settings],
    ) -> None:
        require_choice("rewards", rewards, REWARDS)
        views = [view_of(tape, spec) for spec in specs]
        self._views = {view.spec.agent: view for view in views}
        self._critic = view_of(tape, critic)
        self._weights = torch.tensor(_checked(weights, list(self._views)), dtype=torch.float64)
        self._rewards = rewards
        self.possible_agents = list(self._views)
        self.agents: list[str] = []
        self.observation_spaces: dict[str, gym.Space[Row]] = {
            name: observation_space(view.spec, more=1) for name, view in self._views.items()
        }
        self.action_spaces: dict[str, gym.Space[np.int64]] = {
            name: gym.spaces.Discrete(ACTIONS) for name in self._views
        }
        more = len(self._views)
        self.state_space = observation_space(self._critic.spec, more=more)
        self._episodes = Episodes(tape, env, reward, spans, **settings)
        seed = settings.get("seed", 0)
        self._generator = torch.Generator().manual_seed(stream_seed(seed, "executors"))
        self._executor = 0
        self._seen: Observation | None = None

    @property
    def executor(self) -> str:
        """The agent whose actions are executed in this episode."""
        return self.possible_agents[self._executor]

    def observation_space(self, agent: str) -> gym.Space[Row]:
        """Return the box of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gym.Space[np.int64]:
        """Return the three actions: 0 short, 1 flat, 2 long."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: Info | None = None
    ) -> tuple[dict[str, Row], dict[str, Info]]:
        """Start a new episode and draw its executor; `options` are not read."""
        del options
        if seed is not None:
            self._generator.manual_seed(stream_seed(int(seed), "executors"))
        self._executor = int(draw_agents(self._weights, 1, self._generator))
        self.agents = list(self.possible_agents)
        self._seen = self._episodes.reset(seed)
        return self._observations(), self._infos(only(self._episodes.told_fresh(self._seen)))

    def step(
        self, actions: Mapping[str, np.int64 | int]
    ) -> tuple[dict[str, Row], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Info]]:
        """Execute the executor's action; the others' are checked and have no effect.

        Raises:
            UserError: the executor's action is missing, or one is not 0, 1 or 2.
        """
        if not self.agents:
            return {}, {}, {}, {}, {}
        self._check(actions)
        result = self._episodes.step(targets(np.array([actions[self.executor]]), 1))
        self._seen = result.final
        terminated, truncated = bool(result.terminated), bool(result.truncated)
        names, paid = self.agents, float(result.reward)
        answer = (
            self._observations(),
            {n: paid if self._rewards == "shared" or n == self.executor else 0.0 for n in names},
            dict.fromkeys(names, terminated),
            dict.fromkeys(names, truncated),
            self._infos(only(self._episodes.told(result))),
        )
        if terminated or truncated:
            self.agents = []
        return answer

    def state(self) -> NDArray[np.float32]:
        """Return what a central critic may see, float32 [width].

        It is the union of the agents' inputs, the account and the executor (one of A).
        """
        require(self._seen is not None, "there is no state yet: call reset() first")
        assert self._seen is not None  # noqa: S101 - narrows the type
        executor = np.eye(len(self._views), dtype=np.float32)[self._executor]
        return np.concatenate([flat_observation(self._critic, self._seen)[0].numpy(), executor])

    def _check(self, actions: Mapping[str, Any]) -> None:
        unknown = sorted(set(actions) - set(self.possible_agents))
        require(
            not unknown and self.executor in actions,
            f"actions must be those of {', '.join(self.agents)}, that of {self.executor}, who "
            f"executes, among them; was {', '.join(actions) or 'empty'}",
        )
        targets(np.array(list(actions.values())), len(actions))

    def _observations(self) -> dict[str, Row]:
        if self._seen is None:
            raise UserError("there is no observation yet: call reset() first")
        seen = self._seen
        return {
            name: np.append(
                flat_observation(view, seen)[0].numpy(), np.float32(name == self.executor)
            )
            for name, view in self._views.items()
        }

    def _infos(self, told: Info) -> dict[str, Info]:
        return {
            name: told | {"executor": self.executor, "executes": name == self.executor}
            for name in self.possible_agents
        }


def _checked(weights: Sequence[float], names: Sequence[str]) -> list[float]:
    values = [float(weight) for weight in weights]
    require(
        len(values) == len(names)
        and all(0.0 <= value < np.inf for value in values)
        and sum(values) > 0.0,
        f"weights must be numbers >= 0, not all 0, one for each of {', '.join(names)}, was "
        f"{values}",
    )
    return values
