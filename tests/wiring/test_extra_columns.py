"""Columns that agents name on the command line."""

import pytest

from grandmodel.core.checks import UserError
from grandmodel.features.config import FeatureConfig
from grandmodel.features.extras.catalogue import EVENT_COLUMNS, EXTRAS
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.extend import with_own_columns
from grandmodel.wiring.leaks import audit_stage
from grandmodel.wiring.market import build_stage
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.system import fitted_reward, read_columns, with_needed_features

SMALL = (
    "data.train_bars=3000",
    "data.validation_paths=1",
    "data.validation_bars=900",
    "data.test_paths=1",
    "data.test_bars=900",
    "data.cache=false",
)


def configured(*overrides):
    return with_needed_features(typed(compose("train", [*SMALL, *overrides]), TrainConfig))


def staged(config):
    return build_stage(config, max_hold_bars=96, episode_bars=256, columns=read_columns(config))


def test_only_what_agents_and_own_terms_name_is_computed():
    assert configured().features.extra == []
    config = configured(
        "agent.members.mlmi.inputs=[rsi_14,mlmi_value]",
        "agent.members.regime.context=[session_london,hour_sin]",
        "+reward.own.calm={_target_: math.hypot, columns: [natr_14]}",
        "features.extra=[bb_width]",
    )
    assert config.features.extra == ["bb_width", "rsi_14", "natr_14", "session_london"]
    assert "rsi_14" in staged(config).tape.columns
    assert configured("features.extra=all").features.extra == ["all"]


def test_a_switched_off_agent_asks_for_nothing():
    config = configured("agent.members.mlmi.inputs=[rsi_14]", "agent.active=[regime]")
    assert config.features.extra == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rsi14", r"agent.members: there is no column rsi14 \(did you mean rsi_14.*columns.md"),
        ("momentum20", r"no column momentum20 \(did you mean momentum_20"),
        ("nothing_like_it", r"no column nothing_like_it; docs/columns\.md"),
        ("event_due_high", r"event_due_high needs an economic calendar: give data\.events=FILE"),
    ],
)
def test_unknown_columns_are_refused_in_one_sentence(name, words):
    with pytest.raises(UserError, match=words) as refused:
        staged(configured(f"agent.members.mlmi.inputs=[{name}]"))
    assert "\n" not in str(refused.value)


def test_a_column_of_the_users_own_may_not_bear_a_shipped_name():
    stage = staged(configured())
    config = FeatureConfig(own={"rsi_14": {"_target_": "builtins.dict"}})
    with pytest.raises(UserError, match=r"features\.own\.rsi_14 has the name of a column"):
        with_own_columns(stage.dataset, config)


def test_the_leak_audit_of_every_extra_column_is_clean():
    config = configured("features.extra=all", "data=textured", "data.train_bars=6000")
    stage = staged(config)
    scale = fitted_reward(config, stage).scale
    report = audit_stage(config, stage, scale, sample=False)
    assert report.findings == ()
    assert set(EXTRAS) - set(report.columns) == set(EVENT_COLUMNS)
