"""Episodes that end in a rollout, those that began before it, and the last ones that are kept."""

from types import SimpleNamespace

import pytest
import torch

from grandmodel.learning.episodes import KEPT_EPISODES, Episodes


def rollout(reward, done, truncated=None):
    done = torch.tensor(done, dtype=torch.bool)
    cut = torch.zeros_like(done) if truncated is None else torch.tensor(truncated).bool()
    return SimpleNamespace(reward=torch.tensor(reward), terminated=done, truncated=cut)


FIRST = rollout([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]], [[0, 0], [1, 0], [0, 0]])
SECOND = rollout([[4.0, 40.0], [5.0, 50.0]], [[0, 1], [0, 0]], [[0, 0], [1, 0]])


def test_episodes_by_hand():
    episodes = Episodes()
    assert episodes.row() == {}
    episodes.add(FIRST)
    assert episodes.rewards == [3.0]
    assert episodes.lengths == [2]
    episodes.add(SECOND)
    assert episodes.rewards == [3.0, 100.0, 12.0]  # in the order in which they ended
    assert episodes.lengths == [2, 4, 3]
    row = episodes.row()
    assert row["episodes"] == 3.0
    assert row["episode_reward"] == pytest.approx(115.0 / 3.0)
    assert row["episode_reward_sd"] == pytest.approx(43.7594, abs=1e-4)
    assert (row["episode_reward_worst"], row["episode_reward_best"]) == (3.0, 100.0)
    assert row["episode_length"] == 3.0


def test_a_stored_count_goes_on_as_if_nothing_had_happened():
    episodes, other = Episodes(), Episodes()
    episodes.add(FIRST)
    other.load_state_dict(episodes.state_dict())
    for each in (episodes, other):
        each.add(SECOND)
    assert other.row() == episodes.row()
    assert other.rewards == [3.0, 100.0, 12.0]


def test_the_last_hundred_are_kept_and_all_are_counted():
    episodes = Episodes()
    for number in range(KEPT_EPISODES + 5):
        episodes.add(rollout([[float(number)]], [[1]]))
    assert episodes.rewards == [float(n) for n in range(5, KEPT_EPISODES + 5)]
    assert episodes.row()["episodes"] == KEPT_EPISODES + 5
