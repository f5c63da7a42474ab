"""Forced exits and refused entries come from the timetable: no later bar has a say in them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from env_worlds import doubles, hand_tape, segment_env
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.core.checks import UserError
from grandmodel.core.types import Segment
from grandmodel.decision.limits import apply_limits
from grandmodel.decision.rules import Rule
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import Desk
from grandmodel.features.build import SESSIONS
from grandmodel.market.bars import Bars
from grandmodel.market.calendar import session_table
from grandmodel.market.instruments import Instrument

KNOWN = ("CMES", "XNYS", "23/5", "24/7", "planted")
HALF_HOUR = np.timedelta64(30, "m")
# Thanksgiving, half a day on the Friday after it, a weekend
HALF_HOURS = np.arange(np.datetime64("2024-11-26"), np.datetime64("2024-12-04"), HALF_HOUR)


def calendar_tape(opens, calendar):
    """Bars at the given times at a price of 100, with the sessions of a real calendar."""
    instrument = Instrument(name="x", calendar=calendar)
    times = opens.astype("datetime64[ns]").astype(np.int64)
    price = np.full(len(times), 100.0)
    table = session_table(Bars(times, price, price, price, price, price, 30, instrument))
    sessions = {name: torch.from_numpy(getattr(table, name)) for name in ("session", *SESSIONS)}
    tape = hand_tape([[100.0] * 4] * len(times), instrument)
    return replace(tape, open_time_ns=torch.from_numpy(times), **sessions)


def scheduled_half_hours(calendar):
    return HALF_HOURS[calendar_tape(HALF_HOURS, calendar).scheduled.numpy()]


def positions(tape, edge, targets):
    """The position over the bar after each decision."""
    env = segment_env(tape, edge=edge)
    return [int(env.step(torch.tensor([target])).executed) for target in targets[: len(tape) - 1]]


@settings(max_examples=25, deadline=None)
@given(
    market=st.sampled_from(
        [
            *[(name, edge) for name in KNOWN for edge in ("flat", "carry")],
            ("days", "carry"),
        ]
    ),
    cut=st.floats(0.05, 0.95),
    hole=st.integers(1, 120),
    seed=st.integers(0, 2**32 - 1),
)
def test_bars_that_go_missing_change_no_earlier_position(market, cut, hole, seed):
    calendar, edge = market
    opens = scheduled_half_hours(calendar)
    last = max(2, int(cut * len(opens)))
    targets = np.repeat(np.random.default_rng(seed).integers(-1, 2, len(opens)), 7)
    targets[last] = 1 if targets[last - 1] < 1 else -1  # an entry before the hole
    whole = positions(calendar_tape(opens, calendar), edge, targets[: last + 1])
    # from here on the bars are gone for a while
    holed = calendar_tape(np.concatenate([opens[: last + 1], opens[last + 1 + hole :]]), calendar)
    if len(holed) > last + 2:  # else the segment's own end forces the last decision flat
        assert positions(holed, edge, targets[: last + 1]) == whole
    cut_off = positions(calendar_tape(opens[: last + 1], calendar), edge, targets)
    assert cut_off[: last - 1] == whole[: last - 1]


def test_the_edge_of_a_half_day_and_of_a_weekend():
    opens = scheduled_half_hours("XNYS")
    held = positions(calendar_tape(opens, "XNYS"), "flat", [1] * len(opens))
    away = opens[1:][np.array(held) == 0]
    ends = ["2024-11-26T20:30", "2024-11-27T20:30", "2024-11-29T17:30", "2024-12-02T20:30"]
    assert [str(np.datetime64(time, "m")) for time in away] == [*ends, "2024-12-03T20:30"]


def test_entries_wait_over_a_weekend_that_the_bars_do_not_show():
    friday = np.datetime64("2024-11-29T17:00")
    opens = np.array([friday, friday + HALF_HOUR, friday + 2 * HALF_HOUR])  # closes 13:15
    tape = calendar_tape(np.append(opens, opens[-1:] + np.timedelta64(4, "h")), "CMES")
    assert positions(tape, "carry", [0, 0, 1]) == [0, 0, 0]
    assert positions(tape, "carry", [0, 1, 1]) == [0, 1, 0]  # the segment ends


def test_flat_is_refused_where_nobody_knows_when_a_session_ends():
    opens = scheduled_half_hours("XNYS")  # nights that calendar `days` does not know of
    rule = r"env.edge=flat .* instrument.calendar=days of x .*: name an instrument or set"
    with pytest.raises(UserError, match=rule):
        segment_env(calendar_tape(opens, "days"), edge="flat")
    with pytest.raises(UserError, match=rule):
        Desk(calendar_tape(opens, "days"), [Segment(0, len(opens))], EnvConfig(edge="flat"))
    tape = calendar_tape(opens, "days")
    asked = replace(tape, instrument=replace(tape.instrument, edge="flat"))
    with pytest.raises(UserError, match=r"instrument.edge=flat sends positions away"):
        segment_env(asked)
    assert positions(asked, "carry", [1] * 40) == [1] * 40  # nights and all


def limits_of(tape, edge, targets):
    """What the hard limits made of each decision, told before its fill is known."""
    env = segment_env(tape, edge=edge)
    told = []
    for target in targets[: len(tape) - 2]:  # the last decision is forced flat by the segment
        state = env.observation()
        allowed, rule = apply_limits(
            torch.tensor([target]),
            state.position,
            state.bars_held,
            env.config.max_hold_bars,
            env.force_flat,
            env.no_entry,
        )
        told.append((int(state.position), int(allowed), int(rule)))
        env.step(torch.tensor([target]))
    return told


@pytest.mark.parametrize("calendar", ["XNYS", "CMES"])
def test_no_decision_knows_whether_the_next_bar_lies_outside_the_timetable(calendar):
    whole = calendar_tape(HALF_HOURS, calendar)  # nights, a holiday and a weekend have bars too
    scheduled = whole.scheduled.numpy()
    before = np.flatnonzero(scheduled[:-1] & ~scheduled[1:])  # an unscheduled bar follows
    assert len(before) >= 4
    for bar in before:
        targets = [0] * bar + [1] * (len(HALF_HOURS) - bar)
        kept = np.arange(len(HALF_HOURS)) != bar + 1
        holed = calendar_tape(HALF_HOURS[kept], calendar)
        told = limits_of(whole, "flat", targets)
        assert told[bar] == (0, 1, Rule.NONE)  # the order is sent
        assert told[bar + 1][0] == 0  # and not filled
        assert limits_of(holed, "flat", targets)[: bar + 1] == told[: bar + 1]


def test_a_reversal_outside_the_timetable_closes_and_opens_nothing():
    tape = hand_tape([[100.0] * 4] * 5)
    tape = replace(
        tape,
        scheduled=torch.tensor([True, True, False, True, True]),
        edge_ahead=torch.zeros(5, dtype=torch.bool),
    )
    assert positions(tape, "flat", [1, -1, -1]) == [1, 0, -1]
    assert positions(tape, "flat", [1, 1, 1]) == [1, 1, 1]  # what is held stays


def test_a_hole_that_nobody_announced_refuses_no_entry():
    opens = np.array(["2024-11-26T15:00", "2024-11-26T15:30", "2024-12-02T15:00"], "datetime64[m]")
    tape = calendar_tape(np.append(opens, opens[-1:] + HALF_HOUR), "24/7")
    assert positions(tape, "carry", [0, 1, 0]) == [0, 1, 0]


@pytest.mark.parametrize(("edge", "expected"), [("flat", [1, 0, 0, 1]), ("carry", [1, 1, 1, 1])])
def test_with_flat_edges_nothing_is_opened_outside_the_timetable(edge, expected):
    tape = hand_tape([[100.0] * 4] * 6, session=[0, 0, 0, 0, 1, 1])
    tape = replace(
        tape,
        scheduled=torch.tensor([True, True, True, False, True, True]),
        edge_ahead=torch.tensor([False, True, False, False, False, False]),
        break_ahead_hours=doubles([0, 0, 16, 15, 0, 0]),
    )
    assert positions(tape, edge, [1, 1, 1, 1]) == expected
