"""Orders inside a bar, worked by hand; every case holds for shorts in a mirror too."""

import numpy as np
import pytest
import torch
from env_worlds import doubles, hand_tape, random_env, random_tape, run, segment_env

from grandmodel.core.checks import UserError
from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.execution import Execution
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


@SIDES
def test_a_stop_is_hit_in_the_bar_of_its_entry(side):
    env = hand_env(side, [100.0, 101.0, 96.0, 99.0], stop_atr=1.0)  # ATR 4: the stop is 96
    (result,) = run(env, [side])
    assert_result(result, -80.0 - TAKER - FORCED, TAKER + FORCED, Ended.STOP, Outcome.FILLED, 0)
    assert result.executed.item() == side
    assert result.final.bars_held.item() == 0
    assert env.quantity.item() == 10.0 * side


@SIDES
def test_a_stop_above_the_low_is_not_hit(side):
    env = hand_env(side, [100.0, 101.0, 96.01, 99.0], stop_atr=1.0)
    (result,) = run(env, [side])
    assert_result(result, -20.0 - TAKER, TAKER, Ended.NONE, Outcome.FILLED, side)
    assert result.final.bars_held.item() == 1


@SIDES
def test_a_gap_through_the_stop_is_filled_at_the_open(side):
    env = hand_env(side, STILL, [94.0, 99.0, 93.0, 98.0], stop_atr=1.0)
    _, result = run(env, [side, side])
    assert_result(result, -120.0 - TAKER - FORCED, FORCED, Ended.STOP, Outcome.NONE, 0)


@SIDES
def test_the_stop_comes_first_where_both_are_hit(side):
    env = hand_env(side, [100.0, 120.0, 90.0, 110.0], stop_atr=1.0, target_atr=1.0)
    (result,) = run(env, [side])
    assert_result(result, -80.0 - TAKER - FORCED, TAKER + FORCED, Ended.STOP, Outcome.FILLED, 0)


@SIDES
@pytest.mark.parametrize(("high", "taken"), [(104.5, True), (104.49, False)])
def test_a_target_fills_one_tick_beyond_it(side, high, taken):
    env = hand_env(side, STILL, [100.0, high, 99.0, 101.0], target_atr=1.0)  # at 104
    _, result = run(env, [side, side])
    if taken:
        assert_result(result, 80.0 - TAKER - MAKER, MAKER, Ended.TARGET, Outcome.NONE, 0)
    else:
        assert_result(result, 20.0 - TAKER, 0.0, Ended.NONE, Outcome.NONE, side)


@SIDES
def test_a_target_is_met_in_the_bar_of_a_market_entry(side):
    env = hand_env(side, [100.0, 105.0, 99.0, 101.0], target_atr=1.0)
    (result,) = run(env, [side])
    assert_result(result, 80.0 - TAKER - MAKER, TAKER + MAKER, Ended.TARGET, Outcome.FILLED, 0)


@SIDES
def test_a_target_left_behind_by_the_open_is_sold_there(side):
    # bid 104.5 - 0.5 = 104; the stop below it counts no more, though the bar falls to it
    env = hand_env(side, STILL, [104.5, 104.5, 90.0, 91.0], stop_atr=1.0, target_atr=1.0)
    _, result = run(env, [side, side])
    assert_result(result, 90.0 - 2 * TAKER, TAKER, Ended.TARGET, Outcome.NONE, 0)


@SIDES
def test_without_an_atr_there_is_no_bracket(side):
    facts = {"atr14": [0.0, 4.0, 4.0, 4.0]}
    env = hand_env(side, [100.0, 120.0, 80.0, 101.0], stop_atr=1.0, target_atr=1.0, facts=facts)
    (result,) = run(env, [side])
    assert_result(result, 20.0 - TAKER, TAKER, Ended.NONE, Outcome.FILLED, side)


@SIDES
def test_the_bracket_of_the_entry_stays_while_the_position_is_held(side):
    bars = [[100.0, 110.0, 100.0, 110.0], [110.0, 111.0, 97.0, 98.0], [98.0, 98.0, 96.0, 97.0]]
    env = hand_env(side, *bars, stop_atr=1.0)  # 96 all along, not 106
    *_, before, result = run(env, [side] * 3)
    assert before.ended.item() == Ended.NONE
    assert_result(result, -80.0 - TAKER - FORCED, FORCED, Ended.STOP, Outcome.NONE, 0)


@SIDES
def test_a_marketable_limit_pays_as_a_taker_at_the_open(side):
    env = hand_env(side, [100.0, 101.0, 99.0, 101.0])
    result = env.step(sent(side, limit=100.5))  # open + half a spread
    assert_result(result, 20.0 - TAKER, TAKER, Ended.NONE, Outcome.FILLED, side)


