"""The entry points as a user meets them: files, statuses, sentences."""

import json
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from entry_points import SMALL, call, start

from grandmodel.wiring.run_folder import RunFolder

FILES = {
    "config.yaml", "overrides.txt", "run.json", "metrics.json", "equity.parquet", "trades.parquet",
    "decisions.parquet", "sessions.parquet", "report.html", "report.md", "train.log",
    "learning.csv", "quality.csv",
}  # fmt: skip
SCALARS = (
    "sharpe", "total_return", "max_drawdown", "profit_factor", "win_rate", "trades", "turnover",
    "exposure", "directional_accuracy", "cost_paid", "env_steps", "env_steps_per_s", "seconds",
    "split", "verdict", "verdict_reason",
)  # fmt: skip


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def timeless(folder: Path) -> dict:
    found = metrics(folder)
    of_the_ledger = ("trials", "deflated_sharpe", "pbo", "standing")
    passing = ("seconds", "env_steps_per_s", *of_the_ledger)
    return {k: v for k, v in found.items() if k not in passing}


def named(output: str, home: Path) -> Path:
    return home / output.rstrip().splitlines()[-1].removeprefix("run: ")


def test_a_run_folder_holds_everything(run: Path) -> None:
    assert {path.name for path in run.iterdir() if path.is_file()} == FILES
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}
    found = metrics(run)
    assert set(SCALARS) <= set(found)
    assert {"flat", "long_only", "ma_cross"} <= set(found["baselines"])
    assert set(found["references"]) == {
        "filter", "privileged_student", "return_student", "best_rule",
    }  # fmt: skip
    assert found["split"] == "test"
    assert found["reference_grid"].startswith("hysteresis")
    assert "setting_enter" in found["references"]["best_rule"]
    log = (run / "train.log").read_text()
    assert log.startswith("reading bars")
    assert "training for 6,144 steps" in log
    assert found["verdict_reason"] in log
    assert log.endswith("run: outputs/train/whole\n")
    equity = pd.read_parquet(run / "equity.parquet")
    gross = found["pnl_in_sessions"] + found["pnl_over_breaks"]
    assert gross == pytest.approx(equity["pnl_gross"].sum() / found["paths"])
    assert found["baselines"]["flat"]["total_return"] == 0.0
    assert json.loads((run / "run.json").read_text())["audit"]["clean"]


def test_tables_agree_with_the_metrics(run: Path) -> None:
    equity = pd.read_parquet(run / "equity.parquet")
    trades = pd.read_parquet(run / "trades.parquet")
    decisions = pd.read_parquet(run / "decisions.parquet")
    assert len(equity) == len(decisions)
    assert np.isclose(trades["pnl_net"].sum(), (equity["pnl_gross"] - equity["cost"]).sum())
    assert np.allclose(decisions[["p_bear", "p_neutral", "p_bull"]].sum(axis=1), 1.0, atol=1e-5)
    assert str(decisions["timestamp"].dtype).endswith("UTC]")
    assert set(decisions["action"].unique()) <= {-1, 0, 1}


def test_checkpoints_hold_weights_only(run: Path) -> None:
    state = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert "state_dict" in state


def test_validation_is_repeated_to_the_last_digit(run: Path, home: Path) -> None:
    done = call("evaluate.py", home, f"run={run}", "split=validation", "evaluation.report=false")
    assert done.returncode == 0, done.stderr
    state = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert metrics(named(done.stdout, home))["sharpe"] == state["validations"][-1]["score"]


def test_the_test_split_is_judged_as_after_training(run: Path, home: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    other = ("costs=[0,3]", "delay_bars=2", "evaluation.surrogates=3")
    done = call("evaluate.py", home, f"run={run}", "evaluation.report=false", *other)
    assert done.returncode == 0, done.stderr
    again, first = metrics(named(done.stdout, home)), metrics(run)
    assert again["sharpe"] == first["sharpe"]
    controls, before_them = again["controls"], first["controls"]
    cells = [(row["cost_scale"], row["delay_bars"]) for row in controls["costs"]]
    assert cells == [(1.0, 0), (2.0, 0), (1.0, 1), (0.0, 2), (3.0, 2)]
    usual = {(row["cost_scale"], row["delay_bars"]): row for row in before_them["costs"]}
    assert controls["costs"][2] == usual[1.0, 1]
    assert controls["regimes"] == before_them["regimes"]
    assert controls["label_shift"] == before_them["label_shift"]
    assert len(controls["phase_randomised"]["sharpe"]) == 3
    assert before_them["phase_randomised"] is None
    assert "clauses 5" not in again["verdict_reason"]
    assert again["baselines"]["ma_cross"]["sharpe"] == first["baselines"]["ma_cross"]["sharpe"]
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("*")}


