import numpy as np
import pandas as pd
import pytest

from grandmodel.core.types import CLASS_NAMES
from grandmodel.evaluation.report.figures import decision_figure
from grandmodel.evaluation.report.training import training_sentence

CLASSES = {"gaps": ("short", "hold", "long"), "when": ("wait", "execute", "aggressive")}


def decisions(pooled: bool, classes: dict[str, tuple[str, ...]]) -> pd.DataFrame:
    """Three decisions with each one's probabilities."""
    third = np.full(3, 1 / 3)
    times = pd.date_range("2024-01-01", periods=3, freq="30min", tz="UTC")
    frame = pd.DataFrame({"timestamp": times, "action": [0, 1, -1]})
    for label in CLASS_NAMES:
        frame[f"p_{label}"] = third if pooled else np.nan
    for name, labels in classes.items():
        for label in labels:
            frame[f"p_{name}_{label}"] = third
    return frame


@pytest.mark.parametrize(
    ("pooled", "classes", "said"),
    [
        (True, {"mlmi": CLASS_NAMES}, list(CLASS_NAMES)),
        (False, CLASSES, ["short / wait", "hold / execute", "long / aggressive"]),
    ],
)
def test_a_legend_says_what_the_colours_of_the_votes_stand_for(pooled, classes, said):
    figure = decision_figure(decisions(pooled, classes), np.arange(3.0), [*classes])
    bands = [trace for trace in figure.data if trace.stackgroup]
    assert [trace.name for trace in bands if trace.showlegend] == said
    assert figure.layout.legend.traceorder == "normal"


@pytest.mark.parametrize(
    ("spread", "words"), [(0.5, "50.0 % of itself"), (3.7, "more than itself")]
)
def test_a_reward_that_varies_by_more_than_itself_says_so(spread, words):
    told = {"monitor/convergence": spread, "monitor/converged": 0.0}
    assert f"varies by {words};" in training_sentence(told)
