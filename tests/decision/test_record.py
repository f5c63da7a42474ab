import json

import torch

from grandmodel.decision.record import (
    CONSENSUS,
    SOURCE_NAMES,
    UncertaintySource,
    explain,
    reasons,
)
from grandmodel.decision.rules import Rule

ROWS = torch.tensor(
    [
        [[0.1, 0.2, 0.7], [0.1, 0.1, 0.8], [0.1, 0.2, 0.7]],  # all bull, all sure
        [[0.1, 0.2, 0.7], [0.99, 0.01, 0.0], [0.0, 0.4, 0.6]],  # torn, 0.39 apart
        [[0.4, 0.3, 0.3], [0.1, 0.2, 0.7], [0.1, 0.7, 0.2]],  # one is unsure
    ]
)
ENSEMBLE = torch.tensor([[0.1, 0.2, 0.7], [0.5, 0.1, 0.4], [0.2, 0.3, 0.5]])


def test_reasons_table():
    why = reasons(ROWS, ENSEMBLE)
    assert why.prediction.tolist() == [[2, 2, 2], [2, 0, 2], [0, 2, 1]]
    assert why.agrees.tolist() == [[True] * 3, [False, True, False], [False, True, False]]
    assert why.dominant.tolist() == [CONSENSUS, 1, 1]  # ties: the first of the most confident
    assert why.source.tolist() == [
        UncertaintySource.STABLE_UNCERTAINTY,
        UncertaintySource.AGENT_DISAGREEMENT,
        UncertaintySource.LOW_INDIVIDUAL_CONFIDENCE,
    ]


def test_explain_is_one_row_of_reasons_as_plain_values():
    names = ("mlmi", "nwrqk", "regime")
    record = explain(
        names,
        ROWS[1],
        ENSEMBLE[1],
        torch.tensor([0.4, 0.35, 0.25]),
        position=0,
        target=-1,
        should_proceed=True,
        rule=Rule.CHALLENGER_MOVED,
        synergy={"direction": 1},
    )
    assert json.loads(json.dumps(record)) == record
    assert record["rule"] == "challenger_moved"
    assert record["dominant_signal"] == "nwrqk"
    assert record["uncertainty_source"] == SOURCE_NAMES[UncertaintySource.AGENT_DISAGREEMENT]
    assert record["agents"]["nwrqk"]["prediction"] == "bear"
    assert record["agents"]["mlmi"]["agrees"] is False
    assert (record["action"], record["should_proceed"]) == (-1, True)
    assert record["synergy"] == {"direction": 1}
    assert record["confidence"] == 0.5


def test_explain_names_a_consensus():
    record = explain(
        ("a", "b", "c"),
        ROWS[0],
        ENSEMBLE[0],
        torch.tensor([0.4, 0.35, 0.25]),
        position=1,
        target=1,
        should_proceed=False,
        rule=Rule.CHALLENGER_HELD,
    )
    assert record["dominant_signal"] == "consensus"
    assert record["uncertainty_source"] == "stable_uncertainty"
