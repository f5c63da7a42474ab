"""Judgements and tracks of folds joined into one account."""

import numpy as np
from fakes import fake_tape, fake_team

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.judging.judge import Judge, JudgeRule
from grandmodel.evaluation.measures.metrics import chained_equity, measure
from grandmodel.evaluation.protocols.pooled import join_judgements, join_tracks

TAPE = fake_tape(900)
MARKET = Market.of(TAPE)
RULES = (JudgeRule("argmax", 0.0), JudgeRule("literal", 0.4))


def judged(start: int, stop: int):
    """Two execution rules over a stretch of the tape."""
    judge = Judge(TAPE, [Segment(start, stop)], EnvConfig(), RULES, detail=True)
    return judge(fake_team())


def test_joined_folds_are_one_account_in_turn() -> None:
    parts = [judged(100, 300), judged(300, 420), judged(420, 800)]
    joined = join_judgements(parts, [0, 0, 0], ("own", "literal"))
    assert [(s.path, s.segment) for s in joined.segments] == [(0, 0), (0, 1), (0, 2)]
    assert joined.rules == ("own", "literal")
    own = joined.track(0, MARKET)
    single = [part.track(0, MARKET) for part in parts]
    again = join_tracks(single, [0, 0, 0])
    for name in ("first", "bar", "session", "equity", "cost", "position", "reason", "ended"):
        assert np.array_equal(getattr(own, name), getattr(again, name)), name
    grown = np.prod([track.equity[-1] / track.capital for track in single])
    assert np.isclose(chained_equity(own)[-1], grown)
    found = measure(own, MARKET, 252.0)
    trips = sum(len(measure(track, MARKET, 252.0).trips) for track in single)
    assert found.scalars["trades"] == trips > 0


def test_decisions_of_joined_folds_are_those_of_each() -> None:
    parts = [judged(100, 300), judged(300, 420)]
    joined = join_judgements(parts, [0, 0], ("own", "literal"))
    rows = joined.decisions(0, MARKET)
    each = [part.decisions(0, MARKET) for part in parts]
    assert rows["segment"].tolist() == [0] * len(each[0]) + [1] * len(each[1])
    assert rows["confidence"].tolist() == [v for frame in each for v in frame["confidence"]]


def test_paths_over_the_same_bars_keep_apart() -> None:
    parts = [judged(100, 300), judged(300, 420), judged(100, 300), judged(300, 420)]
    joined = join_judgements(parts, [0, 0, 1, 1], ("own", "literal"))
    assert [(s.path, s.segment) for s in joined.segments] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    found = measure(joined.track(0, MARKET), MARKET, 252.0)
    assert found.sessions.paths == (0, 1)
    half = len(found.sessions) // 2
    assert np.array_equal(found.sessions.net[:half], found.sessions.net[half:])
