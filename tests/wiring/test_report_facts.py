from types import SimpleNamespace
from typing import Any

import pytest

from grandmodel.wiring.reporting import _steps


@pytest.mark.parametrize(
    ("kind", "words"),
    [("train", "environment steps, whole training"),
     ("evaluate", "environment steps, judged checkpoint"),
     ("backtest", "environment steps, judged checkpoint")],
)  # fmt: skip
def test_steps_say_whether_they_are_those_taken_or_those_of_the_checkpoint(kind, words):
    judging: Any = SimpleNamespace(
        occasion=SimpleNamespace(kind=kind), subject=SimpleNamespace(env_steps=8_192)
    )
    assert _steps(judging) == {words: "8,192"}
