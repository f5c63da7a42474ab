"""Learned rivals of a protocol: every fold has its own, and they are joined as the folds are."""

import json
import signal
import time

import pytest
from entry_points import SMALL, call, start
from rich.console import Console

from grandmodel.core.checks import UserError, require
from grandmodel.evaluation.statistics.intervals import Difference
from grandmodel.wiring.learned.policies import part_of
from grandmodel.wiring.learned.rivals import beaten
from grandmodel.wiring.protocols.command import protocol_command
from grandmodel.wiring.protocols.pooled import mean_differences
from grandmodel.wiring.protocols.prepare import prepare
from grandmodel.wiring.schema import TrainConfig

LEARNED = ("supervised", "single_agent_ppo", "independent_ppo", "ensemble_without_critic")
SHORT = (
    "protocol=walk_forward", "folds=2", "data.train_bars=4000", "evaluation.segments=1",
    "total_steps=8192", "evaluation.report=false", "evaluation.learned=true",
)  # fmt: skip


def test_a_run_and_its_rivals_are_told_as_one_training() -> None:
    told = []
    for k in range(3):
        part = part_of(lambda *steps: told.append(steps), k, 3)
        assert part is not None
        part(50, 100)
        part(100, 100)
    assert told == [(50, 300), (100, 300), (150, 300), (200, 300), (250, 300), (300, 300)]
    assert part_of(None, 0, 3) is None


def test_who_is_beaten_over_several_paths_is_told_by_the_mean_bounds() -> None:
    keys = ("sharpe_difference", "sharpe_difference_ci_low", "sharpe_difference_ci_high")
    rows = {"a": (1.0, 0.2, 1.8), "b": (1.0, -0.2, 2.2), "c": (1.0, None, None)}
    baselines = {name: dict(zip(keys, row, strict=True)) for name, row in rows.items()}
    found = mean_differences({"baselines": baselines})
    assert found["a"] == Difference(1.0, 0.2, 1.8)
    assert beaten(found, list(rows)) == {"beats_a": True, "beats_b": None, "beats_c": None}


def test_rivals_are_built_before_the_first_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def build(config: TrainConfig) -> None:
        built.append(config.algorithm.critic_sees)
        require(len(built) < 3, "the third cannot be built")

    monkeypatch.setattr("grandmodel.wiring.learned.rivals.build_system", build)
    words = ["protocol=walk_forward", "folds=2", "debug=fast", "data.train_bars=4000"]
    prepare(protocol_command([*words, "data.cache=false"]), Console(quiet=True))
    assert not built
    with pytest.raises(UserError, match="the third cannot be built"):
        prepare(protocol_command([*words, "evaluation.learned=true"]), Console(quiet=True))
    assert built == ["state", "own", "none"]


@pytest.mark.slow
def test_folds_and_their_rivals_are_interrupted_and_go_on(tmp_path) -> None:
    words = [*SMALL, *SHORT, "workers=1", "hydra.run.dir=walk", "callbacks.checkpoint_every_s=0"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # children of & inherit none
    process = start("evaluate.py", tmp_path, *words)
    signal.signal(signal.SIGINT, before)
    home = tmp_path / "outputs" / "learned"
    rivals = "*/independent_ppo/checkpoints/last.ckpt"
    while not list(home.glob(rivals)) and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, out + err
    assert "interrupted with 0 of 2 folds trained; continue with: python evaluate.py" in err
    kept = {path: path.stat().st_mtime_ns for path in home.glob("*/single_agent_ppo/metrics.json")}
    assert len(kept) == 1
    done = call("evaluate.py", tmp_path, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert sorted(path.name for path in home.glob("*/*")) == sorted([*LEARNED, *LEARNED])
    found = json.loads((tmp_path / "walk" / "metrics.json").read_text())
    for name in LEARNED:
        rival = found["baselines"][name]
        assert rival["other_version"] == [None, None]
        assert isinstance(rival["sharpe_difference"], float)
    assert beaten(mean_differences(found), LEARNED) == {
        key: value for key, value in found.items() if key.startswith("beats_")
    }
    lines = [json.loads(it) for it in (tmp_path / "outputs/ledger.jsonl").read_text().splitlines()]
    assert {line["split"] for line in lines} == {
        "walk_forward", "walk_forward/1of2/validation", "walk_forward/2of2/validation",
    }  # fmt: skip
    pooled = [line["agent"] for line in lines if line["split"] == "walk_forward"]
    assert pooled == [*LEARNED, "strategic"]
