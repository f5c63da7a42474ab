"""Small environments with known answers and the interface of :class:`MarketEnv`.

A learner that fails here is wrong, whatever it does on markets. Source: `docs/definitions.md`,
"Toys".
"""

from collections.abc import Callable

import torch
from torch import Tensor

from grandmodel.core.types import ACCOUNT_BLOCK, Observation, ObservationSpec, StepResult
from grandmodel.envs.observation import HELD_UNIT_BARS
from grandmodel.envs.starts import RandomStarts
from grandmodel.features.tape import Tape
from grandmodel.market.instruments import Instrument

HALF_HOUR_NS = 1_800_000_000_000
WINDOW_BARS = 4
PRIVATE_WEIGHT = 3.0

ToyReward = Callable[[Tensor, Tensor], Tensor]  # row and target, int64 [env] -> float32 [env]


class ToyEnv:
    """Episodes on a tape of random columns; the reward depends on row and target alone.

    Args:
        tape: its columns are what agents can see.
        specs: who sees what.
        reward: of a row and the target chosen there.
        n_envs: number of environments.
        episode_bars: decisions per episode; every episode ends by truncation.
        generator: draws the starts.
    """

    def __init__(
        self,
        tape: Tape,
        specs: tuple[ObservationSpec, ...],
        reward: ToyReward,
        *,
        n_envs: int,
        episode_bars: int,
        generator: torch.Generator,
    ) -> None:
        self.tape, self.specs, self.n_envs = tape, specs, n_envs
        self.generator = generator
        self.cost_scale = 1.0
        self.no_entry = self.force_flat = None
        self.active = torch.ones(n_envs, dtype=torch.bool)
        self.starts = RandomStarts([range(WINDOW_BARS, len(tape))], episode_bars)
        self._reward = reward
        self.reset()

    def reset(self) -> Observation:
        """Start all environments anew."""
        self.bar, self._last_bar = self.starts.first(self.n_envs, self.generator)
        self._position = torch.zeros(self.n_envs, dtype=torch.int64)
        self._held = torch.zeros(self.n_envs, dtype=torch.int64)
        return self.observation()

    def observation(self) -> Observation:
        """Return what the coming decision sees."""
        block = torch.zeros(self.n_envs, len(ACCOUNT_BLOCK))
        block[:, 0], block[:, 2] = self._position, self._held / HELD_UNIT_BARS
        return Observation(self.bar, block, self._position, self._held)

    def step(self, target: Tensor) -> StepResult:
        """Take targets, int64 [env] of -1, 0, 1; arguments and result as in MarketEnv."""
        reward = self._reward(self.bar, target).float()
        self._held = (self._held * (target == self._position) + 1) * target.abs()
        self._position = target.clone()
        self.bar = self.bar + 1
        final = self.observation()
        truncated = self.bar == self._last_bar
        again = self.starts.again(self.n_envs, self.generator, truncated)
        self.bar = torch.where(truncated, again.bar, self.bar)
        self._last_bar = torch.where(truncated, again.last_bar, self._last_bar)
        self._position = self._position * ~truncated
        self._held = self._held * ~truncated
        never = torch.zeros_like(truncated)
        zero = torch.zeros(self.n_envs, dtype=torch.float64)
        return StepResult(
            observation=self.observation(),
            final=final,
            reward=reward,
            net=reward,
            terms={"net": reward, "clipped": torch.zeros_like(reward), "net_full_cost": reward},
            terminated=never,
            truncated=truncated,
            equity=zero + 1.0,
            pnl_gross=zero,
            cost=zero,
            executed=target.clone(),
            liquidated=never,
            outcome=never.to(torch.int8),
            ended=never.to(torch.int8),
        )

    def end_rollout(self) -> None:
        """Do nothing: toys have no normaliser."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that the next steps depend on, tensors only."""
        return {
            "bar": self.bar.clone(),
            "last_bar": self._last_bar.clone(),
            "position": self._position.clone(),
            "held": self._held.clone(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`."""
        self.bar, self._last_bar = state["bar"].clone(), state["last_bar"].clone()
        self._position, self._held = state["position"].clone(), state["held"].clone()
        self.generator.set_state(state["generator"])


def identity_toy(
    n_envs: int, generator: torch.Generator, *, episode_bars: int = 32, bars: int = 4096
) -> ToyEnv:
    """The column `shown` holds the right target: reward 1 where it is chosen, else 0.

    The best policy earns 1 per step, a blind one at most about a third.
    """
    shown = torch.randint(-1, 2, (bars,), generator=generator)
    tape = _tape(shown=shown)
    specs = (ObservationSpec("seer", ("shown",), (), window_bars=WINDOW_BARS),)

    def reward(bar: Tensor, target: Tensor) -> Tensor:
        return target == shown[bar]

    return ToyEnv(
        tape, specs, reward, n_envs=n_envs, episode_bars=episode_bars, generator=generator
    )


def endless_toy(
    n_envs: int, generator: torch.Generator, *, episode_bars: int = 16, bars: int = 1024
) -> ToyEnv:
    """Every step earns 1: the value is 1 / (1 - gamma), if truncation is bootstrapped.

    A learner that takes the end of an episode for the end of the world finds less.
    """
    tape = _tape(shown=torch.zeros(bars))
    specs = (ObservationSpec("seer", ("shown",), (), window_bars=WINDOW_BARS),)

    def reward(bar: Tensor, target: Tensor) -> Tensor:
        del target
        return torch.ones_like(bar)

    return ToyEnv(
        tape, specs, reward, n_envs=n_envs, episode_bars=episode_bars, generator=generator
    )


def private_view_toy(
    n_envs: int, generator: torch.Generator, *, episode_bars: int = 32, bars: int = 4096
) -> ToyEnv:
    """Reward = (target == `own`) + 3 x `other`: `seer` sees own, `holder` sees other.

    What `other` brings cannot be influenced, but to a critic with the seer's view it is noise
    nine times as large as the signal; a critic that sees both takes it out.
    """
    own = torch.randint(-1, 2, (bars,), generator=generator)
    other = torch.randint(0, 2, (bars,), generator=generator) * 2 - 1
    tape = _tape(own=own, other=other)
    specs = (
        ObservationSpec("seer", ("own",), (), window_bars=WINDOW_BARS),
        ObservationSpec("holder", ("other",), (), window_bars=WINDOW_BARS),
    )

    def reward(bar: Tensor, target: Tensor) -> Tensor:
        return (target == own[bar]).float() + PRIVATE_WEIGHT * other[bar].float()

    return ToyEnv(
        tape, specs, reward, n_envs=n_envs, episode_bars=episode_bars, generator=generator
    )


def _tape(**columns: Tensor) -> Tape:
    """Return a tape of constant prices with the given columns, [bar] each."""
    features = torch.stack([values.float() for values in columns.values()], dim=1)
    bars = len(features)
    flat = torch.ones(bars, dtype=torch.float64)
    none = torch.zeros(bars, dtype=torch.int64)
    return Tape(
        columns=tuple(columns),
        features=features,
        open_time_ns=torch.arange(bars) * HALF_HOUR_NS,
        open=flat,
        high=flat,
        low=flat,
        close=flat,
        trailing_sd=flat,
        atr14=flat * 0.0,
        session=none,
        scheduled=flat > 0.0,
        edge_ahead=flat < 0.0,
        break_ahead_hours=flat * 0.0,
        break_hours=flat * 0.0,
        spread_multiplier=flat,
        path=none,
        minutes=30,
        instrument=Instrument(name="toy"),
        fingerprint="toy",
    )
