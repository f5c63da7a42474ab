"""A tactical team judged on one account alone: the values of the batch, to the last bit."""

import dataclasses

import numpy as np
import pytest
import torch

from grandmodel.core.types import Segment
from grandmodel.decision.aggregation import ROLES
from grandmodel.decision.rules import Rule
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.deciders import SingleVotesDecider, VotesDecider, decider
from grandmodel.evaluation.execution import JudgeRule, group_rules
from grandmodel.evaluation.judge import Judge
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


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_alone_and_among_copies_it_decides_and_earns_the_same(tape, team, config):
    rules = [JudgeRule("votes", threshold) for threshold in (0.4, 0.6)]
    both = Judge(tape, [STRETCH], config, rules, detail=True)(team)
    for row, rule in enumerate(rules):
        alone = Judge(tape, [STRETCH], config, [rule], detail=True)(team)
        for name in ("equity", "cost", "position", "quantity", "ended"):
            assert np.array_equal(getattr(alone, name)[0], getattr(both, name)[row]), name
        for field in dataclasses.fields(alone.detail):
            own, batch = getattr(alone.detail, field.name), getattr(both.detail, field.name)
            if isinstance(own, np.ndarray):
                assert np.array_equal(own[0], batch[row], equal_nan=own.dtype.kind == "f")
        moved = np.diff(alone.position[0, 0], prepend=0) != 0
        assert moved.sum() > 10
        entered = moved & (alone.position[0, 0] != 0)
        values = [found.legs.entry_price[k, 0] for found, k in ((alone, 0), (both, row))]
        assert np.array_equal(values[0][entered], values[1][entered])


def test_one_account_takes_the_short_way(tape, team):
    one = group_rules((JudgeRule("votes", 0.5),), 1, torch.device("cpu"))
    two = group_rules((JudgeRule("votes", 0.5),), 2, torch.device("cpu"))
    assert isinstance(decider(tape, EnvConfig(), team, one), SingleVotesDecider)
    assert isinstance(decider(tape, EnvConfig(), team, two), VotesDecider)


def test_a_team_that_decides_on_synergies_alone_does_so_on_one_account(tape, team):
    rules = [JudgeRule("votes", threshold) for threshold in (0.0, 0.6)]
    team.decide_on = "synergy"
    try:
        alone = Judge(tape, [STRETCH], CONFIGS["brackets"], rules[:1], detail=True)(team)
        both = Judge(tape, [STRETCH], CONFIGS["brackets"], rules, detail=True)(team)
    finally:
        team.decide_on = "every_bar"
    assert (both.detail.rule[0] == Rule.NO_SYNERGY).mean() > 0.5
    assert np.array_equal(alone.detail.rule[0], both.detail.rule[0])
    assert np.array_equal(alone.equity[0], both.equity[0])


def test_delayed_votes_are_those_of_the_decision_before(tape, team):
    rules = [JudgeRule("votes", 0.4), JudgeRule("votes", 0.4, delay=1)]
    both = Judge(tape, [STRETCH], CONFIGS["brackets"], rules, detail=True)(team)
    own, late = both.detail.target[:, 0]
    first = int(np.flatnonzero(own)[0])
    assert not late[: first + 1].any()
    assert late[first + 1] == own[first]
    assert both.detail.score[1, 0, first + 1] == both.detail.score[0, 0, first]
    assert (both.position[0] != both.position[1]).sum() > 20
