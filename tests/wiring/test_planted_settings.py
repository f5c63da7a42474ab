"""What a planted world and a team may ask of each other."""

import pytest

from grandmodel.core.checks import UserError
from grandmodel.features.matrix import CONTEXT
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.market import build_dataset, stage_of
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.system import build_system, read_columns

SMALL = [
    "data.train_bars=1000", "data.validation_paths=1", "data.validation_bars=800",
    "data.test_paths=1", "data.test_bars=800", "data.warmup_bars=600", "data.cache=false",
]  # fmt: skip


def config_of(*overrides):
    return typed(compose("train", [*SMALL, *overrides]), TrainConfig)


def test_the_team_reads_the_context_that_it_is_given():
    usual, named = config_of(), config_of("agent.context=[hour_sin]")
    assert set(CONTEXT) <= set(read_columns(usual))
    assert not {"synergy_direction", "weekday"} & set(read_columns(named))
    specs = build_system(named).specs
    assert [spec.context for spec in specs] == [("hour_sin",)] * 3
    alone = build_system(config_of("agent.context=[]"))
    assert alone.critic.spec.context == ()


def test_the_experiment_gives_the_memory_of_synergies_to_one_agent():
    config = config_of("experiment=planted_synergies", *SMALL)
    specs = {spec.agent: spec.context for spec in build_system(config).specs}
    assert [name for name, seen in specs.items() if "recent_synergies" in seen] == ["mlmi"]
    stage = stage_of(
        build_dataset(config, max_hold_bars=96, episode_bars=256), config, read_columns(config)
    )
    assert "recent_synergies" in stage.tape.columns
    assert stage.synergies_seen


def test_agents_of_half_hours_are_not_put_on_five_minutes():
    config = config_of("data.world=gaps")
    with pytest.raises(UserError, match=r"data\.world=gaps is decided on every 5 minutes"):
        build_dataset(config, max_hold_bars=96, episode_bars=256)


def test_an_own_column_has_a_name_of_its_own():
    config = config_of("+features.own.mlmi_value={_target_: a.B}")
    dataset = build_dataset(config, max_hold_bars=96, episode_bars=256)
    with pytest.raises(UserError, match=r"features\.own\.mlmi_value has the name of a column"):
        stage_of(dataset, config)
