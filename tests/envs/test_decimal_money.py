"""The decimal account worked by hand, money and limits: every figure below is a literal."""

from dataclasses import replace

import pytest
from decimal_account import DecimalAccount, Order
from decimal_rows import figures_at
from decimal_worlds import QUIET, RULES, D, buy, lived, row, sell

from grandmodel.market.instruments import Instrument


def test_costs_in_basis_points_volatility_and_scale():
    figures = tuple(D(x) for x in (0, 1, 0, 2, 0, 3, 1))
    bar = row(QUIET, figures=figures, spread_multiplier=D(4))
    # at 100: fee 1 bp, half spread 2 x 4 bp, slippage 3 bp: 12 bp of 10 x 200
    (told,) = lived([1], bar, tick=D(0))
    assert told.cost == D("2.4")
    (told,) = lived([1], bar, tick=D(0), slippage="volatility", cost_scale=D(2))
    assert told.cost == D("4.8")
    eve = row(QUIET, volatility=D(3))
    rules = RULES._replace(tick=D(0), slippage="volatility")
    assert DecimalAccount([eve, bar, bar], rules).step(1).cost == D("3.6")
    # forced and without a tick: the slippage, 10 x 200 x (1 + 8 + 3) bp
    (told,) = lived([buy(stop=99)], bar._replace(low=D(99)), tick=D(0))
    assert told.cost == D("4.8")


def test_orders_that_rest_may_pay_a_fee_of_their_own():
    figures = tuple(D(x) for x in (0, 5, 0, 0, 0, 0, 2))  # 5 bp, resting 2 bp
    bar = row((100, 102, 98, 101), figures=figures)
    assert lived([1], bar)[0].cost == 1
    assert lived([buy(limit=99)], bar)[0].cost == D("0.4")
    assert lived([buy(take_profit=101)], bar)[0].cost == 1 + D("0.4")
    assert lived([buy(stop=99)], bar)[0].cost == 1 + 1 + 10  # and a tick of 0.5 x 2


def test_figures_hold_until_a_later_entry_gives_others():
    later = ({"valid_from": "1970-01-02", "fee_bps": 3.0}, {"valid_from": "1970-01-03"})
    instrument = Instrument(name="x", commission=1.5, fee_bps=2.0, costs=later)
    day = 86_400 * 10**9
    told = figures_at(instrument, [day - 1, day, 2 * day])
    assert told[0] == (D("1.5"), 2, 0, 0, 0, 0, 2)
    assert told[1] == told[2] == (D("1.5"), 3, 0, 0, 0, 0, 3)
    own = figures_at(replace(instrument, maker_fee_bps=1.0), [0, day])
    assert [figures[-1] for figures in own] == [1, 1]


def test_carry_and_rolls_are_costs_of_the_held():
    paying = row(QUIET, carry_long=D("0.3"), carry_short=D("-0.2"), rolls=True)
    _, told = lived([1, 1], QUIET, paying)
    assert (told.cost, told.equity) == (10 * D("0.3") + 10 * 2 * 4, 9960 - 83)
    _, told = lived([-1, 0], QUIET, paying)  # the exit comes after
    assert told.cost == -2 + 80 + 40
    (told,) = lived([1], paying)
    assert told.cost == 40


@pytest.mark.parametrize(
    ("order", "bar", "equity"),
    [
        # 48 x 2 a point on 1 000: at 100 cash 1 000 - 192 - 9 600 = -8 792
        # maintenance at -(-8 792) / (96 x 0.92) = 99.5471...
        (buy(), (100, 100, 99, 100), D(1000 - 192) + 96 * (D(8792) / D("88.32") - 100) - 144),
        (buy(), (100, 100, 99.55, 99.55), D(1000 - 192) - 96 * D("0.45")),
        # the stop is met first where it lies above that, also at the same price
        (buy(stop=99.75), (100, 100, 99, 100), D(1000 - 192) - 96 * D("0.25") - 144),
        (
            buy(stop=99.25),
            (100, 100, 99, 100),
            D(1000 - 192) + 96 * (D(8792) / D("88.32") - 100) - 144,
        ),
        (sell(), (100, 101, 100, 100), D(1000 - 192) - 96 * (D(10408) / D("103.68") - 100) - 144),
    ],
)
def test_margin_calls_inside_the_bar(order, bar, equity):
    (told,) = lived([order], bar, capital=D(1000), contracts=D(48))
    assert abs(told.equity - equity) < D("1e-20")
    assert told.ended == (
        "STOP" if order.stop == D("99.75") else "NONE" if bar[2] == 99.55 else "LIQUIDATED"
    )


