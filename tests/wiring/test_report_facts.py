from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from grandmodel.wiring.judged_facts import _judged_days
from grandmodel.wiring.reporting import _steps


@pytest.mark.parametrize(
    ("kind", "words"),
    [("train", "environment steps, whole training"),
     ("evaluate", "environment steps, judged checkpoint"),
     ("backtest", "environment steps, judged checkpoint")],
)  # fmt: skip
def test_steps_say_whether_they_are_those_taken_or_those_of_the_checkpoint(kind, words):
    judging: Any = SimpleNamespace(
        occasion=SimpleNamespace(kind=kind), subject=SimpleNamespace(env_steps=8_192), metrics={}
    )
    assert _steps(judging) == {words: "8,192"}
    judging.metrics = {"folds": [{}, {}]}
    ((what, said),) = _steps(judging).items()
    assert "sum over the folds" in what
    assert said.startswith("8,192 (each fold trains a team of its own")


def judged(name: str, paths: int = 1, *, synthetic: bool = False) -> Any:
    """A judgement of two sessions that close in the evening of Chicago, the next day in UTC."""
    closes = pd.to_datetime(["2024-09-04 01:00", "2025-02-15 01:00"], utc=True).as_unit("ns")
    instrument = SimpleNamespace(timezone=name)
    dataset = SimpleNamespace(synthetic=synthetic, paths=[0] * paths, instrument=instrument)
    sessions = SimpleNamespace(close_time_ns=closes.asi8)
    return SimpleNamespace(
        measured=SimpleNamespace(sessions=sessions), stage=SimpleNamespace(dataset=dataset)
    )


def test_judged_days_are_those_of_the_exchange_and_of_no_made_bars():
    of_chicago = {"judged_from": "2024-09-03", "judged_to": "2025-02-14"}
    assert _judged_days(judged("America/Chicago")) == of_chicago
    assert _judged_days(judged("UTC"))["judged_to"] == "2025-02-15"
    for made in (judged("UTC", synthetic=True), judged("UTC", paths=2)):
        assert set(_judged_days(made).values()) == {None}
