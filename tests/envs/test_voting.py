"""From votes to orders: prices, sizes and what is read off the tape."""

from dataclasses import replace

import pytest
import torch
from env_worlds import hand_tape

from grandmodel.core.checks import UserError
from grandmodel.core.types import Observation
from grandmodel.decision.aggregation import ROLES, Aggregation
from grandmodel.decision.rules import Rule
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.voting import AGE, DIRECTION, MOMENTUM, TYPES, VotedOrders
from grandmodel.features.latched import LATCHED

CONFIG = EnvConfig(stop_atr=2.0, target_atr=3.0)
COLUMNS = (MOMENTUM, DIRECTION, *TYPES, *LATCHED[5:])


def tape_of(*rows):
    """One bar for each (momentum, synergy direction, synergy type), close 100, ATR 4."""
    bars = hand_tape([(100.0, 101.0, 99.0, 100.0)] * len(rows))
    features = torch.zeros(len(rows), len(COLUMNS))
    for row, (momentum, toward, kind) in enumerate(rows):
        features[row, 0], features[row, 1] = momentum, toward
        if kind:
            features[row, 1 + kind] = 1.0
    return replace(bars, columns=COLUMNS, features=features)


def seen(count, position=0):
    zeros = torch.zeros(count, dtype=torch.int64)
    return Observation(torch.arange(count), torch.zeros(count, 4), zeros + position, zeros)


def sure(votes, share=0.9):
    out = torch.full((*votes.shape, 3), (1.0 - share) / 2.0)
    return out.scatter(2, votes[:, :, None], share)


def test_prices_of_a_long_and_a_short_entry():
    voted = VotedOrders(
        tape_of((0.3, 0, 0), (-0.3, 0, 0)), CONFIG, ROLES, Aggregation(training=True)
    )
    orders = voted(torch.tensor([[2, 2, 1], [0, 2, 2]]), seen(2))
    assert orders.target.tolist() == [1, -1]
    assert orders.limit[0] == 100.0
    assert orders.limit[1].isnan()  # in a hurry: a market order
    assert orders.stop.tolist() == [92.0, 108.0]
    assert orders.take_profit.tolist() == [112.0, 88.0]
    assert orders.size is None


def test_without_a_known_range_there_is_no_bracket():
    tape = replace(tape_of((0.3, 0, 0)), atr14=torch.zeros(1, dtype=torch.float64))
    orders = VotedOrders(tape, CONFIG, ROLES, Aggregation(training=True))(
        torch.tensor([[2, 2, 1]]), seen(1)
    )
    assert orders.target.tolist() == [1]
    assert orders.stop.isnan().all()
    assert orders.take_profit.isnan().all()


def test_size_follows_confidence():
    voted = VotedOrders(tape_of((0.3, 0, 0)), CONFIG, ROLES, Aggregation(0.5))
    votes = torch.tensor([[2, 2, 2]])
    bar, flat = torch.arange(1), torch.zeros(1, dtype=torch.int64)
    for share, size in ((0.9, 1.1), (1.0, 1.3), (0.6, 0.8)):
        found = voted.orders(voted.tally(votes, sure(votes, share), bar, flat), bar)
        # entry's confidence is 1 - P_wait: 0.95, 1.0, 0.8
        assert found.size.tolist() == pytest.approx([size])


@pytest.mark.parametrize(("contracts", "sent"), [(3.0, 3), (4.0, 5), (7.0, 8), (0.5, 1)])
def test_whole_contracts_are_traded_whatever_the_account_asks_for(contracts, sent):
    """A score of 0.91: contracts x 0.91 / 0.8 is 3.41, 4.55, 7.96, 0.57, rounded."""
    config = replace(CONFIG, size="contracts", contracts=contracts)
    voted = VotedOrders(tape_of((0.3, 0, 0)), config, ROLES, Aggregation(0.5))
    tally = voted.tally(
        torch.tensor([[2, 2, 2]]),
        sure(torch.tensor([[2, 2, 2]]), 0.9),
        torch.arange(1),
        torch.zeros(1, dtype=torch.int64),
    )
    assert float(tally.score) == pytest.approx(0.91)
    orders = voted.orders(tally, torch.arange(1))
    assert float(orders.size * contracts) == pytest.approx(sent, abs=1e-12)


def test_synergies_and_momentum_come_from_the_bar():
    tape = tape_of((0.3, 1, 3), (-0.3, -1, 1), (0.0, 0, 0))
    voted = VotedOrders(tape, CONFIG, ROLES, Aggregation(0.6))
    votes = torch.tensor([[2, 0, 1]]).expand(3, -1)  # long, counter, execute
    bar, flat = torch.arange(3), torch.zeros(3, dtype=torch.int64)
    found = voted.tally(votes, sure(votes), bar, flat)
    # TYPE_3 follows momentum's agent: short against the synergy; TYPE_1 with both votes long
    assert found.direction.tolist() == [-1, 1, 1]
    assert [Rule(rule) for rule in found.rule.tolist()] == [
        Rule.VOTED_AGAINST_SYNERGY,
        Rule.VOTED_LIMIT,
        Rule.VOTED_BELOW_THRESHOLD,
    ]


def test_a_team_may_decide_where_a_synergy_is_complete_and_nowhere_else():
    tape = tape_of((0.3, 1, 2), (0.3, 1, 2), (0.3, 0, 0))
    tape.features[1, COLUMNS.index(AGE)] = 0.1  # one bar old
    counted = Aggregation(training=True)
    votes = torch.tensor([[2, 2, 2]]).expand(3, -1)
    bar, held = torch.arange(3), torch.tensor([0, -1, 0])
    always = VotedOrders(tape, CONFIG, ROLES, counted).tally(votes, None, bar, held)
    assert always.target.tolist() == [1, 1, 1]
    found = VotedOrders(tape, CONFIG, ROLES, counted, "synergy").tally(votes, None, bar, held)
    assert found.target.tolist() == [1, -1, 0]
    assert found.rule.tolist() == [Rule.VOTED_MARKET, Rule.NO_SYNERGY, Rule.NO_SYNERGY]
    assert found.at_market.tolist() == [True, False, False]


def test_bars_without_the_columns_are_refused():
    with pytest.raises(UserError, match="a voting team needs the column price_momentum_5"):
        VotedOrders(hand_tape([(1.0, 1.0, 1.0, 1.0)]), CONFIG, ROLES, Aggregation())
