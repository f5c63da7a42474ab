"""What a report tells of folds, of paths, and of runs beside one another."""

from rich.console import Console

from grandmodel.evaluation.report.folds import SPREAD, fold_sections, terminal_folds
from grandmodel.evaluation.report.markdown import text_of
from grandmodel.evaluation.report.runs_page import comparison_sections, overfitting_text

FIGURES = {"sharpe": 1.25, "total_return": 0.1, "max_drawdown": 0.05, "trades": 40}
FOLD = {
    "fold": "1of6", "from": "2020-01-01", "to": "2020-02-01", "learned_from": "2019-01-01",
    "learned_to": "2019-12-30", "gate": 0.35, "validation_sharpe": 2.5, **FIGURES,
}  # fmt: skip


def test_a_run_without_a_protocol_has_no_folds() -> None:
    assert fold_sections({"sharpe": 1.0}) == []


def test_folds_stand_with_their_bars() -> None:
    (section,) = fold_sections({"folds": [FOLD]})
    text = text_of([section])
    assert "| 1of6 " in text
    assert "2019-12-30" in text
    assert "2.50" in text


def test_paths_are_marked_as_what_they_are() -> None:
    row = {"path": 1, **FOLD}
    paths, folds = fold_sections({"folds": [row], "by_path": [{"path": 1, **FIGURES}]})
    assert paths.note == SPREAD
    assert folds.title == "Folds"
    assert folds.blocks[0].rows[0]["path"] == 1


def test_the_terminal_tells_the_folds_in_eighty_columns() -> None:
    assert terminal_folds({"sharpe": 1.0}) is None
    for more in ({}, {"by_path": [{"path": 0, **FIGURES}]}):
        console = Console(width=80, record=True, quiet=False)
        table = terminal_folds({"folds": [{"path": 11, **FOLD}], **more})
        assert table is not None
        console.print(table)
        said = console.export_text()
        row = next(line for line in said.splitlines() if "1of6" in line).split()
        assert row == [*(["11"] if more else []), "1of6", "2020-01-01", "2020-02-01", "2.50",
                       "1.25", "40", "0.35"]  # fmt: skip
        assert ("path" in said) == bool(more)


def test_a_comparison_tells_every_configuration_and_run() -> None:
    row = {"name": "seed only", "sharpe": 1.0, "sharpe_ci_low": 0.5, "sharpe_ci_high": 1.5,
           "seeds": [0, 1], "tasks": ["NQ"], "table": [[0.5], [1.5]], "notes": []}  # fmt: skip
    run = {"run": "a", "judgement": "b", "configuration": "seed only", "task": "NQ", "seed": 0,
           "verdict": "cannot tell", **FIGURES}  # fmt: skip
    record = {"configurations": [row], "runs": [run], "pbo": 0.25, "pbo_reason": None,
              "as_one": [], "settings": []}  # fmt: skip
    text = text_of(comparison_sections(record))
    assert "0.50 to 1.50" in text
    assert overfitting_text(record).startswith("probability of overfitting 0.25")
    assert overfitting_text(record) in text
    assert "cannot tell" in text
