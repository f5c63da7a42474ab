"""One account over a few bars by hand, for longs and mirrored for shorts."""

import pytest
import torch
from env_worlds import doubles, hand_tape, segment_env

from grandmodel.envs.orders import Ended, Orders, Outcome
from grandmodel.market.instruments import Instrument

# Half a spread is 0.5, slippage 1.0, the tick 0.5. Per unit: maker 1, taker 1 + 1.5 x 2 = 4,
# forced 1 + (0.5 + 0.5) x 2 = 3. Ten units move equity by 20 for each 1.00 of price.
HAND = Instrument(
    name="hand",
    tick=0.5,
    multiplier=2.0,
    commission=1.0,
    half_spread_ticks=1.0,
    slippage_ticks=2.0,
    calendar="24/7",
)
MAKER, TAKER, FORCED = 10.0, 40.0, 30.0  # of ten units
STILL = [100.0, 100.0, 100.0, 100.0]
SIDES = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


def mirrored(bars, side):
    """The bars themselves, or reflected at 100: what a short meets."""
    if side > 0:
        return bars
    return [[200.0 - o, 200.0 - low, 200.0 - h, 200.0 - c] for o, h, low, c in bars]


def price(value, side):
    """A price of the long case, reflected for the short one, float64 [1]."""
    return doubles([value if side > 0 else 200.0 - value])


def hand_env(side, *bars, instrument=HAND, facts=None, **config):
    """One account over a bar at 100, the given bars and two quiet ones at the last close."""
    last = bars[-1][3]
    rows = mirrored([STILL, *bars, [last] * 4, [last] * 4], side)
    facts = {name: doubles(values) for name, values in (facts or {}).items()}
    if "rolls" in facts:
        facts["rolls"] = facts["rolls"] > 0
    kind = {"volume_kind": "traded"} if "volume" in facts else {}
    tape = hand_tape(rows, instrument, **facts, **kind)
    given = {"size": "contracts", "contracts": 10.0, "edge": "carry"} | config
    return segment_env(tape, **given)


def sent(side, limit=None, stop=None, take_profit=None, size=None):
    """Orders for one account at prices of the long case."""
    named = {"limit": limit, "stop": stop, "take_profit": take_profit}
    prices = {key: None if value is None else price(value, side) for key, value in named.items()}
    return Orders(torch.tensor([side]), None if size is None else doubles([size]), **prices)


def figures(result):
    return result.equity.item() - 100_000.0, result.cost.item()


def assert_result(result, equity, cost, ended=Ended.NONE, outcome=Outcome.NONE, position=None):
    """equity: its change since the beginning; cost: of this step."""
    assert figures(result) == pytest.approx((equity, cost), abs=1e-9)
    assert Ended(result.ended.item()) is ended
    assert Outcome(result.outcome.item()) is outcome
    assert result.liquidated.item() == (ended is Ended.LIQUIDATED)
    if position is not None:
        assert result.final.position.item() == position
