"""Figures of votes by hand, votes of judged teams, and the tables that tell them."""

import numpy as np
import pytest
import torch
from fakes import fake_tape, fake_team, halves
from rich.console import Console

from grandmodel.core.random import torch_stream
from grandmodel.decision.aggregation import ROLES, Aggregation
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.voting import DIRECTION as SYNERGY
from grandmodel.envs.voting import MOMENTUM, TYPES, VotedOrders
from grandmodel.evaluation.judging.execution import beside_names, rules_beside
from grandmodel.evaluation.judging.judge import Judge, JudgeRule
from grandmodel.evaluation.measures.vote_metrics import vote_figures
from grandmodel.evaluation.measures.vote_outcomes import Cases, VoteOutcomes
from grandmodel.evaluation.measures.vote_report import VoteJudge, rule_counts
from grandmodel.evaluation.report import votes as tables
from grandmodel.systems.config import VOTES, AgentConfig, CriticConfig, MemberConfig, NetworkConfig
from grandmodel.systems.team import build_team

LABELS = ("short", "hold", "long")


def cases_of(best, counts=None):
    best = torch.tensor(best)
    counts = torch.ones(len(best)).bool() if counts is None else torch.tensor(counts).bool()
    return Cases(best[:, None] == torch.arange(3), best, counts)


def test_figures_by_hand_count_correct_holds():
    votes = torch.tensor([0, 0, 1, 1, 1, 2, 2, 2])
    best = [0, 2, 1, 1, 2, 2, 0, 2]
    sure = torch.tensor([0.55, 0.55, 0.75, 0.75, 0.75, 0.95, 0.95, 0.1])
    found = vote_figures(LABELS, votes, sure, cases_of(best, [1, 1, 1, 1, 1, 1, 1, 0]))
    assert found["votes"] == 7
    assert found["accuracy"] == pytest.approx(4 / 7)  # one short, two holds, one long
    assert found["base"] == pytest.approx(3 / 7)  # always long
    assert found["balanced_accuracy"] == pytest.approx((1 / 2 + 1 + 1 / 3) / 3)
    assert found["rate"] == pytest.approx({"short": 2 / 7, "hold": 3 / 7, "long": 2 / 7})
    assert found["right_when_voted"] == pytest.approx(
        {"short": 1 / 2, "hold": 2 / 3, "long": 1 / 2}
    )
    assert found["confusion"]["hold"] == {"short": 0, "hold": 2, "long": 1}
    assert found["confidence"] == pytest.approx((2 * 0.55 + 3 * 0.75 + 2 * 0.95) / 7)
    off = 2 * abs(0.55 - 0.5) + 3 * abs(0.75 - 2 / 3) + 2 * abs(0.95 - 0.5)
    assert found["calibration_error"] == pytest.approx(off / 7, abs=1e-6)


def test_a_vote_that_paid_is_right_though_another_would_have_paid_more():
    right = torch.tensor([[False, True, True], [False, True, True], [True, False, False]])
    cases = Cases(right, torch.tensor([1, 1, 0]), torch.ones(3).bool())
    found = vote_figures(
        ("wait", "execute", "aggressive"), torch.tensor([2, 1, 2]), right[:, 0] * 1.0, cases
    )
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["base"] == pytest.approx(2 / 3)
    assert found["confusion"]["aggressive"] == {"wait": 1, "execute": 0, "aggressive": 1}


def test_nothing_at_stake_and_no_confidence_leave_figures_undefined():
    none = vote_figures(LABELS, torch.tensor([0]), torch.tensor([0.5]), cases_of([0], [0]))
    assert none["votes"] == 0
    assert {none[key] for key in ("accuracy", "base", "balanced_accuracy", "confidence")} == {None}
    assert none["calibration_error"] is None
    assert none["right_when_voted"] == dict.fromkeys(LABELS)
    unsure = torch.tensor([torch.nan, 0.8])
    half = vote_figures(LABELS, torch.tensor([1, 2]), unsure, cases_of([1, 2]))
    assert half["confidence"] == pytest.approx(0.8)
    assert half["calibration_error"] == pytest.approx(0.2)


def voting_world(bars=600):
    """A tape that votes can be counted on, and a freshly drawn team of three with opinions."""
    tape = fake_tape(bars, fee_bps=0.5)
    draw = np.random.default_rng(5)
    tape = tape.with_column(MOMENTUM, torch.tensor(draw.normal(size=bars)).float())
    tape = tape.with_column(SYNERGY, torch.tensor(draw.integers(-1, 2, bars)).float())
    for name in ("synergy_confidence", "synergy_age"):
        tape = tape.with_column(name, torch.tensor(draw.uniform(size=bars)).float())
    kind = draw.integers(0, 5, bars)
    for number, name in enumerate(TYPES, start=1):
        tape = tape.with_column(name, torch.tensor(kind == number).float())
    members = {
        name: MemberConfig(inputs=[column], votes=role)
        for name, column, role in zip(
            ("gap", "speed", "moment"),
            ("mlmi_value", "nwrqk_value", "mmd_score"),
            ROLES,
            strict=True,
        )
    }
    agent = AgentConfig(execute=VOTES, executor=VOTES, ensemble_learn="fixed", members=members)
    team = build_team(
        agent, NetworkConfig(trunk=[16], head=8), CriticConfig(), ["hour_sin"], torch_stream(3, "x")
    )
    with torch.no_grad():
        for policy in team.policies:
            policy.head.out.weight.mul_(60.0)
    return tape, team


