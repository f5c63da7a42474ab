from types import SimpleNamespace
from typing import Any

from rich.console import Console

from grandmodel.wiring.learned import rivals


def test_rivals_do_not_tell_the_bars_of_the_run_again(tmp_path, monkeypatch):
    told: list[bool] = []

    def train(*_: Any, tell_bars: bool = True, **__: Any) -> float:
        told.append(tell_bars)
        return 0.0

    monkeypatch.setattr(rivals, "_classifier", lambda *_: None)
    monkeypatch.setattr(rivals, "_policy", lambda *_: None)
    monkeypatch.setattr(rivals, "rival_settings", lambda *_: {"one": None, "two": None})
    monkeypatch.setattr(rivals, "trained_rival", lambda *given: given[3](None, None, [], given[4]))
    config: Any = SimpleNamespace(
        evaluation=SimpleNamespace(learned=True),
        paths=SimpleNamespace(output=str(tmp_path)),
        trainer=None,
    )
    origin: Any = SimpleNamespace(home=lambda _: tmp_path)
    subject: Any = None
    rivals.make_rivals(config, subject, origin, train, Console(quiet=True))
    assert told == [False, False]
