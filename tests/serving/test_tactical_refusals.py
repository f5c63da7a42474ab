"""Inputs that no decision can be made on: a hold with the reason, and nothing else."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from service_teams import BLANK, EVENT, persuaded, service, snapshot, team_of

from grandmodel.features.latched import LATCHED
from grandmodel.serving.synergy_event import SynergyEvent
from grandmodel.serving.tactical import TacticalController

NOON, LATER = datetime(2024, 3, 4, 12, 0, tzinfo=UTC), datetime(2024, 3, 4, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"synergy_type": "TYPE_9"}, "synergy_type must be one of TYPE_1"),
        ({"synergy_type": None}, "synergy_type must be one of"),
        ({"synergy_type": ["TYPE_1"]}, "synergy_type must be one of"),
        ({"direction": 0}, "direction must be the whole number -1 or 1, was 0"),
        ({"direction": True}, "direction must be the whole number -1 or 1, was True"),
        ({"direction": 1.0}, "direction must be the whole number -1 or 1, was 1.0"),
        ({"direction": None}, "direction must be the whole number -1 or 1, was None"),
        ({"confidence": 1.5}, "confidence must be a number in [0, 1], was 1.5"),
        ({"confidence": -1e-9}, "confidence must be a number in [0, 1], was -1e-09"),
        ({"confidence": float("nan")}, "confidence must be a number in [0, 1], was nan"),
        ({"confidence": "high"}, "confidence must be a number in [0, 1], was 'high'"),
        ({"confidence": np.zeros(2)}, "confidence must be a number in [0, 1], was a ndarray"),
        ({"signal_sequence": "mlmi"}, "signal_sequence must be a list of mappings, was 'mlmi'"),
        ({"signal_sequence": [1]}, "signal_sequence must be a list of mappings, was a list"),
        ({"market_context": None}, "market_context must be a mapping, was None"),
        ({"timestamp": "2024-03-04T12:00"}, "timestamp must tell its time zone"),
        ({"timestamp": datetime(2024, 3, 4)}, "timestamp must tell its time zone"),
        ({"timestamp": "yesterday"}, "timestamp must be a time as in ISO 8601, was 'yesterday'"),
        ({"timestamp": 1709553600}, "timestamp must be a time as in ISO 8601, was 1709553600"),
        ({"timestamp": LATER}, "before the synergy at 2024-03-04T12:30:00+00:00: wait for"),
        ({"timestamp": "2024-03-04T11:30:00Z"}, "is out of sight at 2024-03-04T12:00:00+00:00"),
    ],
)
def test_events_that_are_none_are_refused(changes, reason):
    made = service(seen=snapshot(closed_at=NOON))
    for event in (EVENT | changes, SynergyEvent(**(EVENT | changes))):
        command = made.on_synergy_detected(event)
        assert set(command) == {"action", "reason"}
        assert command["action"] == "hold"
        assert reason in command["reason"]


def test_a_synergy_in_sight_is_decided_on():
    made = service(seen=snapshot(closed_at=NOON))
    for time in (NOON, "2024-03-04T13:00:00+01:00", NOON - timedelta(minutes=29)):
        assert made.on_synergy_detected(EVENT | {"timestamp": time})["action"] == "execute_trade"


@pytest.mark.parametrize("event", [None, [], "TYPE_1", {}, object()])
def test_payloads_that_are_no_event_are_refused(event):
    command = service().on_synergy_detected(event)
    assert command["action"] == "hold"
    assert set(command) == {"action", "reason"}


@pytest.mark.parametrize("name", EVENT)
def test_a_payload_without_a_field_is_refused(name):
    told = {key: value for key, value in EVENT.items() if key != name}
    assert service().on_synergy_detected(told) == {
        "action": "hold",
        "reason": f"the event lacks {name}",
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"matrix": np.zeros((59, 7), np.float32)}, "must have the shape (60, 7), has (59, 7)"),
        ({"matrix": np.zeros((7, 60), np.float32)}, "must have the shape (60, 7), has (7, 60)"),
        ({"matrix": np.full((60, 7), np.nan, np.float32)}, "the matrix holds NaN or infinity"),
        ({"matrix": np.full((60, 7), -np.inf, np.float32)}, "the matrix holds NaN or infinity"),
        ({"matrix": np.full((60, 7), 5000.0)}, "fvg_bullish_active reaches 5000"),
        ({"matrix": None}, "the matrix must be an array of floats, was None"),
        ({"matrix": [[0.0] * 7] * 60}, "the matrix must be an array of floats, was a list"),
        ({"account": BLANK | {"drawdown": math.nan}}, "the account holds NaN or infinity"),
        ({"account": BLANK | {"drawdown": 1e300}}, "the account holds NaN or infinity"),
        ({"account": BLANK | {"drawdown": "0"}}, "must hold numbers, drawdown is '0'"),
        ({"account": {"position": 0}}, "the account lacks unrealised_pnl_atr"),
        ({"account": np.zeros(4)}, "the account must be a mapping by name, was a ndarray"),
        ({"account": BLANK | {"position": 3}}, "position must be -1, 0 or 1, was 3"),
        ({"context": {}}, "the context lacks synergy_type_1"),
        ({"context": None}, "the context must be a mapping by name, was None"),
        ({"context": dict.fromkeys(LATCHED, math.inf)}, "the context holds NaN or infinity"),
        ({"atr_14": 0.0}, "atr_14 must be a finite number above 0, was 0.0"),
        ({"atr_14": None}, "atr_14 must be a finite number above 0, was None"),
        ({"close": math.nan}, "close must be a finite number, was nan"),
        ({"close": 1e308, "atr_14": 1e308}, "inf: nothing is sent"),
        ({"closed_at": datetime(2024, 3, 4)}, "closed_at must tell its time zone"),
    ],
)
@pytest.mark.parametrize("tick", [0.25, 0.0])
def test_snapshots_that_cannot_be_trusted_are_refused(changes, reason, tick):
    command = service(persuaded(2, 2, 2), snapshot(**changes), tick=tick).on_synergy_detected(EVENT)
    assert set(command) == {"action", "reason"}
    assert command["action"] == "hold"
    assert reason in command["reason"]


def test_a_failure_inside_holds_and_is_logged(caplog):
    def broken_feed():
        raise ConnectionError("the feed is down")

    made = TacticalController(team_of(), broken_feed, symbol="MES", tick=0.25, threshold=0.65)
    assert made.on_synergy_detected(EVENT) == {
        "action": "hold",
        "reason": "the decision failed inside the service: see its log",
    }
    assert "the feed is down" in caplog.text
