"""A synergy event in, a command or a hold out: orders by hand, and the team's own arithmetic."""

import json
import math

import numpy as np
import pytest
import torch
from service_teams import EVENT, persuaded, service, snapshot, team_of

from grandmodel.core.checks import UserError
from grandmodel.core.types import ACCOUNT_BLOCK, Stretch
from grandmodel.decision.aggregation import Aggregation, VoteContext
from grandmodel.features.latched import LATCHED, in_sight
from grandmodel.features.tactical import MATRIX_5
from grandmodel.serving.synergy_event import SynergyEvent
from grandmodel.serving.tactical import most_probable


def test_a_limit_order_by_hand():
    command = service().on_synergy_detected(EVENT)
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
    votes = command["metadata"]["agent_breakdown"]
    assert [(vote["agent_id"], vote["action"], vote["meaning"]) for vote in votes] == [
        ("fvg", 1, "long"),
        ("momentum", 1, "trend"),
        ("entry", 0, "execute"),
    ]
    assert json.loads(json.dumps(command)) == command


def test_numbers_of_numpy_are_told_as_plain_ones():
    event = EVENT | {"direction": np.int64(1), "confidence": np.float32(0.7)}
    command = service().on_synergy_detected(event)
    assert json.loads(json.dumps(command)) == command


def test_a_hurried_short_entry_against_nothing():
    event = EVENT | {"direction": -1}
    command = service(persuaded(0, 0, 2)).on_synergy_detected(event)
    assert (command["side"], command["order_type"]) == ("SELL", "MARKET")
    assert command["stop_loss"] == 5016.0
    assert command["take_profit"] == 4976.0
    assert "limit_price" not in command


def test_votes_against_the_synergy_hold_and_say_so():
    command = service(persuaded(0, 0, 2), threshold=0.75).on_synergy_detected(EVENT)
    assert command["action"] == "hold"
    assert "against the synergy" in command["reason"]


def test_a_turned_vote_closes_the_position():
    seen = snapshot(position=1)
    command = service(persuaded(0, 0, 0), seen).on_synergy_detected(EVENT)
    assert (command["action"], command["side"]) == ("close_position", "SELL")


def test_a_multiplier_of_nothing_holds():
    command = service(risk_multiplier=0.01).on_synergy_detected(EVENT)
    assert command["action"] == "hold"
    assert "single contract" in command["reason"]


def test_a_market_that_may_not_be_sold_short_is_not():
    held = service(persuaded(0, 0, 2), snapshot(position=1), long_only=True)
    assert held.on_synergy_detected(EVENT)["action"] == "close_position"
    refused = service(persuaded(0, 0, 2), long_only=True).on_synergy_detected(EVENT)
    assert (refused["action"], refused["reason"]) == (
        "hold",
        "the instrument may not be sold short",
    )


def test_a_team_without_stop_and_target_sends_none():
    command = service(stop_atr=None, target_atr=None).on_synergy_detected(EVENT)
    assert (command["stop_loss"], command["take_profit"]) == (None, None)


@pytest.mark.parametrize("kind", ["conv", "mlp", "temporal"])
def test_every_kind_of_network_is_served(kind):
    command = service(team_of(kind=kind)).on_synergy_detected(EVENT)
    assert command["action"] in ("hold", "execute_trade")
    assert "log" not in command.get("reason", "")


@pytest.mark.parametrize("kind", ["conv", "mlp", "temporal"])
def test_probabilities_and_decisions_are_those_of_the_team_itself(kind):
    """The service's own arithmetic beside the way that judges and training go."""
    team = stirred(team_of(kind=kind))
    made = service(team, threshold=0.3)
    draw = np.random.default_rng(4)
    passed = 0
    for _ in range(200):
        seen, event, odds, tally = one_decision(made, team, draw)
        assert np.abs(np.array(odds) - tally[0]).max() < 1e-6
        synergy = made.in_sight(SynergyEvent.of(event), seen)
        found = made.tally(synergy, seen, most_probable(odds), odds)
        assert (found.target, found.rule) == tally[1:]
        passed += found.target != seen.position
    assert passed > 20


def one_decision(made, team, draw):
    matrix = draw.normal(0.0, 0.8, (60, 7)).clip(-3.0, 3.0).astype(np.float32)
    context = dict(zip(LATCHED, draw.normal(size=len(LATCHED)).tolist(), strict=True))
    position = int(draw.integers(-1, 2))
    account = dict(zip(ACCOUNT_BLOCK, draw.normal(size=len(ACCOUNT_BLOCK)), strict=True))
    seen = snapshot(matrix=matrix, context=context, account=account | {"position": position})
    kind, direction = int(draw.integers(1, 5)), int(draw.choice([-1, 1]))
    event = EVENT | {"synergy_type": f"TYPE_{kind}", "direction": direction}
    rows = torch.from_numpy(matrix)
    windows = {
        "stretch": Stretch(rows, torch.tensor([59])),
        "sequence": rows[None],
        "pooled": torch.cat((rows.mean(0), rows[-1]))[None],
    }
    shown = in_sight(kind, direction, EVENT["confidence"], 0.0)  # of the event, not `context`
    contexts = torch.tensor([[shown[name] for name in LATCHED]])
    block = torch.tensor([[seen.account[name] for name in ACCOUNT_BLOCK]], dtype=torch.float32)
    with torch.inference_mode():
        logits = [
            policy(windows[policy.reads], contexts, block).float() for policy in team.policies
        ]
    odds = torch.softmax(torch.stack(logits, dim=1), dim=-1)
    sign = int(np.sign(matrix[-1, MATRIX_5.index("price_momentum_5")]))
    facts = (torch.tensor([n]) for n in (sign, kind, direction, position))
    tally = Aggregation(0.3)(odds.argmax(-1), odds, VoteContext(*facts))
    told = (odds[0].numpy(), int(tally.target), int(tally.rule))
    synergy = made.in_sight(SynergyEvent.of(event), seen)
    return seen, event, made.probabilities(synergy, seen), told


