"""Several paths over the same bars: figures and counts that agree with what stands beside them."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from entry_points import SMALL, call

from grandmodel.evaluation.statistics.intervals import Interval
from grandmodel.evaluation.verdict import Evidence, judge_evidence
from grandmodel.wiring.protocols import pooled
from grandmodel.wiring.protocols.pooled import PooledJudging, SpreadJudging

THIN = Evidence(Interval(0.1, 1.0), {}, 0.5, 46, 500, 5.0, None, False, None)


@pytest.fixture
def spread(monkeypatch: pytest.MonkeyPatch) -> SpreadJudging:
    """Three paths of which nothing is known but a Sharpe ratio."""
    monkeypatch.setattr(PooledJudging, "__init__", lambda *_: None)
    monkeypatch.setattr(pooled, "break_even_cost_scale", lambda _: 2.0)
    controls = SimpleNamespace(record={"label_shift": None})
    paths: list[Any] = [
        SimpleNamespace(metrics={"sharpe": it}, pieces=(), evidence=THIN, controls=controls)
        for it in (3.0, 1.0, 2.0)
    ]
    prepared: Any = None
    found = SpreadJudging(prepared, paths)
    monkeypatch.setattr(found, "measured", None, raising=False)
    return found


def test_the_verdict_says_that_it_counts_one_path(spread: SpreadJudging) -> None:
    assert [it.evidence.middle for it in spread.by_path] == [False, False, True]
    reason = judge_evidence(spread.middle.evidence).reason
    assert "clause 7: 46 round trips on the path in the middle, 100 are needed" in reason


def test_what_a_delay_keeps_is_the_ratio_of_the_means(spread: SpreadJudging) -> None:
    row = {"name": "1 decision", "sharpe": 0.641, "kept": 1.51, "reason": None}
    found = spread._controls({"sharpe": 0.362, "controls": {"delay": [row]}})
    np.testing.assert_allclose(found["delay"][0]["kept"], 0.641 / 0.362)
    assert row["kept"] == 1.51


@pytest.mark.slow
def test_a_cpcv_counts_all_its_paths_in_whole_numbers(tmp_path: Path) -> None:
    words = [
        *SMALL, "protocol=cpcv", "groups=3", "test_groups=2", "data.train_bars=9000", "workers=1",
        "total_steps=4096", "agent.execute=argmax", "evaluation.segments=1",
        "evaluation.report=false", "hydra.run.dir=cv",
    ]  # fmt: skip
    done = call("evaluate.py", tmp_path, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "cv" / "metrics.json").read_text())
    sessions = pd.read_parquet(tmp_path / "cv" / "sessions.parquet")
    trips = len(pd.read_parquet(tmp_path / "cv" / "trades.parquet"))
    entries = found["trader"]["markouts"][0]
    steps = {row["fold"]: row["env_steps"] for row in found["folds"]}
    told = [found["sessions"], found["round_trips"], entries["count"], found["env_steps"]]
    assert told == [len(sessions), trips, trips, sum(steps.values())]
    assert trips > 0
    assert found["trades"] == trips / 2
    team = found["votes"]["team"]
    counted = [n for row in team["confusion"].values() for n in row.values()]
    assert sum(counted) == team["votes"]
    assert {type(it) for it in [*told, *counted, found["block_sessions"]]} == {int}
    assert {"one_decision_late", "twice_the_costs"}.isdisjoint(sessions.columns)
