import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fakes import fake_tape, fake_team, halves

from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.judging.judge import Judge, JudgeRule
from grandmodel.evaluation.measures.metrics import measure
from grandmodel.evaluation.outputs import (
    equity_frame,
    metrics_record,
    sessions_frame,
    tidy,
    write_metrics,
    write_tables,
)
from grandmodel.evaluation.statistics.intervals import intervals


@pytest.fixture(scope="module")
def result():
    tape = fake_tape(6_000, paths=2)
    market = Market.of(tape)
    judge = Judge(tape, halves(tape), EnvConfig(), [JudgeRule("challenger", 0.38)], detail=True)
    judgement = judge(fake_team())
    return judgement, measure(judgement.track(0, market), market, 252.0), market


def test_files_hold_the_promised_columns(result, tmp_path):
    judgement, found, market = result
    record = metrics_record(
        found,
        intervals(found, draws=100, seed=0),
        split="test",
        verdict="cannot tell",
        verdict_reason="too short",
        env_steps=judgement.equity.shape[2],
        env_steps_per_s=1.0,
        seconds=2.0,
        baselines={"flat": {"sharpe": 0.0, "profit_factor": float("inf")}},
        gate=np.float64(0.4),
    )
    write_tables(
        tmp_path,
        equity=equity_frame(found.track, market),
        trades=found.trades(market),
        decisions=judgement.decisions(0, market),
        sessions=sessions_frame(found, {"long_only": found}),
    )
    write_metrics(tmp_path, record)
    equity = pd.read_parquet(tmp_path / "equity.parquet")
    assert list(equity.columns) == [
        "timestamp", "path", "segment", "equity", "position", "pnl_gross", "cost",
    ]  # fmt: skip
    assert str(equity["timestamp"].dt.tz) == "UTC"
    assert equity["path"].nunique() == 2
    trades = pd.read_parquet(tmp_path / "trades.parquet")
    assert list(trades.columns) == [
        "path", "segment", "entry_time", "exit_time", "side", "quantity", "entry_price",
        "exit_price", "pnl_gross", "cost", "pnl_net", "bars_held", "exit_reason",
    ]  # fmt: skip
    assert len(pd.read_parquet(tmp_path / "decisions.parquet")) == len(equity)
    read = json.loads((tmp_path / "metrics.json").read_text())
    for key in ("sharpe", "total_return", "max_drawdown", "profit_factor", "win_rate", "trades",
                "turnover", "exposure", "directional_accuracy", "cost_paid", "env_steps",
                "env_steps_per_s", "seconds", "split", "verdict", "verdict_reason"):  # fmt: skip
        assert key in read
    assert read["sharpe_ci_low"] <= read["sharpe"] <= read["sharpe_ci_high"]
    assert read["baselines"]["flat"]["profit_factor"] is None
    assert read["gate"] == 0.4
    assert not list(tmp_path.glob(".*.tmp"))


def test_equity_is_stamped_by_the_close_it_is_marked_at(result):
    judgement, found, market = result
    frame = equity_frame(found.track, market)
    decisions = judgement.decisions(0, market)
    step = pd.Timedelta(minutes=30)
    assert (frame["timestamp"] - decisions["timestamp"] == step).all()
    first = frame[(frame["path"] == 0) & (frame["segment"] == 0)]
    change = np.diff(first["equity"], prepend=100_000.0)
    np.testing.assert_allclose(change, first["pnl_gross"] - first["cost"], atol=1e-9)


def test_a_row_per_session_holds_every_account(result):
    _, found, _ = result
    frame = sessions_frame(found, {"long_only": found})
    assert list(frame.columns) == ["timestamp", "path", "net", "long_only"]
    assert len(frame) == len(found.sessions)
    np.testing.assert_array_equal(frame["net"], found.sessions.net)
    for index, path in enumerate(found.sessions.paths):
        rows = found.sessions.rows_of(index)
        assert (frame["path"].to_numpy()[rows] == path).all()
    shorter = replace(found.sessions, close_time_ns=found.sessions.close_time_ns[1:])
    with pytest.raises(ValueError, match="late was not judged over the sessions"):
        sessions_frame(found, {"late": replace(found, sessions=shorter)})


def test_what_is_not_finite_becomes_null():
    value = {"a": [np.float32("nan"), np.int64(3)], "b": {"c": float("-inf"), 1: True}}
    assert tidy(value) == {"a": [None, 3], "b": {"c": None, "1": True}}
