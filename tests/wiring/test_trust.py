"""Code that a run folder names is told, and not imported from elsewhere without a word."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from grandmodel.core.checks import UserError
from grandmodel.wiring.compose import compose
from grandmodel.wiring.run_config import from_run, resumed

NESTED = "+features.own.x={_target_: grandmodel.a.B, parts: [{_target_: pathlib.Path}]}"
OWN = ("+reward.own.holding={_target_: my_parts.charge}", NESTED)


def make_run(path: Path, *overrides: str) -> Path:
    path.mkdir(parents=True)
    text = OmegaConf.to_yaml(compose("train", list(overrides)), resolve=True)
    (path / "config.yaml").write_text(text)
    (path / "run.json").write_text("{}")
    return path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("key", ["run", "resume"])
def test_a_run_from_elsewhere_needs_trust(
    tmp_path: Path, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "downloads" / "run", *OWN, f"paths.output={tmp_path}")

    def load(*more: str) -> None:
        arguments = [f"{key}={run}", *more]
        _ = from_run(arguments, {}) if key == "run" else resumed(arguments)

    with pytest.raises(UserError, match="trust=true") as caught:
        load()
    for word in (
        "my_parts.charge (reward.own.holding._target_)",
        "grandmodel.a.B (features.own.x._target_)",
        "pathlib.Path (features.own.x.parts[0]._target_)",
    ):
        assert word in str(caught.value)
    assert capsys.readouterr().out == ""
    with pytest.raises(UserError, match="trust=true"):
        load("trust=false")
    load("trust=true")
    assert capsys.readouterr().out.count("imports ") == 3


def test_own_runs_and_runs_without_code_need_no_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = make_run(tmp_path / "outputs" / "train" / "own", *OWN)
    from_run([f"run={own}"], {})
    assert "imports my_parts.charge" in capsys.readouterr().out
    from_run([f"run={make_run(tmp_path / 'downloads' / 'plain')}"], {})
    assert capsys.readouterr().out == ""
    moved = make_run(tmp_path / "results" / "own", *OWN)
    from_run([f"run={moved}", "paths.output=results"], {})


def test_what_the_user_names_is_the_users(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "downloads" / "run")
    reader = "+data.reader._target_=my_parts.read"
    from_run([f"run={run}", "data=custom", "data.path=x", reader], {})
    assert capsys.readouterr().out == ""
    theirs = "+data.reader._target_=theirs.read"
    run = make_run(tmp_path / "downloads" / "custom", "data=custom", "data.path=x", theirs)
    from_run([f"run={run}", "data=csv", "data.path=x"], {})  # their reader is not used
    with pytest.raises(UserError, match=r"theirs\.read"):
        from_run([f"run={run}"], {})
