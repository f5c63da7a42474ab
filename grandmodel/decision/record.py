"""The decision record: what each agent said, who agreed, and which rule fired.

Source: `docs/definitions.md`, The decision record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grandmodel.core.types import CLASS_NAMES
from grandmodel.decision.pool import confidence, uncertainty
from grandmodel.decision.rules import RULE_NAMES, RULE_TEXTS, Rule

CONSENSUS = -1
LOW_CONFIDENCE = 0.6
DISAGREEMENT = 0.3


class UncertaintySource(IntEnum):
    """Where the doubt of a decision comes from."""

    LOW_INDIVIDUAL_CONFIDENCE = 0
    AGENT_DISAGREEMENT = 1
    STABLE_UNCERTAINTY = 2


SOURCE_NAMES: tuple[str, ...] = tuple(source.name.lower() for source in UncertaintySource)


@dataclass(frozen=True)
class Reasons:
    """The reasoning fields of a batch of decisions."""

    prediction: Int[Tensor, "batch agent"]  # class index each agent finds most probable
    agent_confidence: Float[Tensor, "batch agent"]
    agrees: Bool[Tensor, "batch agent"]  # whether that is the ensemble's most probable class
    dominant: Int[Tensor, " batch"]  # agent index, CONSENSUS where all predict the same
    source: Int[Tensor, " batch"]  # UncertaintySource


def reasons(
    probabilities: Float[Tensor, "batch agent 3"], ensemble: Float[Tensor, "batch 3"]
) -> Reasons:
    """Return the reasoning fields of many decisions at once.

    The dominant signal is ``consensus`` where all agents predict one class, else the agent of
    largest confidence (ties: the first). The source of uncertainty is low individual confidence
    where any agent's confidence is below 0.6, else disagreement where confidences lie more than
    0.3 apart, else stable.
    """
    highest, prediction = probabilities.max(dim=-1)
    same = (prediction == prediction[:, :1]).all(dim=-1)
    dominant = highest.argmax(dim=-1).masked_fill(same, CONSENSUS)
    low = highest.amin(dim=-1) < LOW_CONFIDENCE
    apart = highest.amax(dim=-1) - highest.amin(dim=-1) > DISAGREEMENT
    source = torch.full_like(dominant, UncertaintySource.STABLE_UNCERTAINTY)
    source = source.masked_fill(apart, UncertaintySource.AGENT_DISAGREEMENT)
    source = source.masked_fill(low, UncertaintySource.LOW_INDIVIDUAL_CONFIDENCE)
    agrees = prediction == ensemble.argmax(dim=-1)[:, None]
    return Reasons(prediction, highest, agrees, dominant, source)


def explain(
    names: Sequence[str],
    probabilities: Float[Tensor, "agent 3"],
    ensemble: Float[Tensor, " 3"],
    weights: Float[Tensor, " agent"],
    *,
    position: int,
    target: int,
    should_proceed: bool,
    rule: int,
    synergy: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return one decision as a plain dictionary of strings, numbers, lists and dictionaries.

    Args:
        names: the agents, in the order of ``probabilities``.
        probabilities: each agent's [bear, neutral, bull].
        ensemble: the pooled vector.
        weights: the agents' weights in the pool.
        position: position before the decision, -1, 0 or 1.
        target: executed target position.
        should_proceed: whether the execution rule's comparison held.
        rule: the :class:`Rule` that fired.
        synergy: what the context showed, carried over as it is.
    """
    why = reasons(probabilities[None], ensemble[None])
    dominant = int(why.dominant[0])
    rows = zip(
        names,
        probabilities.tolist(),
        weights.tolist(),
        why.prediction[0].tolist(),
        why.agent_confidence[0].tolist(),
        why.agrees[0].tolist(),
        strict=True,
    )
    return {
        "ensemble": dict(zip(CLASS_NAMES, ensemble.tolist(), strict=True)),
        "confidence": float(confidence(ensemble)),
        "uncertainty": float(uncertainty(ensemble)),
        "should_proceed": bool(should_proceed),
        "position": int(position),
        "action": int(target),
        "rule": RULE_NAMES[rule],
        "rule_text": RULE_TEXTS[Rule(rule)],
        "agents": {
            name: {
                "probabilities": dict(zip(CLASS_NAMES, vector, strict=True)),
                "weight": weight,
                "prediction": CLASS_NAMES[predicted],
                "confidence": highest,
                "agrees": agrees,
            }
            for name, vector, weight, predicted, highest, agrees in rows
        },
        "dominant_signal": "consensus" if dominant == CONSENSUS else names[dominant],
        "uncertainty_source": SOURCE_NAMES[int(why.source[0])],
        "synergy": synergy,
    }
