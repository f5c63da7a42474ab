"""The ledger as a user reads it: listed, filtered, summed up, kept; damage is told, not thrown."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from grandmodel.commands import ledger as command
from grandmodel.evaluation.trials.ledger import Ledger, Trial
from grandmodel.evaluation.trials.ledger_table import lines_frame, summary_frame
from grandmodel.evaluation.trials.overlap import UsedSpan
from grandmodel.wiring.exit import guarded

DAY = 86_400_000_000_000
SEALED = [UsedSpan("NQ", 100 * DAY, 150 * DAY, "test")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Six lines: two seeds tried twice, a variant of the same bars, other bars."""
    file = tmp_path / "ledger.jsonl"
    known = {"agent": "strategic", "instrument": "NQ", "origin": None}

    def append(kind: str, data: str, seed: int, opened: tuple = (), **facts: object) -> None:
        trial = Trial("abcdef0123", data, "test", seed)
        net = np.random.default_rng(seed).normal(size=5 if kind != "environment" else 0)
        Ledger(file).append(
            kind, trial, net, close_time_ns=np.arange(len(net)) * DAY, run="r", opened=opened,
            **(known | facts),
        )  # fmt: skip

    for seed in (0, 0, 1):
        append("train", "d" * 64, seed, sharpe=1.5 + seed, verdict="not shown")
    append("evaluate", "d" * 64, 0, tuple(SEALED), sharpe=1.5, verdict="not shown")
    append("train", "b" * 64, 7, origin="d" * 64, sharpe=3.0, verdict="cannot tell")
    append("environment", "e" * 64, 0, tuple(SEALED), agent="tactical", instrument="ES")
    return file


def run(path: Path, *words: str) -> None:
    command.main([f"paths.ledger={path}", *words])


def test_lines_and_sums(path: Path, capsys: pytest.CaptureFixture) -> None:
    run(path, f"out={path.parent / 'all.csv'}", "last=2")
    printed = capsys.readouterr().out
    assert "2 of 6 lines" in printed
    row = next(line for line in printed.splitlines() if "dddddddd" in line and "4" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "NQ", "dddddddd", "4", "2", "1", "2", "3", "2", "2.50", "1.50",
    ]  # fmt: skip
    assert "incomplete" not in printed
    kept = pd.read_csv(path.parent / "all.csv")
    assert list(kept["line"]) == [1, 2, 3, 4, 5, 6]
    assert list(kept["time"].isna()) == [False] * 6
    assert list(kept["returns_kept"]) == [True] * 6


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (("kind=train",), [1, 2, 3, 5]),
        (("kind=train", "seed=1"), [3]),
        (("data=NQ",), [1, 2, 3, 4, 5]),
        (("data=ddd",), [1, 2, 3, 4]),
        (("agent=tactical",), [6]),
        (("config=abc", "split=test"), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_filters(path: Path, words: tuple[str, ...], lines: list[int]) -> None:
    out = path.parent / "some.parquet"
    run(path, f"out={out}", *words)
    assert list(pd.read_parquet(out)["line"]) == lines


def test_damaged_and_missing_lines_are_marked(path: Path, capsys: pytest.CaptureFixture) -> None:
    lines = path.read_text().splitlines()
    text = [lines[0], lines[1][:40], *lines[3:]]  # the second is damaged, the third is gone
    path.write_text("\n".join(text) + "\n")
    (path.parent / "ledger_returns" / f"{json.loads(lines[0])['trial']}.npz").unlink()
    run(path)
    printed = capsys.readouterr().out
    assert "damaged" in printed
    assert "the ledger is incomplete (line 2 cannot be read and 1 missing)" in printed
    assert "returns of 1 trials are kept whose lines are missing" in printed
    run(path, "kind=damaged", f"out={path.parent / 'bad.csv'}")
    assert list(pd.read_csv(path.parent / "bad.csv")["line"]) == [2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("paths.ledger=nowhere.jsonl",), "paths.ledger=nowhere.jsonl is not there"),
        (("kind=search",), "kind=search fits no line"),
        (("agent=mine",), "there are: strategic, tactical"),
        (("out=all.txt",), "out=all.txt must end in .csv or .parquet"),
        (("last=-1",), "last must not be negative"),
        (("sort=time",), "sort is not a configuration key"),
    ],
)
def test_bad_input_is_one_sentence(
    path: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as left:
        guarded(lambda: run(path, *words))
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_help_is_help(capsys: pytest.CaptureFixture) -> None:
    command.main(["--help"])
    assert "out=FILE.csv" in capsys.readouterr().out


@pytest.mark.parametrize("width", [60, 80, 100, 140, 160])
def test_tables_fit_the_terminal_and_name_what_they_leave_out(path: Path, width: int) -> None:
    found = Ledger(path).read()
    whole = lines_frame(Ledger(path), found)
    tables = {"lines": whole.filter(items=list(command.SHOWN)), "sums": summary_frame(whole, found)}
    for title, table in tables.items():
        console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
        command.show(console, title, table)
        lines = console.export_text().splitlines()
        assert max(map(len, lines)) <= width
        assert not any("\N{HORIZONTAL ELLIPSIS}" in line for line in lines)
        told = " ".join(lines)
        for name in ("dddddddd", *table.columns):
            assert str(name).replace("_", " ") in told
        assert ("left out for want of width" in told) == (width < 160 and title == "lines") or (
            width < 120 and title == "sums"
        )