def test_a_ledger_line_for_everything(run: Path, home: Path) -> None:
    lines = (home / "outputs" / "ledger.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["kind"] == "train"
    assert json.loads(lines[0])["run"].endswith("whole")


def bars_file(folder: Path, seed: int, start: str, rows: int = 6_000) -> Path:
    generator = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(generator.normal(0.0, 1e-3, rows)))
    opens = np.concatenate([[100.0], close[:-1]])
    file = folder / f"walk_{seed}.csv"
    pd.DataFrame(
        {
            "time": pd.date_range(start, periods=rows, freq="30min", tz="UTC"),
            "open": opens,
            "high": np.maximum(opens, close) * 1.0004,
            "low": np.minimum(opens, close) * 0.9996,
            "close": close,
            "volume": 1.0,
        }
    ).to_csv(file, index=False)
    return file


def test_bars_of_a_file_from_training_to_backtest(home: Path) -> None:
    file = bars_file(home, 5, "2020-01-01")
    where = "hydra.run.dir=outputs/train/own"
    done = call(
        "train.py", home, *SMALL, "data=csv", f"data.path={file}", where, "total_steps=2048"
    )
    assert done.returncode == 0, done.stderr
    assert "data quality" in done.stdout
    own = home / "outputs" / "train" / "own"
    assert metrics(own)["split"] == "validation"
    assert metrics(own)["verdict"] == "cannot tell"
    again = call("backtest.py", home, f"run={own}", "data=csv", f"data.path={file}")
    assert again.returncode == 2
    assert "allow_overlap=true" in again.stderr
    assert metrics(own)["test_openings"] == 0
    assert "sealed test split" not in done.stdout
    costs = "instrument.slippage_bps was 0.5, is 2.0"
    for count, words in enumerate(("opened once", "opened twice"), start=1):
        other = () if count == 1 else ("instrument.slippage_bps=2",)  # another trial, one seal
        done = call("evaluate.py", home, f"run={own}", *other)
        assert done.returncode == 0, done.stderr
        assert f"sealed test split: {words} so far" in done.stdout
        assert metrics(named(done.stdout, home))["test_openings"] == count
        page = (named(done.stdout, home) / "report.html").read_text()
        assert words in page
        assert (costs in page) == (costs in done.stdout) == (count == 2)
    renamed = home / "ES_of_somebody.csv"
    shutil.copy(file, renamed)
    again = call("backtest.py", home, f"run={own}", "data=csv", f"data.path={renamed}")
    assert again.returncode == 2
    assert "bars of ES (known to this run as generic)" in again.stderr
    later = bars_file(home, 6, "2021-01-01")
    tested = call("backtest.py", home, f"run={own}", "data=csv", f"data.path={later}")
    assert tested.returncode == 0, tested.stderr
    assert metrics(named(tested.stdout, home))["split"] == "backtest"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_termination_say_how_to_go_on(home: Path, number: signal.Signals) -> None:
    folder = home / "outputs" / "train" / f"stopped{number}"
    where = f"hydra.run.dir={folder}"
    process = start(
        "train.py", home, *SMALL, "total_steps=4000000", "callbacks.checkpoint_every_s=0", where
    )
    while not (folder / "checkpoints" / "last.ckpt").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert f"python train.py resume={folder}" in err
    assert "Error executing job" not in err


