"""From ensemble probabilities to a target position: challenger, argmax and literal rules.

Source: `docs/definitions.md`, Execution rules.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grandmodel.decision.rules import RULE_NAMES, Rule

__all__ = [
    "EXECUTION_RULES",
    "LITERAL_GATE",
    "LITERAL_PATIENCE",
    "RULE_NAMES",
    "Rule",
    "argmax_rule",
    "challenger",
    "literal_rule",
]

LITERAL_GATE = 0.65
LITERAL_PATIENCE = 3

Probabilities = Float[Tensor, "batch 3"]
Ints = Int[Tensor, " batch"]
Bools = Bool[Tensor, " batch"]
Gate = float | Float[Tensor, " batch"]


def challenger(
    probabilities: Probabilities, position: Ints, gate: Gate
) -> tuple[Ints, Bools, Ints]:
    """Move to the most probable class other than the held one if it passes the gate.

    Ties go to the smaller class index. The comparison is ``P > gate`` in the precision of the
    probabilities, so a gate of 1 never trades.

    Returns:
        target in {-1, 0, 1}, should_proceed, and the rule that fired.
    """
    others = probabilities.scatter(-1, (position + 1)[:, None], -1.0)
    best, index = others.max(dim=-1)
    should_proceed = best > _as_gate(gate, probabilities)
    target = torch.where(should_proceed, index - 1, position)
    return target, should_proceed, _either(should_proceed, Rule.CHALLENGER_MOVED)


def argmax_rule(probabilities: Probabilities, position: Ints) -> tuple[Ints, Bools, Ints]:
    """Hold the most probable class (ties: the smaller index).

    Returns:
        target in {-1, 0, 1}, should_proceed (whether it differs from the position), rule.
    """
    target = probabilities.argmax(dim=-1) - 1
    moves = target != position
    return target, moves, _either(moves, Rule.ARGMAX_MOVED)


def literal_rule(
    probabilities: Probabilities,
    position: Ints,
    low_confidence_count: Ints,
    gate: Gate = LITERAL_GATE,
    patience: int = LITERAL_PATIENCE,
) -> tuple[Ints, Bools, Ints, Ints]:
    """Gate entries and reversals only; exits are free, as the first design text means it.

    An open position becomes flat when its direction is not the most probable class (and the
    opposite one does not pass the gate), or when confidence has not passed the gate for
    ``patience`` decisions in a row.

    Args:
        probabilities: ensemble [bear, neutral, bull].
        position: present position.
        low_confidence_count: decisions in a row, under the present position, without confidence.
        gate: confidence must exceed it to open or reverse.
        patience: decisions without confidence after which an open position is left.

    Returns:
        target, should_proceed (confidence > gate), rule, and the new count.
    """
    confidence, index = probabilities.max(dim=-1)
    direction = index - 1
    should_proceed = confidence > _as_gate(gate, probabilities)
    is_open = position != 0
    count = torch.where(is_open & ~should_proceed, low_confidence_count + 1, 0)
    enters = should_proceed & (direction != 0) & (direction != position)
    leaves = is_open & ~enters & (direction != position)
    tires = is_open & ~enters & ~leaves & (count >= patience)
    target = torch.where(enters, direction, position.masked_fill(leaves | tires, 0))
    rule = torch.full_like(position, Rule.LITERAL_HELD)
    rule = rule.masked_fill(enters, Rule.LITERAL_OPENED)
    rule = rule.masked_fill(leaves, Rule.LITERAL_LEFT_DIRECTION)
    rule = rule.masked_fill(tires, Rule.LITERAL_LOW_CONFIDENCE)
    return target, should_proceed, rule, count.masked_fill(target != position, 0)


def _as_gate(gate: Gate, probabilities: Probabilities) -> Gate:
    """Bring a gate per row to the precision of the probabilities (a promotion would flip ties)."""
    return gate.to(probabilities.dtype) if isinstance(gate, Tensor) else gate


def _either(moved: Bools, moved_rule: Rule) -> Ints:
    """Return ``moved_rule`` where moved, else its held partner, which follows it."""
    return (int(moved_rule) + 1) - moved.long()


def _step_challenger(
    probabilities: Probabilities, position: Ints, gate: Gate, count: Ints
) -> tuple[Ints, Bools, Ints, Ints]:
    return *challenger(probabilities, position, gate), count


def _step_argmax(
    probabilities: Probabilities, position: Ints, gate: Gate, count: Ints
) -> tuple[Ints, Bools, Ints, Ints]:
    del gate
    return *argmax_rule(probabilities, position), count


def _step_literal(
    probabilities: Probabilities, position: Ints, gate: Gate, count: Ints
) -> tuple[Ints, Bools, Ints, Ints]:
    return literal_rule(probabilities, position, count, gate)


ExecutionRule = Callable[
    [Probabilities, Ints, Gate, Ints],
    tuple[Ints, Bools, Ints, Ints],
]

# One signature for the judge: (probabilities, position, gate, low_confidence_count) ->
# (target, should_proceed, rule, low_confidence_count).
EXECUTION_RULES: dict[str, ExecutionRule] = {
    "challenger": _step_challenger,
    "argmax": _step_argmax,
    "literal": _step_literal,
}