def test_margin_calls_at_the_open_and_after_resting():
    _, told = lived([1, 1], QUIET, (99, 101, 99, 101), capital=D(1000), contracts=D(48))
    assert (told.equity, told.ended) == (808 - 96 - 144, "LIQUIDATED")
    # bought at 99 with 1 000 - 48 left: maintenance is 96 x 99 x 0.08 = 760.32: met at
    # (96 x 99 - 952) / (96 x 0.92) = 96.8297...
    (told,) = lived([buy(limit=99)], (100, 100, 96, 100), capital=D(1000), contracts=D(48))
    level = (D(9504) - 952) / D("88.32")
    assert abs(told.equity - (952 + 96 * (level - 99) - 144)) < D("1e-20")
    assert (told.outcome, told.ended) == ("RESTED", "LIQUIDATED")


def test_sizes():
    bars = [QUIET, (50, 50, 50, 50)]
    assert lived([1], *bars, size="notional")[0].traded == 50  # 10 000 / 200
    assert lived([buy(size=0.5)], *bars, size="notional")[0].traded == 25
    assert lived([buy(limit=80)], (100, 100, 70, 100), size="notional")[0].traded == D("62.5")
    # 10 % / (1 % x sqrt(25)) = 2 times the equity; at most 1 / 10 %
    by_risk = {"size": "vol_target", "bars_per_year": D(25)}
    assert lived([1], *bars, **by_risk)[0].traded == 100
    assert lived([1], *bars, **by_risk, vol_target=D(9))[0].traded == 500
    assert lived([1], *bars, **by_risk, sd_floor=D("0.02"))[0].traded == 50
    # the equity at the session's start counts: 50 x 2 x 10 were won before the first edge
    day = [(100, 110, 100, 110), row((110, 110, 110, 110), session=1), row(QUIET, session=1)]
    assert lived([1, 1, -1], *day, size="notional")[2].traded == -D(11_000 - 200) / 200
    assert lived([1, -1], *day, size="notional")[1].traded == -D(11_000 - 200) / 220
    assert lived([1, -1], day[0], (110,) * 4, size="notional")[1].traded == -D(10_000) / 220


def test_lots():
    whole = {"whole_lots": True, "lot": D("0.1")}
    (told,) = lived([buy(size="0.277")], QUIET, **whole)
    assert told.traded == D("2.7")
    (told,) = lived([buy(size="0.03")], QUIET, **whole)
    assert told.traded == D("0.3")
    (told,) = lived([buy(size="0.0099")], QUIET, **whole)
    assert (told.traded, told.outcome, told.cost) == (0, "BELOW_LOT", 0)
    (told,) = lived([buy(size=0)], QUIET)
    assert told.outcome == "BELOW_LOT"


def test_refusals():
    outside = row(QUIET, scheduled=False)
    assert lived([1], outside, edge="flat")[0].outcome == "CLOSED"
    assert lived([1], outside)[0].outcome == "FILLED"
    _, told = lived([1, -1], QUIET, outside, edge="flat")
    assert (told.outcome, told.cost, told.quantity) == ("CLOSED", 40, 0)
    # 500 x 200 x 10 % = 10 000 is not more than there is
    assert lived([1], QUIET, contracts=D(500))[0].outcome == "FILLED"
    assert lived([1], QUIET, contracts=D(501))[0].outcome == "MARGIN"
    assert lived([buy(limit=99)], (100, 100, 98, 99), contracts=D(505))[0].outcome == "RESTED"
    assert lived([buy(limit=99)], (100, 100, 98, 99), contracts=D(506))[0].outcome == "MARGIN"
    # before the exit leg: 9 960 are asked for; 10 000 - 498 x 4 + 498 x 2 x 2 are 10 000 again
    won = (102, 102, 102, 102)
    assert lived([1, -1], QUIET, won, contracts=D(480))[1].outcome == "FILLED"
    assert lived([1, -1], QUIET, QUIET, contracts=D(498))[1].outcome == "MARGIN"


