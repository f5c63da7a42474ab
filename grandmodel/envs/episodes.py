"""What all adapters share: episodes of a market with seeds, observations, actions and infos.

Source: `docs/definitions.md`, "Adapters".
"""

from collections.abc import Sequence
from typing import Any, TypedDict

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grandmodel.core.checks import UserError, require
from grandmodel.core.random import stream_seed
from grandmodel.core.types import Observation, ObservationSpec, StepResult
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.in_turn import SegmentsInTurn
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.observation import MarketView
from grandmodel.envs.reward import Reward
from grandmodel.envs.starts import STARTS, Stretch
from grandmodel.features.tape import Tape

ACTIONS = 3
ROLLOUT_STEPS = 64  # as `algorithm.rollout_steps`
MINUTE_NS = 60_000_000_000

Info = dict[str, Any]
Row = NDArray[np.float32]


def observation_space(spec: ObservationSpec, *, more: int = 0) -> "gym.spaces.Box[np.float32]":
    """Return the box of one flat observation with ``more`` entries behind it."""
    width = 2 * len(spec.window) + len(spec.context) + len(spec.account) + more
    return gym.spaces.Box(-np.inf, np.inf, (width,), np.float32)


def flat_observation(view: MarketView, observation: Observation) -> Tensor:
    """Return pooled window, context and account side by side, float32 [env, width]."""
    bar = observation.bar
    window = view.pooled.index_select(0, bar)
    return torch.cat([window, view.context(bar), observation.account], dim=1)


def view_of(tape: Tape, spec: ObservationSpec | MarketView) -> MarketView:
    """Return a view of the tape, made anew unless it is one already."""
    return spec if isinstance(spec, MarketView) else MarketView(tape, spec)


def targets(actions: Any, n_envs: int) -> Tensor:
    """Return actions 0, 1, 2 as target positions -1, 0, 1, int64 [env].

    Raises:
        UserError: a value is no such number, or there is not one for each environment.
    """
    values = np.asarray(actions)
    fits = values.dtype.kind in "iu" and values.shape == (n_envs,)
    if not fits or values.min(initial=0) < 0 or values.max(initial=0) >= ACTIONS:
        raise UserError(
            f"an action must be the integer 0 (short), 1 (flat) or 2 (long), {n_envs} in all, was "
            f"{np.array2string(values, threshold=8)} of type {values.dtype} and shape "
            f"{values.shape}"
        )
    return torch.from_numpy(values.astype(np.int64)) - 1


class Settings(TypedDict, total=False):
    """Optional arguments of :class:`Episodes` that every adapter passes on."""

    seed: int
    rollout_steps: int
    in_turn: bool


class Episodes:
    """A batch of market environments as other frameworks step them, on the CPU.

    Args:
        tape: bars and columns.
        env: money, orders, episodes.
        reward: fitted on the training stretches; it is changed where it has a running scale.
        spans: stretches of tape rows.
        n_envs: number of environments.
        seed: of the starts, until :meth:`reset` is given another.
        rollout_steps: steps after which a reward with a running scale moves it.
        in_turn: run every span from its first to its last row, one after the other, instead of
            beginning episodes of `env.episode_bars` at random within them.
    """

    def __init__(
        self,
        tape: Tape,
        env: EnvConfig,
        reward: Reward,
        spans: Sequence[Stretch],
        *,
        n_envs: int = 1,
        seed: int = 0,
        rollout_steps: int = ROLLOUT_STEPS,
        in_turn: bool = False,
    ) -> None:
        require(rollout_steps >= 1, f"rollout_steps must be at least 1, was {rollout_steps}")
        self._rollout_steps, self._steps = rollout_steps, 0
        self._reward, self._reward_begun = reward, reward.state_dict()
        self._generator = torch.Generator()
        drawn = STARTS[env.starts]
        self._starts = SegmentsInTurn(spans) if in_turn else drawn(spans, env.episode_bars)
        self._env = MarketEnv(
            tape, env, reward, n_envs=n_envs, starts=self._starts, generator=self._generator
        )
        self._close_time_ns = tape.open_time_ns + tape.minutes * MINUTE_NS
        self._capital = env.capital
        self._begun = False
        self._seed(seed)

    def _seed(self, seed: int) -> None:
        self._generator.manual_seed(stream_seed(seed, "starts"))
        self._reward.load_state_dict(self._reward_begun)
        self._steps = 0
        if isinstance(self._starts, SegmentsInTurn):
            self._starts.rewind()

    def reset(self, seed: int | None = None) -> Observation:
        """Start all episodes anew; a seed makes all that follows the same as after it before."""
        if seed is not None:
            self._seed(int(seed))
        self._begun = True
        return self._env.reset()

    def step(self, target: Tensor) -> StepResult:
        """Send targets, int64 [env]; ended episodes are followed by new ones at once.

        Raises:
            UserError: no episode was begun.
        """
        require(self._begun, "there is no episode to step: call reset() first")
        result = self._env.step(target)
        self._steps += 1
        if self._steps % self._rollout_steps == 0:
            self._env.end_rollout()
        return result

    def finish(self) -> None:
        """Let the next step be refused until :meth:`reset` is called."""
        self._begun = False

    def told(self, result: StepResult) -> dict[str, NDArray[Any]]:
        """Return what infos say about the step, before episodes begin anew, [env] each."""
        return {
            "equity": result.equity.numpy(),
            "position": result.executed.numpy(),
            "pnl_gross": result.pnl_gross.numpy(),
            "cost": result.cost.numpy(),
            "outcome": result.outcome.numpy().astype(np.int64),
            "ended": result.ended.numpy().astype(np.int64),
            "close_time_ns": self._close_time_ns[result.final.bar].numpy(),
        }

    def told_fresh(self, seen: Observation) -> dict[str, NDArray[Any]]:
        """Return what infos say where an episode has just begun, [env] each."""
        count = len(seen.bar)
        return {
            "equity": np.full(count, self._capital),
            "position": np.zeros(count, np.int64),
            "pnl_gross": np.zeros(count),
            "cost": np.zeros(count),
            "outcome": np.zeros(count, np.int64),
            "ended": np.zeros(count, np.int64),
            "close_time_ns": self._close_time_ns[seen.bar].numpy(),
        }


def only(told: dict[str, NDArray[Any]]) -> Info:
    """Return the infos of a single environment as plain numbers."""
    return {name: values[0].item() for name, values in told.items()}
