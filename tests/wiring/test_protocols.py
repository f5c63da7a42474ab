"""`evaluate.py protocol=`: what is refused before the first fold, and a whole walk-forward."""

import json
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from entry_points import SMALL, call, start
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from grandmodel.core.checks import UserError
from grandmodel.evaluation.controls.sweep import Sweep
from grandmodel.wiring.exit import one_sentence
from grandmodel.wiring.protocols.command import (
    is_protocol,
    protocol_command,
    require_same_settings,
    stored_config,
)
from grandmodel.wiring.protocols.crew import workers_and_threads
from grandmodel.wiring.protocols.origin import origin_of, require_same_origin
from grandmodel.wiring.protocols.prepare import prepare
from grandmodel.wiring.run_folder import RunFolder, existing_run
from grandmodel.wiring.start import Start

QUIET = Console(quiet=True)
WALK = ("protocol=walk_forward", "folds=2", "debug=fast", "data.cache=false")


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half hours around the clock, eighty days of them usable."""
    rows = 600 + 80 * 48
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0, 1e-3, rows)))
    opens = np.append(100.0, close[:-1])
    times = pd.date_range("2020-01-01", periods=rows, freq="30min", tz="UTC")
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    frame = {"timestamp": times, "open": opens, "high": high, "low": low, "close": close}
    path = tmp_path_factory.mktemp("bars") / "BTCUSDT_30m.parquet"
    pd.DataFrame({**frame, "volume": 1.0}).to_parquet(path)
    return path


def given(bars: Path, *words: str) -> list[str]:
    return [*WALK, "data=parquet", f"data.path={bars}", *words]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run=somewhere"], "run= cannot be given with protocol="),
        (["resume=somewhere"], "resume= cannot be given with protocol="),
        (["-m"], "-m cannot be given with protocol="),
        (["seed=0,1"], "seed=0,1 names several values"),
        (["groups=4"], "groups is read by protocol=cpcv only"),
        (["data.split.train=0.5"], r"data.split.train cannot be given with protocol="),
        (["judge=test"], "judge cannot be given with protocol="),
        (["folds=1"], "folds must be at least 2, was 1: give folds=2 or more, or train one"),
        (["split=test"], "split= cannot be given with protocol=, which judges"),
        (["trust=true"], "trust= cannot be given with protocol="),
        (["costs=[-1]"], r"costs must hold factors of at least 0, was -1: give such as"),
        (["window=sliding"], "window must be one of expanding, rolling"),
        (["workers=0"], "workers must be at least 1, was 0: give how many"),
        (["embargo=0.7"], r"embargo must lie in \[0, 0.5\), was 0.7: .*0.01 is usual"),
        (["protocol=forward"], "protocol must be one of walk_forward, cpcv"),
    ],
)
def test_a_command_that_plans_nothing_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        protocol_command([*WALK, *words])


def test_an_empty_key_is_refused_in_a_sentence() -> None:
    with pytest.raises(OmegaConfBaseException) as error:
        protocol_command([*WALK, "folds=null"])
    said = "folds must be of type int, was null; give such a value"
    assert one_sentence(error.value) == said


def test_folds_are_planned_on_the_bars(bars: Path) -> None:
    prepared = prepare(protocol_command(given(bars)), QUIET)
    first, second = prepared.plan.folds
    purge = 48 + 96 + 1
    session = np.asarray(prepared.stage.tape.session)
    for fold in (first, second):
        assert fold.train[0].start == 600
        assert fold.train[0].stop + purge == fold.validation[0].start
        assert fold.validation[0].stop + purge == fold.test[0].start
        assert session[fold.test[0].start] != session[fold.test[0].start - 1]
    assert first.test[0].stop == second.test[0].start
    named = prepared.stretches(first)
    assert named["test"][0].startswith("2020-02-")
    assert prepared.split_name(first) == "walk_forward/1of2"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["folds=60"], "needs a session for each of 60 test blocks"),
        (["train_share=0.1"], "fold 1of2 of protocol=walk_forward has at most"),
        (["data.end=2020-01-20"], "give more bars"),
        (["env.size=contracts", "instrument.lot=3"], "env.contracts must be a multiple"),
    ],
)
def test_what_no_fold_could_use_is_refused_first(bars: Path, words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        prepare(protocol_command(given(bars, *words)), QUIET)


def test_a_bootstrap_has_no_one_history(bars: Path) -> None:
    words = [*WALK, "data=bootstrap", f"data.path={bars}"]
    with pytest.raises(UserError, match="data=bootstrap makes others"):
        prepare(protocol_command(words), QUIET)


def test_a_planted_market_divides_its_training_path() -> None:
    prepared = prepare(protocol_command([*WALK, "data.train_bars=4000"]), QUIET)
    assert len(prepared.stage.dataset.paths) == 1
    assert prepared.plan.folds[1].test[0].stop == 4_000


def test_other_settings_are_refused_by_their_key(tmp_path: Path) -> None:
    where = f"hydra.run.dir={tmp_path}"
    command = protocol_command([*WALK, where])
    (tmp_path / "config.yaml").write_text(json.dumps(stored_config(command)))
    assert is_protocol(tmp_path)
    free = ("workers=2", "callbacks.progress=false", "logger=none")
    require_same_settings(protocol_command([*WALK, where, *free]))
    with pytest.raises(UserError, match=r"seed was 0 in .*, is 4 now"):
        require_same_settings(protocol_command([*WALK, where, "seed=4"]))
    with pytest.raises(UserError, match=r"protocol.window was expanding in"):
        require_same_settings(protocol_command([*WALK, where, "window=rolling"]))


def test_costs_and_delays_are_those_of_now_else_of_before() -> None:
    plain = protocol_command(WALK)
    assert not plain.differs
    assert plain.sweep == Sweep()
    begun = plain.beside({"costs": [0, 3]})
    assert begun.sweep == Sweep(costs=(0.0, 3.0))
    assert not begun.differs
    assert "costs=[0,3]" in begun.again.replace("'", "")
    other = protocol_command([*WALK, "delay_bars=[0,2]"]).beside({"costs": [0, 3]})
    assert other.differs
    assert other.sweep == Sweep(costs=(0.0, 3.0), delays=(0, 2))
    assert stored_config(other) == stored_config(plain)  # one trial
    assert not protocol_command([*WALK, "costs=[0,3]"]).beside({"costs": [0, 3]}).differs


def test_another_market_or_start_is_refused(bars: Path, tmp_path: Path) -> None:
    prepared = prepare(protocol_command(given(bars)), QUIET)
    folder = RunFolder(tmp_path)
    folder.write_run_json(**origin_of(prepared))
    require_same_origin(prepared, folder)
    dear = prepare(protocol_command(given(bars, "instrument.slippage_bps=2")), QUIET)
    with pytest.raises(UserError, match=r"instrument.slippage_bps was .*, is 2.*restore them"):
        require_same_origin(dear, folder)
    bars_of = prepare(protocol_command(given(bars, "data.end=2020-03-20")), QUIET)
    with pytest.raises(UserError, match=r"the bars of .* are not those"):
        require_same_origin(bars_of, folder)
    began = replace(prepared, start=Start({}, {}, "a" * 64, "runs/a/best.ckpt", {}))
    folder.write_run_json(**origin_of(began))
    require_same_origin(began, folder)
    moved = replace(prepared, start=Start({}, {}, "b" * 64, "runs/a/best.ckpt", {}))
    with pytest.raises(UserError, match=r"no longer holds the weights .*runs/a/best\.ckpt"):
        require_same_origin(moved, folder)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((None, None, 6, 4), (4, 1)),
        ((None, 2, 6, 4), (2, 2)),
        ((None, None, 2, 8), (2, 4)),
        ((3, None, 6, 2), (3, 1)),
        ((None, 8, 6, 4), (1, 8)),
    ],
)
def test_cores_are_divided_among_the_folds(asked: tuple, found: tuple[int, int]) -> None:
    assert workers_and_threads(*asked) == found


def test_the_folder_of_a_protocol_is_no_run(tmp_path: Path) -> None:
    command = protocol_command([*WALK, f"hydra.run.dir={tmp_path}"])
    (tmp_path / "config.yaml").write_text(json.dumps(stored_config(command)))
    with pytest.raises(UserError, match=r"such as run=.*/folds/NAME"):
        existing_run(str(tmp_path))


def check_judged_again(home: Path, folder: Path, words: list[str], trained: int) -> None:
    """Other costs judge a finished protocol again: nothing is trained, no trial is added."""
    for asked, said in (
        ("costs=[0,3]", "is finished; judging it again, costs=[0,3]"),
        ("workers=1", "is finished: this is what it found"),
        ("evaluation.report=true", "is finished; judging it again, for its report"),
    ):
        done = call("evaluate.py", home, *words, asked)
        assert done.returncode == 0, done.stdout + done.stderr
        assert said in done.stdout
        rows = json.loads((folder / "metrics.json").read_text())["controls"]["costs"]
        assert {row["cost_scale"] for row in rows} == {0.0, 1.0, 2.0, 3.0}
    assert (folder / "report.html").is_file()
    assert (folder / "folds" / "1of2" / "metrics.json").stat().st_mtime_ns == trained
    assert "costs=[0,3]" in RunFolder(folder).read_overrides()
    lines = [json.loads(it) for it in (home / "outputs" / "ledger.jsonl").read_text().splitlines()]
    whole = [line["trial"] for line in lines if line["split"] == "walk_forward"]
    assert len(whole) == 3
    assert len(set(whole)) == 1


@pytest.mark.slow
def test_a_walk_forward_is_interrupted_and_goes_on(home: Path, bars: Path) -> None:
    small = [*SMALL, "evaluation.segments=1", "evaluation.report=false", "total_steps=8192"]
    words = ["protocol=walk_forward", "folds=2", *small, "data=parquet", f"data.path={bars}"]
    words += ["hydra.run.dir=outputs/evaluate/walk", "workers=1", "callbacks.checkpoint_every_s=0"]
    folder = home / "outputs" / "evaluate" / "walk"
    process = start("evaluate.py", home, *words)
    second = folder / "folds" / "2of2" / "checkpoints" / "last.ckpt"
    while not second.exists() and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, out + err
    assert "interrupted with 1 of 2 folds trained; continue with: python evaluate.py" in err
    assert "hydra.run.dir=outputs/evaluate/walk" in err
    assert "stopping: 1 fold writes its checkpoint" in out
    log = (folder / "folds" / "2of2" / "train.log").read_text()
    assert "continue with: python evaluate.py protocol=walk_forward" in log
    assert "Traceback" not in log
    assert "train.py" not in log
    before = (folder / "folds" / "1of2" / "metrics.json").stat().st_mtime_ns
    done = call("evaluate.py", home, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().splitlines()[-1] == "run: outputs/evaluate/walk"
    assert (folder / "folds" / "1of2" / "metrics.json").stat().st_mtime_ns == before
    found = json.loads((folder / "metrics.json").read_text())
    assert (found["split"], found["causal"]) == ("walk_forward", True)
    assert [row["fold"] for row in found["folds"]] == ["1of2", "2of2"]
    assert found["test_openings"] == 1
    equity = pd.read_parquet(folder / "equity.parquet")
    assert equity["timestamp"].is_monotonic_increasing
    assert equity["segment"].nunique() == 2
    lines = [json.loads(it) for it in (home / "outputs" / "ledger.jsonl").read_text().splitlines()]
    own = {line["split"] for line in lines if "walk" in line["run"]}
    names = {f"walk_forward/{k}of2/validation" for k in (1, 2)}
    assert own == {*names, "walk_forward"}
    check_judged_again(home, folder, words, before)
    facts = RunFolder(folder / "folds" / "2of2").read_run_json()
    assert {span["use"] for span in facts["used"]} == {"training", "selection", "test"}
