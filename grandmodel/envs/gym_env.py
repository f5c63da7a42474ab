"""Minimal Gymnasium adapters: one environment, or many in one vector environment.

The observation is the flat row [pooled window, context, account block] of one spec; actions
0, 1, 2 are short, flat, long, anything else is refused. Gymnasium knows no rollouts: a reward
with a running scale (`reward.normalise`) moves it every `rollout_steps` steps. Source:
`docs/definitions.md`, "Gymnasium adapters".
"""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from torch import Tensor

from grandmodel.core.checks import require
from grandmodel.core.types import ACCOUNT_BLOCK, Observation, ObservationSpec
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.observation import MarketView
from grandmodel.envs.reward import Reward
from grandmodel.envs.starts import STARTS, Stretch
from grandmodel.features.tape import Tape

Info = dict[str, Any]
ACTIONS = 3
ROLLOUT_STEPS = 64  # as `algorithm.rollout_steps`


def observation_space(spec: ObservationSpec) -> gym.spaces.Box:
    """Return the box of one flat observation."""
    width = 2 * len(spec.window) + len(spec.context) + len(ACCOUNT_BLOCK)
    return gym.spaces.Box(-np.inf, np.inf, (width,), np.float32)


def flat_observation(view: MarketView, observation: Observation) -> Tensor:
    """Return pooled window, context and account side by side, float32 [env, width]."""
    bar = observation.bar
    return torch.cat([view.window(bar), view.context(bar), observation.account], dim=1)


def targets(actions: Any, n_envs: int) -> Tensor:
    """Return actions 0, 1, 2 as target positions -1, 0, 1, int64 [env].

    Raises:
        UserError: a value is no such number, or there is not one for each environment.
    """
    values = np.asarray(actions)
    fits = values.dtype.kind in "iu" and values.shape == (n_envs,)
    require(
        fits and bool(((values >= 0) & (values < ACTIONS)).all()),
        f"an action must be the integer 0 (short), 1 (flat) or 2 (long), {n_envs} in all, was "
        f"{np.array2string(values, threshold=8)} of type {values.dtype} and shape {values.shape}",
    )
    return torch.from_numpy(values.astype(np.int64)) - 1


class GymMarketEnv(gym.Env[NDArray[np.float32], np.int64]):
    """One market environment.

    Args:
        tape: bars and columns.
        spec: what is observed.
        env: money, orders, episodes.
        reward: fitted on the training stretches.
        spans: stretches of tape rows in which episodes start.
        seed: of the starts, until `reset(seed=...)` gives another.
        rollout_steps: steps after which a reward with a running scale moves it. The scale goes on
            over `reset`, so with `reward.normalise` two equal seeds need two fresh rewards.
    """

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        tape: Tape,
        spec: ObservationSpec,
        env: EnvConfig,
        reward: Reward,
        spans: Sequence[Stretch],
        seed: int = 0,
        rollout_steps: int = ROLLOUT_STEPS,
    ) -> None:
        self._batch = GymVectorMarketEnv(
            tape, spec, env, reward, spans, n_envs=1, seed=seed, rollout_steps=rollout_steps
        )
        self.observation_space = self._batch.single_observation_space
        self.action_space = self._batch.single_action_space

    def reset(
        self, *, seed: int | None = None, options: Info | None = None
    ) -> tuple[NDArray[np.float32], Info]:
        """Start a new episode; `seed` restarts the generator of the starts."""
        super().reset(seed=seed)
        observation, _ = self._batch.reset(seed=seed, options=options)
        return observation[0], {}

    def step(self, action: np.int64 | int) -> tuple[NDArray[np.float32], float, bool, bool, Info]:
        """Take action 0, 1 or 2 and return observation, reward, terminated, truncated, info.

        Raises:
            UserError: another action.
        """
        observation, reward, terminated, truncated, info = self._batch.step(np.array([action]))
        ended = bool(terminated[0] or truncated[0])
        seen = info["final_obs"][0] if ended else observation[0]
        equity = float(info["equity"][0])
        return seen, float(reward[0]), bool(terminated[0]), bool(truncated[0]), {"equity": equity}


class GymVectorMarketEnv(VectorEnv[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]):
    """Many market environments; ended episodes begin anew in the same step.

    Arguments as in :class:`GymMarketEnv`; `n_envs` is their number. `info` holds `equity`
    [env] and, in steps in which episodes end, `final_obs` [env, width] and `_final_obs` [env].
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(
        self,
        tape: Tape,
        spec: ObservationSpec,
        env: EnvConfig,
        reward: Reward,
        spans: Sequence[Stretch],
        *,
        n_envs: int,
        seed: int = 0,
        rollout_steps: int = ROLLOUT_STEPS,
    ) -> None:
        require(rollout_steps >= 1, f"rollout_steps must be at least 1, was {rollout_steps}")
        self.num_envs = n_envs
        self._rollout_steps, self._steps = rollout_steps, 0
        self.single_observation_space = observation_space(spec)
        self.single_action_space = gym.spaces.Discrete(ACTIONS)
        self.observation_space = batch_space(self.single_observation_space, n_envs)
        self.action_space = batch_space(self.single_action_space, n_envs)
        self._generator = torch.Generator().manual_seed(seed)
        self._view = MarketView(tape, spec)
        self._env = MarketEnv(
            tape,
            env,
            reward,
            n_envs=n_envs,
            starts=STARTS[env.starts](spans, env.episode_bars),
            generator=self._generator,
        )

    def reset(
        self, *, seed: int | None = None, options: Info | None = None
    ) -> tuple[NDArray[np.float32], Info]:
        """Start all episodes anew; `seed` restarts the generator of the starts."""
        super().reset(seed=seed, options=options)
        if seed is not None:
            self._generator.manual_seed(seed)
        return flat_observation(self._view, self._env.reset()).numpy(), {}

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[
        NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], Info
    ]:
        """Take actions [env] of 0, 1, 2 and return the five arrays of Gymnasium.

        Raises:
            UserError: other actions.
        """
        result = self._env.step(targets(actions, self.num_envs))
        self._steps += 1
        if self._steps % self._rollout_steps == 0:
            self._env.end_rollout()
        info: Info = {"equity": result.equity.numpy()}
        ended = result.terminated | result.truncated
        if bool(ended.any()):
            info["final_obs"] = flat_observation(self._view, result.final).numpy()
            info["_final_obs"] = ended.numpy()
        return (
            flat_observation(self._view, result.observation).numpy(),
            result.reward.numpy(),
            result.terminated.numpy(),
            result.truncated.numpy(),
            info,
        )
