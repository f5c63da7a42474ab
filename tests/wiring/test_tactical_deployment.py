"""From a folder of a tactical run to commands: the example of docs/serving.md, and refusals."""

import json
import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from entry_points import SMALL, call

from grandmodel.core.checks import UserError
from grandmodel.wiring.service import tactical_service

TEXT = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
EXAMPLE = re.findall(r"<!-- run: service -->\n```python\n(.*?)```", TEXT, re.DOTALL)[0]
BARS = 6_000


@pytest.fixture(scope="module")
def tactical_run(home: Path) -> Path:
    """A finished run of the tactical team, as short as they come."""
    words = ("agent=tactical", "evaluation.references=false", "agent.threshold=0.2")
    done = call("train.py", home, *SMALL, *words, "hydra.run.dir=outputs/train/tactical")
    assert done.returncode == 0, done.stderr
    return home / "outputs" / "train" / "tactical"


@pytest.fixture(scope="module")
def past(home: Path) -> Path:
    """Five-minute bars that end where the bar of the example begins."""
    draw = np.random.default_rng(0)
    close = np.round((5130.0 + np.cumsum(draw.normal(0.0, 1.0, BARS))) * 4) / 4
    opened = np.r_[5130.0, close[:-1]]
    frame = pd.DataFrame(
        {
            "time": pd.date_range(end="2024-03-04T14:25:00Z", periods=BARS, freq="5min"),
            "open": opened,
            "high": np.maximum(opened, close) + 0.5,
            "low": np.minimum(opened, close) - 0.5,
            "close": close,
            "volume": draw.integers(100, 9_000, BARS),
        }
    )
    file = home / "ES_5m.csv"
    frame.to_csv(file, index=False)
    return file


def test_the_example_of_the_document_runs(
    tactical_run: Path, past: Path, home: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(home)
    code = EXAMPLE.replace("outputs/train/NAME", str(tactical_run.relative_to(home)))
    code = code.replace("past/ES_5m.csv", past.name)
    exec(compile(code, "docs/serving.md", "exec"), {})  # noqa: S102 - our own document
    command = json.loads(capsys.readouterr().out)
    assert command["action"] in ("hold", "execute_trade")
    assert len(command["metadata"]["agent_breakdown"]) == 3
    if command["action"] == "execute_trade":
        assert command["symbol"] == "ES"
        assert command["stop_loss"] * 4 % 1 == 0


def test_the_service_takes_the_best_weights_and_the_threshold_of_the_run(
    tactical_run: Path, past: Path, caplog
) -> None:
    words = ("trust=true", "data=auto", f"data.path={past}")
    service = tactical_service(tactical_run, *words, risk_multiplier=0.5)
    assert service.controller._count.threshold == 0.2
    assert service.controller.risk_multiplier == 0.5
    assert service.controller.stop_atr == 2.0
    assert service.feed.instrument.name == "ES"
    assert service.feed.snapshot().close == pd.read_csv(past).close.iloc[-1]
    weights = [parameter.clone() for parameter in service.controller.team.parameters()]
    again = tactical_service(tactical_run, "trust=true", "agent.threshold=1.0")
    pairs = zip(weights, again.controller.team.parameters(), strict=True)
    assert all(bool((one == other).all()) for one, other in pairs)
    with caplog.at_level(logging.WARNING):
        assert "so the service never enters" in caplog.text


def test_runs_that_cannot_be_served_are_refused(run: Path, tactical_run: Path, past: Path) -> None:
    with pytest.raises(UserError, match="needs a team that votes on 5-minute bars"):
        tactical_service(run, "trust=true")
    with pytest.raises(UserError, match="is not a folder"):
        tactical_service("nowhere")
    with pytest.raises(UserError, match=r"agent\.context cannot be given with run="):
        tactical_service(tactical_run, "agent.context=[]", "trust=true")
    with pytest.raises(UserError, match="instrument"):
        tactical_service(tactical_run, "instrument=NOTHING", "trust=true")
    with pytest.raises(UserError, match="is no past that a live market continues"):
        tactical_service(tactical_run, "data=synthetic", "trust=true")


def test_a_past_of_half_hours_is_refused(tactical_run: Path, past: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(past).iloc[::6]
    frame["high"] = frame[["open", "high", "close"]].max(axis=1)
    file = tmp_path / "ES_30m.csv"
    frame.to_csv(file, index=False)
    with pytest.raises(UserError, match="bars of 30 minutes are coarser than the 5 minutes"):
        tactical_service(tactical_run, "trust=true", "data=auto", f"data.path={file}")
