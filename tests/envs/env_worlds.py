"""Small tapes for the tests of this room, by hand or at random."""

from dataclasses import replace

import torch

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig, RewardConfig
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.reward import Reward
from grandmodel.envs.starts import RandomStarts, SegmentStarts
from grandmodel.envs.step_facts import RewardScale
from grandmodel.features.tape import Tape
from grandmodel.market.instruments import Instrument

HALF_HOUR_NS = 1_800_000_000_000
PLAIN = Instrument(name="plain", tick=0.25, multiplier=2.0, fee_bps=1.0, calendar="24/7")
SCALE = RewardScale(sd_floor=1e-4, ordinary_drawdown=0.02)


def doubles(values):
    return torch.tensor(values, dtype=torch.float64)


def hand_tape(bars, instrument=PLAIN, session=None, **changes):
    """bars: rows of open, high, low, close; the timetable has the sessions that are there."""
    prices = doubles(bars)
    count = len(prices)
    session = torch.zeros(count, dtype=torch.int64) if session is None else torch.tensor(session)
    second = torch.cat([session[2:], session[-1:].expand(min(2, count)) + 1])
    tape = Tape(
        columns=(),
        features=torch.zeros(count, 0),
        open_time_ns=torch.arange(count) * HALF_HOUR_NS,
        open=prices[:, 0].clone(),
        high=prices[:, 1].clone(),
        low=prices[:, 2].clone(),
        close=prices[:, 3].clone(),
        trailing_sd=torch.full((count,), 1e-3, dtype=torch.float64),
        atr14=torch.full((count,), 4.0, dtype=torch.float64),
        session=session,
        scheduled=torch.ones(count, dtype=torch.bool),
        edge_ahead=torch.cat([session[1:], session[-1:] + 1]) != second,
        break_ahead_hours=torch.zeros(count, dtype=torch.float64),
        break_hours=torch.zeros(count, dtype=torch.float64),
        spread_multiplier=torch.ones(count, dtype=torch.float64),
        path=torch.zeros(count, dtype=torch.int64),
        minutes=30,
        instrument=instrument,
        fingerprint="hand",
    )
    return replace(tape, **changes)


def random_tape(count, seed=0, instrument=PLAIN, sd=2e-3, session_bars=14, columns=True):
    """A walk without drift, with clustering volatility, gaps, sessions and some signals."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    level = torch.exp(0.8 * torch.sin(torch.arange(count) / 97.0) + 0.3 * normal(count))
    close = 1000.0 * torch.exp((sd * level * normal(count)).cumsum(0))
    opened = torch.cat([close[:1], close[:-1]]) * torch.exp(0.2 * sd * normal(count))
    wick = 1.0 + sd * normal(2, count).abs()
    high = torch.maximum(opened, close) * wick[0]
    low = torch.minimum(opened, close) / wick[1]
    rows = torch.stack([opened, high, low, close], dim=1).tolist()
    session = (torch.arange(count) // session_bars).tolist()
    last = torch.arange(count) % session_bars == 0
    breaks = torch.where(last & (torch.arange(count) > 0), 9.0, 0.0).double()
    breaks[session_bars :: 5 * session_bars] = 60.0
    returns = close / opened - 1.0
    sd_now = torch.empty(count, dtype=torch.float64)
    variance = sd**2
    for bar, value in enumerate(returns.tolist()):
        variance = 0.94 * variance + 0.06 * value**2
        sd_now[bar] = variance**0.5
    tape = hand_tape(
        rows,
        instrument,
        session,
        break_hours=breaks,
        break_ahead_hours=torch.cat([breaks[1:], breaks[:1]]),
        spread_multiplier=torch.where(last, 4.0, 1.0).double(),
        trailing_sd=sd_now,
        atr14=(high - low).clone(),
    )
    if not columns:
        return tape
    appears = torch.rand(count, generator=draw) < 0.02
    side = torch.randint(0, 2, (count,), generator=draw) * 2.0 - 1.0
    tape = tape.with_column("synergy_direction", torch.where(appears, side, 0.0))
    confidence = torch.rand(count, generator=draw)
    tape = tape.with_column("synergy_confidence", torch.where(appears, confidence, 0.0))
    tape = tape.with_column("raw_volatility_30", (sd_now / sd_now.median()).float())
    tape = tape.with_column("momentum_20", normal(count).float())
    return tape


def segment_env(tape, segments=None, copies=1, reward=None, scale=SCALE, **config):
    """An environment that judges; one segment over the whole tape unless told otherwise."""
    segments = segments or [Segment(0, len(tape))]
    return MarketEnv(
        tape,
        EnvConfig(**config),
        Reward(reward or RewardConfig(), scale),
        starts=SegmentStarts(segments, copies),
        generator=torch.Generator().manual_seed(0),
    )


def random_env(tape, n_envs=8, seed=0, reward=None, first=0, scale=SCALE, **config):
    """An environment that trains."""
    env = EnvConfig(**config)
    return MarketEnv(
        tape,
        env,
        Reward(reward or RewardConfig(), scale),
        n_envs=n_envs,
        starts=RandomStarts([range(first, len(tape))], env.episode_bars),
        generator=torch.Generator().manual_seed(seed),
    )


def run(env, targets):
    """Step through targets, one number per step for all environments; return the results."""
    return [env.step(torch.full((env.n_envs,), target)) for target in targets]
