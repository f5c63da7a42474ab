"""The live matrix is the tape's: history and live bars, clocks and account as in training."""

from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from service_teams import service

from grandmodel.core.checks import UserError
from grandmodel.core.types import ACCOUNT_VALUES
from grandmodel.envs.observation import Standing
from grandmodel.envs.state import AccountState
from grandmodel.features.arrays import path_arrays
from grandmodel.features.config import FeatureConfig
from grandmodel.features.tactical import MATRIX_5
from grandmodel.features.tactical_path import tactical_features
from grandmodel.market.bars import Bars, resample
from grandmodel.market.calendar import session_table
from grandmodel.market.dataset import MarketPath
from grandmodel.market.instruments import Instrument
from grandmodel.serving.feed import Holding, TacticalFeed

BARS, HISTORY = 40_000, 28_000
NEW_YORK = Instrument(name="walk", tick=0.01, calendar="24/7", timezone="America/New_York")
CONFIG = FeatureConfig(minutes=5)


@pytest.fixture(scope="module")
def bars():
    """Five-minute bars round the clock, over a change of the clocks, a tenth of them missing."""
    draw = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(draw.standard_t(3, BARS) * 8e-4))
    opened = np.r_[100.0, close[:-1]]
    here = draw.random(BARS) < 0.9
    start = int(datetime(2024, 7, 1, tzinfo=UTC).timestamp()) * 10**9
    return Bars(
        open_time_ns=(start + np.arange(BARS) * 300 * 10**9)[here],
        open=opened[here],
        high=(np.maximum(opened, close) * (1.0 + 1e-4 * draw.random(BARS)))[here],
        low=(np.minimum(opened, close) * (1.0 - 1e-4 * draw.random(BARS)))[here],
        close=close[here],
        volume=draw.integers(1, 900, BARS).astype(np.float64)[here],
        minutes=5,
        instrument=NEW_YORK,
    )


def live(bars, index):
    opened = datetime.fromtimestamp(bars.open_time_ns[index] / 1e9, UTC)
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return opened, *(float(values[index]) for values in columns)


def test_live_bars_after_history_give_the_rows_of_the_tape(bars):
    whole = tactical_features(path_arrays(MarketPath(bars), session_table(bars)), CONFIG)
    tape = {name: values.astype(np.float32) for name, values in whole.scaled.items()}
    feed = TacticalFeed(CONFIG, NEW_YORK)
    feed.follow(bars.slice(0, HISTORY))
    events = []
    for index in range(HISTORY, len(bars)):
        event = feed.close_bar(*live(bars, index))
        if event is not None:
            events.append(event)
        if index % 997 == 0 or event is not None:
            seen = feed.snapshot()
            seen.check()
            for place, name in enumerate(MATRIX_5):
                expected = tape[name][index - 59 : index + 1]
                assert np.array_equal(seen.matrix[:, place], expected), name
            for name, values in tape.items():
                assert np.float32(seen.context[name]) == values[index], name
            assert seen.atr_14 == whole.raw["atr_14"][index]
    first = bars.open_time_ns[HISTORY]
    known = whole.synergies.time_ns > first
    assert [one.synergy_type for one in events] == [
        f"TYPE_{kind}" for kind in whole.synergies.type[known]
    ]
    assert len(events) > 3
    for event in events:
        event.check()


def test_a_synergy_tells_its_signals_in_order_and_is_decided_on(bars):
    feed = TacticalFeed(CONFIG, NEW_YORK)
    made = service(threshold=0.0, tick=0.01)
    made.snapshot = feed.snapshot
    orders = {"TYPE_1": "mlmi nwrqk fvg", "TYPE_2": "mlmi fvg nwrqk"}
    orders |= {"TYPE_3": "nwrqk fvg mlmi", "TYPE_4": "nwrqk mlmi fvg"}
    feed.follow(bars.slice(0, HISTORY))
    decided = 0
    for index in range(HISTORY, len(bars)):
        event = feed.close_bar(*live(bars, index))
        if event is None:
            continue
        signals = " ".join(signal["signal"] for signal in event.signal_sequence)
        assert signals == orders[event.synergy_type]
        command = made.on_synergy_detected(event)
        assert "metadata" in command
        assert made.on_bar_close() == command  # the context shows the event that was told
        decided += 1
    assert decided > 3


