"""The monitor: what the window tells, and that a resumed training tells the same."""

import math
from types import SimpleNamespace

import pytest
from learning_worlds import train, world

from grandmodel.learning.lightning.logs import CsvLog, read_csv_log
from grandmodel.learning.lightning.monitor import TrainingMonitor


def told(reports, window=4):
    module = SimpleNamespace(report={})
    state = SimpleNamespace(metrics={}, module=module)
    monitor = TrainingMonitor(state, window)
    monitor.on_fit_start(None, None)
    for report in reports:
        module.report = dict(report)
        monitor.on_train_batch_end(None, None, None, None, 0)
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


def test_nothing_is_told_before_the_window_is_full():
    report, _ = told([{"learner_reward": 1.0}] * 3)
    assert not any(name.startswith("monitor/") for name in report)


def test_a_resumed_window_is_the_stored_one():
    _, state = told([{"learner_reward": value} for value in (1.0, 2.0, 3.0)])
    other = TrainingMonitor(state, 4)
    other.on_fit_start(None, None)
    state.module.report = {"learner_reward": 2.0}
    other.on_train_batch_end(None, None, None, None, 0)
    assert state.module.report["monitor/convergence"] == pytest.approx(math.sqrt(0.5) / 2.0)


def test_a_training_logs_it(tmp_path):
    log = CsvLog(tmp_path / "metrics.csv")
    train(world(), tmp_path, 5, loggers=[log], monitor_updates=3)
    columns, rows = read_csv_log(tmp_path / "metrics.csv")
    assert {"monitor/convergence", "monitor/exploration/seer"} <= set(columns)
    assert [row["monitor/converged"] != "" for row in rows] == [False, False, True, True, True]
