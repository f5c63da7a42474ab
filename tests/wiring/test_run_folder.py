"""Folders of runs: new, whole, and one process's at a time."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from grandmodel.core.checks import UserError
from grandmodel.wiring.exit import guarded
from grandmodel.wiring.run_folder import RunFolder, fresh_folder, require_training


def _hold(path: Path, ready) -> None:
    with RunFolder(path).held():
        ready.set()
        signal.pause()


def test_a_folder_is_one_processes_until_that_ends(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, ready))
    holder.start()
    assert ready.wait(20)
    try:
        for taken in (RunFolder(tmp_path).held(), fresh_folder(tmp_path)):
            with pytest.raises(UserError, match="being written by another process"), taken:
                pass
        assert tmp_path.is_dir()
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
    with RunFolder(tmp_path).held():
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_judgement_is_no_training(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_run_json(seed=0)
    require_training(folder)
    folder.write_run_json(judged_run="outputs/train/it")
    with pytest.raises(UserError, match=r"folder of a judgement.*: run=outputs/train/it"):
        require_training(folder)


def _refused(path: Path, *, begun: bool) -> None:
    with fresh_folder(path) as folder:
        if begun:
            (folder.path / "config.yaml").write_text("agent: {}")
        raise UserError("no")


def test_an_error_removes_only_what_did_not_become_a_run(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        _refused(tmp_path / "a", begun=False)
    assert not (tmp_path / "a").exists()
    with pytest.raises(UserError):
        _refused(tmp_path / "b", begun=True)
    assert (tmp_path / "b").exists()
    with pytest.raises(UserError, match="already holds a run"):
        _refused(tmp_path / "b", begun=False)


def test_a_folder_that_cannot_be_made_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        with fresh_folder(Path("/proc/nobody/may")):
            pass

    with pytest.raises(SystemExit) as left:
        guarded(main)
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("/proc/nobody")
    assert "hydra.run.dir=" in said
    assert len(said.splitlines()) == 1
