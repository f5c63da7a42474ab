"""Logs of a run that is broken off and resumed."""

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
import wandb
from omegaconf import DictConfig
from wandb.sdk.wandb_run import Run

from grandmodel.evaluation.report.section import Cell, Picture, Section, Table
from grandmodel.learning.lightning.logs import read_csv_log
from grandmodel.wiring.loggers import _listed, build_loggers, close_loggers, log_report
from grandmodel.wiring.run_folder import RunFolder
from grandmodel.wiring.sections import LoggerConfig

OFFLINE = LoggerConfig(kind="wandb", mode="offline")
RAW = DictConfig({"seed": 0})


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict]]:
    """What is sent to Weights & Biases: id of the run and row."""
    sent: list[tuple[str, dict]] = []

    def log(run: Run, row: dict, **_: object) -> None:
        sent.append((run.id, row))

    monkeypatch.setattr(Run, "log", log)
    monkeypatch.setenv("WANDB_SILENT", "true")
    return sent


def train(folder: Path, steps: list[int], resumed_at: int | None) -> dict:
    loggers = build_loggers(OFFLINE, RunFolder(folder), RAW, resumed_at=resumed_at)
    with close_loggers(loggers):
        for step in steps:
            for logger in loggers:
                logger.log_metrics({"loss": 1.0}, step=step)
        config = dict(wandb.run.config)
    return config


def test_a_resumed_run_stays_one_run_of_weights_and_biases(
    tmp_path: Path, rows: list[tuple[str, dict]]
) -> None:
    first = train(tmp_path, [10, 20, 30], None)
    again = train(tmp_path, [20, 30, 40], 10)
    last = train(tmp_path, [40, 50], 30)
    assert (first["resumed_at"], again["resumed_at"], last["resumed_at"]) == ([], [10], [10, 30])
    assert len({run for run, _ in rows}) == 1
    folders = list((tmp_path / "wandb").glob("offline-run-*"))
    assert len(folders) == 3  # offline-run-TIME-ID, and a number where the time is the same
    assert {folder.name.split("-")[3] for folder in folders} == {rows[0][0]}
    marks = [(r["trainer/global_step"], r["resumptions"], r["relogged"]) for _, r in rows]
    assert marks == [
        (10, 0, 0), (20, 0, 0), (30, 0, 0),
        (20, 1, 1), (30, 1, 1), (40, 1, 0),
        (40, 2, 1), (50, 2, 0),
    ]  # fmt: skip
    _, table = read_csv_log(tmp_path / "learning.csv")
    assert [int(row["env_steps"]) for row in table] == [10, 20, 30, 40, 50]


def test_steps_stay_marked_however_often_a_run_is_resumed(
    tmp_path: Path, rows: list[tuple[str, dict]]
) -> None:
    train(tmp_path, [10, 20, 30], None)
    train(tmp_path, [20], 10)
    train(tmp_path, [30, 40], 20)
    marks = [(row["trainer/global_step"], row["relogged"]) for _, row in rows]
    assert marks == [(10, 0), (20, 0), (30, 0), (20, 1), (30, 1), (40, 0)]


def test_a_new_training_has_a_run_of_its_own(tmp_path: Path, rows: list[tuple[str, dict]]) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        train(tmp_path / name, [10], None)
    assert len({run for run, _ in rows}) == 2


def test_a_training_broken_off_before_its_first_checkpoint_marks_all(
    tmp_path: Path, rows: list[tuple[str, dict]]
) -> None:
    train(tmp_path, [10], None)
    assert train(tmp_path, [10, 20], 0)["resumed_at"] == [0]
    assert [row["relogged"] for _, row in rows] == [0, 1, 0]


def test_a_report_is_logged_as_tables_and_figures(
    tmp_path: Path, rows: list[tuple[str, dict]]
) -> None:
    packed = go.Figure(go.Scatter(x=np.arange(2), y=np.array([1.5, np.nan], np.float32)))
    picture = Picture(packed, [{"session": 1, "policy": Cell("1.0")}])
    sections = [
        Section("Equity, after costs", (picture,)),
        Section("Trader", (Table([{"": "net", "value": Cell("3.0", "1.0 to 5.0")}], "Per trade"),)),
    ]
    loggers = build_loggers(OFFLINE, RunFolder(tmp_path), RAW, resumed_at=None)
    with close_loggers(loggers):
        log_report(loggers, sections, {"sharpe": 1.5, "verdict": "shown", "baselines": {}})
        summary = dict(wandb.run.summary)
    (_, sent), *more = rows
    assert not more
    assert set(sent) == {
        "report/equity_after_costs", "report/equity_after_costs_table", "report/trader_per_trade",
    }  # fmt: skip
    drawn = sent["report/equity_after_costs"].to_plotly_json()["data"][0]
    assert (drawn["x"], drawn["y"]) == ([0, 1], [1.5, None])
    table = sent["report/trader_per_trade"]
    assert table.columns == ["figure", "value"]
    assert table.data == [["net", "3.0 (1.0 to 5.0)"]]
    assert (summary["sharpe"], summary["verdict"]) == (1.5, "shown")
    assert "baselines" not in summary


def test_a_figure_goes_through_the_real_service_offline(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("WANDB_SILENT", "true")
    picture = Picture(go.Figure(go.Scatter(x=[1], y=[2])), [{"session": 1}])
    loggers = build_loggers(OFFLINE, RunFolder(tmp_path), RAW, resumed_at=None)
    with close_loggers(loggers):
        log_report(loggers, [Section("Equity", (picture,))], {})
    files = [path.name for path in tmp_path.rglob("media/**/*.json")]
    assert any(name.endswith(".plotly.json") for name in files)
    assert any(name.endswith(".table.json") for name in files)


def test_other_loggers_are_left_alone(tmp_path: Path) -> None:
    loggers = build_loggers(LoggerConfig(kind="csv"), RunFolder(tmp_path), RAW, resumed_at=None)
    log_report(loggers, [Section("Equity", (Table([{"a": 1}]),))], {"sharpe": 1.0})
    assert not list(tmp_path.glob("wandb"))


def test_a_training_inside_another_leaves_its_run_open(
    tmp_path: Path, rows: list[tuple[str, dict]]
) -> None:
    loggers = build_loggers(OFFLINE, RunFolder(tmp_path), RAW, resumed_at=None)
    with close_loggers(loggers):
        with close_loggers([]):
            pass
        assert wandb.run is not None
        log_report(loggers, [], {"sharpe": 1.0})
    assert wandb.run is None


def test_packed_arrays_keep_their_shape() -> None:
    grid = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 6.0]])
    figure = go.Figure(go.Heatmap(z=grid, x=np.array([1.0, np.nan, 2.0])))
    told = _listed(figure.to_plotly_json())["data"][0]
    assert told["z"] == [[1.0, None, 3.0], [4.0, 5.0, 6.0]]
    assert told["x"] == [1.0, None, 2.0]
