"""Every example of docs/extend.md, run as it stands there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
SMALL = [
    "debug=fast",
    "total_steps=2048",
    "evaluation.report=false",
    "callbacks.progress=false",
    "data.cache=false",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the document, written where it says."""
    folder = tmp_path_factory.mktemp("my_project")
    text = (ROOT / "docs" / "extend.md").read_text()
    files = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert {name for name, _ in files} == {
        "my_parts.py",
        "conf/agent/momentum_pair.yaml",
        "conf/instrument/MYX.yaml",
    }
    for name, content in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return folder


def train(project: Path, run: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        str(ROOT / "train.py"),
        f"hydra.searchpath=[file://{project}/conf]",
        f"hydra.run.dir={run}",
        f"paths.output={run.parent}",
        *SMALL,
        *overrides,
    ]
    environment = os.environ | {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=run.parent, env=environment, capture_output=True, text=True, check=False
    )


def walk(rows: int) -> pd.DataFrame:
    """Half-hour bars of a random walk, in the columns that a reader needs."""
    generator = np.random.default_rng(4)
    close = 100.0 * np.exp(np.cumsum(generator.normal(0.0, 1e-3, rows)))
    start = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(start, close) * 1.0005
    low = np.minimum(start, close) * 0.9995
    seconds = 1_700_000_000 // 1800 * 1800 + 1800 * np.arange(rows)
    return pd.DataFrame({"t": seconds, "o": start, "h": high, "l": low, "c": close})


def test_agent_indicator_and_reward_term(project: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = train(
        project,
        run,
        "agent=momentum_pair",
        "+reward.own.holding={_target_: my_parts.holding_charge, weight: 0.001}",
    )
    assert done.returncode == 0, done.stderr
    decisions = pd.read_parquet(run / "decisions.parquet")
    assert {"p_fast_bull", "p_slow_bear"} <= set(decisions.columns)
    assert "rollout/holding" in pd.read_csv(run / "learning.csv").columns


def test_reader_and_instrument(project: Path, tmp_path: Path) -> None:
    bars = tmp_path / "bars.txt"
    walk(6_000).to_csv(bars, sep=";", header=False, index=False)
    run = tmp_path / "run"
    done = train(
        project,
        run,
        "data=custom",
        f"data.path={bars}",
        "+data.reader._target_=my_parts.read_semicolon_file",
        "instrument=MYX",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "run.json").read_text())["instrument"].startswith("MYX: tick=0.5")


def test_a_name_that_cannot_be_imported(project: Path, tmp_path: Path) -> None:
    done = train(
        project, tmp_path / "run", "+reward.own.holding={_target_: my_parts.nothing, weight: 1}"
    )
    assert done.returncode == 2
    assert "reward.own.holding._target_" in done.stderr
    assert "my_parts.nothing" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
