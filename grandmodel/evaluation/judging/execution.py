"""Execution rules that are judged side by side, and how they share calls.

Source: ``docs/definitions.md``, Judging.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grandmodel.core.checks import require_choice
from grandmodel.decision.aggregation import LITERAL_THRESHOLD
from grandmodel.decision.challenger import EXECUTION_RULES, LITERAL_GATE
from grandmodel.systems.config import VOTES


@dataclass(frozen=True)
class JudgeRule:
    """How the pooled probabilities become a target, one copy of all segments per rule."""

    execute: str  # challenger | argmax | literal
    gate: float = 1.0  # read by challenger and literal
    cost_scale: float = 1.0  # factor on all costs
    delay: int = 0  # decisions between an order and the close at which it is sent

    def __post_init__(self) -> None:
        require_choice("agent.execute", self.execute, (*EXECUTION_RULES, VOTES))

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.execute if self.execute == "argmax" else f"{self.execute}@{self.gate:.2f}"


ARGMAX = JudgeRule("argmax")
LITERAL = JudgeRule("literal", LITERAL_GATE)


def gate_rules(gates: Sequence[float], execute: str = "challenger") -> tuple[JudgeRule, ...]:
    """One rule per gate, then those that are reported beside the team's own."""
    kind = VOTES if execute == VOTES else "challenger"
    return (*(JudgeRule(kind, float(gate)) for gate in gates), *rules_beside(execute))


def rules_beside(execute: str) -> tuple[JudgeRule, JudgeRule]:
    """Return the rule without a gate and the text's, of a team that pools or votes."""
    if execute == VOTES:
        return JudgeRule(VOTES, 0.0), JudgeRule(VOTES, LITERAL_THRESHOLD)
    return ARGMAX, LITERAL


def beside_names(execute: str) -> tuple[str, str]:
    """Return what those two are called in ``metrics.json``; rules that vote go by threshold."""
    if execute == VOTES:
        bare, text = rules_beside(execute)
        return bare.label, text.label
    return ARGMAX.execute, LITERAL.execute


@dataclass(frozen=True)
class RuleGroup:
    """Neighbouring environments that share an execution rule."""

    execute: str
    envs: slice
    gate: Tensor  # float32 [env of the group]
    delay: Tensor  # int64 [env of the group]


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
        delays = torch.tensor([rule.delay for rule in rules[at:end]])
        delay = delays.repeat_interleave(segments).to(device)
        groups.append(RuleGroup(rules[at].execute, envs, gate, delay))
        at = end
    return tuple(groups)
