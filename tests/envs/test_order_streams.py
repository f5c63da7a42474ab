"""Ten thousand random order streams: the batched account says what the decimal one says."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from order_streams import World
from stream_checks import assert_agreement
from stream_worlds import BARE, SIZES, SLIPPAGES, by_streams, worlds

from grandmodel.envs.orders import Ended, Outcome

STREAMS, EXAMPLES = 60, 19  # x 9 pairs of size and slippage: 10 260 streams

pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")


@pytest.mark.parametrize(("size", "slippage"), list(product(SIZES, SLIPPAGES)))
@by_streams(EXAMPLES)
@given(data=st.data())
def test_streams_agree_with_the_decimal_account(size, slippage, data):
    world = data.draw(worlds(streams=STREAMS, size=size, slippage=slippage))
    assert_agreement(world)


@pytest.mark.parametrize(("size", "slippage"), list(product(SIZES, SLIPPAGES[:2])))
@by_streams(6)
@given(data=st.data())
def test_streams_of_market_orders_alone_agree(size, slippage, data):
    world = data.draw(worlds(streams=STREAMS, size=size, slippage=slippage, **BARE))
    told = assert_agreement(world)
    assert set(told["ended"].tolist()) <= {Ended.NONE, Ended.LIQUIDATED}


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(world=worlds(streams=1, bars=7))
def test_single_streams_agree_and_shrink(world):
    assert_agreement(world)


def test_streams_meet_everything_that_can_happen():
    costs = {"commission": 1.0, "half_spread_ticks": 0.5, "slippage_ticks": 0.25, "tick": 0.25}
    met = {"outcome": Counter(), "ended": Counter()}
    for seed, (size, slippage, edge) in enumerate(
        [("contracts", "fixed", "flat"), ("contracts", "volume_share", "carry")]
    ):
        chosen = {"size": size, "slippage": slippage, "edge": edge}
        told = assert_agreement(World(seed, costs, chosen, sd=200.0, leverage=8.0))
        for name, counter in met.items():
            codes, numbers = np.unique(told[name].astype(int), return_counts=True)
            counter.update(dict(zip(codes.tolist(), numbers.tolist(), strict=True)))
    assert min(met["outcome"][code] for code in Outcome) >= 20, met
    assert min(met["ended"][code] for code in Ended) >= 20, met
