"""Stopped anywhere and continued, a training ends with the bytes of an unbroken one."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from killed_training import run
from lightning.pytorch import Callback

from grandmodel.core.checks import UserError

NAMES = ("last.ckpt", "best.ckpt", "metrics.csv")


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in NAMES}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> dict[str, bytes]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("unbroken")
    run(folder)
    return files(folder)


def test_same_seed_twice_gives_the_same_bytes(tmp_path, unbroken):
    run(tmp_path)
    assert files(tmp_path) == unbroken


class Crash(Callback):
    def __init__(self, after: int) -> None:
        self.after = after

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.after -= 1
        if self.after < 0:
            raise RuntimeError("killed")


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_crashes_between_any_updates_change_nothing(tmp_path, unbroken, seconds):
    draw = random.Random(7)  # noqa: S311
    resume = False
    for after in (draw.randrange(6, 10), draw.randrange(2, 8), draw.randrange(2, 7)):
        with pytest.raises(RuntimeError, match="killed"):
            run(tmp_path, resume=resume, callbacks=[Crash(after)], checkpoint_seconds=seconds)
        resume = True
    run(tmp_path, resume=True)
    assert files(tmp_path) == unbroken


@pytest.mark.slow
def test_sigkill_at_random_moments_changes_nothing(tmp_path, unbroken):
    script = Path(__file__).with_name("killed_training.py")
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    draw = random.Random(11)  # noqa: S311
    for kill_after in (*(draw.uniform(0.3, 3.0) for _ in range(3)), None):
        process = subprocess.Popen(
            [sys.executable, str(script), str(tmp_path)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        if kill_after is None:
            assert process.wait() == 0
        else:
            time.sleep(kill_after)
            process.kill()
            process.wait()
        process.stdout.close()
    assert files(tmp_path) == unbroken
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted(NAMES)


class PressCtrlC(Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == 4:
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_writes_a_checkpoint_and_the_rest_is_as_unbroken(tmp_path, unbroken):
    before = signal.getsignal(signal.SIGINT)
    result = run(tmp_path, callbacks=[PressCtrlC()], checkpoint_seconds=1e9)
    assert result.interrupted
    assert 0 < result.env_steps < 24 * 1024
    assert signal.getsignal(signal.SIGINT) is before
    again = run(tmp_path, resume=True)
    assert not again.interrupted
    assert files(tmp_path) == unbroken


class PressAtTheEnd(Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if pl_module.env_steps >= 23 * 1024:
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_in_the_last_update_is_heard(tmp_path, unbroken):
    result = run(tmp_path, callbacks=[PressAtTheEnd()])
    assert (result.env_steps, result.interrupted) == (24 * 1024, True)
    assert files(tmp_path) == unbroken
    again = run(tmp_path, resume=True)
    assert (again.env_steps, again.interrupted) == (24 * 1024, False)


class PressTwice(Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == 7:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_twice_stops_at_once(tmp_path, unbroken):
    result = run(tmp_path, callbacks=[PressTwice()])
    assert result.interrupted
    run(tmp_path, resume=True)
    assert files(tmp_path) == unbroken


def test_resuming_a_finished_training_does_nothing(tmp_path, unbroken):
    run(tmp_path)
    result = run(tmp_path, resume=True)
    assert result.env_steps == 24 * 1024
    assert files(tmp_path) == unbroken


def test_resume_refuses_another_team_and_other_settings(tmp_path):
    run(tmp_path, rollouts=2, identity={"agent": "toy", "seed": 1})
    with pytest.raises(UserError, match="was written with seed=1, this run has 2"):
        run(tmp_path, rollouts=2, resume=True, identity={"agent": "toy", "seed": 2})
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    state["state_dict"]["members.other.weight"] = torch.zeros(1)
    torch.save(state, tmp_path / "last.ckpt")
    with pytest.raises(UserError, match="weights of another team"):
        run(tmp_path, rollouts=2, resume=True)
