"""The compiled account of baselines says what the decimal account says."""

from itertools import product

import numpy as np
import pytest
from decimal_account import DecimalAccount
from decimal_rows import rows_of, rules_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from order_streams import Streams, World, drawn
from stream_worlds import BARE, worlds

from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import run_positions

SIZES = ("notional", "contracts", "vol_target")
SLIPPAGES = ("fixed", "volatility", "volume_share")
SD_FLOOR = 1e-4
FIGURES = ("equity", "pnl_gross", "cost", "quantity", "position", "liquidated")


def by_kernel(world: World, tape, streams: Streams) -> dict[str, np.ndarray]:
    """Run the targets of all streams, one segment each; figures [stream, step]."""
    targets = np.zeros((world.streams, world.bars), np.int8)
    targets[:, :-1] = streams.target.numpy()
    config = EnvConfig(**world.config())
    track = run_positions(
        tape,
        world.segments,
        targets.ravel(),
        config,
        sd_floor=SD_FLOOR,
        cost_scale=world.cost_scale,
    )
    return {name: getattr(track, name).reshape(world.streams, -1) for name in FIGURES}


def by_decimals(world: World, tape, streams: Streams) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The same by the slow account, and which figures count: none after all money is lost."""
    rules = rules_of(tape, EnvConfig(**world.config()), SD_FLOOR, world.cost_scale)
    rows = rows_of(tape)
    told = np.zeros((world.streams, world.bars - 1, len(FIGURES)))
    counts = np.zeros(told.shape[:2], dtype=bool)
    for stream, segment in enumerate(world.segments):
        account = DecimalAccount(rows, rules, segment.start, segment.stop)
        for step, target in enumerate(streams.target[stream].tolist()):
            if account.over:
                break
            said = account.step(target)
            counts[stream, step] = True
            told[stream, step] = [
                float(said.equity),
                float(said.gross),
                float(said.cost),
                float(said.traded),
                said.executed,
                said.ended == "LIQUIDATED",
            ]
    return {name: told[:, :, k] for k, name in enumerate(FIGURES)}, counts


def assert_agreement(world: World) -> None:
    """Hold the compiled account to the decimal one after every step."""
    tape, streams = drawn(world)
    want, counts = by_decimals(world, tape, streams)
    got = by_kernel(world, tape, streams)
    for name in FIGURES:
        np.testing.assert_allclose(
            got[name][counts], want[name][counts], rtol=1e-9, atol=1e-4, err_msg=f"{name} {world}"
        )


streams = settings(
    max_examples=8,
    derandomize=True,
    deadline=None,
    report_multiple_bugs=False,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(("size", "slippage"), list(product(SIZES, SLIPPAGES)))
@streams
@given(data=st.data())
def test_streams_agree_with_the_decimal_account(size, slippage, data):
    assert_agreement(data.draw(worlds(orders=("targets",), size=size, slippage=slippage)))


@pytest.mark.parametrize("size", SIZES)
@streams
@given(data=st.data())
def test_streams_of_market_orders_alone_agree(size, data):
    assert_agreement(data.draw(worlds(size=size, slippage="fixed", **BARE)))
