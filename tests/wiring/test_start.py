"""Weights to begin with: read once, known again, not needed any more by a run with a checkpoint."""

import shutil
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from grandmodel.core.checks import UserError
from grandmodel.learning import checkpoint
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.run_folder import RunFolder
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.start import read_start, starting_weights


def make_run(path: Path, value: float) -> RunFolder:
    folder = RunFolder(path)
    state = {"state_dict": {"w": torch.full((2,), value)}, "training": {"value_norm": {"m": 1.0}}}
    path.mkdir()
    checkpoint.save(folder.best_checkpoint, state)
    folder.write_run_json(used=[])
    (path / "config.yaml").write_text(OmegaConf.to_yaml(compose("train", []), resolve=True))
    return folder


def test_the_content_tells_weights_apart_wherever_they_lie(tmp_path: Path) -> None:
    one, other = make_run(tmp_path / "a", 1.0), make_run(tmp_path / "b", 2.0)
    start = read_start(str(one.path))
    assert start.value_norm == {"m": 1.0}
    shutil.copytree(one.path, tmp_path / "moved")
    assert read_start(str(tmp_path / "moved")).content == start.content
    assert read_start(str(other.path)).content != start.content


def test_a_resumed_run_needs_its_start_only_without_a_checkpoint(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a", 1.0)
    config = typed(compose("train", [f"init_from={first.path}"]), TrainConfig)
    begun = starting_weights(config, RunFolder(tmp_path / "run"), resume=False)
    assert begun is not None
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    run.write_run_json(start_weights=begun.content)
    again = starting_weights(config, run, resume=True)
    assert again is not None
    assert again.content == begun.content
    checkpoint.save(first.best_checkpoint, {"state_dict": {}, "training": {"value_norm": {}}})
    with pytest.raises(UserError, match="no longer holds the weights that the run began with"):
        starting_weights(config, run, resume=True)
    shutil.rmtree(first.path)
    with pytest.raises(UserError, match="is not a folder"):
        starting_weights(config, run, resume=True)
    checkpoint.save(run.last_checkpoint, {"state_dict": {}})
    assert starting_weights(config, run, resume=True) is None
