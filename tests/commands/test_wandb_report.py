"""Runs side by side: read from their folders, written here, saved where there is an account."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wandb
import wandb_workspaces.reports.v2 as reports

from grandmodel.commands import wandb_report as command
from grandmodel.evaluation.report.comparison import Compared, comparison, growth
from grandmodel.wiring.exit import guarded


def make_run(folder: Path, *, sharpe: float, seed: int, sizes: str = "notional") -> None:
    """The files of a finished run, as small as they can be."""
    folder.mkdir(parents=True)
    config = f"seed: {seed}\nagent:\n  name: strategic\nenv:\n  capital: 100.0\n  size: {sizes}\n"
    (folder / "config.yaml").write_text(config)
    metrics = {
        "verdict": "not shown", "verdict_reason": "clause 1", "split": "test", "sharpe": sharpe,
        "sharpe_ci_low": sharpe - 1, "sharpe_ci_high": sharpe + 1, "trials": 2, "pbo": None,
        "baselines": {"long_only": {"sharpe_difference": 0.5, "sharpe_difference_ci_low": 0.1,
                                    "sharpe_difference_ci_high": 0.9}},
        "trader": {"unit": "ticks", "gross": 5.0, "cost": 2.0, "net": 3.0, "break_even_cost": 5.0},
        "kpis": [{"team": "system", "figure": "Sharpe ratio", "target": "> 2", "status": "met"},
                 {"team": "system", "figure": "uptime", "target": "> 1", "status": "cannot tell"}],
    }  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "run.json").write_text(json.dumps({"wandb_id": f"id{seed}"}))
    equity = pd.DataFrame({"path": 0, "segment": [0, 0, 1], "equity": [101.0, 110.0, 120.0]})
    equity.to_parquet(folder / "equity.parquet")


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))  # no login of the user's
    make_run(tmp_path / "runs" / "a", sharpe=1.25, seed=0)
    make_run(tmp_path / "runs" / "b", sharpe=2.5, seed=1)
    (tmp_path / "runs" / "unfinished").mkdir()
    return tmp_path / "runs"


def test_without_an_account_it_is_written_here(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "save", lambda *_: pytest.fail("nothing may be sent"))
    out = tmp_path / "out"
    command.main([f"runs={runs}/*", f"out={out}"])
    printed = capsys.readouterr().out
    assert "no account of Weights & Biases is known here" in printed
    assert printed.strip().endswith(f"run: {out}")
    said, page = (out / "report.md").read_text(), (out / "report.html").read_text()
    for expected in (
        "2 runs side by side",
        "1.25 (0.25 to 2.25)",
        "Settings that differ",
        "| seed",
    ):
        assert expected in said
    assert "0.50 (0.10 to 0.90)" in said
    assert "uptime" not in said
    assert "2 runs side by side" in page
    assert page.count("plotly-graph-div") == 1
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    monkeypatch.setenv("WANDB_MODE", "offline")
    command.main([f"runs={runs}/*", f"out={out}2"])
    assert "keeps Weights & Biases offline" in capsys.readouterr().out


def test_with_an_account_the_same_becomes_a_report(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[reports.Report] = []
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    monkeypatch.setattr(reports.Report, "save", lambda report: saved.append(report))
    monkeypatch.setattr(reports.Report, "url", "https://somewhere/report")
    words = [f"runs={runs}/*", "entity=me", "project=p", "title=Mine", f"out={tmp_path}/o"]
    command.main(words)
    assert "report: https://somewhere/report" in capsys.readouterr().out
    (report,) = saved
    assert (report.entity, report.project, report.title) == ("me", "p", "Mine")
    texts = [it.text for it in report.blocks if isinstance(it, reports.MarkdownBlock)]
    assert any("1.25 (0.25 to 2.25)" in text for text in texts)
    local = (tmp_path / "o" / "report.md").read_text()
    assert all(text in local for text in texts)
    grid = next(it for it in report.blocks if isinstance(it, reports.PanelGrid))
    assert grid.runsets[0].filters == "ID in ['id0', 'id1']"
    panels = [type(panel).__name__ for panel in grid.panels]
    assert panels == ["BarPlot", "LinePlot", "MediaBrowser", "RunComparer"]
    offline = reports.Runset(filters=grid.runsets[0].filters)  # that the filter can be read
    assert offline._to_model().filters is not None


def test_a_refusal_of_the_service_is_one_sentence(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(report: reports.Report) -> None:
        raise wandb.errors.CommError("permission denied")

    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    monkeypatch.setattr(reports.Report, "save", refuse)
    words = [f"runs={runs}/*", "entity=me", f"out={tmp_path}/o"]
    with pytest.raises(SystemExit) as left:
        guarded(lambda: command.main(words))
    assert left.value.code == 2
    assert (tmp_path / "o" / "report.md").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "runs= is missing"),
        (["runs={}/nothing*"], "none of them a finished run"),
        (["runs={}/unfinished"], "none of them a finished run"),
        (["runs={}/*", "out={}/a"], "is the folder of a run"),
        (["runs={}/*", "colour=red"], "colour is not a configuration key"),
    ],
)
def test_bad_input_is_told_in_a_sentence(
    runs: Path, words: list[str], said: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as left:
        guarded(lambda: command.main([word.format(runs) for word in words]))
    assert left.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_broken_run_is_named(runs: Path, capsys: pytest.CaptureFixture) -> None:
    (runs / "b" / "metrics.json").write_text("{")
    with pytest.raises(SystemExit):
        guarded(lambda: command.main([f"runs={runs}/*"]))
    assert "runs/b: metrics.json or equity.parquet cannot be read" in " ".join(
        capsys.readouterr().err.split()
    )


def test_runs_of_one_name_are_told_apart() -> None:
    folders = [Path("x/one/0"), Path("x/two/0"), Path("x/two/1")]
    assert command.names_of(folders) == ["one/0", "two/0", "two/1"]
    assert command.names_of(folders[1:]) == ["0", "1"]


def test_growth_chains_segments_and_averages_paths() -> None:
    one = pd.DataFrame({"path": 0, "segment": [0, 0, 1], "equity": [101.0, 110.0, 120.0]})
    np.testing.assert_allclose(
        growth(one, capital=100.0, compounding=True), [1.0, 1.01, 1.1, 1.1 * 1.2]
    )
    np.testing.assert_allclose(growth(one, capital=100.0, compounding=False), [1.0, 1.01, 1.1, 1.3])
    both = pd.concat([one, one.assign(path=1, equity=100.0)])
    found = growth(both, capital=100.0, compounding=True)
    assert found[-1] == pytest.approx((1.32 + 1.0) / 2)


def test_a_run_without_trades_or_baselines_is_compared_all_the_same() -> None:
    sections = comparison([Compared("old", {"verdict": "cannot tell"}, {})])
    assert [section.title for section in sections][:2] == ["Verdicts", "Figures"]


def test_runs_that_were_never_logged_show_no_panels_of_others() -> None:
    blocks = command.blocks_of([], None)
    assert not any(isinstance(it, reports.PanelGrid) for it in blocks)
