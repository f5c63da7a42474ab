"""Reward settings that mean nothing are refused before anything is built."""

import pytest

from grandmodel.core.checks import UserError
from grandmodel.envs.config import TEXT_TERMS, RewardConfig


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "text", "terms": dict.fromkeys(TEXT_TERMS, 0.0)}, "must not all be 0"),
        ({"terms": {"net": 0.0}}, "must not all be 0"),
        ({"terms": {"net": float("nan")}}, "reward.terms.net must be a finite number"),
        ({"risk": "inf"}, "reward.risk must be sharpe or a number >= 0"),
    ],
)
def test_rewards_that_are_none(settings: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        RewardConfig(**settings)


def test_terms_of_ones_own_may_stand_alone() -> None:
    assert RewardConfig(terms={"net": 0.0}, own={"mine": {}}).weights == {"net": 0.0}