def judged(tape, team, rule, env, segments):
    rules = (rule, *rules_beside(rule.execute))
    return Judge(tape, segments, env, rules, detail=True)(team)


def test_votes_of_a_judged_team_row_by_row():
    tape, team = voting_world()
    env, segments = EnvConfig(stop_atr=2.0, target_atr=3.0), halves(tape)
    judgement = judged(tape, team, JudgeRule(VOTES, 0.4), env, segments)
    report = VoteJudge(tape, env, team.roles, 5)(judgement, 0)
    outcomes = VoteOutcomes(tape, env, segments, 5)
    voted = VotedOrders(tape, env, team.roles, Aggregation(0.4))
    at, right, stakes = 0, dict.fromkeys(team.names, 0), dict.fromkeys(team.names, 0)
    for index, segment in enumerate(segments):
        held = 0
        for step in range(segment.stop - segment.start - 1):
            bar = torch.tensor([segment.start + step])
            odds = torch.from_numpy(judgement.detail.probabilities[0, index, step][None])
            votes = odds.argmax(-1)
            toward = int(voted.tally(votes, odds, bar, torch.tensor([held])).direction)
            side = torch.tensor([0 if toward == held else toward])
            each = (outcomes.direction(bar), outcomes.momentum(bar), outcomes.entry(bar, side))
            for agent, (name, cases) in enumerate(zip(team.names, each, strict=True)):
                told = report.columns[f"right_{name}"][at]
                own = votes[:, agent]
                if cases.counts:
                    truth = int(cases.truth(own))
                    assert told == team.class_names[agent][truth]
                    stakes[name] += 1
                    right[name] += truth == int(own)
                else:
                    assert told is np.nan
            position = int(judgement.position[0, index, step])
            held = 0 if judgement.ended[0, index, step] else position
            at += 1
    for name in team.names:
        figures = report.figures["agents"][name]
        assert figures["votes"] == stakes[name] > 100
        assert figures["accuracy"] == pytest.approx(right[name] / stakes[name])
    assert stakes["moment"] < stakes["gap"]  # only where an entry is at stake
    assert report.figures["horizon_bars"] == 5
    assert [f["votes_on"] for f in report.figures["agents"].values()] == [*ROLES]


def test_a_pooled_team_is_judged_by_its_most_probable_classes():
    tape, team = fake_tape(700), fake_team()
    env, segments = EnvConfig(), halves(tape)
    judgement = judged(tape, team, JudgeRule("challenger", 0.4), env, segments)
    report = VoteJudge(tape, env, team.roles, 3)(judgement, 0)
    best = VoteOutcomes(tape, env, segments, 3).direction(
        torch.from_numpy(np.concatenate(judgement.bars()))
    )
    detail = judgement.detail
    rows = np.concatenate([detail.ensemble[0, s, :n] for s, n in enumerate(judgement.lengths())])
    right = (torch.from_numpy(rows).argmax(-1) == best.best)[best.counts]
    assert report.figures["team"]["accuracy"] == pytest.approx(float(right.double().mean()))
    assert set(report.figures["agents"]) == set(team.names)
    assert {f["votes_on"] for f in report.figures["agents"].values()} == {"direction"}


@pytest.fixture(scope="module")
def metrics():
    """As much of metrics.json as the tables read."""
    tape, team = voting_world()
    env, segments = EnvConfig(), halves(tape)
    judgement = judged(tape, team, JudgeRule(VOTES, 0.4), env, segments)
    names = ("policy", *beside_names(VOTES))
    return {
        "sharpe": 1.5,
        "trades": 7,
        "beside": {names[1]: {"sharpe": 0.1, "trades": 90}, names[2]: {"sharpe": 0.0}},
        "execution": dict(zip(names, judgement.rules, strict=True)),
        "rules": {name: rule_counts(judgement, row) for row, name in enumerate(names)},
        "votes": VoteJudge(tape, env, team.roles, 6)(judgement, 0).figures,
    }


def test_thresholds_stand_side_by_side_with_what_they_refused(metrics):
    assert metrics["execution"] == {
        "policy": "votes@0.40",
        "votes@0.00": "votes@0.00",
        "votes@0.65": "votes@0.65",
    }
    assert beside_names("challenger") == ("argmax", "literal")
    for counts in metrics["rules"].values():
        assert sum(counts.values()) == 598  # every decision is settled by one rule
    refused = [metrics["rules"][name].get("voted_below_threshold", 0) for name in metrics["rules"]]
    assert refused[1] == 0 < refused[0] < refused[2]
    rows = {row[""]: row for row in tables.rule_records(metrics, brief=True)}
    assert rows["round trips, mean of paths"] == {
        "": "round trips, mean of paths",
        "policy, votes@0.40": "7",
        "votes@0.00": "90",
        "votes@0.65": tables.shown(None, "count"),
    }
    assert rows["voted below threshold"]["votes@0.65"] == str(refused[2])
    assert "the score does not exceed the threshold" in str(tables.rule_records(metrics))


def test_every_agent_has_its_rows_on_the_page_and_in_the_terminal(metrics):
    page = str(tables.votes_tables(metrics)) + tables.votes_note(metrics)
    console = Console(width=80, record=True)
    console.print(tables.terminal_votes(metrics))
    console.print(tables.terminal_rules(metrics))
    said = console.export_text()
    for name, found in metrics["votes"]["agents"].items():
        assert name in said
        assert tables.shown(found["accuracy"], "percent") in said
        for vote in found["rate"]:
            assert f"'vote': '{vote}'" in page
    assert "6 bars" in page
    assert "…" not in said
