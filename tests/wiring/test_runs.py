"""`evaluate.py runs=`: which runs are meant, what is refused, and the table of one seed."""

import json
from pathlib import Path

import pandas as pd
import pytest
from entry_points import SMALL, call

from grandmodel.core.checks import UserError
from grandmodel.wiring.judged_runs import Finished, tasks_of
from grandmodel.wiring.run_folder import RunFolder
from grandmodel.wiring.runs import find_runs, runs_command


def begun(folder: Path) -> Path:
    """A training that has not ended."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("agent: {}\n")
    (folder / "run.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs="], "runs= is empty"),
        (["runs=a/*", "run=b"], "run= cannot be given with runs="),
        (["runs=a/*", "split=train"], "split must be one of test, validation"),
        (["runs=a/*", "agent.gate=0.5"], "agent.gate cannot be given with runs="),
        (["runs=a/*", "-m"], "-m cannot be given with runs="),
    ],
)
def test_a_command_that_compares_nothing_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        runs_command(words)


def test_a_pattern_without_finished_runs_is_refused(tmp_path: Path) -> None:
    pattern = f"runs={tmp_path}/*"
    with pytest.raises(UserError, match="names no run: 0 things are there"):
        find_runs(runs_command([pattern]))
    begun(tmp_path / "one")
    with pytest.raises(UserError, match=r"1 of 1 runs are not finished, the first is .*/one"):
        find_runs(runs_command([pattern]))
    judged = begun(tmp_path / "two")
    (judged / "run.json").write_text('{"judged_run": "one"}')
    with pytest.raises(UserError, match="1 of 1 runs are not finished"):
        find_runs(runs_command([pattern]))


def test_an_unfinished_protocol_is_told_as_one(tmp_path: Path) -> None:
    place = begun(tmp_path / "walk")
    (place / "config.yaml").write_text("agent: {}\nprotocol: {folds: 2}\n")
    (place / "overrides.txt").write_text("protocol=walk_forward\nfolds=2\n")
    again = rf"python evaluate.py protocol=walk_forward folds=2 hydra.run.dir={place}, or leave"
    with pytest.raises(UserError, match=again):
        find_runs(runs_command([f"runs={tmp_path}/*"]))


def test_one_seed_is_told_as_such(run: Path, home: Path) -> None:
    done = call("evaluate.py", home, "runs=outputs/train/whol*", "hydra.run.dir=outputs/evaluate/c")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "one seed: no interval over seeds" in done.stdout
    assert "1 configurations, 8 are needed" in done.stdout
    folder = home / "outputs" / "evaluate" / "c"
    found = json.loads((folder / "metrics.json").read_text())
    own = json.loads((run / "metrics.json").read_text())
    (row,) = found["runs"]
    assert row["sharpe"] == own["sharpe"]  # judged on test when it was trained: no second look
    assert row["judgement"] == "outputs/train/whole"
    assert "one seed" in (folder / "report.md").read_text()
    assert "<h2>Configurations</h2>" in (folder / "report.html").read_text()


def test_two_seeds_are_judged_as_one(run: Path, home: Path) -> None:
    seed = call("train.py", home, *SMALL, "seed=1", "hydra.run.dir=outputs/pair/second")
    assert seed.returncode == 0, seed.stderr
    (home / "outputs" / "pair" / "first").symlink_to(run)
    words = ["runs=outputs/pair/*", "hydra.run.dir=outputs/evaluate/two"]
    done = call("evaluate.py", home, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seeds judged as one" in done.stdout
    folder = home / "outputs" / "evaluate" / "two"
    (row,) = json.loads((folder / "metrics.json").read_text())["as_one"]
    assert (row["seeds"], row["left_out"]) == ([0, 1], [])
    assert row["verdict"] == "cannot tell"
    assert row["sharpe"] is not None
    one = home / "outputs" / "train" / "whole" / "sessions.parquet"
    columns = ["timestamp", "path", "net", "one_decision_late", "twice_the_costs", "long_only"]
    assert set(columns) <= set(pd.read_parquet(one).columns)


def finished(place: Path, **data: object) -> Finished:
    place.mkdir()
    (place / "run.json").write_text(json.dumps({"data_fingerprint": str(data.get("start"))}))
    section = {"kind": "csv", "path": "ES.csv", "split": {"name": None}, **data}
    return Finished(RunFolder(place), {"data": section, "instrument": {"fee_bps": 1.0}, "seed": 0})


def test_runs_on_other_bars_of_a_file_are_other_tasks(tmp_path: Path) -> None:
    late, early, moved = (
        finished(tmp_path / name, start=start, path=path)
        for name, start, path in (
            ("a", 2024, "ES.csv"),
            ("b", 2022, "ES.csv"),
            ("c", 2024, "x/ES.csv"),
        )
    )
    assert tasks_of([late, moved]) == ["ES", "ES"]
    names = tasks_of([late, early, moved])
    assert names[0] == names[2] != names[1]
    assert all(name.startswith("ES #") for name in names)
