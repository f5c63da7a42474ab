"""What must hold of every account, whatever is ordered."""

from dataclasses import replace

import numpy as np
import torch
from env_worlds import hand_tape
from hypothesis import given, settings
from hypothesis import strategies as st
from order_streams import World, drawn
from stream_checks import by_environment
from stream_worlds import worlds

from grandmodel.features.tape import Tape

SMALL = {"streams": 12, "bars": 24}
PRICES = ("open", "high", "low", "close", "late_open", "late_high", "late_low", "atr14")
CARRY = ("carry_long", "carry_short")
few = settings(max_examples=15, derandomize=True, deadline=None, database=None)


def times(given: object, names: tuple[str, ...], factor: float) -> dict[str, torch.Tensor]:
    """The named fields times a factor, those that are there."""
    fields = {name: getattr(given, name) for name in names}
    return {name: values * factor for name, values in fields.items() if values is not None}


def scaled(world: World, tape: Tape, factor: float, **facts: float) -> tuple[World, Tape]:
    """The same world with prices, tick and commission times a factor, and facts replaced."""
    old = tape.instrument
    costs = tuple(
        replace(entry, commission=entry.commission and entry.commission * factor)
        for entry in old.costs
    )
    instrument = replace(
        old,
        tick=old.tick and old.tick * factor,
        commission=old.commission * factor,
        costs=costs,
        **facts,
    )
    moved = times(tape, (*PRICES, *CARRY), factor)
    capital = 100_000.0 * factor
    world = replace(world, settings=world.config() | {"capital": capital})
    return world, replace(tape, instrument=instrument, **moved)


@few
@given(world=worlds(**SMALL))
def test_equity_is_cash_and_value_and_changes_by_gross_less_cost(world):
    tape, streams = drawn(world)
    told = by_environment(world, tape, streams)
    value = told["quantity"] * (told["close"] * world.instrument.multiplier)
    np.testing.assert_array_equal(told["equity"], told["cash"] + value)
    before = np.concatenate([np.full((12, 1), 100_000.0), told["equity"][:, :-1]], axis=1)
    change = told["equity"] - before
    np.testing.assert_allclose(change, told["gross"] - told["cost"], rtol=1e-9, atol=1e-6)
    flat = told["quantity"] == 0
    np.testing.assert_array_equal(flat, told["position"] == 0)
    np.testing.assert_array_equal(told["equity"][flat], told["cash"][flat])


@few
@given(world=worlds(**SMALL, size="contracts"), factor=st.sampled_from([0.5, 2.0, 5.0]))
def test_costs_never_help(world, factor):
    """The same fills at other costs: equity differs by the costs paid and by nothing else."""
    tape, streams = drawn(world)
    for name in CARRY:
        if getattr(tape, name) is not None:
            getattr(tape, name).abs_()  # a swap may be a credit
    world = replace(world, leverage=0.01)  # no margin is ever asked for
    free, paid, dear = (
        by_environment(replace(world, cost_scale=scale), tape, streams)
        for scale in (0.0, 1.0, 1.0 + factor)
    )
    for low, high in ((free, paid), (paid, dear)):
        np.testing.assert_array_equal(low["traded"], high["traded"])
        assert (high["cost"] >= low["cost"]).all()
        assert (high["equity"] <= low["equity"] + 1e-9).all()
        apart = (high["cost"] - low["cost"]).cumsum(axis=1)
        np.testing.assert_allclose(low["equity"] - high["equity"], apart, rtol=1e-9, atol=1e-6)


@few
@given(world=worlds(**SMALL), price=st.sampled_from([0.01, 3.0, 1234.5]))
def test_round_trips_at_one_price_lose_exactly_their_costs(world, price):
    tape, streams = drawn(world)
    one = torch.full((len(tape),), price, dtype=torch.float64)
    tape = replace(tape, **dict.fromkeys(PRICES[:-1], one))
    told = by_environment(world, tape, streams)
    lost = told["cost"].cumsum(axis=1)
    alive = told["equity"] > 0
    np.testing.assert_allclose(
        told["equity"][alive], (100_000.0 - lost)[alive], rtol=1e-9, atol=1e-5
    )


@few
@given(world=worlds(**SMALL), factor=st.sampled_from([0.25, 2.0, 1024.0]))
def test_prices_and_cash_times_a_factor(world, factor):
    """Powers of two change no digit: equity is the factor times what it was, to the bit."""
    tape, streams = drawn(world)
    plain = by_environment(world, tape, streams)
    larger, moved = scaled(world, tape, factor)
    prices = times(streams, ("limit", "stop", "take_profit"), factor)
    other = by_environment(larger, moved, replace(streams, **prices))
    for name in ("equity", "cost", "gross", "cash"):
        np.testing.assert_array_equal(other[name], plain[name] * factor)
    for name in ("traded", "outcome", "ended"):
        np.testing.assert_array_equal(other[name], plain[name])


@few
@given(world=worlds(**SMALL, lots="free"), factor=st.sampled_from([0.25, 2.0, 1024.0]))
def test_a_multiplier_is_so_many_units(world, factor):
    """One contract of two units of price is two contracts of one."""
    tape, streams = drawn(world)
    plain = by_environment(world, tape, streams)
    old = tape.instrument
    costs = tuple(
        replace(entry, commission=entry.commission and entry.commission * factor)
        for entry in old.costs
    )
    instrument = replace(
        old, multiplier=old.multiplier * factor, commission=old.commission * factor, costs=costs
    )
    moved = times(tape, CARRY, factor)
    moved |= {"volume": tape.volume / factor}
    contracts = world.config()["contracts"] / factor
    other = replace(world, settings=world.config() | {"contracts": contracts})
    told = by_environment(other, replace(tape, instrument=instrument, **moved), streams)
    for name in ("equity", "cost", "gross", "outcome", "ended"):
        np.testing.assert_array_equal(told[name], plain[name])
    np.testing.assert_array_equal(told["traded"] * factor, plain["traded"])


def test_the_orders_of_a_step_reach_their_own_environment_only():
    """A stream alone on the tape gives what it gives among others."""
    world = World(3, {"tick": 0.25, "half_spread_ticks": 1.0}, streams=5)
    tape, streams = drawn(world)
    together = by_environment(world, tape, streams)
    for k, segment in enumerate(world.segments):
        alone = {name: getattr(streams, name)[k : k + 1] for name in streams.column(0)}  # all given
        told = by_environment(replace(world, streams=1), cut(tape, segment), type(streams)(**alone))
        for name, values in told.items():
            np.testing.assert_array_equal(values[0], together[name][k])


def cut(tape: Tape, segment) -> Tape:
    """The rows of one segment as a tape of its own."""
    rows = slice(segment.start, segment.stop)
    moved = {
        name: values[rows]
        for name, values in vars(tape).items()
        if isinstance(values, torch.Tensor)
    }
    return replace(tape, **moved)


def test_the_orders_of_a_tape_by_hand_cost_what_they_cost():
    tape = hand_tape([[100.0] * 4] * 6)
    world = World(0, streams=1, bars=6, orders="targets")
    _, streams = drawn(world)
    streams = replace(streams, target=torch.tensor([[1, 1, 0, -1, 0]]))
    told = by_environment(world, tape, streams)
    assert told["equity"][0, -1] == 100_000.0 - told["cost"].sum()
