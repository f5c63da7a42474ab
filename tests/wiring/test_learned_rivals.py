"""Learned rivals end to end: trained once, read ever after, gone on with, counted as trials."""

import json

import pytest
from entry_points import SMALL, call

LEARNED = ("supervised", "single_agent_ppo", "independent_ppo", "ensemble_without_critic")
TINY = ("total_steps=2048", "data.train_bars=4000", "evaluation.segments=4")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("learned")
    made = call("train.py", path, *SMALL, *TINY, "evaluation.report=false", "hydra.run.dir=run")
    assert made.returncode == 0, made.stderr
    return path


def evaluate(folder, name):
    done = call(
        "evaluate.py", folder, "run=run", "evaluation.learned=true", "split=validation",
        f"hydra.run.dir={name}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((folder / name / "metrics.json").read_text())


def files_of(path):
    return {file.name: file.stat().st_mtime_ns for file in path.rglob("*") if file.is_file()}


def test_rivals_are_trained_once_and_judged_beside_the_run(folder):
    before = files_of(folder / "run")
    said, first = evaluate(folder, "first")
    assert said.count("instrument planted") == 1  # its rivals read the same bars
    assert files_of(folder / "run") == before
    (home,) = (folder / "outputs" / "learned").iterdir()
    assert {path.name for path in home.iterdir()} == set(LEARNED)
    for name in LEARNED:
        assert f"learned baseline {name}:" in said
        rival = first["baselines"][name]
        assert rival["sharpe_difference"] is not None
        assert rival["sharpe"] == pytest.approx(rival["sharpe_where_tuned"], abs=1e-12)
        assert first[f"beats_{name}"] in (True, False, None)
        assert name not in first["verdict_reason"]
    for name in LEARNED[1:]:
        assert first["baselines"][name]["env_steps"] == 2048
        assert json.loads((home / name / "metrics.json").read_text())["split"] == "test"
    assert first["trials"] == 1 + 1 + 3 + 4  # the run twice, rivals' trainings, rivals here

    (home / "independent_ppo" / "metrics.json").unlink()  # as if it had been broken off
    said, second = evaluate(folder, "second")
    assert "learned baseline independent_ppo: going on" in said
    assert said.count("read from") == 3
    assert second == first
    assert "note:" not in said

    (home / "single_agent_ppo" / "config.yaml").unlink()
    (home / "single_agent_ppo" / "metrics.json").unlink()
    said, third = evaluate(folder, "third")
    assert "learned baseline single_agent_ppo: 2,048 steps" in said
    assert third == first

    for kept in ("independent_ppo/run.json", "supervised/rule.json"):
        other_code_made(home / kept)
    said, fourth = evaluate(folder, "fourth")
    for name, rival in fourth["baselines"].items():
        noted = name in ("independent_ppo", "supervised")
        assert noted == (f"note: learned baseline {name} in " in said)
        assert noted == ("made by 0.0.1 (" in str(rival.get("other_version")))


def other_code_made(file):
    told = json.loads(file.read_text())
    assert "git_commit" in told.get("made_by", told)
    told.get("made_by", told)["version"] = "0.0.1"
    file.write_text(json.dumps(told))


def test_nothing_is_trained_unless_it_is_asked_for(folder):
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    assert not set(LEARNED) & set(metrics["baselines"])
    assert "vol_target" in metrics["baselines"]
    assert not any(key.startswith("beats_") for key in metrics)
    assert "2 (vol_target)" not in metrics["verdict_reason"]
