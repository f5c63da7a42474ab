"""Entry points as processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

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