def test_a_team_that_reads_other_columns_is_refused_when_the_service_starts():
    with pytest.raises(UserError, match="which the five-minute matrix lacks"):
        service(team_of(["mlmi_value"]))


def test_a_team_that_does_not_vote_is_refused_when_the_service_starts():
    team = team_of()
    team.roles = ()
    with pytest.raises(UserError, match="needs a team that votes"):
        service(team)


def test_agents_see_the_synergy_of_the_event_with_its_age():
    made = service(stirred(team_of()))
    times = {"timestamp": "2024-03-04T09:35:00-05:00"}
    told = SynergyEvent.of(EVENT | times)
    closed = "2024-03-04T14:45:00+00:00"  # two bars later
    blank, own = (
        snapshot(context=context, closed_at=closed)
        for context in (dict.fromkeys(LATCHED, 0.0), in_sight(2, 1, 0.7, 2.0))
    )
    assert made.in_sight(told, own).columns == own.context
    assert own.context["synergy_age"] == 0.2
    assert shares(made, told, blank) == shares(made, told, own) == shares(made, None, own)
    late = SynergyEvent.of(EVENT | {"timestamp": closed})
    assert shares(made, late, own) != shares(made, told, own)


def shares(made, event, seen):
    return made.probabilities(made.in_sight(event, seen), seen)


def test_a_team_that_never_saw_synergies_is_shown_none():
    team = stirred(team_of())
    made = service(team, synergies_seen=False)
    told, other = (SynergyEvent.of(EVENT | {"synergy_type": f"TYPE_{k}"}) for k in (1, 3))
    seen = snapshot(context=in_sight(1, 1, 0.7, 0.0))
    odds = shares(made, told, seen)
    assert odds == shares(made, other, seen) == shares(made, None, seen)
    assert odds != shares(service(team), told, seen)
    made = service(persuaded(0, 2, 1), synergies_seen=False)  # short against trend
    odds = [[0.9, 0.05, 0.05], [0.05, 0.05, 0.9], [0.05, 0.9, 0.05]]
    synergy = made.in_sight(told, seen)
    assert made.tally(synergy, seen, [0, 2, 1], odds).direction == 0  # TYPE_1 would lean on fvg


def test_every_close_is_decided_with_the_synergy_in_sight_or_none():
    seen = snapshot(context=in_sight(2, 1, 0.7, 3.0))
    by_bar = service(seen=seen).on_bar_close()
    by_event = service(seen=seen).on_synergy_detected(EVENT)
    assert by_bar["action"] == "execute_trade"
    assert by_bar["metadata"]["synergy_aligned"] is True
    assert by_bar == by_event  # persuaded agents look at nothing
    alone = service().on_bar_close()
    assert alone["metadata"]["synergy_aligned"] is False
    against = service(persuaded(0, 0, 2), seen, threshold=0.75).on_bar_close()
    assert "against the synergy" in against["reason"]
    assert service(persuaded(0, 0, 2), threshold=0.75).on_bar_close()["action"] == "execute_trade"


def test_a_close_without_the_columns_of_synergies_holds():
    answer = service(seen=snapshot(context={"synergy_type_1": 0.0})).on_bar_close()
    assert answer["action"] == "hold"
    assert "lacks synergy_type_2" in answer["reason"]


@pytest.mark.parametrize("changes", [{"risk_multiplier": 0.0}, {"base_contracts": 0.1}])
def test_a_position_that_is_voted_against_is_left_where_nothing_can_be_entered(changes):
    held = service(persuaded(0, 0, 2), snapshot(position=1), **changes)
    answer = held.on_bar_close()
    assert (answer["action"], answer["side"]) == ("close_position", "SELL")
    tight = service(persuaded(0, 0, 2), snapshot(position=1, atr_14=0.05)).on_bar_close()
    assert (tight["action"], tight["side"]) == ("close_position", "SELL")


def test_a_team_that_decides_on_synergies_holds_at_other_closes():
    team = persuaded(2, 2, 1)
    team.decide_on = "synergy"
    assert service(team).on_bar_close()["reason"].startswith("no synergy")
    old = snapshot(context=in_sight(2, 1, 0.7, 1.0))
    assert service(team, old).on_bar_close()["action"] == "hold"
    fresh = snapshot(context=in_sight(2, 1, 0.7, 0.0))
    assert service(team, fresh).on_bar_close()["action"] == "execute_trade"


def test_a_stop_at_the_entry_is_no_order():
    answer = service(seen=snapshot(atr_14=0.05)).on_synergy_detected(EVENT)
    assert (answer["action"], "would lie at the entry" in answer["reason"]) == ("hold", True)


def stirred(team):
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in team.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return team