@SIDES
@pytest.mark.parametrize(("low", "filled"), [(98.5, True), (98.51, False)])
def test_a_resting_limit_fills_at_its_price_one_tick_beyond_it(side, low, filled):
    env = hand_env(side, [100.0, 101.0, low, 100.0])
    result = env.step(sent(side, limit=99.0))
    if filled:
        assert_result(result, 20.0 - MAKER, MAKER, Ended.NONE, Outcome.RESTED, side)
        assert result.final.account[0, 1].item() == pytest.approx(0.25)  # 1 of an ATR of 4
    else:
        assert_result(result, 0.0, 0.0, Ended.NONE, Outcome.MISSED, 0)
        assert result.executed.item() == 0


@SIDES
def test_a_limit_below_the_ask_rests_though_it_is_above_the_open(side):
    env = hand_env(side, [100.0, 101.0, 99.9, 100.0])
    result = env.step(sent(side, limit=100.4))  # 99.9 = 100.4 - 0.5
    assert_result(result, -8.0 - MAKER, MAKER, Ended.NONE, Outcome.RESTED, side)


@SIDES
def test_without_a_tick_a_limit_fills_strictly_beyond_it(side):
    instrument = Instrument(name="free", multiplier=2.0, calendar="24/7")
    for low, outcome in ((99.0, Outcome.MISSED), (98.999, Outcome.RESTED)):
        env = hand_env(side, [100.0, 101.0, low, 100.0], instrument=instrument)
        assert env.step(sent(side, limit=99.0)).outcome.item() == outcome


@SIDES
def test_a_grid_that_floats_cannot_hold_fills_all_the_same(side):
    instrument = Instrument(name="cents", tick=0.1, calendar="24/7")
    # 0.3 - 0.1 is 0.19999999999999998 as a float, 0.7 + 0.1 is 0.7999999999999999
    rows = [[0.5] * 4, [0.5, 0.8, 0.2, 0.5], [0.5] * 4, [0.5] * 4]
    env = segment_env(hand_tape(rows, instrument), size="contracts")
    limit = doubles([0.3 if side > 0 else 0.7])
    assert env.step(Orders(torch.tensor([side]), limit=limit)).outcome.item() == Outcome.RESTED


@SIDES
def test_in_the_bar_of_a_resting_fill_the_target_waits_and_the_stop_does_not(side):
    env = hand_env(side, [100.0, 110.0, 98.0, 102.0], [102.0, 103.0, 101.0, 102.0])
    first = env.step(sent(side, limit=99.0, stop=97.0, take_profit=101.0))
    assert_result(first, 60.0 - MAKER, MAKER, Ended.NONE, Outcome.RESTED, side)
    second = env.step(torch.tensor([side]))  # bid 102 - 0.5 > 101: gone at the open
    assert_result(second, 60.0 - MAKER - TAKER, TAKER, Ended.TARGET, Outcome.NONE, 0)

    env = hand_env(side, [100.0, 110.0, 97.0, 102.0])
    result = env.step(sent(side, limit=99.0, stop=97.0, take_profit=101.0))
    assert_result(result, -40.0 - MAKER - FORCED, MAKER + FORCED, Ended.STOP, Outcome.RESTED, 0)


@SIDES
def test_a_stop_beyond_the_limit_of_a_resting_entry_is_filled_at_the_limit(side):
    env = hand_env(side, [100.0, 110.0, 98.0, 102.0])
    result = env.step(sent(side, limit=99.0, stop=99.5))
    assert_result(result, -MAKER - FORCED, MAKER + FORCED, Ended.STOP, Outcome.RESTED, 0)


@SIDES
def test_entries_at_the_close_of_the_decision(side):
    env = hand_env(side, [101.0, 102.0, 99.5, 101.0], entry="limit")
    (result,) = run(env, [side])
    assert_result(result, 20.0 - MAKER, MAKER, Ended.NONE, Outcome.RESTED, side)


@SIDES
def test_a_reversal_whose_entry_is_missed_still_leaves(side):
    bars = ([100.0, 101.0, 99.0, 100.0], [98.0, 99.8, 97.0, 98.0])
    env = hand_env(-side, *bars)
    run(env, [-side])
    result = env.step(Orders(torch.tensor([side]), limit=price(102.5, -side)))
    assert_result(result, -40.0 - 2 * TAKER, TAKER, Ended.NONE, Outcome.MISSED, 0)


@SIDES
def test_the_margin_ends_a_position_before_the_next_observation(side):
    # 450 units of 200 on 10 000: cash after the entry -+ 90 000 - 1 800, trigger as in the text
    bars = ([100.0] * 4, [99.0, 100.0, 90.0, 98.0])
    env = hand_env(side, *bars, contracts=450.0, capital=10_000.0, stop_atr=5.0)
    first, result = run(env, [side, side])
    cash = 10_000.0 - side * 90_000.0 - 450 * 4.0
    level = -cash / (side * 900.0 * (1.0 - 0.08 * side))
    distance = (100.0 - level) * side  # of the level from 100
    assert 0.0 < distance < 10.0
    expected = 10_000.0 - 1_800.0 - 900.0 * distance - 450 * 3.0
    assert result.equity.item() == pytest.approx(expected, abs=1e-6)
    assert result.ended.item() == Ended.LIQUIDATED
    assert result.final.position.item() == 0
    assert first.ended.item() == Ended.NONE


