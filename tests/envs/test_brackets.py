"""Stops, targets, limits and margins inside a bar, by hand; shorts in a mirror too."""

import pytest
import torch
from env_worlds import doubles, hand_tape, run, segment_env
from hand_orders import FORCED, MAKER, SIDES, STILL, TAKER, assert_result, hand_env, price, sent

from grandmodel.envs.orders import Ended, Orders, Outcome
from grandmodel.market.instruments import Instrument


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
