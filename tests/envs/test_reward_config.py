"""Reward settings that mean nothing are refused before anything is built."""

import pytest

from grandmodel.core.checks import UserError
from grandmodel.envs.config import STRATEGIC_TERMS, RewardConfig


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "text", "terms": dict.fromkeys(STRATEGIC_TERMS, 0.0)}, "must not all be 0"),
        ({"terms": {"net": 0.0}}, "must not all be 0"),
        ({"terms": {"net": float("nan")}}, "reward.terms.net must be a finite number"),
        ({"members": {"a": {"net": 1.0}}}, "reward.members is read by reward=text only"),
        ({"kind": "text", "members": {"a": {"bonus": 1.0}}}, "reward.members.a.bonus is no term"),
        ({"kind": "text", "bound": 0.0}, "reward.bound must lie in"),
        ({"risk": "inf"}, "reward.risk must be sharpe or a number >= 0"),
    ],
)
def test_rewards_that_are_none(settings: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        RewardConfig(**settings)


def test_terms_of_ones_own_may_stand_alone() -> None:
    assert RewardConfig(terms={"net": 0.0}, own={"mine": {}}).weights == {"net": 0.0}
