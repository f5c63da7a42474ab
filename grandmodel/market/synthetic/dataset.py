"""From a configuration to a dataset: one training path, some for validation, some for test."""

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.market.bars import Bars
from grandmodel.market.dataset import DECISION_MINUTES, Dataset, MarketPath, SynergyEvents
from grandmodel.market.instruments import Instrument
from grandmodel.market.splits import Span
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.timetable import open_times, trading_days
from grandmodel.market.synthetic.world import Drawn, Prices, Shown, Watch
from grandmodel.market.synthetic.worlds import WORLDS

SESSIONS_PER_YEAR = 252
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


def _events(shown: Shown | None, bars: Bars) -> SynergyEvents | None:
    if shown is None:
        return None
    times = bars.close_time_ns[shown.bar]
    return SynergyEvents(times, shown.type, shown.direction, shown.confidence)


def path_names(config: SyntheticConfig) -> list[tuple[str, str, int]]:
    """Return (split, name, bars) of each path, in the order of the dataset."""
    out = [("train", "train/0", config.train_bars)]
    for k in range(config.validation_paths):
        out.append(("validation", f"validation/{k}", config.validation_bars))
    for k in range(config.test_paths):
        out.append(("test", f"test/{k}", config.test_bars))
    return out


def world_words(config: SyntheticConfig) -> str:
    """Say in one line what the world is."""
    words = WORLDS[config.world].about
    return words if isinstance(words, str) else words(config)


def about(config: SyntheticConfig) -> str:
    """Say in one line what the market is and how much of it is drawn."""
    return (
        f"synthetic {config.world} ({world_words(config)}), data.seed {config.seed}: "
        f"{config.train_bars:,} training bars, {config.validation_paths} x "
        f"{config.validation_bars:,} for validation, {config.test_paths} x {config.test_bars:,} "
        "for test"
    )


def _draw(
    config: SyntheticConfig, bars: int, name: str, watch: Callable[[], Watch] | None
) -> Drawn:
    """Draw one path, with a watch of its own where the world is drawn by what one sees."""
    world = WORLDS[config.world]
    if not world.watches:
        return world.draw(config, bars, name)
    if watch is None:
        raise ValueError(f"world {config.world} is drawn with a watch for synergies, give one")
    return world.draw(config, bars, name, watch())


def make_dataset(
    config: SyntheticConfig,
    watch: Callable[[], Watch] | None = None,
    *,
    minutes: int = DECISION_MINUTES,
) -> Dataset:
    """Draw the market that ``config`` describes; the same configuration gives the same bytes.

    Every path has random streams of its own, so changing the number or length of other paths
    changes none of its prices, and follows the one before it in the calendar, so no two paths
    share a time stamp.

    Args:
        config: world and sizes.
        watch: makes what watches a path for synergies, for worlds that are drawn by them.
        minutes: of a bar, in worlds that have no clock of their own.

    Source: `docs/definitions.md`, Synthetic markets.
    """
    world = WORLDS[config.world]
    minutes = world.minutes or minutes
    paths, truth = [], []
    extra: dict[str, list[NDArray]] = {}
    splits: dict[str, list[Span]] = {"train": [], "validation": [], "test": []}
    first_day = 0
    for index, (split, name, bars) in enumerate(path_names(config)):
        drawn = _draw(config, bars, f"{config.world}/{name}", watch)
        decided = _bars_of(drawn.prices, first_day, minutes, name, config)
        finest = None
        if drawn.finest is not None:
            finest = _bars_of(drawn.finest, first_day, world.finest_minutes, name, config)
        paths.append(MarketPath(decided, finest, _events(drawn.shown, decided)))
        truth.append(drawn.truth)
        columns = dict(drawn.extra)
        if config.leak != "none":
            columns["leak"] = leak_column(drawn.prices.open, drawn.prices.close)
        for column, values in columns.items():
            extra.setdefault(column, []).append(values)
        splits[split].append(Span(path=index, start=config.warmup_bars, stop=bars))
        first_day += trading_days(bars, minutes)
    return Dataset(
        paths=tuple(paths),
        splits={split: tuple(spans) for split, spans in splits.items()},
        synthetic=True,
        extra=extra,
        truth=tuple(truth),
        about=about(config),
    )
