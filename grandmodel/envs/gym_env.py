"""Gymnasium adapters: one environment, or many in one vector environment.

The observation is the flat row [pooled window, context, account block] of one spec; actions
0, 1, 2 are short, flat, long, anything else is refused. Source: `docs/definitions.md`,
"Adapters".
"""

from collections.abc import Sequence
from typing import Unpack

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from grandmodel.core.checks import require
from grandmodel.core.types import Observation, ObservationSpec, StepResult
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


class GymMarketEnv(gym.Env[Row, np.int64]):
    """One market environment.

    Args:
        tape: bars and columns.
        spec: what is observed, or a view that is made already.
        env: money, orders, episodes.
        reward: fitted on the training stretches.
        spans: stretches of tape rows in which episodes run.
        **settings: seed, rollout_steps and in_turn, as of :class:`Episodes`.
    """

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        tape: Tape,
        spec: ObservationSpec | MarketView,
        env: EnvConfig,
        reward: Reward,
        spans: Sequence[Stretch],
        **settings: Unpack[Settings],
    ) -> None:
        self._view = view_of(tape, spec)
        self._episodes = Episodes(tape, env, reward, spans, **settings)
        self.observation_space = observation_space(self._view.spec)
        self.action_space = gym.spaces.Discrete(ACTIONS)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Row, Info]:
        """Start a new episode; a seed makes it and those that follow repeatable."""
        super().reset(seed=seed, options=options)
        seen = self._episodes.reset(seed)
        return flat_observation(self._view, seen)[0].numpy(), only(self._episodes.told_fresh(seen))

    def step(self, action: np.int64 | int) -> tuple[Row, float, bool, bool, Info]:
        """Take action 0, 1 or 2 and return observation, reward, terminated, truncated, info.

        Raises:
            UserError: another action, or an episode that is over or was never begun.
        """
        result = self._episodes.step(targets(np.array([action]), 1))
        terminated, truncated = bool(result.terminated), bool(result.truncated)
        if terminated or truncated:
            self._episodes.finish()
        return (
            flat_observation(self._view, result.final)[0].numpy(),
            float(result.reward),
            terminated,
            truncated,
            only(self._episodes.told(result)),
        )


class GymVectorMarketEnv(VectorEnv[Row, NDArray[np.int64], NDArray[np.float32]]):
    """Many market environments in one batch; ended episodes begin anew in the same step.

    Arguments as in :class:`GymMarketEnv`; `n_envs` is their number. Infos have the form that
    `gymnasium.vector.SyncVectorEnv` gives them in the mode SAME_STEP.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        tape: Tape,
        spec: ObservationSpec | MarketView,
        env: EnvConfig,
        reward: Reward,
        spans: Sequence[Stretch],
        *,
        n_envs: int,
        **settings: Unpack[Settings],
    ) -> None:
        self.num_envs = n_envs
        self._view = view_of(tape, spec)
        self._episodes = Episodes(tape, env, reward, spans, n_envs=n_envs, **settings)
        self.single_observation_space = observation_space(self._view.spec)
        self.single_action_space = gym.spaces.Discrete(ACTIONS)
        self.observation_space = batch_space(self.single_observation_space, n_envs)
        self.action_space = batch_space(self.single_action_space, n_envs)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Row, Info]:
        """Start all episodes anew; a seed makes them and those that follow repeatable.

        Raises:
            UserError: a list of seeds, or a mask that would start some episodes only.
        """
        require(
            seed is None or isinstance(seed, int | np.integer),
            "seed must be one integer: all environments draw from one generator",
        )
        require(
            not options or "reset_mask" not in options,
            "options['reset_mask'] is not supported: ended episodes begin anew by themselves",
        )
        super().reset(seed=seed, options=options)
        seen = self._episodes.reset(seed)
        info = _masked(self._episodes.told_fresh(seen), np.ones(self.num_envs, np.bool_))
        return flat_observation(self._view, seen).numpy(), info

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Row, NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], Info]:
        """Take actions [env] of 0, 1, 2 and return the five arrays of Gymnasium.

        Raises:
            UserError: other actions, or :meth:`reset` was never called.
        """
        result = self._episodes.step(targets(actions, self.num_envs))
        return (
            flat_observation(self._view, result.observation).numpy(),
            result.reward.numpy(),
            result.terminated.numpy(),
            result.truncated.numpy(),
            self._info(result),
        )

    def _info(self, result: StepResult) -> Info:
        """Return the infos; those of ended episodes lie under `final_info`, beside `final_obs`."""
        told = self._episodes.told(result)
        ended = (result.terminated | result.truncated).numpy()
        if not ended.any():
            return _masked(told, np.ones_like(ended))
        index = np.flatnonzero(ended)
        final = {name: np.where(ended, values, 0) for name, values in told.items()}
        for name, values in self._episodes.told_fresh(_some(result.observation, index)).items():
            told[name][index] = values
        rows = np.full(self.num_envs, None, dtype=object)
        seen = flat_observation(self._view, _some(result.final, index)).numpy()
        for place, row in zip(index, seen, strict=True):
            rows[place] = row
        return _masked(told, np.ones_like(ended)) | {
            "final_obs": rows,
            "_final_obs": ended.copy(),
            "final_info": _masked(final, ended),
            "_final_info": ended.copy(),
        }


def _some(seen: Observation, index: NDArray[np.int64]) -> Observation:
    """Return what some of the environments show."""
    rows = torch.from_numpy(index)
    return Observation(
        seen.bar[rows], seen.account[rows], seen.position[rows], seen.bars_held[rows]
    )


def _masked(told: Info, where: NDArray[np.bool_]) -> Info:
    """Return infos with a mask `_name` beside each, as Gymnasium's vector environments have it."""
    return told | {f"_{name}": where.copy() for name in told}
