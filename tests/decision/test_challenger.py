import pytest
import torch

from grandmodel.decision.challenger import (
    EXECUTION_RULES,
    RULE_NAMES,
    Rule,
    argmax_rule,
    challenger,
    literal_rule,
)

# [bear, neutral, bull], position, gate -> target, should_proceed
CHALLENGER_TABLE = [
    ([0.2, 0.3, 0.5], 0, 0.40, 1, True),
    ([0.2, 0.3, 0.5], 0, 0.50, 0, False),  # the gate must be exceeded, not met
    ([0.2, 0.3, 0.5], 1, 0.25, 0, True),  # own class is left out: the challenger is neutral
    ([0.2, 0.3, 0.5], 1, 0.30, 1, False),
    ([0.2, 0.3, 0.5], -1, 0.40, 1, True),
    ([0.25, 0.5, 0.25], 0, 0.20, -1, True),  # tie of bear and bull: the smaller index
    ([0.4, 0.2, 0.4], 0, 0.30, -1, True),
    ([0.4, 0.4, 0.2], 1, 0.30, -1, True),  # tie of bear and neutral: bear
    ([0.0, 0.0, 1.0], 0, 1.00, 0, False),  # a gate of 1 never trades
    ([0.1, 0.8, 0.1], 0, 0.00, -1, True),
]


@pytest.mark.parametrize(("row", "position", "gate", "target", "proceed"), CHALLENGER_TABLE)
def test_challenger_table(row, position, gate, target, proceed):
    got = challenger(torch.tensor([row]), torch.tensor([position]), gate)
    assert (got[0].item(), got[1].item()) == (target, proceed)
    assert got[2].item() == (Rule.CHALLENGER_MOVED if proceed else Rule.CHALLENGER_HELD)


def test_gates_per_row_are_compared_in_the_probabilities_precision():
    row = torch.tensor([[0.1, 0.8, 0.1]] * 2)
    position = torch.zeros(2, dtype=torch.int64)
    gates = torch.tensor([0.1, 0.0999], dtype=torch.float64)
    assert challenger(row, position, gates)[1].tolist() == [False, True]
    assert challenger(row, position, 0.1)[1].tolist() == [False, False]


def test_challenger_equals_a_plain_loop():
    generator = torch.Generator().manual_seed(3)
    rows = torch.softmax(torch.randn(200, 3, generator=generator), -1)
    position = torch.randint(-1, 2, (200,), generator=generator)
    target, proceed, _ = challenger(rows, position, 0.4)
    for i, row in enumerate(rows.tolist()):
        others = [c for c in range(3) if c != position[i] + 1]
        best = max(others, key=lambda c: (row[c], -c))
        moves = row[best] > torch.tensor(0.4).item()
        assert proceed[i].item() == moves
        assert target[i].item() == (best - 1 if moves else position[i].item())


def test_argmax_takes_the_smaller_index_of_a_tie():
    rows = torch.tensor([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4], [1 / 3, 1 / 3, 1 / 3]])
    target, moves, rule = argmax_rule(rows, torch.tensor([-1, 1, 0]))
    assert target.tolist() == [-1, 0, -1]
    assert moves.tolist() == [False, True, True]
    assert rule.tolist() == [Rule.ARGMAX_HELD, Rule.ARGMAX_MOVED, Rule.ARGMAX_MOVED]


# row, position, count -> target, rule, count after (gate 0.65, patience 3)
LITERAL_TABLE = [
    ([0.1, 0.2, 0.7], 0, 0, 1, Rule.LITERAL_OPENED, 0),
    ([0.1, 0.3, 0.6], 0, 0, 0, Rule.LITERAL_HELD, 0),  # an entry needs the gate
    ([0.7, 0.2, 0.1], 1, 0, -1, Rule.LITERAL_OPENED, 0),  # a reversal needs it too
    ([0.6, 0.3, 0.1], 1, 0, 0, Rule.LITERAL_LEFT_DIRECTION, 0),  # an exit does not
    ([0.1, 0.6, 0.3], 1, 0, 0, Rule.LITERAL_LEFT_DIRECTION, 0),
    ([0.1, 0.8, 0.1], -1, 0, 0, Rule.LITERAL_LEFT_DIRECTION, 0),
    ([0.1, 0.3, 0.6], 1, 0, 1, Rule.LITERAL_HELD, 1),
    ([0.1, 0.3, 0.6], 1, 1, 1, Rule.LITERAL_HELD, 2),
    ([0.1, 0.3, 0.6], 1, 2, 0, Rule.LITERAL_LOW_CONFIDENCE, 0),  # third decision in a row
    ([0.1, 0.2, 0.7], 1, 2, 1, Rule.LITERAL_HELD, 0),  # confidence came back
    ([0.1, 0.8, 0.1], 0, 0, 0, Rule.LITERAL_HELD, 0),
]


@pytest.mark.parametrize(("row", "position", "count", "target", "rule", "after"), LITERAL_TABLE)
def test_literal_table(row, position, count, target, rule, after):
    got = literal_rule(torch.tensor([row]), torch.tensor([position]), torch.tensor([count]))
    assert [got[0].item(), got[2].item(), got[3].item()] == [target, rule, after]
    assert got[1].item() == (max(row) > 0.65)


def test_literal_patience_is_a_switch():
    row, one = torch.tensor([[0.1, 0.3, 0.6]]), torch.tensor([1])
    assert literal_rule(row, one, torch.tensor([0]), patience=1)[0].item() == 0
    assert literal_rule(row, one, torch.tensor([0]), patience=2)[0].item() == 1


def test_every_execution_rule_has_the_judges_signature():
    rows = torch.tensor([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    position, count = torch.tensor([0, 1]), torch.tensor([0, 2])
    expected = {"challenger": [1, -1], "argmax": [1, -1], "literal": [1, 0]}
    for name, rule in EXECUTION_RULES.items():
        target, proceed, fired, after = rule(rows, position, 0.45, count)
        if name == "literal":
            target, proceed, fired, after = rule(rows, position, 0.65, count)
        assert target.tolist() == expected[name]
        assert proceed.dtype == torch.bool
        assert after.shape == count.shape
        assert all(RULE_NAMES[i].startswith(name) for i in fired.tolist())


def test_rule_names_follow_their_numbers():
    assert [RULE_NAMES[rule] for rule in Rule] == [rule.name.lower() for rule in Rule]