def test_the_account_is_told_as_in_training(bars):
    feed = TacticalFeed(CONFIG, NEW_YORK)
    feed.follow(bars.slice(0, 4_000))
    seen = feed.snapshot()
    assert seen.account == dict.fromkeys(ACCOUNT_VALUES, 0.0)
    close, atr = seen.close, seen.atr_14
    feed.holding = Holding(-1, close + atr, 12, 0.01, stop=close + 3 * atr, take_profit=close - atr)
    account = feed.snapshot().account
    of = {name: torch.tensor([value], dtype=torch.float64) for name, value in account.items()}
    state = AccountState(
        **dict.fromkeys(("cash", "quantity", "session_equity", "equity"), of["position"]),
        entry_value=torch.tensor([close + atr], dtype=torch.float64),
        drawdown=torch.tensor([0.01], dtype=torch.float64),
        position=torch.tensor([-1]),
        bars_held=torch.tensor([12]),
        stop=torch.tensor([-(close + 3 * atr)], dtype=torch.float64),
        take_profit=torch.tensor([-(close - atr)], dtype=torch.float64),
    )
    prices = (torch.tensor([price], dtype=torch.float64) for price in (close, atr))
    wanted = Standing(state, *prices, 78).block(list(account))[0]
    assert list(account.values()) == pytest.approx(wanted.tolist(), abs=1e-6)
    assert account["target_distance_atr"] == pytest.approx(1.0, abs=1e-6)
    assert feed.snapshot().position == -1


def test_a_feed_that_knows_too_little_holds(bars):
    feed = TacticalFeed(CONFIG, NEW_YORK)
    made = service()
    made.snapshot = feed.snapshot
    feed.follow(bars.slice(0, 100))
    event = {"synergy_type": "TYPE_1", "direction": 1, "confidence": 0.5}
    event |= {"signal_sequence": [], "market_context": {}}
    command = made.on_synergy_detected(event)
    assert command["action"] == "hold"
    assert "the feed has seen 100 of the 3600 bars" in command["reason"]


def test_a_snapshot_does_not_change_with_later_bars(bars):
    feed = TacticalFeed(CONFIG, NEW_YORK)
    feed.follow(bars.slice(0, 4_000))
    seen = feed.snapshot()
    before = seen.matrix.copy()
    feed.close_bar(*live(bars, 4_000))
    assert np.array_equal(seen.matrix, before)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"opened": datetime(2024, 7, 1)}, "opened must tell its time zone"),
        ({"opened": "noon"}, "opened must be a time as in ISO 8601"),
        ({"opened": None}, "opened must be a time as in ISO 8601"),
        (
            {"opened": "2024-07-01T00:03:00Z"},
            "whole five minutes, .* 2024-07-01T00:03:00Z",
        ),
        (
            {"opened": "2020-07-01T00:00:00Z"},
            "order: one opens at 2020-07-01T00:00:00Z, .*Z",
        ),
        ({"close": float("nan")}, "is none: open"),
        ({"high": "a"}, "is none: open"),
        ({"low": 1e9}, "is none: open"),
        ({"volume": -1.0}, "is none: open"),
    ],
)
def test_bars_that_are_none_are_refused(bars, changes, reason):
    feed = TacticalFeed(CONFIG, NEW_YORK)
    feed.follow(bars.slice(0, 200))
    names = ("opened", "open_", "high", "low", "close", "volume")
    told = dict(zip(names, live(bars, 200), strict=True))
    with pytest.raises(UserError, match=reason):
        feed.close_bar(**(told | changes))
    feed.close_bar(**told)  # nothing was taken


def test_coarser_bars_are_refused(bars):
    with pytest.raises(UserError, match="needs bars of 5 minutes, was given 30"):
        TacticalFeed(CONFIG, NEW_YORK).follow(resample(bars, 30))


@pytest.mark.parametrize("told", [None, 1, {"position": 1}])
def test_a_holding_that_is_none_is_refused_when_it_is_told(told):
    feed = TacticalFeed(CONFIG, NEW_YORK)
    with pytest.raises(UserError, match=r"feed.holding must be a Holding, .* Holding\(\)"):
        feed.holding = told
    assert feed.holding == Holding()
