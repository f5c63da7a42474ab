"""Few accounts judged one by one: the values of the batch, to the last bit."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from fakes import fake_tape, fake_team

from grandmodel.core.checks import UserError
from grandmodel.core.types import Segment
from grandmodel.decision.aggregation import ROLES
from grandmodel.decision.rules import Rule
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.orders import Ended
from grandmodel.evaluation.judging import judge as judging
from grandmodel.evaluation.judging import one_by_one
from grandmodel.evaluation.judging.execution import ARGMAX, LITERAL, JudgeRule
from grandmodel.evaluation.judging.judge import Judge
from grandmodel.features.build import build_tape
from grandmodel.features.config import FeatureConfig
from grandmodel.features.latched import LATCHED
from grandmodel.features.tactical import MATRIX_5
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.systems.config import AgentConfig, MemberConfig, NetworkConfig
from grandmodel.systems.team import build_team

STRETCH = Segment(3_600, 4_600)
CONFIGS = {
    "brackets": EnvConfig(stop_atr=2.0, target_atr=3.0, max_hold_bars=78, episode_bars=312),
    "no brackets": EnvConfig(stop_atr=None, target_atr=None, max_hold_bars=20),
}


@pytest.fixture(scope="module")
def tape():
    world = SyntheticConfig(world="gaps", train_bars=5_000, validation_bars=700, test_bars=700)
    return build_tape(make_dataset(world), FeatureConfig(minutes=5))


@pytest.fixture(scope="module")
def team():
    """Three agents of strong opinions."""
    members = {
        role: MemberConfig(inputs=list(MATRIX_5), window_bars=60, votes=role) for role in ROLES
    }
    agent = AgentConfig(members=members, executor="votes", execute="votes")
    generator = torch.Generator().manual_seed(0)
    network = NetworkConfig(kind="conv", trunk=[16], head=16)
    made = build_team(agent, network, None, LATCHED, generator)
    with torch.no_grad():
        for parameter in made.actor_parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return made


def both_ways(monkeypatch, *arguments, **options):
    """Judge one by one, and in the batch."""
    team = arguments[-1]
    alone = Judge(*arguments[:-1], detail=True, **options)
    with monkeypatch.context() as patched:
        patched.setattr(judging, "MOST_ACCOUNTS", 0)
        batch = Judge(*arguments[:-1], detail=True, **options)
    assert alone._standpoint is not None
    assert batch._standpoint is None
    return alone(team), batch(team)


def assert_same(one, other):
    for name in ("equity", "cost", "position", "quantity", "ended"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for field in dataclasses.fields(one.detail):
        own, batch = getattr(one.detail, field.name), getattr(other.detail, field.name)
        if isinstance(own, np.ndarray):
            assert np.array_equal(own, batch, equal_nan=own.dtype.kind == "f"), field.name
    assert (one.legs is None) == (other.legs is None)
    if one.legs is not None:
        moved = np.diff(one.position, axis=-1, prepend=0) != 0
        entered = moved & (one.position != 0)
        assert np.array_equal(one.legs.entry_price[entered], other.legs.entry_price[entered])
        assert np.array_equal(one.legs.exit_price, other.legs.exit_price)
        assert np.array_equal(one.legs.exit_cost, other.legs.exit_cost)


@pytest.mark.parametrize("decide_on", ["every_bar", "synergy"])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_votes_one_by_one_and_in_the_batch_are_the_same(tape, team, config, decide_on, monkeypatch):
    monkeypatch.setattr(team, "decide_on", decide_on)
    rules = [JudgeRule("votes", threshold) for threshold in (0.4, 0.6)]
    one, other = both_ways(monkeypatch, tape, [STRETCH], config, rules, team)
    assert_same(one, other)
    assert (np.diff(one.position, axis=-1) != 0).sum() > 10


STRATEGIC = {
    "plain": (EnvConfig(), 1.0),
    "brackets, limits, flat": (
        EnvConfig(stop_atr=1.0, target_atr=2.0, entry="limit", edge="flat", lots="whole"),
        3.0,
    ),
    "contracts": (EnvConfig(size="contracts", contracts=400.0, max_hold_bars=7), 1.0),
    "by volatility": (EnvConfig(size="vol_target", episode_bars=50), 1.0),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("case", STRATEGIC.values(), ids=STRATEGIC)
def test_pools_one_by_one_and_in_the_batch_are_the_same(case, seed, monkeypatch):
    config, cost_scale = case
    pooled = fake_team(seed=seed, trunk=16, head=16)
    market = fake_tape(1_200, seed=seed, long_only=seed == 1)
    cuts = [Segment(0, 500), Segment(500, 1_200)]
    rules = [JudgeRule("challenger", 0.4), ARGMAX, LITERAL]
    options = {"cost_scale": cost_scale, "sd_floor": 1e-4}
    one, other = both_ways(monkeypatch, market, cuts, config, rules, pooled, **options)
    assert_same(one, other)
    assert (np.diff(one.position, axis=-1) != 0).sum() > 50


@pytest.mark.parametrize(
    "rule", [JudgeRule("challenger", 0.4), JudgeRule("literal", 0.35), JudgeRule("argmax", delay=2)]
)
def test_wrong_guesses_are_put_right(rule, monkeypatch):
    settling_of, right = one_by_one.settling_of, fake_team()

    def of_another(tape, config, team, rule):
        return settling_of(tape, config, team, rule)._replace(weights=np.eye(3, dtype="f4")[0])

    monkeypatch.setattr(one_by_one, "settling_of", of_another)
    whole = [Segment(0, 501)]
    one, other = both_ways(monkeypatch, fake_tape(501), whole, EnvConfig(), [rule], right)
    assert_same(one, other)
    assert (np.diff(one.position, axis=-1) != 0).sum() > 30


def test_margin_calls_cost_the_same_both_ways(monkeypatch):
    market, whole = fake_tape(700, sd=0.02), [Segment(0, 700)]
    config = EnvConfig(size="contracts", contracts=5_000.0)
    rules = [ARGMAX, JudgeRule("challenger", 0.4, cost_scale=0.3)]
    team = fake_team(trunk=16, head=16, boldness=200.0)
    one, other = both_ways(monkeypatch, market, whole, config, rules, team, cost_scale=0.7)
    assert_same(one, other)
    assert (one.ended == Ended.LIQUIDATED).sum() >= 2


def test_votes_that_are_no_numbers_are_refused_both_ways(tape, team, monkeypatch):
    broken = copy.deepcopy(team)
    with torch.no_grad():
        broken.policies[0].head.out.bias.fill_(torch.nan)
    for most in (one_by_one.MOST_ACCOUNTS, 0):
        monkeypatch.setattr(judging, "MOST_ACCOUNTS", most)
        judge = Judge(tape, [STRETCH], CONFIGS["brackets"], [JudgeRule("votes", 0.4)])
        with pytest.raises(UserError, match=r"Orders\.size"):
            judge(broken)


def test_a_team_that_decides_on_synergies_alone_does_so_on_one_account(tape, team, monkeypatch):
    monkeypatch.setattr(team, "decide_on", "synergy")
    rules = [JudgeRule("votes", 0.0)]
    one, other = both_ways(monkeypatch, tape, [STRETCH], CONFIGS["brackets"], rules, team)
    assert_same(one, other)
    assert one.detail is not None
    assert (one.detail.rule == Rule.NO_SYNERGY).mean() > 0.5


def test_delayed_votes_are_those_of_the_decision_before(tape, team):
    rules = [JudgeRule("votes", 0.4), JudgeRule("votes", 0.4, delay=1)]
    both = Judge(tape, [STRETCH], CONFIGS["brackets"], rules, detail=True)(team)
    assert both.detail is not None
    own, late = both.detail.target[:, 0]
    first = int(np.flatnonzero(own)[0])
    assert not late[: first + 1].any()
    assert late[first + 1] == own[first]
    assert both.detail.score[1, 0, first + 1] == both.detail.score[0, 0, first]
    assert (both.position[0] != both.position[1]).sum() > 20
