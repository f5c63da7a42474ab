"""The compiled account of scripted positions is held to the decimal one too."""

from itertools import product

import numpy as np
import pytest
from env_worlds import SCALE
from hypothesis import given
from hypothesis import strategies as st
from order_streams import World, drawn
from stream_checks import by_decimals
from stream_worlds import SIZES, SLIPPAGES, by_streams, worlds

from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import Desk

NEAR = 1e-9  # of the capital

pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")


def assert_scripted_agreement(world: World) -> None:
    tape, streams = drawn(world)
    config = EnvConfig(**world.config())
    want, counts = by_decimals(world, tape, streams)
    desk = Desk(tape, world.segments, config, sd_floor=SCALE.sd_floor, cost_scale=world.cost_scale)
    track = desk.track(streams.target.numpy().astype(np.int8).ravel())
    got = {
        "equity": track.equity,
        "cost": track.cost,
        "gross": track.pnl_gross,
        "traded": track.quantity,
        "executed": track.position,
        "ended": track.ended,
    }
    for name, values in got.items():
        told, said = values.reshape(counts.shape)[counts], want[name][counts]
        scale = config.capital if name in ("equity", "cost", "gross") else 1.0
        off = np.abs(told - said) > NEAR * np.maximum(np.abs(said), scale)
        assert not off.any(), f"{name}: {told[off][:3]} instead of {said[off][:3]} in {world}"


@pytest.mark.parametrize(("size", "slippage"), list(product(SIZES, SLIPPAGES)))
@by_streams(8)
@given(data=st.data())
def test_scripted_positions_agree_with_the_decimal_account(size, slippage, data):
    given = {"size": size, "slippage": slippage, "orders": ("targets",)}
    assert_scripted_agreement(data.draw(worlds(streams=60, **given)))
