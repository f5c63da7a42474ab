import json

import pytest
from rich.console import Console

from grandmodel.wiring.sweep import sweep_table

LONG = "agent.action_space.confirmation_threshold_of_the_team"


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_of_a_multirun_tells_only_what_differs_and_cuts_nothing(tmp_path, width):
    for number in range(11):
        run = tmp_path / str(number)
        run.mkdir()
        words = ["total_steps=2048", f"{LONG}=[{number},1]", *(["seed=3"] if number == 1 else [])]
        (run / "overrides.txt").write_text("".join(f"{word}\n" for word in words))
    told = {"sharpe": 1.5, "total_return": 0.01, "trades": 12.0, "verdict": "cannot tell"}
    (tmp_path / "10" / "metrics.json").write_text(json.dumps(told))
    console = Console(width=width, record=True)
    console.print(sweep_table(tmp_path))
    lines = console.export_text().splitlines()
    said = "".join("".join(lines).split())
    assert max(map(len, lines)) <= width
    assert "total_steps" not in said
    assert "\N{HORIZONTAL ELLIPSIS}" not in said
    assert said.count("seed=3") == 1
    assert said.count("notfinished") == 10 or width == 80
    last = next(line for line in lines if line.split()[:1] == ["10"])
    assert "1.500" in last
    if width == 140:
        assert f"{LONG}=[10,1]" in last


def test_a_run_alone_tells_all_its_overrides(tmp_path):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "overrides.txt").write_text("seed=3\n")
    console = Console(width=100, record=True)
    console.print(sweep_table(tmp_path))
    assert "seed=3" in console.export_text()