@SIDES
@pytest.mark.parametrize(("stop", "ended"), [(99.5, Ended.STOP), (95.0, Ended.LIQUIDATED)])
def test_stop_or_margin_whichever_is_met_first(side, stop, ended):
    # cash 10 000 - 90 000 - 1 800: a long is called at 81 800 / (900 x 0.92) = 98.79
    env = hand_env(side, [100.0] * 4, [100.0, 100.0, 90.0, 98.0], contracts=450.0, capital=10_000.0)
    env.step(sent(side, stop=stop))
    assert env.step(torch.tensor([side])).ended.item() == ended


@SIDES
def test_an_open_beyond_the_stop_is_a_stop_though_the_margin_is_gone_too(side):
    env = hand_env(side, [100.0] * 4, [90.0, 91.0, 89.0, 90.0], contracts=450.0, capital=10_000.0)
    env.step(sent(side, stop=95.0))
    result = env.step(torch.tensor([side]))
    assert result.ended.item() == Ended.STOP
    expected = 10_000.0 - 1_800.0 - 900.0 * 10.0 - 1_350.0
    assert result.equity.item() == pytest.approx(expected, abs=1e-6)


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


def test_what_the_bars_lack_is_refused():
    tape = hand_tape([STILL] * 4, HAND)
    with pytest.raises(UserError, match=r"env.fill=next_open\+1m needs bars finer than the 30"):
        Execution.of(EnvConfig(fill="next_open+1m"), tape)
    with pytest.raises(UserError, match=r"volume_share needs traded volume.*volume_kind=none"):
        Execution.of(EnvConfig(slippage="volume_share"), tape)
    with pytest.raises(UserError, match="raw_volatility_30, which the tape lacks"):
        segment_env(tape, slippage="volatility")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("entry", "stop"),
        ("fill", "close"),
        ("lots", "half"),
        ("slippage", "none"),
        ("stop_atr", 0.0),
        ("target_atr", -1.0),
        ("target_atr", float("nan")),
        ("impact", -0.1),
        ("volume_limit", 0.0),
        ("volume_limit", 1.5),
    ],
)
def test_settings_that_mean_nothing_are_refused(key, value):
    with pytest.raises(UserError, match=f"env.{key} must"):
        EnvConfig(**{key: value})


def orders_for(env, draw):
    close = env.tape.close[env.bar]
    shape = (env.n_envs,)
    return Orders(
        torch.randint(-1, 2, shape, generator=draw),
        size=torch.rand(shape, generator=draw, dtype=torch.float64),
        limit=torch.where(torch.rand(shape, generator=draw) < 0.5, close * 0.999, torch.nan),
        stop=close * 0.99,
        take_profit=close * 1.01,
    )


@pytest.mark.parametrize("config", [{}, {"stop_atr": 0.5, "target_atr": 0.7, "entry": "limit"}])
def test_a_resumed_environment_keeps_stops_and_targets(config):
    tape, draw = random_tape(600, 5), torch.Generator().manual_seed(3)
    env = random_env(tape, n_envs=16, episode_bars=40, **config)
    for _ in range(30):
        env.step(orders_for(env, draw) if not config else torch.ones(16, dtype=torch.int64))
    saved = {key: value.clone() for key, value in env.state_dict().items()}
    again = random_env(tape, n_envs=16, episode_bars=40, seed=9, **config)
    again.load_state_dict(saved)
    ends = 0
    for number in range(60):
        held, drawn = env.observation().position, torch.randint(-1, 2, (16,), generator=draw)
        target = held if number % 8 else drawn
        one, two = env.step(target), again.step(target)
        assert torch.equal(one.equity, two.equity)
        assert torch.equal(one.ended, two.ended)
        ends += int((one.ended != 0).sum())
    assert ends > 0
    assert same_state(env.state_dict(), again.state_dict())


def same_state(one, two):
    return all(torch.equal(one[key], two[key]) for key in one)


def test_a_state_from_before_there_were_stops_has_none():
    tape = random_tape(300, 5)
    env = random_env(tape, n_envs=4, episode_bars=40)
    old = {k: v for k, v in env.state_dict().items() if k != "ordered" and "account.st" not in k}
    del old["account.take_profit"]
    env.load_state_dict(old)
    assert env.state_dict()["account.stop"].isneginf().all()


def test_orders_without_prices_fill_like_plain_targets():
    tape = random_tape(500, 8, columns=False)
    targets = torch.randint(-1, 2, (499, 2), generator=torch.Generator().manual_seed(1))
    plain = segment_env(tape, [Segment(0, 250), Segment(250, 500)])
    orders = segment_env(tape, [Segment(0, 250), Segment(250, 500)])
    for target in targets[:249]:
        one, two = plain.step(target), orders.step(Orders(target))
        torch.testing.assert_close(one.equity, two.equity, rtol=1e-12, atol=0)
        assert torch.equal(one.executed, two.executed)
        assert torch.equal(one.outcome, two.outcome)
    assert np.unique(one.outcome).max() <= Outcome.FILLED
