"""The vector adapter in the form that Stable-Baselines3 expects.

Stable-Baselines3 takes no Gymnasium vector environment; over this one its learners step all
environments in one batch. Importing this module needs the package `stable-baselines3`. Source:
`docs/definitions.md`, "Adapters".
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from grandmodel.core.checks import UserError
from grandmodel.envs.episodes import Info, Row
from grandmodel.envs.gym_env import GymVectorMarketEnv


class StableBaselinesMarketEnv(VecEnv):
    """A :class:`GymVectorMarketEnv` as a `VecEnv`.

    Infos are empty but where an episode ends: there they hold `terminal_observation`,
    `TimeLimit.truncated` and the last infos of the episode.
    """

    def __init__(self, market: GymVectorMarketEnv) -> None:
        self.market = market
        self._actions = np.zeros(market.num_envs, np.int64)
        super().__init__(
            market.num_envs, market.single_observation_space, market.single_action_space
        )

    def reset(self) -> Row:
        """Start all episodes anew, with the seed that :meth:`seed` was given, once."""
        seen, _ = self.market.reset(seed=self._seeds[0])
        self.reset_infos: list[Info] = [{} for _ in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return seen

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Row, np.ndarray, np.ndarray, list[Info]]:
        """Step all environments; ended episodes are followed by new ones at once."""
        seen, reward, terminated, truncated, told = self.market.step(self._actions)
        done = terminated | truncated
        infos: list[Info] = [{} for _ in range(self.num_envs)]
        for index in np.flatnonzero(done):
            final = told["final_info"]
            infos[index] = {
                "terminal_observation": told["final_obs"][index],
                "TimeLimit.truncated": bool(truncated[index]),
                **{k: v[index].item() for k, v in final.items() if not k.startswith("_")},
            }
        return seen, reward, done, infos

    def close(self) -> None:
        """Close the market."""
        self.market.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the market once for each environment asked for."""
        return [getattr(self.market, attr_name)] * len(self._asked(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the market, for all environments together."""
        del indices
        setattr(self.market, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Refuse: there are no single environments behind the batch.

        Raises:
            UserError: always.
        """
        del method_args, indices, method_kwargs
        raise UserError(
            f"{method_name} cannot be called on single environments: they are one batch; use "
            "kind=gymnasium for environments of their own"
        )

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Say that no single environment is wrapped."""
        del wrapper_class
        return [False] * len(self._asked(indices))

    def _asked(self, indices: int | Iterable[int] | None) -> list[int]:
        return list(self._get_indices(indices))
