"""From a configuration to a dataset: one training path, some for validation, some for test."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.clock import DAY_NS, MINUTE_NS
from grandmodel.market.bars import Bars
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.instruments import Instrument
from grandmodel.market.splits import Span
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.texture import BARS_PER_DAY
from grandmodel.market.synthetic.world import Prices
from grandmodel.market.synthetic.worlds import WORLDS

MINUTES = 30  # of a decision; finer bars of a world divide it
SESSIONS_PER_YEAR = 252
TRADING_DAYS_PER_WEEK = 5
FIRST_MONDAY_NS = int(np.datetime64("1990-01-01", "ns").astype(np.int64))
TRAILING_ALPHA = 0.06


@njit(cache=True)
def trailing_sd(close, alpha):  # pragma: no cover - compiled
    """Return sqrt of the EMA of squared simple returns, float64 [bar], 0 before the first."""
    out = np.zeros(len(close))
    mean_square = 0.0
    for t in range(1, len(close)):
        simple = close[t] / close[t - 1] - 1.0
        if t == 1:
            mean_square = simple * simple
        else:
            mean_square += alpha * (simple * simple - mean_square)
        out[t] = np.sqrt(mean_square)
    return out


def leak_column(
    opens: NDArray[np.float64], close: NDArray[np.float64], clip: float = 10.0
) -> NDArray[np.float64]:
    """Return what the position decided at each close will earn, in trailing sds, [bar].

    The value at bar t is the return from open t+1 to open t+2 over the trailing sd known at t;
    the last two bars have no such future and show 0.
    """
    out = np.zeros(len(close))
    sd = trailing_sd(close, TRAILING_ALPHA)[:-2]
    ahead = opens[2:] / opens[1:-1] - 1.0
    known = sd > 0.0
    out[:-2][known] = np.clip(ahead[known] / sd[known], -clip, clip)
    return out


def open_times(first_day: int, bars: int, minutes: int = MINUTES) -> NDArray[np.int64]:
    """Return UTC open stamps of ``bars`` bars from 00:00 to 23:00, Monday to Friday, int64 [bar].

    Args:
        first_day: trading days since the first Monday of the calendar; a multiple of five.
        bars: how many.
        minutes: length of a bar; divides 30.
    """
    index = np.arange(bars, dtype=np.int64)
    per_day = BARS_PER_DAY * (MINUTES // minutes)
    day = first_day + index // per_day
    calendar_day = day // TRADING_DAYS_PER_WEEK * 7 + day % TRADING_DAYS_PER_WEEK
    within = index % per_day * (minutes * MINUTE_NS)
    return FIRST_MONDAY_NS + calendar_day * DAY_NS + within


def planted_instrument(cost_bps: float, half_spread_bps: float = 0.0) -> Instrument:
    """Return the instrument of synthetic bars: a fee per unit traded and, if given, a spread."""
    return Instrument(
        name="planted",
        tick=None,
        multiplier=1.0,
        lot=1e-6,
        fee_bps=cost_bps,
        half_spread_bps=half_spread_bps,
        calendar="planted",
        timezone="UTC",
        edge="carry",
        sessions_per_year=SESSIONS_PER_YEAR,
    )


def _trading_days(bars: int, minutes: int) -> int:
    """Return whole weeks of trading days that hold ``bars``: each path begins on a Monday."""
    weeks = -(-bars * minutes // (MINUTES * BARS_PER_DAY * TRADING_DAYS_PER_WEEK))
    return weeks * TRADING_DAYS_PER_WEEK


def _bars_of(
    prices: Prices, first_day: int, minutes: int, name: str, config: SyntheticConfig
) -> Bars:
    return Bars(
        open_time_ns=open_times(first_day, len(prices.close), minutes),
        open=prices.open,
        high=prices.high,
        low=prices.low,
        close=prices.close,
        volume=prices.volume,
        minutes=minutes,
        instrument=planted_instrument(config.cost_bps, config.half_spread_bps),
        volume_kind="traded",
        adjustment="none",
        source=f"synthetic {config.world} seed {config.seed} {name}",
    )


def path_names(config: SyntheticConfig) -> list[tuple[str, str, int]]:
    """Return (split, name, bars) of each path, in the order of the dataset."""
    out = [("train", "train/0", config.train_bars)]
    for k in range(config.validation_paths):
        out.append(("validation", f"validation/{k}", config.validation_bars))
    for k in range(config.test_paths):
        out.append(("test", f"test/{k}", config.test_bars))
    return out


def about(config: SyntheticConfig) -> str:
    """Say in one line what the market is and how much of it is drawn."""
    told = WORLDS[config.world].about
    return (
        f"synthetic {config.world}{'' if told is None else f' ({told(config)})'}, data.seed "
        f"{config.seed}: {config.train_bars:,} training bars, {config.validation_paths} x "
        f"{config.validation_bars:,} for validation, {config.test_paths} x {config.test_bars:,} "
        "for test"
    )


def make_dataset(config: SyntheticConfig) -> Dataset:
    """Draw the market that ``config`` describes; the same configuration gives the same bytes.

    Every path has random streams of its own, so changing the number or length of other paths
    changes none of its prices, and follows the one before it in the calendar, so no two paths
    share a time stamp.

    Source: `docs/definitions.md`, Synthetic markets.
    """
    world = WORLDS[config.world]
    paths, truth, leaks = [], [], []
    splits: dict[str, list[Span]] = {"train": [], "validation": [], "test": []}
    first_day = 0
    for index, (split, name, bars) in enumerate(path_names(config)):
        drawn = world.draw(config, bars, f"{config.world}/{name}")
        decided = _bars_of(drawn.prices, first_day, world.minutes, name, config)
        finest = None
        if drawn.finest is not None:
            finest = _bars_of(drawn.finest, first_day, world.finest_minutes, name, config)
        paths.append(MarketPath(bars=decided, finest=finest))
        truth.append(drawn.truth)
        if config.leak != "none":
            leaks.append(leak_column(drawn.prices.open, drawn.prices.close))
        splits[split].append(Span(path=index, start=config.warmup_bars, stop=bars))
        first_day += _trading_days(bars, world.minutes)
    return Dataset(
        paths=tuple(paths),
        splits={split: tuple(spans) for split, spans in splits.items()},
        synthetic=True,
        extra={"leak": leaks} if leaks else {},
        truth=tuple(truth),
        about=about(config),
    )
