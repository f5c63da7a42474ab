"""Sizes, refusals, volume, slippage, carry and late fills by hand."""

import pytest
import torch
from env_worlds import doubles, hand_tape, run, segment_env
from hand_orders import FORCED, HAND, MAKER, SIDES, STILL, TAKER, assert_result, hand_env, sent

from grandmodel.core.checks import UserError
from grandmodel.envs.orders import Ended, Outcome
from grandmodel.market.instruments import Instrument


def test_closed_bars_refuse_entries():
    scheduled = torch.tensor([True, False, True, True])
    tape = hand_tape([STILL] * 4, HAND, scheduled=scheduled, edge_ahead=torch.zeros(4).bool())
    env = segment_env(tape, edge="flat", size="contracts", lots="whole")
    (result,) = run(env, [1])
    assert_result(result, 0.0, 0.0, Ended.NONE, Outcome.CLOSED, 0)
    plain = segment_env(tape, edge="flat", size="contracts")
    assert run(plain, [1])[0].outcome.item() == Outcome.CLOSED


@pytest.mark.parametrize(
    ("config", "units", "outcome"),
    [
        ({"size": "notional", "lots": "whole", "capital": 100_199.0}, 500.0, Outcome.FILLED),
        ({"size": "notional", "capital": 100_199.0}, 500.995, Outcome.FILLED),
        ({"contracts": 0.9, "lots": "whole"}, 0.0, Outcome.BELOW_LOT),
        ({"contracts": 4_999.0}, 4_999.0, Outcome.FILLED),
        ({"contracts": 5_001.0}, 0.0, Outcome.MARGIN),  # a tenth of 1 000 200
        ({"contracts": 5_001.0, "lots": "whole"}, 0.0, Outcome.MARGIN),
    ],
)
def test_sizes_and_their_refusals(config, units, outcome):
    free = Instrument(name="free", multiplier=2.0, lot=1.0, calendar="24/7")
    env = hand_env(1, STILL, instrument=free, **config)
    (result,) = run(env, [1])
    assert env.quantity.item() == pytest.approx(units, abs=1e-9)
    assert result.outcome.item() == outcome
    assert result.executed.item() == (units > 0)


def test_a_lot_that_floats_cannot_hold():
    tenths = Instrument(name="tenths", lot=0.1, calendar="24/7")
    env = hand_env(1, STILL, instrument=tenths, contracts=0.3, lots="whole")
    run(env, [1])
    assert env.quantity.item() == pytest.approx(0.3)  # 0.3 / 0.1 is 2.9999999999999996


@pytest.mark.parametrize("size", [float("nan"), float("inf"), -1.0])
def test_a_size_that_is_none_is_refused_before_it_reaches_the_account(size):
    env = segment_env(hand_tape([[100.0] * 4] * 4))
    with pytest.raises(UserError, match=r"Orders\.size must hold finite fractions"):
        env.step(sent(1, size=size))


def test_a_size_is_a_fraction_of_the_unit_and_zero_is_refused():
    env = hand_env(1, STILL, STILL)
    assert env.step(sent(1, size=0.25)).outcome.item() == Outcome.FILLED
    assert env.quantity.item() == 2.5
    env = hand_env(1, STILL, STILL)
    refused = env.step(sent(1, size=0.0))
    assert_result(refused, 0.0, 0.0, Ended.NONE, Outcome.BELOW_LOT, 0)


@SIDES
def test_the_volume_limits_an_entry_and_its_square_moves_the_price(side):
    # 2.5 % of 200: 5 of the 10 units; impact 0.1 x 0.025^2 x 100 x 2 = 0.0125 per unit
    env = hand_env(side, STILL, STILL, slippage="volume_share", facts={"volume": [9, 200, 5, 9, 9]})
    first, out = run(env, [side, 0])
    assert env.quantity.item() == 0.0
    assert_result(first, -20.0 - 0.0625, 20.0625, Ended.NONE, Outcome.PARTIAL, side)
    # all 5 leave at once: share 1, impact 0.1 x 1 x 200 = 20 per unit
    assert out.cost.item() == pytest.approx(20.0 + 100.0)
    assert out.final.position.item() == 0


def test_volume_shares_of_whole_lots_and_of_nothing():
    instrument = Instrument(name="lots", lot=2.0, calendar="24/7")
    for volume, units, outcome in (
        (200.0, 4.0, Outcome.PARTIAL),
        (60.0, 0.0, Outcome.BELOW_LOT),
        (0.0, 0.0, Outcome.NO_VOLUME),
        (400.0, 10.0, Outcome.FILLED),
    ):
        env = hand_env(
            1,
            STILL,
            instrument=instrument,
            slippage="volume_share",
            lots="whole",
            facts={"volume": [9, volume, 9, 9]},
        )
        (result,) = run(env, [1])
        assert env.quantity.item() == units
        assert result.outcome.item() == outcome


