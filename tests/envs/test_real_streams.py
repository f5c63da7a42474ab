"""Random order streams over stretches of real bars."""

import numpy as np
import pandas as pd
import pytest
from order_streams import World, with_late
from stream_checks import assert_agreement

PRICES = ("open", "high", "low", "close")


def stretches(path, grid: float, streams: int, bars: int) -> dict[str, np.ndarray]:
    """Prices of random stretches in steps of the grid, int64 [stream, bar]."""
    frame = pd.read_parquet(path, columns=list(PRICES))
    rng = np.random.default_rng(7)
    starts = rng.integers(0, len(frame) - bars, streams)
    rows = starts[:, None] + np.arange(bars)
    steps = {name: frame[name].to_numpy()[rows] / grid for name in PRICES}
    whole = {name: values.round().astype(np.int64) for name, values in steps.items()}
    assert all(np.abs(whole[name] - values).max() < 1e-4 for name, values in steps.items())
    return with_late(whole, rng)


@pytest.mark.real_bars
@pytest.mark.parametrize(
    ("name", "grid", "facts"),
    [
        ("ES_1m", "0.25", {"tick": 0.25, "multiplier": 50.0, "commission": 2.25}),
        ("NQ_5m", "0.000001", {"tick": 0.25, "multiplier": 20.0}),  # adjusted: off the ticks
        ("EURUSD_1m", "0.00001", {"tick": 1e-5, "fee_bps": 0.5}),
        ("BTCUSDT_5m", "0.01", {"tick": 0.01, "fee_bps": 10.0, "long_only": True}),
        ("XAUUSD_30m", "0.01", {"tick": 0.01, "half_spread_bps": 1.0}),
        ("SPY_1m", "0.0001", {"tick": 0.01, "commission": 0.0035}),
    ],
)
@pytest.mark.parametrize("size", ["notional", "contracts", "vol_target"])
def test_streams_over_real_bars_agree(name, grid, facts, size, real_bars):
    bars = stretches(real_bars(name), float(grid), 50, 40)
    ticks = {"half_spread_ticks": 0.5, "slippage_ticks": 0.25}
    spread = float(np.mean(bars["high"] - bars["low"]))
    for slippage, orders in (("volume_share", "own"), ("fixed", "targets")):
        settings = {"size": size, "slippage": slippage, "stop_atr": 0.5, "target_atr": 1.0}
        settings |= {"entry": "limit", "max_hold_bars": 30}
        world = World(
            seed=3,
            facts=ticks | facts,
            settings=settings,
            grid=grid,
            level=int(np.median(bars["open"])),
            sd=max(2.0, spread),
            leverage=5.0,
            orders=orders,
            streams=50,
            bars=40,
        )
        assert_agreement(world, bars)
