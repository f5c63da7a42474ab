"""Right votes of a rollout: sampled votes of a voting team, executed actions of a pooling one."""

from types import SimpleNamespace

import pytest
import torch

from grandmodel.decision.aggregation import ROLES, Roles
from grandmodel.evaluation.measures.vote_outcomes import Cases
from grandmodel.learning.rollout_votes import RolloutVotes

CLASSES = (("short", "hold", "long"), ("counter", "neutral", "trend"), ("wait", "execute", "rush"))
SPECS = [SimpleNamespace(account=("drawdown", "position"))]
UP = 6  # rows before this one rise after costs, the others do nothing


class Outcomes:
    """Every rise is a long, every calm row a hold; momentum is always positive."""

    def direction(self, bar):
        best = torch.where(bar < UP, 2, 1)
        return Cases(best[:, None] == torch.arange(3), best, bar >= 0)

    momentum = direction

    def entry(self, bar, side):
        best = torch.where((bar < UP) & (side > 0), 1, 0)
        return Cases(best[:, None] == torch.arange(3), best, side != 0)


class Voted:
    """The direction is what the first agent names."""

    def tally(self, votes, probabilities, bar, position):
        assert probabilities is None
        votes, _ = Roles(ROLES)(votes, None)
        return SimpleNamespace(direction=votes[:, 0] - 1)


def rollout(action, probability, **fields):
    action = torch.tensor(action)
    shape = action.shape[:2]
    given = {
        "bar": torch.arange(shape.numel()).view(shape),
        "executor": torch.zeros(shape, dtype=torch.int64),
        "account": torch.zeros(*shape, 4),
    }
    log_prob = torch.tensor(probability).expand(action.shape).log()
    return SimpleNamespace(action=action, log_prob=log_prob, **(given | fields))


def test_votes_of_a_voting_team_by_hand():
    team = SimpleNamespace(
        names=("gap", "speed", "moment"), class_names=CLASSES, roles=(*ROLES,), specs=SPECS
    )
    action = [
        [[2, 1, 1], [2, 2, 2]],
        [[1, 2, 0], [0, 2, 1]],
        [[2, 2, 1], [2, 2, 1]],
        [[1, 1, 1], [1, 1, 1]],
    ]
    account = torch.zeros(4, 2, 4)
    account[2, 0, 1] = 1.0  # long already: no entry is at stake
    found = RolloutVotes(team, Outcomes(), Voted())(rollout(action, 0.5, account=account))
    assert found["votes/gap/accuracy"] == pytest.approx(6 / 8)  # four longs, two correct holds
    assert found["votes/gap/base"] == pytest.approx(6 / 8)
    assert found["votes/gap/rate/hold"] == pytest.approx(3 / 8)
    assert found["votes/gap/confidence"] == pytest.approx(0.5)
    assert found["votes/gap/calibration_error"] == pytest.approx(0.25)
    assert found["votes/speed/accuracy"] == pytest.approx(7 / 8)
    # rows 0, 1, 3 and 5 name a direction that is not held: right, wrong, wrong, right
    assert found["votes/moment/accuracy"] == pytest.approx(2 / 4)
    assert found["votes/moment/rate/execute"] == pytest.approx(3 / 4)


def test_of_a_pooling_team_each_agent_owns_what_it_executed():
    team = SimpleNamespace(names=("one", "two"), class_names=CLASSES[:1] * 2, roles=(), specs=SPECS)
    executor = torch.tensor([[0, 1], [0, 1], [2, 1], [2, 1]])  # the third is the pool
    found = RolloutVotes(team, Outcomes(), None)(
        rollout([[2, 0], [2, 0], [2, 2], [2, 1]], 0.9, executor=executor)
    )
    assert found["votes/one/accuracy"] == 1.0
    assert found["votes/two/accuracy"] == pytest.approx(2 / 4)
    assert found["votes/two/rate/short"] == pytest.approx(2 / 4)


def test_an_agent_that_acted_nowhere_has_no_figures():
    team = SimpleNamespace(names=("one", "two"), class_names=CLASSES[:1] * 2, roles=(), specs=SPECS)
    found = RolloutVotes(team, Outcomes(), None)(rollout([[2, 0]], 0.9))
    assert "votes/one/accuracy" in found
    assert not any(name.startswith("votes/two") for name in found)