@SIDES
def test_forced_fills_pay_the_impact_and_targets_do_not(side):
    facts = {"volume": [9, 1_000, 1_000, 9, 9]}  # share 0.01, impact 0.1 x 1e-4 x 200 = 0.002
    config = {"slippage": "volume_share", "facts": facts, "stop_atr": 1.0, "target_atr": 1.0}
    env = hand_env(side, STILL, [100.0, 100.0, 95.0, 99.0], **config)
    first, stopped = run(env, [side, side])
    assert first.cost.item() == pytest.approx(TAKER + 0.02)
    assert stopped.cost.item() == pytest.approx(FORCED + 0.02)
    env = hand_env(side, STILL, [100.0, 106.0, 99.0, 99.0], **config)
    assert run(env, [side, side])[1].cost.item() == pytest.approx(MAKER)


def test_slippage_that_follows_volatility():
    tape = hand_tape([STILL] * 5, HAND).with_column(
        "raw_volatility_30", torch.tensor([2.0, 0.5, 9.0, 9.0, 9.0])
    )
    env = segment_env(tape, size="contracts", contracts=10.0, slippage="volatility")
    first, second = run(env, [1, 0])
    # 1 + (0.5 + 2 x 1.0) x 2 = 6 and 1 + (0.5 + 0.5 x 1.0) x 2 = 3 per unit
    assert (first.cost.item(), second.cost.item()) == (60.0, 30.0)


@SIDES
def test_carry_and_rolls_are_paid_by_what_is_held_into_a_bar(side):
    facts = {
        "carry_long": [9, 9, 0.5, 0.5, 9, 9],
        "carry_short": [9, 9, -0.25, -0.25, 9, 9],
        "rolls": [1, 1, 0, 1, 0, 0],
    }
    env = hand_env(side, STILL, STILL, STILL, facts=facts)
    first, held, out = run(env, [side, side, 0])
    carry = 5.0 if side > 0 else -2.5
    assert first.cost.item() == TAKER  # not held into its own bar
    assert held.cost.item() == carry
    assert out.cost.item() == pytest.approx(carry + 2 * TAKER + TAKER)  # rolled, then sold
    assert out.equity.item() == pytest.approx(100_000.0 - 2 * carry - 4 * TAKER)
    env = hand_env(side, STILL, STILL, STILL, facts=facts)
    env.cost_scale = 0.5
    assert run(env, [side, side])[1].cost.item() == carry / 2


def test_the_session_starts_with_the_equity_before_carry():
    facts = {"carry_long": doubles([0, 0, 10.0, 0, 0])}
    tape = hand_tape([STILL] * 5, Instrument(name="x", calendar="24/7"), [0, 0, 1, 1, 1], **facts)
    env = segment_env(tape, edge="carry")
    run(env, [1, -1])  # 1 000 units pay 10 each; the short is sized by 100 000, not by 90 000
    assert env.quantity.item() == -1_000.0


LATE = {
    "late_open": [100.0, 101.0, 102.0, 100.0, 100.0],
    "late_high": [100.0, 103.0, 102.5, 100.0, 100.0],
    "late_low": [100.0, 100.5, 99.0, 100.0, 100.0],
}


def late_facts(side):
    if side > 0:
        return LATE
    names = {"late_open": "late_open", "late_high": "late_low", "late_low": "late_high"}
    return {name: [200.0 - value for value in LATE[other]] for name, other in names.items()}


@SIDES
def test_late_fills_miss_the_first_minute(side):
    bars = ([100.0, 103.0, 95.0, 102.0], [102.0, 103.0, 99.0, 100.0])
    config = {"fill": "next_open+1m", "facts": late_facts(side), "stop_atr": 1.0}
    env = hand_env(side, *bars, **config)
    first, second = run(env, [side, 0])
    # bought at 101 after the low of 95 (stop 96), sold at 102
    assert_result(first, 20.0 - TAKER, TAKER, Ended.NONE, Outcome.FILLED, side)
    assert_result(second, 20.0 - 2 * TAKER, TAKER, Ended.NONE, Outcome.NONE, 0)


@SIDES
def test_a_held_position_meets_the_whole_bar_though_fills_are_late(side):
    bars = ([100.0, 103.0, 100.0, 102.0], [102.0, 103.0, 95.0, 100.0])
    config = {"fill": "next_open+1m", "facts": late_facts(side), "stop_atr": 1.0}
    env = hand_env(side, *bars, **config)
    _, second = run(env, [side, side])  # the stop of 96 is met in the first minute
    assert_result(second, -100.0 - TAKER - FORCED, FORCED, Ended.STOP, Outcome.NONE, 0)
