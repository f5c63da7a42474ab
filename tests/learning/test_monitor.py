"""The monitor: what the window tells, and that a resumed training tells the same."""

import math
from types import SimpleNamespace

import pytest
import torch
from learning_worlds import train, world

from grandmodel.learning.lightning.logs import CsvLog, read_csv_log
from grandmodel.learning.lightning.monitor import TrainingMonitor

NOBODY = torch.zeros(2, 3, dtype=torch.bool)
ROLLOUT = SimpleNamespace(reward=torch.ones(2, 3), terminated=NOBODY, truncated=NOBODY)


def told(reports, window=4, rollout=ROLLOUT, **settings):
    module = SimpleNamespace(report={})
    state = SimpleNamespace(metrics={}, module=module)
    monitor = TrainingMonitor(state, window, **settings)
    monitor.on_fit_start(None, None)
    for report in reports:
        module.report = dict(report)
        monitor.on_train_batch_end(None, None, None, rollout, 0)
    return module.report, state


def test_convergence_trend_and_exploration_by_hand():
    rewards, losses = [9.0, 1.0, 2.0, 3.0, 2.0], [0.0, 4.0, 3.0, 2.0, 1.0]
    report, _ = told(
        {"learner_reward": r, "value_loss": v, "entropy/fvg": math.log(3.0) * 0.5, "kl/fvg": 1.0}
        for r, v in zip(rewards, losses, strict=True)
    )
    assert report["monitor/convergence"] == pytest.approx(math.sqrt(0.5) / 2.0)  # of 1 2 3 2
    assert report["monitor/converged"] == 0.0
    assert report["monitor/trend/value_loss"] == pytest.approx(-1.0)
    assert report["monitor/exploration/fvg"] == pytest.approx(0.5)
    assert not any("kl" in name for name in report if name.startswith("monitor/"))


def test_a_steady_reward_has_converged_and_none_at_all_has_not():
    assert told([{"learner_reward": 2.0}] * 4)[0]["monitor/converged"] == 1.0
    assert told([{"learner_reward": 0.0}] * 4)[0]["monitor/converged"] == 0.0


def test_updates_in_a_row_that_converged_are_counted_and_begin_anew():
    steady, jump = [{"learner_reward": 2.0}] * 6, [{"learner_reward": 9.0}]
    report, state = told(steady)
    assert report["monitor/converged_for"] == 3.0  # the window of four is full three times
    assert state.metrics["watched"]["converged_for"] == 3
    assert told(steady + jump)[0]["monitor/converged_for"] == 0.0
    assert told(steady + jump + steady)[0]["monitor/converged_for"] == 3.0
    again = TrainingMonitor(state, 4)
    again.on_fit_start(None, None)
    state.module.report = {"learner_reward": 2.0}
    again.on_train_batch_end(None, None, None, ROLLOUT, 0)
    assert state.module.report["monitor/converged_for"] == 4.0


def test_episodes_and_votes_are_told_from_the_first_update_on():
    ends = torch.tensor([[False, False, False], [True, False, False]])
    rollout = SimpleNamespace(reward=torch.ones(2, 3), terminated=NOBODY, truncated=ends)
    report, state = told(
        [{"learner_reward": 1.0}] * 2,
        rollout=rollout,
        votes=lambda seen: {"votes/fvg/accuracy": float(seen.reward.sum())},
    )
    assert report["monitor/episodes"] == 2.0
    assert report["monitor/episode_length"] == 2.0
    assert report["votes/fvg/accuracy"] == 6.0
    assert state.metrics["watched"]["told"] == {
        name: value for name, value in report.items() if name != "learner_reward"
    }


def test_nothing_is_told_before_the_window_is_full():
    report, _ = told([{"learner_reward": 1.0}] * 3)
    assert "learner_reward" in report
    assert not any(name.startswith(("monitor/conv", "monitor/trend")) for name in report)


def test_a_resumed_window_is_the_stored_one():
    _, state = told([{"learner_reward": value} for value in (1.0, 2.0, 3.0)])
    other = TrainingMonitor(state, 4)
    other.on_fit_start(None, None)
    state.module.report = {"learner_reward": 2.0}
    other.on_train_batch_end(None, None, None, ROLLOUT, 0)
    assert state.module.report["monitor/convergence"] == pytest.approx(math.sqrt(0.5) / 2.0)


def test_a_training_logs_it(tmp_path):
    log = CsvLog(tmp_path / "metrics.csv")
    result = train(world(), tmp_path, 5, loggers=[log], monitor_updates=3)
    columns, rows = read_csv_log(tmp_path / "metrics.csv")
    assert {"monitor/convergence", "monitor/exploration/seer"} <= set(columns)
    assert [row["monitor/converged"] != "" for row in rows] == [False, False, True, True, True]
    last = {name: value for name, value in rows[-1].items() if name.startswith("monitor/")}
    assert {name: pytest.approx(float(value)) for name, value in last.items()} == result.told
