"""Small markets behind every adapter; run as a program it prints what two seeds lead to."""

import hashlib

import numpy as np
from env_worlds import SCALE, random_tape

from grandmodel.core.types import ObservationSpec
from grandmodel.envs.config import EnvConfig, RewardConfig
from grandmodel.envs.gym_env import GymMarketEnv, GymVectorMarketEnv
from grandmodel.envs.reward import Reward
from grandmodel.systems.critic import union_spec

SPEC = ObservationSpec("a", ("momentum_20", "raw_volatility_30"), ("synergy_direction",))
OTHER = ObservationSpec("b", ("momentum_20",), ("synergy_direction",))
TAPE = random_tape(300)
SPANS = [range(48, 150), range(160, 300)]


def reward(normalise=False):
    return Reward(RewardConfig(normalise=normalise), SCALE)


def market(kind=GymMarketEnv, normalise=False, spans=SPANS, episode_bars=12, **more):
    """A Gymnasium adapter on a random tape."""
    return kind(TAPE, SPEC, EnvConfig(episode_bars=episode_bars), reward(normalise), spans, **more)


def zoo(weights=(0.75, 0.25), **more):
    """The PettingZoo adapter on a random tape, agents a and b."""
    from grandmodel.envs.pettingzoo_env import PettingZooMarketEnv

    return PettingZooMarketEnv(
        TAPE,
        [SPEC, OTHER],
        EnvConfig(episode_bars=12),
        reward(),
        SPANS,
        weights=weights,
        critic=union_spec([SPEC, OTHER]),
        **more,
    )


def digest(seed):
    """Hash everything that the adapters give back over some episodes."""
    found = hashlib.sha256()
    draw = np.random.default_rng(3)
    vector = market(GymVectorMarketEnv, n_envs=5)
    seen, _ = vector.reset(seed=seed)
    found.update(seen.tobytes())
    for _ in range(40):
        seen, paid, _, ended, info = vector.step(draw.integers(0, 3, 5))
        for values in (seen, paid, ended, info["equity"], info["close_time_ns"]):
            found.update(values.tobytes())
    env = zoo()
    for again in (seed, None, None):
        env.reset(seed=again)
        found.update(env.executor.encode())
        while env.agents:
            seen, paid, *_ = env.step({name: draw.integers(0, 3) for name in env.agents})
            found.update(b"".join(values.tobytes() for values in seen.values()))
            found.update(repr(paid).encode())
    return found.hexdigest()


if __name__ == "__main__":
    print(digest(5), digest(6))  # noqa: T201
