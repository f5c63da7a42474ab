"""Controls of a result against figures worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import fake_tape

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import Desk
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.controls import capacity
from grandmodel.evaluation.controls.label_shift import shift_labels, shifted_positions
from grandmodel.evaluation.controls.plateau import plateau_rows
from grandmodel.evaluation.controls.regimes import regime_labels, regime_rows
from grandmodel.evaluation.controls.sweep import (
    DEAR,
    LATE,
    OWN,
    Strain,
    Sweep,
    break_even_cost_scale,
    cost_rows,
    kept_share,
    strain_of,
)
from grandmodel.evaluation.measures.metrics import decision_returns, measure
from grandmodel.features.regimes import HIGH, REGIMES, TREND_UP

SESSIONS = 252.0


def held(tape, positions, segments=None, **settings):
    """What wanted positions come to, one value per decision."""
    segments = segments or [Segment(0, len(tape), 0, 0)]
    desk = Desk(tape, segments, EnvConfig(**settings), max_hold_bars=0)
    wanted = np.resize(np.array(positions, np.int8), len(desk))
    return measure(desk.track(wanted), Market.of(tape), SESSIONS)


def test_the_grid_holds_what_the_verdict_asks_and_not_the_account_itself():
    assert Sweep((1.0,), (0,)).cells() == (DEAR, LATE)
    assert Sweep((0.0, 1.0), (0, 2)).cells() == ((0.0, 0), DEAR, LATE, (0.0, 2), (1.0, 2))


def test_strain_is_what_delay_leaves_and_what_twice_the_costs_leave():
    tape = fake_tape(460)
    rng = np.random.default_rng(0)
    own, late, dear = (held(tape, rng.integers(-1, 2, 459)) for _ in range(3))
    found = strain_of({OWN: own, LATE: late, DEAR: dear})
    assert found.sharpe == pytest.approx(own.scalars["sharpe"])
    assert found.late_sharpe == pytest.approx(late.scalars["sharpe"])
    assert found.dear_mean_bp == pytest.approx(1e4 * decision_returns(dear.track).mean())
    assert Strain(2.0, 0.5, 0.0).kept == 0.25
    assert Strain(0.0, 0.5, 0.0).kept is None
    assert kept_share(late, own) == found.kept
    rows = cost_rows({LATE: late, DEAR: dear, OWN: own})
    assert [(row["cost_scale"], row["delay_bars"]) for row in rows] == [OWN, DEAR, LATE]
    assert rows[1]["net_mean_bp"] == pytest.approx(found.dear_mean_bp)


def test_costs_times_the_break_even_scale_take_the_gross_profit():
    tape = fake_tape(100)
    found = held(tape, [0, 0, 1, 1, -1])
    track = found.track
    scale = break_even_cost_scale(found)
    assert scale == pytest.approx(track.pnl_gross.sum() / track.cost.sum())
    assert break_even_cost_scale(held(tape, [0])) is None


def test_regimes_share_out_decisions_and_what_they_earned():
    tape = fake_tape(93, bars_per_session=46)
    found = held(tape, [0, 1, 1, 0])
    labels = np.full(len(tape), TREND_UP)
    labels[10:20] = HIGH
    labels[60:70] = HIGH
    trend, high = regime_rows(labels, found)
    assert (trend["regime"], high["regime"]) == ("trend_up", "high")
    assert high["share"] == pytest.approx(20 / 92)
    inside = np.isin(found.track.bar, [*range(10, 20), *range(60, 70)])
    earned = decision_returns(found.track)
    assert high["exposure"] == pytest.approx(np.abs(found.track.position[inside]).mean())
    assert high["net_mean_bp"] == pytest.approx(1e4 * earned[inside].mean())
    net = np.array([earned[10:20].sum(), earned[60:70].sum()])
    assert high["sharpe"] == pytest.approx(net.mean() / net.std() * np.sqrt(SESSIONS))


def test_a_regime_of_one_session_has_no_ratio():
    tape = fake_tape(93, bars_per_session=46)
    labels = np.full(len(tape), TREND_UP)
    labels[3] = HIGH
    assert regime_rows(labels, held(tape, [1]))[1]["sharpe"] is None


def test_labels_are_those_of_the_bars_so_far():
    tape = fake_tape(700, paths=2)
    rising = torch.arange(700, dtype=torch.float64) * 0.02 * tape.close[700:].std()
    tape = replace(tape, close=torch.cat([tape.close[:700], tape.close[700:] + rising]))
    both, second = regime_labels(tape, [0, 1]), regime_labels(tape, [1])
    np.testing.assert_array_equal(both[700:], second[700:])
    assert not second[:700].any()
    assert len(np.unique(both[:700])) > 1
    cut = regime_labels(replace(tape, close=tape.close.clone().index_fill_(
        0, torch.arange(650, 700), 50.0)), [0])  # fmt: skip
    np.testing.assert_array_equal(cut[:650], both[:650])
    assert {REGIMES[label] for label in np.unique(both)} <= set(REGIMES)


def test_positions_are_shifted_round_by_whole_sessions():
    tape = fake_tape(10, bars_per_session=3)  # decisions 0..8, sessions of bars 1-2, 3-5, 6-8, 9
    track = held(tape, [1, 1, -1, 0, 0, 1, 1, 0, 0]).track
    own = track.position.tolist()
    assert [track.session[k] for k in range(9)] == [0, 0, 1, 1, 1, 2, 2, 2, 3]
    found, by = shifted_positions(track, np.array([0.0, 0.34, 0.99]))
    assert by.tolist() == [2, 5, 8]
    for row, shift in zip(found.tolist(), by, strict=True):
        assert row == own[-shift:] + own[:-shift]


def test_timing_is_told_from_habits():
    tape = fake_tape(46 * 60, seed=3)
    opens = tape.open.numpy()
    known = np.sign(np.diff(opens[1:], append=opens[-1])).astype(np.int8)
    segments = (Segment(0, len(tape), 0, 0),)
    seer = held(tape, known[: len(tape) - 1], list(segments)).track
    found = shift_labels(tape, segments, EnvConfig(), seer, draws=40, seed=0)
    assert found.unshifted > 10 > found.sharpe.max()
    assert found.p_value == pytest.approx(1 / 41)
    every = shift_labels(tape, segments, EnvConfig(), seer, draws=400, seed=0)
    assert len(every.sharpe) == 59  # every shift there is, once
    assert len(np.unique(every.decisions)) == 59


def test_nothing_held_and_nothing_to_shift_by_tell_nothing():
    tape = fake_tape(46 * 4)
    whole, short = (Segment(0, len(tape), 0, 0),), (Segment(0, 60, 0, 0),)
    flat = held(tape, [0], list(whole)).track
    assert shift_labels(tape, whole, EnvConfig(), flat, draws=9, seed=0) is None
    two_sessions = held(tape, [1, 0], list(short)).track
    assert shift_labels(tape, short, EnvConfig(), two_sessions, draws=9, seed=0) is None


def test_reversals_and_ends_inside_a_bar_are_traded_units():
    tape = fake_tape(8)
    track = held(tape, [1, 1, -1, -1, 0, 1, 0]).track
    units = np.array([3.0, 3.0, -2.0, -2.0, 0.0, 5.0, 0.0])
    track = replace(track, quantity=units, ended=np.array([0, 0, 0, 1, 0, 0, 0], np.int8))
    assert capacity.traded_units(track).tolist() == [3.0, 0.0, 5.0, 2.0, 0.0, 5.0, 5.0]


def test_impact_is_a_day_of_volatility_for_a_day_of_volume():
    tape = fake_tape(46 * 4, bars_per_session=46)
    volume = torch.full((len(tape),), 10.0, dtype=torch.float64)
    volume[46:92] = 30.0
    tape = replace(tape, volume=volume, volume_kind="traded")
    assert capacity.why_unknown(tape) is None
    found = capacity.liquidity_of(tape)
    days = found.day_volume[[0, 46, 92, 138]]
    np.testing.assert_allclose(days, [np.nan, 460.0, 920.0, (460 + 1380 + 460) / 3])
    np.testing.assert_allclose(found.day_sd, 1e-3 * np.sqrt(46))
    measured = held(tape, [0] * 60 + [1] * 60 + [0] * 63)
    price = tape.open.numpy()[measured.track.bar + 1]
    share = capacity.impact_shares(measured.track, found, price, 1.0)
    assert np.flatnonzero(share).tolist() == [60, 120]
    bought = measured.track.quantity[60]
    expected = 1e-3 * np.sqrt(46) * np.sqrt(bought / 460.0) * bought * price[60] / 100_000.0
    assert share[60] == pytest.approx(expected)
    rows = capacity.capacity_rows(measured, found, price, 1.0)
    net = measured.sessions.net.copy()
    for at in (60, 120):
        net[measured.track.session[at]] -= np.sqrt(100.0) * share[at]
    hundred = next(row for row in rows if row["multiple"] == 100)
    assert hundred["net_mean_bp"] == pytest.approx(1e4 * net.sum() / len(measured.track))
    assert hundred["sharpe"] == pytest.approx(net.mean() / net.std() * np.sqrt(SESSIONS))
    assert hundred["capital"] == 1e7
    assert hundred["units"] == pytest.approx(bought * 100)
    means = [row["net_mean_bp"] for row in rows]
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("kind", ["ticks", "none"])
def test_without_traded_volume_no_capacity_is_told(kind):
    tape = fake_tape(50)
    volume = None if kind == "none" else torch.ones(50)
    reason = capacity.why_unknown(replace(tape, volume=volume, volume_kind=kind))
    assert reason is not None
    assert reason.startswith(f"capacity unknown: the bars have volume_kind={kind}")


def test_a_plateau_is_told_setting_by_setting_from_runs_that_differ_in_it_alone():
    runs = [
        ({"lr": 1.0, "steps": 10, "kind": "a"}, 0.5),
        ({"lr": 2.0, "steps": 10, "kind": "a"}, 1.5),
        ({"lr": 2.0, "steps": 10, "kind": "a"}, 2.5),  # another seed
        ({"lr": 4.0, "steps": 10, "kind": "a"}, 1.0),
        ({"lr": 8.0, "steps": 10, "kind": "a"}, 1.8),
        ({"lr": 2.0, "steps": 20, "kind": "b"}, 1.9),  # differs in two
    ]
    (row,) = plateau_rows(runs)
    assert (row["key"], row["best"], row["neighbours_share"]) == ("lr", 2.0, 0.25)
    assert [point["value"] for point in row["points"]] == [1.0, 2.0, 4.0, 8.0]
    assert [point["share"] for point in row["points"]] == [0.25, 1.0, 0.5, 0.9]


def test_a_plateau_below_zero_has_no_shares():
    (row,) = plateau_rows([({"x": 1}, -2.0), ({"x": 2}, -1.0)])
    assert row["neighbours_share"] is None
    assert row["points"][0] == {"value": 1, "metric": -2.0, "share": None}
    assert plateau_rows([]) == []
    assert plateau_rows([({"kind": "a"}, 1.0), ({"kind": "b"}, 2.0)]) == []
