"""Anything at all in every field of events and snapshots: an answer, never an accident."""

import math
from datetime import UTC

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from service_teams import EVENT, persuaded, service

from grandmodel.core.types import ACCOUNT_BLOCK
from grandmodel.features.latched import LATCHED
from grandmodel.serving.synergy_event import Snapshot, SynergyEvent
from grandmodel.serving.tactical import TacticalController


class Hostile:
    """Breaks whatever is asked of it."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __eq__(self, other):
        raise RuntimeError("eq")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self):
        raise RuntimeError("repr")


NUMBERS = st.floats() | st.integers() | st.sampled_from([10**400, -(10**400), 1e308, 5e-324])
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | NUMBERS
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.complex_numbers()
    | st.decimals()
    | st.datetimes()
    | st.timedeltas()
    | st.builds(object)
    | st.builds(Hostile)
    | st.sampled_from(
        [np.zeros((60, 7)), np.zeros(()), np.array("x"), torch.zeros(60, 7), int, len]
    )
    | st.builds(np.float32, st.floats(width=32))
    | st.builds(np.int64, st.integers(-3, 3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
SOUND = {
    "synergy_type": st.sampled_from(["TYPE_1", "TYPE_2", "TYPE_3", "TYPE_4"]),
    "direction": st.sampled_from([-1, 1]),
    "confidence": st.floats(0.0, 1.0),
    "signal_sequence": st.lists(st.dictionaries(st.text(max_size=3), st.integers()), max_size=3),
    "market_context": st.dictionaries(st.text(max_size=3), st.floats()),
    "timestamp": st.none() | st.datetimes(timezones=st.just(UTC)),
}
EVENTS = (
    ANYTHING
    | st.dictionaries(st.sampled_from([*SOUND, "other"]), ANYTHING)
    | st.fixed_dictionaries({name: values | ANYTHING for name, values in SOUND.items()})
    | st.builds(SynergyEvent, *(ANYTHING | values for values in SOUND.values()))
)
SNAPSHOTS = ANYTHING | st.builds(
    Snapshot,
    matrix=st.just(np.zeros((60, 7))) | ANYTHING,
    context=st.just(dict.fromkeys(LATCHED, 0.0)) | ANYTHING,
    account=st.dictionaries(st.sampled_from(ACCOUNT_BLOCK), ANYTHING)
    | st.fixed_dictionaries({name: st.integers(-1, 1) for name in ACCOUNT_BLOCK})
    | ANYTHING,
    close=ANYTHING | st.floats(1.0, 1e4),
    atr_14=ANYTHING | st.floats(0.1, 10.0),
    closed_at=st.none() | ANYTHING,
)


def is_an_answer(command):
    """Whether a command is one of the three kinds, its numbers finite and its side known."""
    if command["action"] == "hold":
        return isinstance(command["reason"], str) and len(command["reason"]) > 5
    if command["action"] == "close_position":
        return command["side"] in ("BUY", "SELL")
    prices = [command[name] for name in ("stop_loss", "take_profit")]
    return (
        command["action"] == "execute_trade"
        and command["quantity"] >= 1
        and all(math.isfinite(price) for price in prices)
        and (prices[0] < prices[1]) == (command["side"] == "BUY")
    )


@settings(max_examples=400, deadline=None, derandomize=True)
@given(EVENTS)
def test_no_event_raises_or_trades_by_accident(event):
    command = STEADY.on_synergy_detected(event)
    assert is_an_answer(command)
    if command["action"] == "execute_trade":
        told = event if isinstance(event, dict) else vars(event)
        assert told["synergy_type"] in ("TYPE_1", "TYPE_2", "TYPE_3", "TYPE_4")
        assert told["direction"] in (-1, 1)
        assert 0.0 <= told["confidence"] <= 1.0
        assert isinstance(told["market_context"], dict)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(SNAPSHOTS)
def test_no_snapshot_raises_or_trades_by_accident(seen):
    SHOWN["now"] = seen
    command = SHOWING.on_synergy_detected(EVENT)
    assert is_an_answer(command)
    if command["action"] != "hold":
        assert seen.matrix.shape == (60, 7)
        assert seen.account["position"] in (-1, 0, 1)
        assert 0.0 < seen.atr_14 < math.inf


STEADY = service(persuaded(2, 2, 1))
SHOWN = {}
SHOWING = TacticalController(
    persuaded(2, 2, 1), lambda: SHOWN["now"], symbol="MES", tick=0.25, threshold=0.65
)
