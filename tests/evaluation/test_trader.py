"""The trader's page: by hand, and its sums against the account."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from fakes import fake_tape, fake_team, halves
from test_metrics import market_of, track_of

from grandmodel.core.types import Segment
from grandmodel.decision.rules import Rule
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.orders import Ended
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.judging.judge import Judge, JudgeRule
from grandmodel.evaluation.measures.metrics import mean_path_sum, measure
from grandmodel.evaluation.measures.trader import Traded, trader
from grandmodel.evaluation.outputs import tidy
from grandmodel.evaluation.report.markdown import text_of
from grandmodel.evaluation.report.trader_page import trader_sections
from grandmodel.market.instruments import Instrument

OPENS = [  # New York, the last hour of a year and two mornings of the next
    "2024-12-31 15:00", "2024-12-31 15:30", "2025-01-02 10:00",
    "2025-01-02 10:30", "2025-01-03 10:00", "2025-01-03 10:30",
]  # fmt: skip
DRAWS = {"draws": 100, "seed": 0}


@pytest.fixture(scope="module")
def golden():
    """Long over two bars, short over two, flat: +10 and +40 before 10 of costs each."""
    opens = pd.DatetimeIndex(OPENS).tz_localize("America/New_York").as_unit("ns")
    market = replace(
        market_of([100, 100, 102, 101, 99, 97], [100, 102, 101, 99, 98, 97], [0, 0, 1, 1, 2, 2]),
        open_time_ns=opens.asi8,
    )
    track = track_of(market, [Segment(0, 6)], [[1, 1, -1, -1, 0]])
    instrument = Instrument(name="x", tick=0.5, timezone="America/New_York")
    missed = np.array([0, 1, 0, 0, 0], np.int8)
    return Traded(measure(track, market, 252.0), market, instrument, missed)


def money(record):
    return [record[key] for key in ("gross", "cost", "net", "trades")]


def test_what_a_trade_is_worth_by_hand(golden):
    found = trader(golden, **DRAWS)
    assert found["unit"] == "ticks"
    assert [found[key] for key in ("gross", "cost", "net")] == pytest.approx([5.0, 2.0, 3.0])
    assert found["break_even_cost"] == pytest.approx(5.0)
    bare = trader(replace(golden, instrument=replace(golden.instrument, tick=None)), **DRAWS)
    assert bare["unit"] == "bp"
    assert bare["net"] == pytest.approx(30.0 / (10 * (100 + 101) * 1e-4))


def test_what_loses_before_costs_breaks_even_at_no_cost(golden):
    turned = track_of(golden.market, [Segment(0, 6)], [[-1, -1, 1, 1, 0]])
    found = trader(replace(golden, measured=measure(turned, golden.market, 252.0)), **DRAWS)
    assert [found[key] for key in ("gross", "cost", "net")] == pytest.approx([-5.0, 2.0, -7.0])
    assert found["break_even_cost"] is None


def test_profit_by_time_and_side_by_hand(golden):
    found = trader(golden, **DRAWS)
    assert [(it["year"], *money(it)) for it in found["by_year"]] == [
        ("2024", 20, 5, 15, 1),
        ("2025", 30, 15, 15, 1),
    ]
    assert [(it["weekday"], *money(it)) for it in found["by_weekday"]] == [
        ("Tuesday", 20, 5, 15, 1),
        ("Thursday", 10, 10, 0, 1),
        ("Friday", 20, 5, 15, 0),
    ]
    assert [(it["half_hour"], *money(it)) for it in found["by_half_hour"]] == [
        ("10:00", 0, 0, 0, 0),
        ("10:30", 30, 15, 15, 1),
        ("15:30", 20, 5, 15, 1),
    ]
    assert [(it["side"], *money(it), it["win_rate"]) for it in found["by_side"]] == [
        ("long", 10, 10, 0, 1, 0.0),
        ("short", 40, 10, 30, 1, 1.0),
    ]
    assert (found["inside_sessions"], found["over_breaks"]) == (50.0, 0.0)


def test_what_it_ties_up_by_hand(golden):
    found = trader(golden, **DRAWS)
    peak = found["peak_margin"]
    assert peak["currency"] == pytest.approx(10 * 102 * 0.10)
    assert (peak["units"], peak["time"]) == (pytest.approx(10.0), "2024-12-31")
    assert peak["largest_share_of_equity"] == pytest.approx(101.0 / 1005.0)
    worst = found["worst_session"]
    assert worst["day"] == "2025-01-02"
    assert worst["net"] == pytest.approx(0.0)
    everything, winning, losing = found["holding"]
    assert (everything["count"], winning["count"], losing["count"]) == (2, 1, 1)
    assert (everything["bars_mean"], everything["hours_longest"]) == (2.0, 43.0)
    assert everything["hours_median"] == pytest.approx(33.5)
    assert winning["hours_mean"] == 24.0


def test_a_position_that_ended_inside_its_bar_breaks_no_rule_at_its_close(golden):
    """All four bars need more margin than there is; the second position was stopped inside."""
    track = golden.measured.track
    poor = replace(track, equity=np.full(5, 50.0))
    stopped = replace(poor, ended=np.array([0, 0, 0, Ended.STOP, 0], np.int8))
    for found, violations in ((poor, 4), (stopped, 3)):
        given = replace(golden, measured=replace(golden.measured, track=found))
        assert trader(given, **DRAWS)["leverage_violations"] == violations


def test_markouts_by_hand(golden):
    told = {(it["after"], it["bars"]): it for it in trader(golden, **DRAWS)["markouts"]}
    means = {key: (it["mean"], it["count"]) for key, it in told.items() if it["count"]}
    assert means == {
        ("entries", 1): (4.0, 2),  # 102 - 100 and 101 - 99
        ("entries", 2): (4.0, 2),  # 101 - 100 and 101 - 98
        ("entries", 5): (-6.0, 1),  # 97 - 100; the second has no such bar
        ("exits", 1): (2.0, 2),  # sold at 101, 99 later; bought at 97, 97 later
        ("exits", 2): (6.0, 1),
        ("missed entries", 1): (-2.0, 1),  # bid 102, the price fell
        ("missed entries", 2): (-6.0, 1),
    }
    assert told["entries", 10]["mean"] is None


def test_a_position_that_ends_with_its_segment_is_no_fill(golden):
    held = track_of(golden.market, [Segment(0, 6)], [[1, 1, 1, 1, 1]])
    traded = replace(golden, measured=measure(held, golden.market, 252.0))
    told = {(it["after"], it["bars"]): it["count"] for it in trader(traded, **DRAWS)["markouts"]}
    assert told["entries", 1] == 1
    assert told["exits", 1] == 0


def test_an_account_that_never_traded_says_so(golden):
    idle = track_of(golden.market, [Segment(0, 6)], [[0, 0, 0, 0, 0]])
    nothing = np.zeros(5, np.int8)
    traded = replace(golden, measured=measure(idle, golden.market, 252.0), missed=nothing)
    found = trader(traded, **DRAWS)
    assert found["gross"] is None
    assert found["break_even_cost"] is None
    assert found["peak_margin"] is None
    assert found["holding"][0]["bars_mean"] is None
    json.dumps(tidy(found), allow_nan=False)
    assert trader_sections({"trader": found})


@pytest.fixture(scope="module")
def judged():
    tape = fake_tape(2_000, paths=2)
    tape = replace(  # bars that never come back to their open: half of the limits are missed
        tape,
        instrument=replace(tape.instrument, half_spread_bps=5.0),
        high=torch.maximum(tape.open, tape.close),
        low=torch.minimum(tape.open, tape.close),
    )
    market = Market.of(tape)
    config = EnvConfig(entry="limit", stop_atr=2.0, max_hold_bars=20)
    judge = Judge(tape, halves(tape, 2), config, [JudgeRule("argmax", 0.4)], detail=True)
    judgement = judge(fake_team())
    own = measure(judgement.track(0, market), market, 252.0)
    return judgement, Traded(own, market, tape.instrument, judgement.missed(0))


def test_all_sums_are_the_net_profit_of_the_account(judged):
    traded = judged[1]
    track, found = traded.measured.track, trader(judged[1], **DRAWS)
    net = mean_path_sum(track, track.pnl_gross - track.cost)
    count = len(traded.measured.trips) / 2
    for key in ("by_year", "by_half_hour", "by_weekday", "by_side"):
        sums = np.sum([money(record) for record in found[key]], axis=0)
        assert sums[2] == pytest.approx(net), key
        assert sums[0] - sums[1] == pytest.approx(net), key
        assert sums[3] == pytest.approx(count), key
    broken = found["inside_sessions"] + found["over_breaks"]
    assert broken == pytest.approx(mean_path_sum(track, track.pnl_gross))
    assert found["gross"] - found["cost"] == pytest.approx(found["net"])
    assert found["unit"] == "bp"


def test_missed_entries_are_those_of_the_decisions(judged):
    judgement, traded = judged
    decisions = judgement.decisions(0, traded.market)
    missed = (decisions["rule"] == Rule.MISSED.name.lower()).to_numpy()
    assert missed.any()
    np.testing.assert_array_equal(traded.missed != 0, missed)
    assert (traded.missed[missed] != decisions["action"].to_numpy()[missed]).all()
    told = [it for it in trader(traded, **DRAWS)["markouts"] if it["after"] == "missed entries"]
    assert told[0]["count"] == missed.sum()
    with pytest.raises(ValueError, match="detail=True"):
        replace(judgement, detail=None).missed(0)


def test_the_page_says_every_figure(judged):
    found = trader(judged[1], **DRAWS)
    sections = trader_sections({"trader": found})
    said = text_of(sections)
    for heading in ("Profit by year", "Profit by weekday", "Profit by side", "Holding times"):
        assert heading in said
    for event in ("entries", "exits", "missed entries"):
        assert f"| {event}" in said
    assert found["worst_session"]["day"] in said
    assert trader_sections({}) == []
