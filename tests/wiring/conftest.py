"""One small run for all tests of the entry points."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = (
    "debug=fast",
    "total_steps=6144",
    "evaluation.draws=100",
    "evaluation.random_draws=50",
    "data.cache=false",
    "callbacks.progress=false",
    "trainer.threads=1",
)
Command = Callable[..., subprocess.CompletedProcess[str]]


def start(script: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start an entry point with ``folder`` as its working directory."""
    command = [sys.executable, str(ROOT / script), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def call(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an entry point to its end."""
    process = start(script, folder, *arguments)
    out, err = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


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
