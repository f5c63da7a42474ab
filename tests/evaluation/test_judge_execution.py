"""What judging tells of stops, targets and limits."""

import numpy as np
import pytest
from fakes import fake_team, halves
from test_scripted_execution import BRACKETS, rich_tape

from grandmodel.envs.config import EnvConfig
from grandmodel.envs.orders import Ended
from grandmodel.evaluation.accounts.scripted import Desk
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.accounts.trades import round_trips, trades_frame
from grandmodel.evaluation.judging.judge import ARGMAX, Judge


def test_stops_targets_and_missed_entries_are_named_and_told_like_scripted_ones():
    tape = rich_tape(seed=2, bars=400, wick=3e-4, edge="carry")
    segments, market = halves(tape, 2), Market.of(tape)
    env = EnvConfig(entry="limit", max_hold_bars=30, **BRACKETS)
    judgement = Judge(tape, segments, env, [ARGMAX], detail=True)(fake_team())
    rows = judgement.decisions(0, market)
    rule = rows["rule"].astype(str).to_numpy()
    assert {"stop", "target", "missed"} <= set(rule)
    ended = np.concatenate([judgement.ended[0, s, :n] for s, n in enumerate(judgement.lengths())])
    np.testing.assert_array_equal(rule == "stop", ended == Ended.STOP)
    np.testing.assert_array_equal(rule == "target", ended == Ended.TARGET)
    after = rows["position"].to_numpy()[1:]
    inside = ended[:-1] != 0
    assert (after[inside] == 0).all()
    assert (rows.loc[rule == "missed", "action"] == 0).all()

    track = judgement.track(0, market)
    desk = Desk(tape, segments, env)
    targets = [judgement.detail.target[0, s, :n] for s, n in enumerate(judgement.lengths())]
    walked = desk.track(np.concatenate(targets))
    np.testing.assert_allclose(track.equity, walked.equity, rtol=0, atol=1e-6)
    told = trades_frame(track, round_trips(track, market), market)
    expected = trades_frame(walked, round_trips(walked, market), market)
    same = told["exit_reason"].to_numpy() == expected["exit_reason"].to_numpy()
    assert (same | (told["exit_reason"] == "segment_end")).all()  # its last decision was flat too
    for name in ("entry_price", "exit_price", "quantity", "pnl_gross", "cost"):
        assert told[name].to_numpy() == pytest.approx(expected[name].to_numpy(), rel=1e-6, abs=1e-5)
