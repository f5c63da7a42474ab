"""A synergy event in, a command or a hold out: never an exception, never an order on bad input."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.core.checks import UserError
from grandmodel.decision.aggregation import ROLES
from grandmodel.features.latched import LATCHED
from grandmodel.features.tactical import MATRIX_5
from grandmodel.serving.synergy_event import Snapshot
from grandmodel.serving.tactical import TacticalController
from grandmodel.systems.config import AgentConfig, MemberConfig, NetworkConfig
from grandmodel.systems.team import build_team

EVENT = {
    "synergy_type": "TYPE_2",
    "direction": 1,
    "confidence": 0.7,
    "signal_sequence": [{"kind": "mlmi"}],
    "market_context": {"session": "us"},
}


def team_of(inputs=MATRIX_5, kind="conv"):
    names = ("fvg", "momentum", "entry")
    members = {
        name: MemberConfig(inputs=list(inputs), window_bars=60, votes=role)
        for name, role in zip(names, ROLES, strict=True)
    }
    network = NetworkConfig(kind=kind, trunk=[16], head=16)
    generator = torch.Generator().manual_seed(0)
    return build_team(
        AgentConfig(members=members, executor="votes", execute="votes"),
        network,
        None,
        LATCHED,
        generator,
    )


def persuaded(*classes):
    """A team whose agents vote for the given classes whatever they see."""
    team = team_of()
    with torch.no_grad():
        for policy, wanted in zip(team.policies, classes, strict=True):
            policy.head.out.weight.zero_()
            policy.head.out.bias.copy_(4.0 * torch.nn.functional.one_hot(torch.tensor(wanted), 3))
    return team


def snapshot(**changes):
    matrix = np.zeros((60, 7), np.float32)
    matrix[-1, MATRIX_5.index("price_momentum_5")] = 0.5
    plain = {
        "matrix": matrix,
        "context": dict.fromkeys(LATCHED, 0.0),
        "account": np.zeros(4, np.float32),
        "position": 0,
        "close": 5000.1,
        "atr_14": 8.0,
    }
    return Snapshot(**(plain | changes))


def controller(team=None, seen=None, **changes):
    given = {"symbol": "MES", "tick": 0.25, "threshold": 0.65}
    made = team or persuaded(2, 2, 1)
    return TacticalController(made, lambda: seen or snapshot(), **(given | changes))


def test_a_limit_order_by_hand():
    command = controller().on_synergy_detected(EVENT)
    share = math.exp(4.0) / (math.exp(4.0) + 2.0)
    score = 0.8 * share + 0.2 * (1.0 - 1.0 / (math.exp(4.0) + 2.0))
    assert command["action"] == "execute_trade"
    assert (command["side"], command["order_type"]) == ("BUY", "LIMIT")
    assert command["quantity"] == math.floor(10.0 * score / 0.8 + 0.5) == 12
    assert command["limit_price"] == 5000.0
    assert command["stop_loss"] == 4984.0  # 5000.1 - 16
    assert command["take_profit"] == 5024.0  # 5000.1 + 24
    assert command["metadata"]["confidence"] == pytest.approx(score, abs=1e-5)
    assert command["metadata"]["synergy_aligned"] is True
    votes = command["metadata"]["agent_votes"]
    assert [(vote["agent_id"], vote["action"]) for vote in votes] == [
        ("fvg", 1),
        ("momentum", 1),
        ("entry", 0),
    ]


def test_a_hurried_short_entry_against_nothing():
    event = EVENT | {"direction": -1}
    command = controller(persuaded(0, 0, 2)).on_synergy_detected(event)
    assert (command["side"], command["order_type"]) == ("SELL", "MARKET")
    assert command["stop_loss"] == 5016.0
    assert command["take_profit"] == 4976.0
    assert "limit_price" not in command


def test_votes_against_the_synergy_hold_and_say_so():
    command = controller(persuaded(0, 0, 2), threshold=0.75).on_synergy_detected(EVENT)
    assert command["action"] == "hold"
    assert "against the synergy" in command["reason"]


def test_a_turned_vote_closes_the_position():
    seen = snapshot(position=1)
    command = controller(persuaded(0, 0, 0), seen).on_synergy_detected(EVENT)
    assert (command["action"], command["side"]) == ("close_position", "SELL")


def test_a_multiplier_of_nothing_holds():
    command = controller(risk_multiplier=0.01).on_synergy_detected(EVENT)
    assert command["action"] == "hold"
    assert "single contract" in command["reason"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"synergy_type": "TYPE_9"}, "synergy_type must be one of TYPE_1"),
        ({"synergy_type": None}, "synergy_type must be one of"),
        ({"direction": 0}, "direction must be -1 or 1, was 0"),
        ({"direction": True}, "direction must be -1 or 1, was True"),
        ({"confidence": 1.5}, "confidence must lie in [0, 1], was 1.5"),
        ({"confidence": float("nan")}, "confidence must lie in [0, 1], was nan"),
        ({"confidence": "high"}, "confidence must lie in [0, 1], was 'high'"),
    ],
)
def test_events_that_are_none_are_refused(changes, reason):
    command = controller().on_synergy_detected(EVENT | changes)
    assert command["action"] == "hold"
    assert reason in command["reason"]


@pytest.mark.parametrize("event", [None, [], "TYPE_1", {}, {"synergy_type": "TYPE_1"}])
def test_payloads_that_are_no_event_are_refused(event):
    command = controller().on_synergy_detected(event)
    assert command["action"] == "hold"
    assert set(command) == {"action", "reason"}


def broken(**changes):
    def give():
        return snapshot(**changes)

    return give


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"matrix": np.zeros((59, 7), np.float32)}, "must have the shape (60, 7), has (59, 7)"),
        ({"matrix": np.full((60, 7), np.nan, np.float32)}, "the matrix holds NaN or infinity"),
        ({"matrix": np.full((60, 7), np.inf, np.float32)}, "the matrix holds NaN or infinity"),
        ({"account": np.full(4, np.nan)}, "the account holds NaN"),
        ({"account": np.zeros(3)}, "the account block must have 4 values"),
        ({"context": {}}, "the context lacks synergy_type_1"),
        ({"context": dict.fromkeys(LATCHED, math.inf)}, "the context holds NaN or infinity"),
        ({"atr_14": 0.0}, "atr_14 must be a number above 0, was 0.0"),
        ({"close": math.nan}, "close must be a finite number, was nan"),
        ({"position": 3}, "position must be -1, 0 or 1, was 3"),
    ],
)
def test_snapshots_that_cannot_be_trusted_are_refused(changes, reason):
    made = TacticalController(
        persuaded(2, 2, 1), broken(**changes), symbol="MES", tick=0.25, threshold=0.65
    )
    command = made.on_synergy_detected(EVENT)
    assert command["action"] == "hold"
    assert reason in command["reason"]


def test_a_failure_inside_holds_and_is_logged(caplog):
    def broken_feed():
        raise ConnectionError("the feed is down")

    made = TacticalController(team_of(), broken_feed, symbol="MES", tick=0.25, threshold=0.65)
    command = made.on_synergy_detected(EVENT)
    assert command == {
        "action": "hold",
        "reason": "the decision failed inside the service: see its log",
    }
    assert "the feed is down" in caplog.text


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from([*EVENT, "other"]), JUNK) | JUNK)
def test_no_payload_raises_or_trades_by_accident(event):
    command = controller(TEAM).on_synergy_detected(event)
    assert command["action"] in ("hold", "execute_trade")
    if command["action"] == "execute_trade":
        assert event["synergy_type"].startswith("TYPE_")
        assert 0.0 <= event["confidence"] <= 1.0


TEAM = persuaded(2, 2, 1)


@pytest.mark.parametrize("kind", ["conv", "mlp", "temporal"])
def test_every_kind_of_network_is_served(kind):
    command = controller(team_of(kind=kind)).on_synergy_detected(EVENT)
    assert command["action"] in ("hold", "execute_trade")
    assert "log" not in command.get("reason", "")


def test_a_team_that_reads_other_columns_is_refused_when_the_service_starts():
    with pytest.raises(UserError, match="which the five-minute matrix lacks"):
        controller(team_of(["mlmi_value"]))