def test_a_killed_and_resumed_run_ends_like_an_unbroken_one(run: Path, home: Path) -> None:
    folder = home / "outputs" / "train" / "killed"
    where = f"hydra.run.dir={folder}"
    process = start("train.py", home, *SMALL, "callbacks.checkpoint_every_s=0", where)
    last = folder / "checkpoints" / "last.ckpt"
    while not last.exists() and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert not (folder / "metrics.json").exists()
    done = call("train.py", home, f"resume={folder}")
    assert done.returncode == 0, done.stderr
    for name in ("best.ckpt", "last.ckpt"):
        ours = torch.load(folder / "checkpoints" / name, weights_only=True)["state_dict"]
        whole = torch.load(run / "checkpoints" / name, weights_only=True)["state_dict"]
        assert all(torch.equal(ours[key], whole[key]) for key in whole)
    assert timeless(folder) == timeless(run)
    assert (folder / "learning.csv").read_bytes() == (run / "learning.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("trainer=gpu",), ("trainer.accelerator=gpu",)),
        (("data=csv", "data.path=nothing.csv"), ("nothing.csv",)),
        (("hydra.run.dir=/proc/nobody/may",), ("/proc/nobody", "cannot be written")),
        (("hydra.run.dir=outputs/train/whole",), ("already holds a run", "resume=")),
        (("data.leak=nobody",), ("data.leak", "nobody", "mlmi")),
        (("agent.members.mlmi.inputs=[wizardry]",), ("wizardry", "docs/columns.md")),
        (("logger=wandb",), ("logger.mode=online", "WANDB_API_KEY")),
        (("env.episode_bars=100000",), ("env.episode_bars", "100000")),
        (("data=3",), ("data=3", "synthetic", "data.KEY=VALUE")),
    ],
)
def test_bad_input_of_train(run: Path, home: Path, arguments: tuple, words: tuple) -> None:
    if arguments == ("trainer=gpu",) and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    before = sorted((home / "outputs" / "train").iterdir())
    done = call("train.py", home, *SMALL, *arguments)
    refused(done, words)
    assert sorted((home / "outputs" / "train").iterdir()) == before


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("evaluate.py", (), ("run= is missing", "run=DIR", "runs=", "protocol=walk_forward")),
        ("backtest.py", (), ("run= is missing",)),
        ("evaluate.py", ("run={run}", "data.stress=gap_open"), ("backtest.py run=", "=gap_open")),
        ("evaluate.py", ("run={run}", "trainer=3"), ("trainer=3", "trainer=", "cpu", "gpu")),
        ("evaluate.py", ("run=nowhere",), ("run=nowhere", "not a folder")),
        ("evaluate.py", ("run=outputs",), ("run=outputs", "config.yaml")),
        ("evaluate.py", ("run={run}", "split=train"), ("split", "train")),
        ("evaluate.py", ("run={run}", "algorithm.gamma=0.9"), ("algorithm.gamma",)),
        ("evaluate.py", ("run={run}", "agent.gate=7"), ("agent.gate", "7")),
        ("evaluate.py", ("run={run}", "costs=[1,-2]"), ("costs", "-2")),
        ("backtest.py", ("run={run}", "delay_bars=0.5"), ("delay_bars", "0.5")),
        ("backtest.py", ("run={run}", "data=csv"), ("data.path",)),
        ("train.py", ("resume=nowhere",), ("resume=nowhere",)),
        ("train.py", ("resume={run}", "algorithm.gamma=0.9"), ("algorithm.gamma", "init_from=")),
        ("train.py", ("init_from=nowhere",), ("init_from=nowhere",)),
        ("train.py", ("resume={run}", "experiment=planted_market"), ("experiment", "resume=")),
        ("evaluate.py", ("run={run}", "evaluation.gates=[0.5]"), ("evaluation.gates",)),
        ("evaluate.py", ("run={run}", "data.train_bars=7000"), ("fingerprint",)),
        ("evaluate.py", ("run=a,b",), ("run=a,b", "one at a time")),
        ("backtest.py", ("run={run}", "--cfg", "job"), ("--cfg", "config.yaml")),
        ("train.py", ("resume={run}", "--cfg", "job"), ("--cfg", "resume=VALUE")),
        ("train.py", ("-m", "resume=a,b"), ("-m", "resume=")),
        ("train.py", ("seed=0,1",), ("seed=0,1", "add -m", "seed=[0,1]")),
    ],
)
def test_bad_input_beside_a_run(
    run: Path, home: Path, script: str, arguments: tuple, words: tuple
) -> None:
    done = call(script, home, *(text.format(run=run) for text in arguments))
    refused(done, words)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("train.py", ("resume=DIR", "-m seed=0,1", "agent: strategic")),
        ("evaluate.py", ("evaluate.py run=DIR", "split", "agent.gate")),
        ("backtest.py", ("backtest.py run=DIR", "allow_overlap", "instrument")),
    ],
)
def test_help_is_help(home: Path, script: str, words: tuple) -> None:
    before = set(home.rglob("*"))
    done = call(script, home, "--help")
    assert done.returncode == 0, done.stderr
    for word in words:
        assert word in done.stdout
    assert set(home.rglob("*")) == before


