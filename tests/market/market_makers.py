"""Small markets made by hand, for the tests of this room."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.bars import Bars
from grandmodel.market.instruments import Instrument

CONF = Path(__file__).parents[2] / "conf" / "instrument"
PLAIN = Instrument(name="plain", tick=0.25)


def utc_ns(text: str) -> int:
    return int(pd.Timestamp(text, tz="UTC").value)


def random_frame(start: str, bars: int, minutes: int, seed: int = 0) -> pd.DataFrame:
    """Bars without gaps, prices on a grid of 0.25, volume above zero."""
    rng = np.random.default_rng(seed)
    walk = 4000.0 + 0.25 * np.cumsum(rng.integers(-4, 5, bars + 1))
    opens, closes = walk[:-1], walk[1:]
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(start, periods=bars, freq=f"{minutes}min", tz="UTC"),
            "open": opens,
            "high": np.maximum(opens, closes) + 0.25 * rng.integers(0, 4, bars),
            "low": np.minimum(opens, closes) - 0.25 * rng.integers(0, 4, bars),
            "close": closes,
            "volume": rng.integers(1, 500, bars).astype(float),
        }
    )


def bars_of(frame: pd.DataFrame, minutes: int, instrument: Instrument = PLAIN, **more: Any) -> Bars:
    return Bars(
        open_time_ns=pd.DatetimeIndex(frame.timestamp).as_unit("ns").asi8,
        open=frame.open.to_numpy(),
        high=frame.high.to_numpy(),
        low=frame.low.to_numpy(),
        close=frame.close.to_numpy(),
        volume=frame.volume.to_numpy(),
        minutes=minutes,
        instrument=instrument,
        **more,
    )


def flat_bars(opens_ns: list[int] | np.ndarray, minutes: int, instrument: Instrument) -> Bars:
    """Bars at the given times, all at a price of 100."""
    price = np.full(len(opens_ns), 100.0)
    times = np.asarray(opens_ns, dtype=np.int64)
    return Bars(times, price, price, price, price, price, minutes, instrument)


def grid(start: str, end: str, minutes: int) -> np.ndarray:
    return np.arange(utc_ns(start), utc_ns(end), minutes * MINUTE_NS)