def test_volume_share():
    ten = {"slippage": "volume_share", "impact": D("0.1"), "volume_limit": D("0.05")}
    (told,) = lived([1], row(QUIET, volume=D(200)), **ten)
    # 10 of 200: share 0.05, squared 0.0025 x 0.1 x 200 = 0.05 a unit
    assert (told.traded, told.outcome, told.cost) == (10, "FILLED", D("40.5"))
    (told,) = lived([1], row(QUIET, volume=D(100)), **ten)
    assert (told.traded, told.outcome, told.cost) == (5, "PARTIAL", D("20.25"))
    (told,) = lived([1], row(QUIET, volume=D(30)), whole_lots=True, **ten)
    assert (told.traded, told.outcome) == (1, "PARTIAL")
    (told,) = lived([1], row(QUIET, volume=D(10)), whole_lots=True, **ten)
    assert (told.traded, told.outcome) == (0, "BELOW_LOT")
    (told,) = lived([1], row(QUIET, volume=D(0)), **ten)
    assert (told.traded, told.outcome) == (0, "NO_VOLUME")
    # exits are filled whole; of no volume at all they are everything: 0.1 x 200 a unit
    _, told = lived([1, 0], row(QUIET, volume=D(200)), row(QUIET, volume=D(0)), **ten)
    assert told.cost == 40 + 200
    # resting fills have no impact, stops do
    bar = row((100, 101, 97, 98), volume=D(200))
    (told,) = lived([buy(limit=99)], bar, **ten)
    assert (told.cost, told.outcome) == (10, "RESTED")
    (told,) = lived([buy(stop=98)], bar, **ten)
    assert told.cost == D("40.5") + D("30.5")


def test_a_minute_late():
    late = {"fill": "next_open+1m"}
    bar = row((100, 104, 96, 101), late_open=D(102), late_high=D(103), late_low=D(99))
    (told,) = lived([1], bar, **late)
    assert told.equity == 10_000 - 40 - 20
    (told,) = lived([buy(stop=98)], bar, **late)  # 96 was before
    assert told.ended == "NONE"
    (told,) = lived([buy(take_profit=103)], bar, **late)  # 104 was before
    assert told.ended == "NONE"
    (told,) = lived([buy(limit=98)], bar, **late)
    assert told.outcome == "MISSED"
    _, told = lived([buy(stop=98), 1], QUIET, bar, **late)  # but a held position met it
    assert (told.ended, told.equity) == ("STOP", 9960 - 40 - 30)
    _, told = lived([1, 0], QUIET, bar, **late)
    assert told.equity == 9960 + 40 - 40


def test_settings_make_the_order():
    bar = (101, 103, 98, 99)
    by_atr = {"stop_atr": D("1.5"), "target_atr": D(4)}  # 2 a piece: 97 and 108 from 100
    account = DecimalAccount([row(QUIET), row(bar), row(QUIET)], RULES._replace(**by_atr))
    account.eve = account.rows[0]
    assert account.from_settings(1) == Order(1, None, None, D(97), D(108))
    assert account.from_settings(-1) == Order(-1, None, None, D(103), D(92))
    account.eve = row(QUIET, atr=D(0))
    assert account.from_settings(1) == Order(1, None, None, None, None)
    (told,) = lived([1], bar, entry="limit")
    assert (told.outcome, told.equity) == ("RESTED", 10_000 - 20 - 10)


def test_hard_limits():
    bars = [QUIET] * 4
    assert [t.executed for t in lived([1] * 4, *bars, max_hold=2)] == [1, 1, 0, 1]
    assert [t.executed for t in lived([1] * 5, *bars)] == [1, 1, 1, 1, 0]  # the last row is flat
    assert [t.executed for t in lived([-1] * 2, *bars, long_only=True)] == [0, 0]
    ahead = row(QUIET, break_ahead_hours=D(25))
    assert [t.executed for t in lived([1, 1, -1], ahead, ahead, QUIET)] == [1, 1, 0]
    assert [t.executed for t in lived([0, 1, 1], ahead, QUIET, QUIET)] == [0, 0, 1]
    edge = row(QUIET, edge_ahead=True)
    assert [t.executed for t in lived([1, 1, 1], edge, QUIET, QUIET, edge="flat")] == [1, 0, 1]


def test_ruin_ends_the_account():
    account = DecimalAccount([row(QUIET), row(QUIET), row((40,) * 4), row(QUIET)], RULES)
    account.rules = RULES._replace(contracts=D(100))
    account.step(1)
    assert not account.over
    account.rules = account.rules._replace(maintenance=D("0.00001"))
    told = account.step(1)
    assert told.equity < 0
    assert account.over
