"""The tactical vote: a table worked by hand, a plain second implementation, invariants."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tactical_page import PAGE, page, tally

from grandmodel.core.checks import UserError
from grandmodel.decision.aggregation import (
    SYNERGY_WEIGHTS,
    Aggregation,
    Roles,
    VoteContext,
    quantity,
)
from grandmodel.decision.rules import RULE_TEXTS, Rule

S, H, L = range(3)  # fvg: short, hold, long
C, N, T = range(3)  # momentum: counter, neutral, trend
W, E, A = range(3)  # entry: wait, execute, aggressive
V = Rule

# fvg vote and its probability, momentum vote and its probability, sign of momentum,
# entry vote and 1 - P_wait, synergy type and direction, position, threshold
# -> target, vote, score
TABLE = [
    # no synergy: weights .4 .4 .2
    ((L, 0.9), (T, 0.9), +1, (E, 0.9), (0, 0), 0, 0.65, +1, V.VOTED_LIMIT, 0.90),
    ((L, 0.9), (T, 0.9), +1, (A, 0.9), (0, 0), 0, 0.65, +1, V.VOTED_MARKET, 0.90),
    ((L, 0.9), (T, 0.9), +1, (W, 0.2), (0, 0), 0, 0.65, 0, V.VOTED_WAIT, 0.72),
    ((S, 0.9), (C, 0.9), +1, (E, 0.9), (0, 0), 0, 0.65, -1, V.VOTED_LIMIT, 0.90),
    ((S, 0.9), (T, 0.9), -1, (A, 0.9), (0, 0), 0, 0.65, -1, V.VOTED_MARKET, 0.90),
    ((S, 0.9), (T, 0.9), +1, (E, 0.9), (0, 0), 0, 0.65, 0, V.VOTED_NO_DIRECTION, 0.00),
    ((L, 0.9), (N, 0.9), +1, (E, 0.9), (0, 0), 0, 0.65, 0, V.VOTED_BELOW_THRESHOLD, 0.54),
    ((L, 0.9), (N, 0.9), +1, (E, 0.9), (0, 0), 0, 0.50, +1, V.VOTED_LIMIT, 0.54),
    ((H, 0.9), (T, 0.9), +1, (E, 0.9), (0, 0), 0, 0.65, 0, V.VOTED_BELOW_THRESHOLD, 0.54),
    ((H, 0.9), (N, 0.9), +1, (A, 0.9), (0, 0), 0, 0.10, 0, V.VOTED_NO_DIRECTION, 0.00),
    ((H, 0.9), (T, 0.9), 0, (A, 0.9), (0, 0), 0, 0.10, 0, V.VOTED_NO_DIRECTION, 0.00),
    ((L, 0.9), (T, 0.9), 0, (E, 0.9), (0, 0), 0, 0.65, 0, V.VOTED_BELOW_THRESHOLD, 0.54),
    ((L, 0.6), (C, 0.9), +1, (E, 0.9), (0, 0), 0, 0.65, 0, V.VOTED_BELOW_THRESHOLD, 0.54),
    ((L, 0.6), (C, 0.9), +1, (E, 0.9), (0, 0), 0, 0.50, -1, V.VOTED_LIMIT, 0.54),
    ((L, 0.9), (T, 0.9), +1, (E, 0.7), (0, 0), 0, 0.65, +1, V.VOTED_LIMIT, 0.86),
    ((L, 0.7), (T, 0.7), +1, (E, 0.6), (0, 0), 0, 0.65, +1, V.VOTED_LIMIT, 0.68),
    ((L, 0.7), (T, 0.6), +1, (E, 0.6), (0, 0), 0, 0.65, 0, V.VOTED_BELOW_THRESHOLD, 0.64),
    ((L, 0.5), (T, 0.5), +1, (E, 0.5), (0, 0), 0, 0.50, 0, V.VOTED_BELOW_THRESHOLD, 0.50),
    # with a position: leaving needs neither the entry's vote nor the threshold
    ((L, 0.9), (T, 0.9), +1, (E, 0.9), (0, 0), +1, 0.65, +1, V.VOTED_KEPT, 0.90),
    ((S, 0.9), (C, 0.9), +1, (E, 0.9), (0, 0), +1, 0.65, -1, V.VOTED_LIMIT, 0.90),
    ((S, 0.9), (C, 0.9), +1, (W, 0.2), (0, 0), +1, 0.65, 0, V.VOTED_LEFT, 0.72),
    ((S, 0.9), (N, 0.9), +1, (E, 0.9), (0, 0), +1, 0.65, 0, V.VOTED_LEFT, 0.54),
    ((H, 0.9), (N, 0.9), +1, (W, 0.2), (0, 0), +1, 0.65, +1, V.VOTED_NO_DIRECTION, 0.00),
    ((L, 0.9), (T, 0.9), +1, (A, 0.9), (0, 0), -1, 0.65, +1, V.VOTED_MARKET, 0.90),
    ((S, 0.9), (N, 0.9), +1, (W, 0.2), (0, 0), -1, 0.65, -1, V.VOTED_KEPT, 0.36),
    ((L, 0.9), (C, 0.9), +1, (E, 0.9), (0, 0), -1, 0.65, -1, V.VOTED_NO_DIRECTION, 0.00),
    # TYPE_1: weights .5 .3 .2
    ((L, 0.9), (N, 0.9), +1, (E, 0.9), (1, +1), 0, 0.65, 0, V.VOTED_BELOW_THRESHOLD, 0.63),
    ((L, 0.9), (T, 0.6), +1, (E, 0.9), (1, +1), 0, 0.65, +1, V.VOTED_LIMIT, 0.81),
    ((S, 0.9), (N, 0.9), +1, (E, 0.9), (1, +1), 0, 0.65, 0, V.VOTED_BELOW_THRESHOLD, 0.441),
    ((S, 0.9), (C, 0.9), +1, (E, 0.9), (1, +1), 0, 0.65, 0, V.VOTED_AGAINST_SYNERGY, 0.63),
    ((S, 0.9), (C, 0.9), +1, (E, 0.9), (1, +1), 0, 0.60, -1, V.VOTED_LIMIT, 0.63),
    ((S, 0.9), (T, 0.9), +1, (E, 0.9), (1, -1), 0, 0.65, 0, V.VOTED_BELOW_THRESHOLD, 0.63),
    ((S, 0.9), (T, 0.9), +1, (E, 0.9), (1, -1), 0, 0.60, -1, V.VOTED_LIMIT, 0.63),
    # TYPE_2: weights .4 .4 .2
    ((S, 0.9), (T, 0.9), +1, (A, 0.9), (2, +1), 0, 0.10, 0, V.VOTED_NO_DIRECTION, 0.00),
    ((L, 0.8), (T, 0.8), +1, (A, 0.8), (2, +1), 0, 0.65, +1, V.VOTED_MARKET, 0.80),
    # TYPE_3: weights .3 .5 .2
    ((L, 0.9), (C, 0.9), +1, (E, 0.9), (3, +1), 0, 0.65, 0, V.VOTED_BELOW_THRESHOLD, 0.441),
    ((L, 0.9), (C, 0.9), +1, (E, 0.9), (3, -1), 0, 0.60, -1, V.VOTED_LIMIT, 0.63),
    ((H, 0.9), (T, 0.9), -1, (E, 0.9), (3, -1), 0, 0.60, -1, V.VOTED_LIMIT, 0.63),
    ((L, 0.9), (C, 0.5), +1, (E, 0.9), (3, +1), 0, 0.65, 0, V.VOTED_BELOW_THRESHOLD, 0.45),
    # TYPE_4: weights .35 .35 .3
    ((L, 0.8), (N, 0.9), +1, (A, 1.0), (4, +1), 0, 0.65, 0, V.VOTED_BELOW_THRESHOLD, 0.58),
    ((L, 0.8), (T, 0.8), +1, (A, 1.0), (4, 0), 0, 0.65, +1, V.VOTED_MARKET, 0.86),
    ((S, 0.8), (T, 0.8), -1, (A, 1.0), (4, +1), 0, 0.65, 0, V.VOTED_AGAINST_SYNERGY, 0.602),
    ((S, 0.8), (T, 0.8), -1, (A, 1.0), (4, +1), +1, 0.65, 0, V.VOTED_LEFT, 0.602),
    ((S, 0.8), (T, 0.8), -1, (A, 1.0), (4, +1), -1, 0.65, -1, V.VOTED_KEPT, 0.602),
]


@pytest.mark.parametrize("row", TABLE)
def test_the_table_worked_by_hand(row):
    found = tally(row)
    assert int(found.target) == row[7]
    assert Rule(int(found.rule)) == row[8]
    assert float(found.score) == pytest.approx(row[9], abs=1e-6)
    assert bool(found.at_market) == (row[8] == V.VOTED_MARKET)


def test_the_page_shows_what_the_code_decides():
    assert PAGE.read_text() == page(TABLE), (
        "docs/tactical.md is out of date: python tests/decision/tactical_page.py writes its tables"
    )


def test_the_example_of_the_page():
    def decided(synergy, entry=E, position=0):
        acts = 0.9 if entry != W else 0.1
        return tally(((L, 0.70), (T, 0.60), +1, (entry, acts), synergy, position, 0.65))

    found, text = decided((1, +1)), PAGE.read_text()
    score = float(found.score)
    assert (int(found.target), Rule(int(found.rule))) == (1, V.VOTED_LIMIT)
    assert f"0.50 x 0.70 + 0.30 x 0.60 + 0.20 x 0.90 = {score:.2f}, above 0.65" in text
    assert f"floor(10 x {score:.2f} / 0.8 + 0.5) = {int(quantity(found.score, 10.0))} micro" in text
    against = decided((1, -1))
    assert f"0.7 x {score:.2f} = {float(against.score):.3f}: refused" in text
    assert Rule(int(against.rule)) == V.VOTED_AGAINST_SYNERGY
    assert Rule(int(decided((1, +1), W).rule)) == V.VOTED_WAIT
    for refused in (decided((1, -1), E, -1), decided((1, +1), W, -1)):
        assert (int(refused.target), Rule(int(refused.rule))) == (0, V.VOTED_LEFT)


def test_every_outcome_has_a_row_and_a_text():
    voted = {rule for rule in Rule if rule.name.startswith("VOTED_")}
    assert {row[8] for row in TABLE} == voted
    assert list(RULE_TEXTS) == list(Rule)


def test_a_team_without_a_role_votes_as_if_it_had_nothing_to_say():
    votes, odds = Roles(("momentum",))(torch.tensor([[2], [0]]), torch.full((2, 1, 3), 1 / 3))
    assert votes.tolist() == [[1, 2, 1], [1, 0, 1]]
    assert odds[:, 0].tolist() == [[0.0, 1.0, 0.0]] * 2
    assert odds[:, 2].tolist() == [[0.0, 1.0, 0.0]] * 2
    assert torch.equal(odds[:, 1], torch.full((2, 3), 1 / 3))
    swapped, _ = Roles(("entry", "direction"))(torch.tensor([[0, 2]]), None)
    assert swapped.tolist() == [[2, 1, 0]]


def test_training_counts_votes_whole_and_asks_no_threshold():
    weak = ((L, 0.4), (N, 0.4), +1, (E, 0.34), (0, 0), 0, 0.65)
    assert Rule(int(tally(weak).rule)) == V.VOTED_BELOW_THRESHOLD
    found = tally(weak, training=True)
    assert Rule(int(found.rule)) == V.VOTED_LIMIT
    assert float(found.score) == pytest.approx(0.6)
    opposed = ((L, 0.9), (C, 0.4), +1, (A, 0.9), (0, 0), 0, 0.0)
    assert int(tally(opposed).target) == 1
    assert Rule(int(tally(opposed, training=True).rule)) == V.VOTED_NO_DIRECTION
    waits = ((L, 0.9), (T, 0.9), +1, (W, 0.1), (0, 0), 0, 0.0)
    assert Rule(int(tally(waits, training=True).rule)) == V.VOTED_WAIT


def test_in_training_probabilities_change_nothing():
    draw = torch.Generator().manual_seed(0)
    votes = torch.randint(3, (500, 3), generator=draw)
    context = VoteContext(
        torch.randint(-1, 2, (500,), generator=draw),
        torch.randint(0, 5, (500,), generator=draw),
        torch.randint(-1, 2, (500,), generator=draw),
        torch.randint(-1, 2, (500,), generator=draw),
    )
    one, other = (torch.rand(500, 3, 3, generator=draw).softmax(-1) for _ in range(2))
    aggregation = Aggregation(0.9, training=True)
    found = [aggregation(votes, each, context) for each in (one, other)]
    assert torch.equal(found[0].target, found[1].target)
    assert torch.equal(found[0].rule, found[1].rule)


def plain(votes, probabilities, sign, kind, toward, position, threshold):
    """The same rules in Python, one decision at a time; target and score."""
    weights = SYNERGY_WEIGHTS[kind]
    named = [votes[0] - 1, (votes[1] - 1) * sign]
    sure = [probabilities[0][votes[0]], probabilities[1][votes[1]], 1.0 - probabilities[2][0]]
    pull = weights[0] * sure[0] * named[0] + weights[1] * sure[1] * named[1]
    if abs(pull) <= 1e-9:
        return position, 0.0
    direction = 1 if pull > 0 else -1
    agree = [named[0] == direction, named[1] == direction, votes[2] != W]
    score = sum(w * c for w, c, yes in zip(weights, sure, agree, strict=True) if yes)
    score /= sum(weights)
    if toward == -direction:
        score *= 0.7
    if direction == position:
        return position, score
    if votes[2] != W and sum(agree) >= 2 and score > threshold:
        return direction, score
    return 0, score


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 2**31 - 1), st.sampled_from([0.0, 0.3, 0.5, 0.65, 0.9]))
def test_the_batch_equals_the_plain_rules(seed, threshold):
    draw = torch.Generator().manual_seed(seed)
    count = 64
    logits = 3.0 * torch.randn(count, 3, 3, generator=draw)
    probabilities = logits.softmax(-1)
    votes = probabilities.argmax(-1)
    sign, toward, position = (torch.randint(-1, 2, (count,), generator=draw) for _ in range(3))
    kind = torch.randint(0, 5, (count,), generator=draw)
    context = VoteContext(sign, kind, toward, position)
    found = Aggregation(threshold)(votes, probabilities, context)
    for i in range(count):
        target, score = plain(
            votes[i].tolist(),
            probabilities[i].tolist(),
            int(sign[i]),
            int(kind[i]),
            int(toward[i]),
            int(position[i]),
            threshold,
        )
        assert int(found.target[i]) == target
        assert float(found.score[i]) == pytest.approx(score, abs=1e-9)


def test_mirrored_votes_give_the_mirrored_order():
    draw = torch.Generator().manual_seed(1)
    votes = torch.randint(3, (1_000, 3), generator=draw)
    probabilities = torch.rand(1_000, 3, 3, generator=draw).softmax(-1)
    numbers = [torch.randint(-1, 2, (1_000,), generator=draw) for _ in range(3)]
    kind = torch.randint(0, 5, (1_000,), generator=draw)
    found = Aggregation(0.4)(votes, probabilities, VoteContext(numbers[0], kind, *numbers[1:]))
    other_votes, other = votes.clone(), probabilities.clone()
    other_votes[:, 0] = 2 - votes[:, 0]
    other[:, 0] = probabilities[:, 0].flip(-1)
    mirrored = VoteContext(-numbers[0], kind, -numbers[1], -numbers[2])
    turned = Aggregation(0.4)(other_votes, other, mirrored)
    assert torch.equal(found.target, -turned.target)
    assert torch.equal(found.rule, turned.rule)


def test_quantity_by_confidence():
    confidence = torch.tensor([0.0, 0.03, 0.05, 0.4, 0.65, 0.8, 1.0])
    assert quantity(confidence, 10.0).tolist() == [0, 0, 1, 5, 8, 10, 13]
    assert quantity(confidence, 10.0, 0.5).tolist() == [0, 0, 0, 3, 4, 5, 6]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_the_unit_interval_is_refused(threshold):
    with pytest.raises(UserError, match=r"agent\.threshold must lie in"):
        Aggregation(threshold)
