"""Execution rules that are judged side by side, and how they share calls.

Source: ``docs/definitions.md``, Judging.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grandmodel.core.checks import require_choice
from grandmodel.decision.challenger import EXECUTION_RULES, LITERAL_GATE


@dataclass(frozen=True)
class JudgeRule:
    """How the pooled probabilities become a target, one copy of all segments per rule."""

    execute: str  # challenger | argmax | literal
    gate: float = 1.0  # read by challenger and literal

    def __post_init__(self) -> None:
        require_choice("agent.execute", self.execute, tuple(EXECUTION_RULES))

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.execute if self.execute == "argmax" else f"{self.execute}@{self.gate:.2f}"


ARGMAX = JudgeRule("argmax")
LITERAL = JudgeRule("literal", LITERAL_GATE)


def gate_rules(gates: Sequence[float]) -> tuple[JudgeRule, ...]:
    """One challenger rule per gate, then argmax and the literal rule beside them."""
    return (*(JudgeRule("challenger", float(gate)) for gate in gates), ARGMAX, LITERAL)


@dataclass(frozen=True)
class RuleGroup:
    """Neighbouring environments that share an execution rule."""

    execute: str
    envs: slice
    gate: Tensor  # float32 [env of the group]


def group_rules(
    rules: tuple[JudgeRule, ...], segments: int, device: torch.device
) -> tuple[RuleGroup, ...]:
    """Join neighbouring rules of one kind, so that each kind costs one call per step."""
    groups: list[RuleGroup] = []
    at = 0
    while at < len(rules):
        end = at
        while end < len(rules) and rules[end].execute == rules[at].execute:
            end += 1
        gates = torch.tensor([rule.gate for rule in rules[at:end]], dtype=torch.float32)
        envs = slice(at * segments, end * segments)
        gate = gates.repeat_interleave(segments).to(device)
        groups.append(RuleGroup(rules[at].execute, envs, gate))
        at = end
    return tuple(groups)
