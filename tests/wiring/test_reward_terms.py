"""`reward=text` means the terms of the team that is trained, wherever the team was named."""

import pytest

from grandmodel.envs.config import STRATEGIC_TERMS, RewardConfig
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.schema import TrainConfig

TACTICAL = {"base": 1.0, "synergy_entry": 0.2, "gap_entry": 0.1, "execution": 0.1, "risk": 0.5}


def reward(*overrides: str) -> RewardConfig:
    return typed(compose("train", overrides), TrainConfig).reward


@pytest.mark.parametrize(
    "overrides", [["agent=tactical", "reward=text"], ["reward=text", "experiment=planted_gaps"]]
)
def test_the_tactical_team_is_paid_its_own_terms(overrides: list[str]) -> None:
    config = reward(*overrides)
    assert config.weights == TACTICAL
    assert config.bound == 2.0
    assert config.shaping == {}
    assert {name for weights in config.members.values() for name in weights} == {
        "gap_entry", "mitigation_entry", "momentum_entry", "counter_entry",
    }  # fmt: skip


@pytest.mark.parametrize("agent", ["strategic", "strategic_single"])
def test_other_teams_are_paid_the_strategic_terms(agent: str) -> None:
    config = reward(f"agent={agent}", "reward=text")
    assert config.weights == STRATEGIC_TERMS
    assert config.bound is None
    assert config.fixed_risk == 0.0


def test_net_pays_no_terms_of_a_team_and_weights_and_sets_can_be_chosen() -> None:
    assert reward("agent=tactical").weights == {"net": 1.0}
    changed = reward("agent=tactical", "reward=text", "reward.terms.execution=0")
    assert changed.weights == TACTICAL | {"execution": 0.0}
    assert reward("agent=strategic", "reward=text", "reward/terms=tactical").weights == TACTICAL
