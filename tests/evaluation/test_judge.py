from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from fakes import fake_tape, fake_team, halves

from grandmodel.core.types import Segment
from grandmodel.decision.record import explain
from grandmodel.decision.rules import Rule
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import run_positions
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.accounts.trades import round_trips
from grandmodel.evaluation.judging.judge import ARGMAX, LITERAL, Judge, JudgeRule, gate_rules
from grandmodel.evaluation.measures.metrics import pnl_over_breaks
from grandmodel.evaluation.outputs import write_frame

RULES = (JudgeRule("challenger", 0.4), JudgeRule("challenger", 1.0), ARGMAX, LITERAL)


@pytest.fixture(scope="module")
def team():
    return fake_team()


@pytest.fixture(scope="module")
def tape():
    return fake_tape(700, paths=2)


def judged(tape, team, segments, rules=RULES, **changes):
    return Judge(tape, segments, EnvConfig(**changes), rules, detail=True)(team)


def test_copies_and_segments_in_lockstep_equal_each_alone(tape, team):
    segments = halves(tape)
    together = judged(tape, team, segments)
    for copy, rule in enumerate(RULES):
        for index, segment in [*enumerate(segments)][copy : copy + 1]:
            alone = judged(tape, team, [segment], [rule])
            steps = segment.stop - segment.start - 1
            for name in ("equity", "cost", "position"):
                own = getattr(together, name)[copy, index, :steps]
                np.testing.assert_array_equal(own, getattr(alone, name)[0, 0, :steps])
            np.testing.assert_array_equal(
                together.detail.ensemble[copy, index, :steps], alone.detail.ensemble[0, 0, :steps]
            )