def refused(done, words: tuple) -> None:
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_folder_with_other_files_is_left_alone(home: Path) -> None:
    folder = home / "precious"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    refused(call("train.py", home, *SMALL, f"hydra.run.dir={folder}"), ("thesis.txt", "new"))
    assert (folder / "thesis.txt").read_text() == "years of work"


def test_other_rules_may_be_judged_on_validation(run: Path, home: Path) -> None:
    done = call(
        "evaluate.py", home, f"run={run}", "split=validation", "agent.execute=literal",
        "evaluation.report=false",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert metrics(named(done.stdout, home))["gate"] == 0.65


def test_a_truncated_checkpoint_and_one_of_another_agent(run: Path, home: Path) -> None:
    copy = home / "outputs" / "train" / "copy"
    shutil.copytree(run, copy)
    best = copy / "checkpoints" / "best.ckpt"
    best.write_bytes(best.read_bytes()[:1000])
    refused(call("evaluate.py", home, f"run={copy}"), ("best.ckpt", "truncated"))
    shutil.copy(run / "checkpoints" / "best.ckpt", best)
    config = copy / "config.yaml"
    config.write_text(config.read_text().replace("head: 64", "head: 32"))
    refused(call("evaluate.py", home, f"run={copy}"), ("another agent or network",))
    shutil.rmtree(copy)


@pytest.mark.parametrize("bad", ["seed=0,x", "algorithm.gamma=7,8"])
def test_a_refused_multirun_leaves_nothing(home: Path, bad: str) -> None:
    done = call("train.py", home, "-m", *SMALL, bad, "hydra.sweep.dir=outputs/refused")
    assert done.returncode == 2
    assert bad.split("=")[0] in done.stderr
    assert not (home / "outputs" / "refused").exists()


def test_a_multirun_refused_half_way_keeps_its_finished_runs(home: Path) -> None:
    done = call(
        "train.py", home, "-m", *SMALL, "total_steps=2048", "algorithm.gamma=0.9,7",
        "evaluation.report=false", "hydra.sweep.dir=outputs/half",
    )  # fmt: skip
    assert done.returncode == 2
    assert (home / "outputs" / "half" / "0" / "metrics.json").exists()
    assert not (home / "outputs" / "half" / "1").exists()


def test_two_processes_never_write_one_folder(run: Path, home: Path) -> None:
    folder = home / "outputs" / "train" / "busy"
    where = f"hydra.run.dir={folder}"
    process = start(
        "train.py", home, *SMALL, "total_steps=4000000", "callbacks.checkpoint_every_s=0", where
    )
    while not (folder / "checkpoints" / "last.ckpt").exists() and process.poll() is None:
        time.sleep(0.05)
    second = call("train.py", home, f"resume={folder}")
    process.kill()  # leaves no time to tidy up: the lock must end with the process
    process.communicate()
    refused(second, (str(folder), "another process"))
    with RunFolder(folder).held():
        assert (folder / "config.yaml").exists()


def test_a_multirun_ends_with_one_table(home: Path) -> None:
    done = call(
        "train.py", home, "-m", *SMALL, "total_steps=2048", "seed=0,1",
        "agent.active=[mlmi,nwrqk,regime],[mlmi,nwrqk]", "evaluation.report=false",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = named(done.stdout, home)
    assert folder.parent.name == "sweep"
    assert len(list(folder.glob("*/metrics.json"))) == 4
    assert "agent.active=[mlmi,nwrqk]" in done.stdout.replace("\n", "")
