"""The page of pictures: every world and every act is on it, real bars beside them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from grandmodel.commands import worlds
from grandmodel.core.checks import UserError
from grandmodel.market.stress.config import KINDS
from grandmodel.market.synthetic.config import WORLD_NAMES, SyntheticConfig


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half-hour bars around the clock, fifty days of them."""
    rows = 50 * 48
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0, 1e-3, rows)))
    opens = np.append(100.0, close[:-1])
    path = tmp_path_factory.mktemp("bars") / "BTCUSDT_30m.parquet"
    times = pd.date_range("2020-01-01", periods=rows, freq="30min", tz="UTC")
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    frame = {"timestamp": times, "open": opens, "high": high, "low": low, "close": close}
    pd.DataFrame({**frame, "volume": 1.0 + np.arange(rows)}).to_parquet(path)
    return path


def test_the_page_holds_every_market_and_every_act(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(worlds, "DRAWN_BARS", 1_500)
    monkeypatch.setattr(worlds, "WORLD_NAMES", ("regimes", "garch", "gaps"))
    calendar = tmp_path / "events.csv"
    calendar.write_text("time,importance\n2020-01-02T13:30:00Z,high\n")
    worlds.main([f"data.path={file}", f"data.events={calendar}", f"out={tmp_path}"])
    page = (tmp_path / "worlds.html").read_text()
    facts = pd.read_parquet(tmp_path / "facts.parquet")
    assert list(facts["market"]) == ["regimes", "garch", "gaps", "bootstrap", "BTCUSDT"]
    for name in facts["market"]:
        assert f"<b>{name}</b>" in page
    for kind in KINDS:
        assert kind.replace("_", " ") in page
    assert "<script src" not in page
    printed = capsys.readouterr().out
    assert "GJR-GARCH" in page
    assert f"run: {tmp_path}" in printed.replace("\n", "")


def test_every_world_says_what_it_is() -> None:
    for name in WORLD_NAMES:
        assert 10 < len(worlds.world_words(SyntheticConfig(world=name))) < 150, name
    assert worlds.config_of("gbm").data.drift_bp == 0.0
    assert worlds.config_of("half_cost").data.world == "half_cost"


def test_acts_are_shown_around_the_bars_that_they_change() -> None:
    for act in worlds.draw_acts(0):
        same = np.isin(act.before.open_time_ns, act.after.open_time_ns)
        changed = not same.all()
        for name in ("open", "low", "close", "volume"):
            both = getattr(act.before, name)[same], getattr(act.after, name)
            changed = changed or (both[0] != both[1]).any()
        assert changed, act.name
        assert act.before.close[0] == act.after.close[0], act.name
        assert len(act.before) < 120


def test_a_source_is_not_chosen_here() -> None:
    with pytest.raises(UserError, match="every synthetic market is drawn"):
        worlds.main(["data=gbm"])