def test_the_account_is_that_of_the_scripted_walk(tape, team):
    segments = halves(tape)
    judgement = judged(tape, team, segments)
    market = Market.of(tape)
    for copy in range(len(RULES)):
        track = judgement.track(copy, market)
        wanted = np.zeros(len(tape), np.int8)
        wanted[track.bar] = track.position
        walked = run_positions(tape, segments, wanted, EnvConfig())
        np.testing.assert_allclose(track.equity, walked.equity, rtol=0, atol=1e-6)
        np.testing.assert_allclose(track.quantity, walked.quantity, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(track.position, walked.position)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_bars_that_close_where_they_open_hide_no_quantity(tape, team, share):
    still = torch.tensor(np.random.default_rng(0).random(len(tape)) < share)
    # what remains are gaps from close to open, which belong to the position before
    tape = replace(tape, close=torch.where(still, tape.open, tape.close))
    judgement = judged(tape, team, halves(tape), [ARGMAX])
    market = Market.of(tape)
    track = judgement.track(0, market)
    wanted = np.zeros(len(tape), np.int8)
    wanted[track.bar] = track.position
    walked = run_positions(tape, halves(tape), wanted, EnvConfig())
    np.testing.assert_allclose(track.quantity, walked.quantity, rtol=1e-9, atol=1e-12)
    told, expected = round_trips(track, market), round_trips(walked, market)
    assert len(told) > 100
    assert (told.bars_held == 1).sum() > 20
    np.testing.assert_allclose(told.quantity, expected.quantity, rtol=1e-9)
    np.testing.assert_allclose(told.pnl_gross, expected.pnl_gross, atol=1e-6)
    np.testing.assert_allclose(told.cost, expected.cost, atol=1e-6)
    np.testing.assert_allclose(
        pnl_over_breaks(track, market), pnl_over_breaks(walked, market), atol=1e-6
    )


def test_a_liquidated_position_keeps_the_units_it_had(team):
    tape = fake_tape(700, sd=0.03)
    judgement = judged(tape, team, halves(tape), [ARGMAX], size="contracts", contracts=9_000.0)
    track = judgement.track(0, Market.of(tape))
    assert track.liquidated.any()
    np.testing.assert_array_equal(track.quantity, 9_000.0 * track.position)


def test_profit_minus_cost_is_the_change_of_equity(tape, team):
    track = judged(tape, team, halves(tape)).track(0, Market.of(tape))
    for index in range(len(track.segments)):
        rows = track.rows_of(index)
        earned = (track.pnl_gross[rows] - track.cost[rows]).sum()
        assert track.equity[rows][-1] - track.capital == pytest.approx(earned, abs=1e-6)
        assert track.position[rows][-1] == 0


def test_cutting_the_tape_changes_no_decision_before(team):
    tape = fake_tape(700)
    whole = judged(tape, team, [Segment(60, 700)], RULES[:1]).decisions(0, Market.of(tape))
    for cut in (300, 517):
        columns = {
            name: getattr(tape, name)[:cut]
            for name in vars(tape)
            if isinstance(getattr(tape, name), torch.Tensor)
        }
        short = replace(tape, **columns)
        part = judged(short, team, [Segment(60, cut)], RULES[:1]).decisions(0, Market.of(short))
        known = len(part) - 1  # the last decision of a segment is forced flat
        assert part[:known].equals(whole[:known])


def test_changing_the_future_changes_no_decision_before(team):
    tape = fake_tape(700)
    whole = judged(tape, team, [Segment(60, 700)], RULES[:1]).decisions(0, Market.of(tape))
    features, close = tape.features.clone(), tape.close.clone()
    features[400:] += 1.0
    close[400:] *= 1.01
    other = replace(tape, features=features, close=close)
    after = judged(other, team, [Segment(60, 700)], RULES[:1]).decisions(0, Market.of(other))
    assert after[: 400 - 60].equals(whole[: 400 - 60])
    assert not after.equals(whole)


def test_a_gate_of_one_never_trades(tape, team):
    judgement = judged(tape, team, halves(tape))
    assert judgement.round_trips()[1] == 0
    assert (judgement.equity[1] == 100_000.0).all()


def test_hard_limits_are_named(team):
    tape = fake_tape(700, edge="flat", long_only=True)
    judgement = judged(tape, team, [Segment(0, 700)], [ARGMAX], max_hold_bars=5)
    rows = judgement.decisions(0, Market.of(tape))
    named = set(rows["rule"])
    assert {"long_only", "max_hold", "forced_flat"} <= named
    assert (rows.loc[rows["rule"] == "forced_flat", "action"] == 0).all()
    assert (rows["action"] >= 0).all()
    before = np.concatenate([[0], rows["action"].to_numpy()[:-1]])
    np.testing.assert_array_equal(rows["position"], before)
    reasons = judgement.track(0, Market.of(tape)).reason
    assert set(np.unique(reasons)) == {0, 2, 3, 4}


@pytest.mark.parametrize("why", ["timetable", "margin"])
def test_refused_fills_are_named(team, why):
    tape = fake_tape(700, edge="flat" if why == "timetable" else "carry")
    scheduled = torch.tensor(np.random.default_rng(0).random(700) > 0.3)
    rich = 30.0 if why == "margin" else 0.1
    tape = replace(tape, scheduled=scheduled)
    tape = replace(tape, close=tape.close * torch.linspace(1.0, rich, 700))
    tape = replace(tape, open=tape.close, high=tape.close * 1.0001, low=tape.close * 0.9999)
    size = {"size": "contracts", "contracts": 1_000.0} if why == "margin" else {}
    judgement = judged(tape, team, [Segment(0, 700)], [ARGMAX], **size)
    rows = judgement.decisions(0, Market.of(tape))
    refused = (rows["rule"] == ("closed" if why == "timetable" else "margin")).to_numpy()
    assert 20 < refused.sum() < 600
    assert (rows.loc[refused, "action"] == 0).all()
    wanted = judgement.detail.target[0, 0, : len(rows)]
    before = rows["position"].to_numpy()
    if why == "timetable":
        sent = (wanted != 0) & (wanted != before) & ~tape.edge_ahead[:699].numpy()
        sent[-1] = False  # the segment ends
        np.testing.assert_array_equal(refused, sent & ~scheduled[1:].numpy())


def test_decision_rows_hold_what_was_said(tape, team):
    market = Market.of(tape)
    judgement = judged(tape, team, halves(tape))
    rows = judgement.decisions(0, market)
    assert len(rows) == sum(judgement.lengths())
    expected = ["timestamp", "path", "segment"]
    expected += [f"p_{a}_{c}" for a in team.names for c in ("bear", "neutral", "bull")]
    expected += ["p_bear", "p_neutral", "p_bull", "confidence", "uncertainty"]
    expected += ["should_proceed", "action", "position", "rule", "rule_text"]
    expected += [f"prediction_{name}" for name in team.names]
    expected += [f"agrees_{name}" for name in team.names]
    expected += ["agreement", "dominant_signal", "uncertainty_source"]
    assert list(rows.columns) == expected
    first = market.open_time_ns[judgement.segments[0].start] + 30 * 60 * 10**9
    assert rows["timestamp"].iloc[0].value == first
    for prefix in ("p_", *(f"p_{name}_" for name in team.names)):
        total = rows[[f"{prefix}{c}" for c in ("bear", "neutral", "bull")]].sum(axis=1)
        np.testing.assert_allclose(total, 1.0, atol=1e-6)
    moved = rows["rule"] == "challenger_moved"
    assert (rows.loc[moved, "should_proceed"]).all()
    assert (rows.loc[moved, "action"] != rows.loc[moved, "position"]).all()
    assert rows["uncertainty"].between(0, 1).all()
    assert judgement.detail.rule.max() < len(Rule)


def test_every_row_gives_the_reasons_of_the_decision_record(tape, team, tmp_path):
    judgement = judged(tape, team, halves(tape))
    write_frame(tmp_path / "decisions.parquet", judgement.decisions(0, Market.of(tape)))
    rows = pd.read_parquet(tmp_path / "decisions.parquet")
    first = np.cumsum([0, *judgement.lengths()])
    for row in range(0, len(rows), 97):
        segment = int(np.searchsorted(first, row, side="right")) - 1
        step = row - first[segment]
        told = rows.iloc[row]
        record = explain(
            team.names,
            torch.from_numpy(judgement.detail.probabilities[0, segment, step]),
            torch.from_numpy(judgement.detail.ensemble[0, segment, step]),
            team.weights,
            position=int(told["position"]),
            target=int(told["action"]),
            should_proceed=bool(told["should_proceed"]),
            rule=int(judgement.detail.rule[0, segment, step]),
        )
        for key in ("rule", "rule_text", "dominant_signal", "uncertainty_source"):
            assert told[key] == record[key]
        agents = record["agents"]
        for name in team.names:
            assert told[f"prediction_{name}"] == agents[name]["prediction"]
            assert told[f"agrees_{name}"] == agents[name]["agrees"]
        assert told["agreement"] == np.mean([agent["agrees"] for agent in agents.values()])
    assert 0 < (rows["agreement"] == 1.0).mean() < 1
    assert rows["dominant_signal"].nunique() == 4
    assert (rows.dtypes[["rule", "rule_text", "dominant_signal"]] == "category").all()


def test_stretches_of_steps_join_without_a_seam(tape, team, monkeypatch):
    whole = judged(tape, team, halves(tape))
    monkeypatch.setattr("grandmodel.evaluation.judging.judge.ROWS_AT_ONCE", 4)
    monkeypatch.setattr("grandmodel.evaluation.judging.judge.LEAST_STEPS_AT_ONCE", 37)
    parts = judged(tape, team, halves(tape))
    for name in ("equity", "cost", "position"):
        for index, steps in enumerate(whole.lengths()):
            np.testing.assert_array_equal(
                getattr(parts, name)[:, index, :steps], getattr(whole, name)[:, index, :steps]
            )


def test_judging_leaves_the_team_as_it_was(tape):
    team = fake_team()
    team.train()
    before = {name: value.clone() for name, value in team.state_dict().items()}
    judge = Judge(tape, halves(tape), EnvConfig(), gate_rules([0.3, 0.5]))
    first, second = judge(team), judge(team)
    assert team.training
    assert all(torch.equal(value, before[name]) for name, value in team.state_dict().items())
    np.testing.assert_array_equal(first.equity, second.equity)
    assert first.detail is None


def test_twice_the_costs_cost_twice_where_nothing_else_changes(tape, team):
    rule = [JudgeRule("challenger", 0.4)]
    once = Judge(tape, halves(tape), EnvConfig(size="contracts"), rule)(team)
    segments = halves(tape)
    twice = Judge(tape, segments, EnvConfig(size="contracts"), rule, cost_scale=2.0)(team)
    same = once.position == twice.position
    assert same.mean() > 0.5
    assert twice.cost[0, :, 0].sum() == pytest.approx(2 * once.cost[0, :, 0].sum())
