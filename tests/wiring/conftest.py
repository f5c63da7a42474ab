"""One small run for all tests of the entry points."""

from pathlib import Path

import pytest
from entry_points import SMALL, call


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to run commands in."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def run(home: Path) -> Path:
    """A finished run, unbroken."""
    done = call("train.py", home, *SMALL, "hydra.run.dir=outputs/train/whole")
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().splitlines()[-1] == "run: outputs/train/whole"
    return home / "outputs" / "train" / "whole"
