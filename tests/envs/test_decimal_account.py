"""The decimal account worked by hand, prices: every figure below is a literal."""

import pytest
from decimal_worlds import QUIET, D, buy, lived, sell


def test_in_and_out_at_market():
    first, second, third = lived([1, 1, 0], (100, 102, 99, 101), (102, 104, 98, 103), (99,) * 4)
    # 10 x 2 a point; in for 40, out for 40
    assert (first.equity, first.cost, first.gross) == (9980, 40, 20)
    assert (first.traded, first.executed, first.bars_held, first.outcome) == (10, 1, 1, "FILLED")
    assert (second.equity, second.cost, second.bars_held, second.outcome) == (10020, 0, 2, "NONE")
    assert (third.equity, third.cost, third.gross) == (9900, 40, -80)
    assert (third.traded, third.position, third.outcome, third.ended) == (0, 0, "NONE", "NONE")


def test_a_reversal_pays_both_legs():
    _, told = lived([1, -1], QUIET, (99, 100, 97, 98))
    # -20 on the gap, 40 out, 40 in, +20 for the short
    assert (told.equity, told.cost, told.traded) == (10_000 - 40 - 20 - 80 + 20, 80, -10)


@pytest.mark.parametrize(
    ("order", "bar", "equity", "ended"),
    [
        (buy(stop=98), (100, 101, 98, 99), 10_000 - 40 - 40 - 30, "STOP"),
        (buy(stop=98), (100, 101, 98.5, 99), 10_000 - 40 - 20, "NONE"),
        (buy(stop=101), (100, 101, 98.5, 99), 10_000 - 40 - 30, "STOP"),
        (sell(stop=102), (100, 102, 100, 99), 10_000 - 40 - 40 - 30, "STOP"),
        (buy(take_profit=103), (100, 103.5, 100, 101), 10_000 - 40 + 60 - 10, "TARGET"),
        (buy(take_profit=103), (100, 103, 100, 101), 10_000 - 40 + 20, "NONE"),
        (buy(take_profit=99.5), (100, 103, 100, 101), 10_000 - 40 - 40, "TARGET"),
        (sell(take_profit=97), (100, 100, 96.5, 99), 10_000 - 40 + 60 - 10, "TARGET"),
        (buy(stop=98, take_profit=103), (100, 105, 95, 101), 10_000 - 40 - 40 - 30, "STOP"),
    ],
)
def test_brackets_in_the_bar_of_a_market_entry(order, bar, equity, ended):
    (told,) = lived([order], bar)
    assert (told.equity, told.ended) == (equity, ended)
    assert (told.traded, told.executed) == (10 * order.target, order.target)
    assert (told.position == 0) == (ended != "NONE") == (told.bars_held == 0)


@pytest.mark.parametrize(
    ("order", "bar", "equity", "ended"),
    [
        (buy(stop=98), (96, 99, 95, 97), 9960 - 80 - 30, "STOP"),  # the gap is filled at 96
        (buy(stop=98), (99, 99, 97, 97), 9960 - 40 - 30, "STOP"),
        (sell(stop=101), (96, 97.5, 95, 97), 9960 + 60, "NONE"),
        (sell(stop=101), (104, 105, 95, 97), 9960 - 80 - 30, "STOP"),
        (buy(take_profit=103), (104, 104, 104, 104), 9960 + 80 - 40, "TARGET"),
        (buy(take_profit=103), (103.5, 104, 96, 96), 9960 + 70 - 40, "TARGET"),
        (buy(take_profit=103), (103, 104, 96, 96), 9960 + 60 - 10, "TARGET"),
        (sell(take_profit=97), (96, 100, 96, 100), 9960 + 80 - 40, "TARGET"),
        (buy(stop=104, take_profit=103), QUIET, 9960 - 30, "STOP"),  # already ended on entry
    ],
)
def test_brackets_over_later_bars(order, bar, equity, ended):
    told = lived([order, order.target], QUIET, bar)
    last = told[0] if told[0].ended != "NONE" else told[1]
    assert (last.equity, last.ended) == (equity, ended)


def test_a_held_position_keeps_its_bracket_and_a_new_one_its_own():
    bars = [(100, 100, 99, 99), (99, 99, 98, 98), (98, 98, 96, 97)]
    held = lived([buy(stop=98), buy(stop=90)], *bars)
    assert [told.ended for told in held] == ["NONE", "STOP"]
    turned = lived([buy(stop=98), sell(), sell()], *bars)
    assert [told.ended for told in turned] == ["NONE"] * 3


@pytest.mark.parametrize(
    ("order", "bar", "equity", "outcome", "ended"),
    [
        (buy(limit=100.5), (100, 101, 99, 101), 10_000 + 20 - 40, "FILLED", "NONE"),
        (buy(limit=99), (100, 101, 98.5, 101), 10_000 + 40 - 10, "RESTED", "NONE"),
        (buy(limit=99), (100, 101, 99, 101), 10_000, "MISSED", "NONE"),
        (buy(limit=100), (100, 101, 99.5, 101), 10_000 + 20 - 10, "RESTED", "NONE"),
        (sell(limit=99.5), (100, 101, 99, 99), 10_000 + 20 - 40, "FILLED", "NONE"),
        (sell(limit=101), (100, 101.5, 99, 99), 10_000 + 40 - 10, "RESTED", "NONE"),
        (sell(limit=101), (100, 101, 99, 99), 10_000, "MISSED", "NONE"),
        # in the bar of a resting fill the stop may trigger, the target may not
        (buy(limit=99, stop=98), (100, 101, 98, 101), 10_000 - 10 - 20 - 30, "RESTED", "STOP"),
        (buy(limit=99, stop=100), (100, 101, 98, 101), 10_000 - 10 - 30, "RESTED", "STOP"),
        (buy(limit=99, take_profit=100), (100, 104, 98, 103), 10_000 - 10 + 80, "RESTED", "NONE"),
    ],
)
def test_limits(order, bar, equity, outcome, ended):
    (told,) = lived([order], bar)
    assert (told.equity, told.outcome, told.ended) == (equity, outcome, ended)


def test_a_missed_limit_still_closes_the_old_position():
    _, told = lived([1, sell(limit=120)], QUIET, (101, 101, 101, 101))
    assert (told.equity, told.cost, told.traded, told.outcome) == (9940, 40, 0, "MISSED")


def test_without_a_tick_a_limit_needs_any_trade_beyond_it():
    for low, outcome in ((99, "MISSED"), ("98.9999", "RESTED")):
        (told,) = lived([buy(limit=99)], (100, 101, low, 101), tick=D(0))
        assert told.outcome == outcome
