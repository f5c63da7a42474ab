"""The audit as a user meets it: by command, and as the line before a training."""

import io
import json
import textwrap

import pytest
from rich.console import Console

from grandmodel.commands import audit as command
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.exit import guarded
from grandmodel.wiring.leaks import sample_audit
from grandmodel.wiring.market import build_stage
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.system import fitted_reward, read_columns, with_needed_features

SMALL = (
    "data.train_bars=3000",
    "data.validation_paths=1",
    "data.validation_bars=900",
    "data.test_paths=1",
    "data.test_bars=900",
    "data.cache=false",
)
PARTS = """
    import numpy as np

    class Ratio:
        columns = ("ratio",)
        memory_bars = 1

        def over(self, bars):
            return {"ratio": 100.0 * np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))}

    class Ahead(Ratio):
        columns = ("ahead",)

        def over(self, bars):
            return {"ahead": np.roll(super().over(bars)["ratio"], -1)}
"""
OWN = (
    "+features.own.ratio={_target_: own_leak_parts.Ratio}",
    "+features.own.ahead={_target_: own_leak_parts.Ahead}",
)


@pytest.fixture
def own_parts(tmp_path, monkeypatch):
    (tmp_path / "own_leak_parts.py").write_text(textwrap.dedent(PARTS))
    monkeypatch.syspath_prepend(str(tmp_path))


def sampled(*overrides):
    """The report and what is printed before a training."""
    config = with_needed_features(typed(compose("train", [*SMALL, *overrides]), TrainConfig))
    stage = build_stage(config, max_hold_bars=96, episode_bars=256, columns=read_columns(config))
    printed = io.StringIO()
    console = Console(file=printed, soft_wrap=True, highlight=False, width=80)
    report = sample_audit(config, stage, fitted_reward(config, stage).scale, console)
    return report, printed.getvalue()


def test_a_clean_training_is_said_to_be_so_in_one_line():
    report, printed = sampled()
    assert printed == "audit: no leak found in a sample (26 columns)\n"
    record = report.as_record()
    assert record["clean"] is True
    assert {"nwrqk_slope", "trailing_sd", "fills", "rewards"} <= set(record["columns"])
    assert record["seconds"] > 0.0


@pytest.mark.parametrize("data", ["leaked", "leaked_one"])
def test_the_planted_look_ahead_is_an_alarm_that_refuses_nothing(data):
    report, printed = sampled(f"data={data}")
    (found,) = report.findings
    assert (found.column, found.cause, found.row) == ("leak", "label in a feature", 1)
    assert printed.startswith("audit: 1 leak found: leak: label in a feature (rank correlation")
    assert printed.count("\n") == 1


def test_an_own_indicator_that_looks_ahead_is_named_and_its_neighbour_is_not(own_parts):
    report, printed = sampled(*OWN)
    (found,) = report.findings
    assert (found.column, found.cause) == ("ahead", "label in a feature")
    assert "ahead: label in a feature" in printed
    assert {"ratio", "ahead"} <= set(report.columns)


def test_the_command_writes_names_and_leaves_with_1_on_leaks(own_parts, tmp_path, capsys):
    out = tmp_path / "found"
    with pytest.raises(SystemExit) as left:
        guarded(lambda: command.main(["agent=strategic", *SMALL, *OWN, f"out={out}"]))
    assert left.value.code == 1
    record = json.loads((out / "audit.json").read_text())
    assert [item["column"] for item in record["findings"]] == ["ahead"]
    assert record["findings"][0]["time"] == "1990-01-01 00:00 UTC"
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"run: {out}"
    assert any(line.startswith("leak: ahead: label in a feature") for line in lines)


def test_the_command_leaves_with_0_on_clean_bars(tmp_path, capsys):
    out = tmp_path / "clean"
    with pytest.raises(SystemExit) as left:
        guarded(lambda: command.main([*SMALL, "data.world=textured", f"out={out}"]))
    assert left.value.code == 0
    assert json.loads((out / "audit.json").read_text())["clean"] is True
    assert "audit: no leak found in all checks (26 columns)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["data=csv", "data.path=absent.csv"], "absent.csv"),
        (["agent=nobody"], "agent=nobody does not exist"),
        (["strategic"], "strategic has no value: write strategic=VALUE"),
        (["out={file}"], "is a file; give a folder"),
        (["out={run}"], "is the folder of a run"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(arguments, words, tmp_path, capsys):
    (tmp_path / "file").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").touch()
    places = {"file": tmp_path / "file", "run": tmp_path / "run"}
    with pytest.raises(SystemExit) as left:
        guarded(lambda: command.main([item.format(**places) for item in arguments]))
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_help_says_what_the_statuses_mean(capsys):
    command.main(["--help"])
    assert "Exit status 0: no leak, 1: leaks, 2: bad input" in capsys.readouterr().out
