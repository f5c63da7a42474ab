"""A judgement is kept whatever befalls its report, and found again only with the same settings."""

import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from grandmodel.evaluation.trials.ledger import Ledger
from grandmodel.wiring.compose import register
from grandmodel.wiring.evaluate import run_evaluation
from grandmodel.wiring.exit import InterruptedRunError
from grandmodel.wiring.judged_runs import Finished, judgement_of
from grandmodel.wiring.run_folder import RunFolder


def test_a_report_that_fails_loses_nothing_else(
    run: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.chdir(home)
    monkeypatch.setattr("grandmodel.wiring.judging.write_report", fail)
    register()
    words = ["evaluation.draws=100", "evaluation.random_draws=50", "trainer.threads=1"]
    with pytest.raises(OSError, match="no space left"):
        run_evaluation(
            [f"run={run}", "hydra.run.dir=outputs/evaluate/torn", *words], Console(quiet=True)
        )
    folder = home / "outputs" / "evaluate" / "torn"
    tables = {f"{name}.parquet" for name in ("equity", "trades", "decisions", "sessions")}
    assert tables | {"metrics.json", "config.yaml"} <= {it.name for it in folder.iterdir()}
    metrics = json.loads((folder / "metrics.json").read_text())
    (line,) = [
        line
        for line in Ledger(home / "outputs" / "ledger.jsonl").lines()
        if line["run"] == "outputs/evaluate/torn"
    ]
    assert line["sharpe"] == metrics["sharpe"]


def test_a_judgement_interrupted_in_a_rival_goes_on_with_the_same_command(
    run: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise InterruptedRunError("interrupted while it was trained", "python train.py resume=it")

    monkeypatch.chdir(home)
    monkeypatch.setattr("grandmodel.wiring.evaluate.find_learned", stop)
    register()
    words = [f"run={run}", "hydra.run.dir=outputs/evaluate/stopped", "trainer.threads=1"]
    with pytest.raises(InterruptedRunError) as said:
        run_evaluation(words, Console(quiet=True))
    what = "interrupted while it was trained; the same command goes on where it stopped"
    assert str(said.value) == what
    assert not (home / "outputs" / "evaluate" / "stopped").exists()


def judged(place: Path, of: Path, *words: str) -> None:
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps({"judged_run": str(of)}))
    (place / "overrides.txt").write_text("".join(f"{word}\n" for word in words))
    (place / "metrics.json").write_text('{"split": "test"}')


def trained_run(place: Path) -> Finished:
    (place / "checkpoints").mkdir(parents=True)
    (place / "checkpoints" / "best.ckpt").touch()
    (place / "metrics.json").write_text('{"split": "validation"}')
    return Finished(RunFolder(place), {})


def test_a_judgement_is_found_again_only_with_the_same_settings(tmp_path: Path) -> None:
    place, evaluations = tmp_path / "run", tmp_path / "evaluate"
    own = trained_run(place)
    assert judgement_of(own, "test", evaluations) is None
    judged(evaluations / "1", place, "run=there", "evaluation.draws=50")
    judged(evaluations / "2", place, "run=there", "evaluation.segments=4")
    assert judgement_of(own, "test", evaluations) == evaluations / "1"
    words = ["split=test", "evaluation.segments=4"]
    assert judgement_of(own, "test", evaluations, words) == evaluations / "2"
    assert judgement_of(own, "test", evaluations, ["evaluation.segments=8"]) is None
    assert judgement_of(own, "validation", evaluations) == place
    assert judgement_of(own, "validation", evaluations, words) is None


@pytest.mark.parametrize(
    ("word", "same"),
    [
        ("evaluation.draws=50", True),
        ("evaluation.references=false", True),
        ("trainer.threads=1", True),
        ("logger.kind=none", True),
        ("split=test", True),
        ("agent.gate=0.4", False),
        ("trainer.precision=bf16-mixed", False),
    ],
)
def test_what_changes_no_account_makes_no_other_judgement(
    tmp_path: Path, word: str, same: bool
) -> None:
    own = trained_run(tmp_path / "run")
    judged(tmp_path / "evaluate" / "1", own.folder.path, word)
    found = judgement_of(own, "test", tmp_path / "evaluate")
    assert (found is not None) == same


def test_a_judgement_that_can_be_told_goes_before_the_run_and_that_before_the_latest(
    tmp_path: Path,
) -> None:
    own, evaluations = trained_run(tmp_path / "run"), tmp_path / "evaluate"
    (own.folder.path / "metrics.json").write_text('{"split": "test"}')
    first, second = evaluations / "b", evaluations / "a"
    judged(first, own.folder.path)
    judged(second, own.folder.path)
    os.utime(first / "metrics.json", (2e9, 2e9))
    assert judgement_of(own, "test", evaluations) == own.folder.path
    (first / "sessions.parquet").touch()
    assert judgement_of(own, "test", evaluations, listed={first.resolve()}) == first
    assert judgement_of(own, "test", evaluations, listed={second.resolve()}) == own.folder.path
    (own.folder.path / "metrics.json").write_text('{"split": "validation"}')
    assert judgement_of(own, "test", evaluations) == first  # the latest, not the first by name
