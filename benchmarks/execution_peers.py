"""Established backtesters on the orders of the throughput benchmark: account steps per second.

Wanted positions, stops and targets as in `env_throughput.py --full`, as far as each of them has
them: vectorbt simulates all accounts at once in compiled code, backtesting.py one account.
"""

import os
import time
import warnings

import numpy as np
import pandas as pd

STOP, TARGET = 0.004, 0.006  # shares of the entry price: two and three ATR(14) of the walk
FEE = 1e-4
CASH = 100_000.0


def windows(tape, starts: np.ndarray, bars: int) -> dict[str, np.ndarray]:
    """Prices of each account's bars, [bar, account]."""
    rows = starts[None, :] + np.arange(bars)[:, None]
    return {name: getattr(tape, name).numpy()[rows] for name in ("open", "high", "low", "close")}


def vectorbt_rate(
    tape, starts: np.ndarray, targets: np.ndarray, rounds: int, *, brackets: bool = True
) -> float:
    """Steps per second of `Portfolio.from_signals`, targets int64 [bar, account]."""
    import vectorbt as vbt

    bars = len(targets)
    prices = {name: pd.DataFrame(part) for name, part in windows(tape, starts, bars).items()}
    wanted = np.vstack([np.zeros_like(targets[:1]), targets[:-1]])  # filled one bar later
    signals = {
        "entries": wanted > 0,
        "exits": wanted <= 0,
        "short_entries": wanted < 0,
        "short_exits": wanted >= 0,
    }
    signals = {name: pd.DataFrame(values) for name, values in signals.items()}
    best = 0.0
    for _ in range(rounds + 1):  # the first one compiles
        began = time.perf_counter()
        vbt.Portfolio.from_signals(
            prices["close"],
            **signals,
            price=prices["open"],
            open=prices["open"],
            high=prices["high"],
            low=prices["low"],
            size=1.0,
            size_type="percent",
            upon_opposite_entry="close",  # reversing by percent is not supported
            sl_stop=STOP if brackets else None,
            tp_stop=TARGET if brackets else None,
            fees=FEE,
            init_cash=CASH,
            freq="30min",
        ).value()
        best = max(best, targets.size / (time.perf_counter() - began))
    return best


def backtesting_rate(
    tape, start: int, targets: np.ndarray, rounds: int, *, brackets: bool = True
) -> float:
    """Steps per second of a backtesting.py strategy, targets int64 [bar]."""
    os.environ.setdefault("TQDM_DISABLE", "1")  # it would draw a bar of its progress
    from backtesting import Backtest, Strategy

    bars = len(targets)
    rows = slice(start, start + bars)
    frame = pd.DataFrame(
        {name.title(): getattr(tape, name).numpy()[rows] for name in ("open", "high", "low")}
        | {"Close": tape.close.numpy()[rows]},
        index=pd.date_range("2020-01-01", periods=bars, freq="30min"),
    )

    class Follow(Strategy):
        def init(self):
            pass

        def next(self):
            target, price = targets[len(self.data) - 1], self.data.Close[-1]
            side = int(np.sign(self.position.size))
            if target == side:
                return
            if side:
                self.position.close()
            if target:
                send = self.buy if target > 0 else self.sell
                stop, profit = price * (1 - STOP * target), price * (1 + TARGET * target)
                send(size=0.9, **({"sl": stop, "tp": profit} if brackets else {}))

    best = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(rounds):
            began = time.perf_counter()
            Backtest(frame, Follow, cash=CASH, commission=FEE).run()
            best = max(best, bars / (time.perf_counter() - began))
    return best
