"""From a configuration to a dataset: one training path, some for validation, some for test."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.core.clock import DAY_NS, MINUTE_NS
from grandmodel.market.bars import Bars
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.instruments import Instrument
from grandmodel.market.splits import Span
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.law import RegimeLaw, law_of
from grandmodel.market.synthetic.path import PricePath, draw_path
from grandmodel.market.synthetic.texture import BARS_PER_DAY, Texture

MINUTES = 30
SESSIONS_PER_YEAR = 252
TRADING_DAYS_PER_WEEK = 5
FIRST_MONDAY_NS = int(np.datetime64("1990-01-01", "ns").astype(np.int64))
TRAILING_ALPHA = 0.06


@dataclass(frozen=True)
class PathTruth:
    """What was true while a path was made; references may know it, policies never do."""

    drift_next: NDArray[np.float64]  # [bar] expected simple return of the bar after
    regime: NDArray[np.int8]  # [bar]
    sd_factor: NDArray[np.float64] | None  # [bar] on the regime's sd; None: 1 everywhere
    law: RegimeLaw


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


def open_times(first_day: int, bars: int) -> NDArray[np.int64]:
    """Return UTC open stamps of ``bars`` half hours from 00:00 on, Monday to Friday, int64 [bar].

    Args:
        first_day: trading days since the first Monday of the calendar; a multiple of five.
        bars: how many.
    """
    index = np.arange(bars, dtype=np.int64)
    day = first_day + index // BARS_PER_DAY
    calendar_day = day // TRADING_DAYS_PER_WEEK * 7 + day % TRADING_DAYS_PER_WEEK
    within = index % BARS_PER_DAY * (MINUTES * MINUTE_NS)
    return FIRST_MONDAY_NS + calendar_day * DAY_NS + within


def planted_instrument(cost_bps: float) -> Instrument:
    """Return the instrument of synthetic bars: a fee per unit traded and nothing else."""
    return Instrument(
        name="planted",
        tick=None,
        multiplier=1.0,
        lot=1e-6,
        fee_bps=cost_bps,
        calendar="planted",
        timezone="UTC",
        edge="carry",
        sessions_per_year=SESSIONS_PER_YEAR,
    )


def _trading_days(bars: int) -> int:
    """Return whole weeks of trading days that hold ``bars``: each path begins on a Monday."""
    weeks = -(-bars // (BARS_PER_DAY * TRADING_DAYS_PER_WEEK))
    return weeks * TRADING_DAYS_PER_WEEK


def _bars_of(path: PricePath, first_day: int, name: str, config: SyntheticConfig) -> Bars:
    return Bars(
        open_time_ns=open_times(first_day, len(path.close)),
        open=path.open,
        high=path.high,
        low=path.low,
        close=path.close,
        volume=path.volume,
        minutes=MINUTES,
        instrument=planted_instrument(config.cost_bps),
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


def make_dataset(config: SyntheticConfig) -> Dataset:
    """Draw the market that ``config`` describes; the same configuration gives the same bytes.

    Every path has random streams of its own, so changing the number or length of other paths
    changes none of its prices, and follows the one before it in the calendar, so no two paths
    share a time stamp.

    Source: `docs/definitions.md`, Synthetic markets.
    """
    law = law_of(config)
    texture = Texture() if config.world == "textured" else None
    paths, truth, leaks = [], [], []
    splits: dict[str, list[Span]] = {"train": [], "validation": [], "test": []}
    first_day = 0
    for index, (split, name, bars) in enumerate(path_names(config)):
        drawn = draw_path(
            law,
            bars,
            config.seed,
            f"{config.world}/{name}",
            start_price=config.start_price,
            texture=texture,
        )
        paths.append(MarketPath(bars=_bars_of(drawn, first_day, name, config), finest=None))
        truth.append(PathTruth(drawn.drift_next, drawn.regime, drawn.sd_factor, law))
        if config.leak != "none":
            leaks.append(leak_column(drawn.open, drawn.close))
        splits[split].append(Span(path=index, start=config.warmup_bars, stop=bars))
        first_day += _trading_days(bars)
    return Dataset(
        paths=tuple(paths),
        splits={split: tuple(spans) for split, spans in splits.items()},
        synthetic=True,
        extra={"leak": leaks} if leaks else {},
        truth=tuple(truth),
    )
