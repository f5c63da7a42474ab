"""The same orders on the same bars in backtesting.py, an established backtester of its own rules.

Its rules coincide with ours for market orders at the next open, reversals, stops (also over gaps
and in the bar of a market entry, the stop before the target) and for targets and resting limits
whose price lies between two ticks. What is left out, and why:

- limits and targets at prices that trade: it fills them where a bar touches the price, ours are
  filled where the bar trades a tick beyond it;
- brackets of limit orders: it looks at them from the bar after on, ours may be stopped out in the
  bar of the fill, and a marketable one may reach its target there too;
- bars that open beyond a target and reach the stop later: ours is closed at the open, there the
  stop comes first; so bars do not gap where an order has both;
- exits on the very bar in which a bracket would have been met: its stop comes before an exit
  order that was sent for the open, so each bracket is withdrawn when the exit is sent;
- costs that depend on the kind of fill (maker, taker, forced), which it does not tell apart, and
  costs in basis points away from the open: it counts them of the fill price, ours of the open;
- its spread, which is part of the entry price and moves brackets; margin calls, which it does not
  know; sizes below one unit, which it reads as a share of the equity.
"""

import numpy as np
import pandas as pd
import pytest
import torch
from decimal_account import DecimalAccount
from decimal_rows import rows_of, rules_of
from env_worlds import segment_env
from order_streams import Streams, World, drawn, random_steps

from grandmodel.envs.config import EnvConfig
from grandmodel.envs.orders import Orders

backtesting = pytest.importorskip(
    "backtesting", reason="needs backtesting.py, which the extra `test` installs"
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # no dates, open at the end
UNITS, CASH, BARS = 7, 1e7, 400
PRICES = ("open", "high", "low", "close")


class Told(backtesting.Strategy):
    """Sends for every bar what the stream says, as far as the position differs from it."""

    streams: Streams | None = None
    stream = 0

    def init(self):
        self.equities = []

    def next(self):
        step = len(self.data) - 2
        self.equities.append(self.equity)
        if step == self.streams.target.shape[1]:
            return
        for order in self.orders:
            if not order.is_contingent:
                order.cancel()  # a limit lives one bar
        target = int(self.streams.target[self.stream, step])
        if target == np.sign(self.position.size):
            return
        for trade in self.trades:
            trade.sl = trade.tp = None
            trade.close()
        if target:
            prices = (self.streams.limit, self.streams.stop, self.streams.take_profit)
            limit, stop, profit = (values[self.stream, step].item() for values in prices)
            asked = {"limit": limit, "sl": stop, "tp": profit}
            send = self.buy if target > 0 else self.sell
            send(size=UNITS, **{key: value for key, value in asked.items() if value == value})


def theirs(world: World, tape, streams: Streams, stream: int, commission) -> np.ndarray:
    """Equity at every close from the first decision on."""
    rows = slice(stream * world.bars, (stream + 1) * world.bars)
    frame = pd.DataFrame({name.title(): getattr(tape, name)[rows].numpy() for name in PRICES})
    frame = pd.concat([frame.iloc[:1], frame], ignore_index=True)  # it decides from the second on
    test = backtesting.Backtest(frame, Told, cash=CASH, commission=commission, margin=0.01)
    Told.streams = streams
    told = test.run(stream=stream)
    return np.array(told["_strategy"].equities)


def ours(world: World, tape, streams: Streams) -> np.ndarray:
    """Equity at every close from the first decision on, [stream, bar]."""
    settings = {"contracts": float(UNITS), "capital": CASH, "max_hold_bars": BARS}
    env = segment_env(tape, world.segments, size="contracts", **settings)
    start = torch.full((world.streams,), CASH, dtype=torch.float64)
    told = [env.step(Orders(**streams.column(step))).equity for step in range(world.bars - 1)]
    return torch.stack([start, *told], dim=1).numpy()


def by_decimals(world: World, tape, streams: Streams) -> np.ndarray:
    """The same of the decimal account, which the environment is held to."""
    settings = {"contracts": float(UNITS), "capital": CASH, "max_hold_bars": BARS}
    rules = rules_of(tape, EnvConfig(size="contracts", **settings))
    rows, told = rows_of(tape), []
    for segment, orders in zip(world.segments, streams.orders(), strict=True):
        account = DecimalAccount(rows, rules, segment.start, segment.stop)
        told.append([CASH, *(float(account.step(order).equity) for order in orders)])
    return np.array(told)


def orders_for(world: World, kinds: tuple[str, ...], seed: int) -> Streams:
    """Targets that stay a while, with limits or brackets on their right sides of the close."""
    rng = np.random.default_rng(seed)
    close = random_steps(world, np.random.default_rng(world.seed))["close"][:, :-1].astype(float)
    shape = close.shape
    target = rng.integers(-1, 2, shape)
    for step in range(1, shape[1]):
        stays = rng.random(world.streams) < 0.8
        target[:, step] = np.where(stays, target[:, step - 1], target[:, step])

    def at(kind: str, side: int, least: int) -> torch.Tensor:
        off = rng.integers(least, 40, shape) + (0.0 if kind == "stop" else 0.5)
        price = close + side * target * off
        given = (rng.random(shape) < 0.8) & (target != 0) & (kind in kinds)
        return torch.tensor(np.where(given, price, np.nan))

    return Streams(
        torch.tensor(target),
        torch.ones(shape, dtype=torch.float64),
        at("limit", -1, -20),
        at("stop", -1, 1),
        at("target", 1, 0),
    )


@pytest.mark.parametrize(
    "kinds", [(), ("stop",), ("target",), ("stop", "target"), ("limit",)], ids=str
)
@pytest.mark.parametrize("account", [ours, by_decimals])
def test_the_same_orders_give_the_same_equity(kinds, account):
    # Ticks cost takers only, so only market orders pay them; else a commission is all there is.
    ticks = {"tick": 1.0, "half_spread_ticks": 0.5, "slippage_ticks": 0.25, "fee_bps": 3.0}
    facts = {"commission": 2.0} | ({} if kinds else ticks)
    gaps = 0.0 if len(kinds) == 2 else 0.4
    world = World(11, facts, grid="1", gaps=gaps, streams=4, bars=BARS)
    tape, _ = drawn(world)
    tape.spread_multiplier.fill_(1.0)
    tape.carry_long.zero_()
    tape.carry_short.zero_()
    tape.rolls.zero_()
    tape.break_ahead_hours.zero_()
    streams = orders_for(world, kinds, seed=5)

    def commission(size: float, price: float) -> float:
        return abs(size) * (2.0 + (0.0 if kinds else 0.75 + 3e-4 * price))

    mine = account(world, tape, streams)
    for stream in range(world.streams):
        other = theirs(world, tape, streams, stream, commission)
        # the last bar of a segment is flat here and open there
        np.testing.assert_allclose(mine[stream, :-1], other[: BARS - 1], rtol=1e-12, atol=1e-6)
        assert np.ptp(other) > 1_000.0
