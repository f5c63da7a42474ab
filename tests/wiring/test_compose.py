"""Every option composes and validates; every mistake is one sentence with its key."""

from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from grandmodel.core.checks import UserError
from grandmodel.wiring.compose import CONFIG_DIR, compose, typed
from grandmodel.wiring.exit import one_sentence
from grandmodel.wiring.schema import InspectConfig, TrainConfig

GROUPS = sorted(path.name for path in CONFIG_DIR.iterdir() if path.is_dir())
OPTIONS = sorted(
    f"{file.parent.name}={file.stem}" for file in CONFIG_DIR.glob("*/*.yaml") if file.stem != "auto"
)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes_and_validates(option: str) -> None:
    config = typed(compose("train", [option]), TrainConfig)
    assert config.agent.active_names


def test_inspect_composes() -> None:
    assert typed(compose("inspect", ["data.path=x"]), InspectConfig).data.path == "x"


def test_an_agent_repicks_and_the_command_line_wins() -> None:
    config = typed(compose("train", ["agent=strategic_single", "network=mlp_text"]), TrainConfig)
    assert config.agent.active_names == ("single",)
    assert config.network.trunk == [256, 128]


def test_single_sources_are_read_by_both_rooms() -> None:
    overrides = ["agent.max_hold_bars=7", "algorithm.critic_sees=own"]
    config = typed(compose("train", overrides), TrainConfig)
    assert config.env.max_hold_bars == 7
    assert config.network.critic.sees == "own"


def refusal(overrides: list[str]) -> str:
    """The sentence that refuses ``overrides``."""
    with pytest.raises((UserError, HydraException, OmegaConfBaseException)) as caught:
        typed(compose("train", overrides), TrainConfig)
    return one_sentence(caught.value)


SECTIONS = [
    "agent", "algorithm", "network", "reward", "data", "features", "env", "evaluation", "trainer",
    "logger", "callbacks", "paths", "instrument",
]  # fmt: skip


@pytest.mark.parametrize("section", SECTIONS)
def test_an_unknown_key_is_refused_with_its_full_name(section: str) -> None:
    sentence = refusal([f"{section}.no_such_key=1"])
    assert f"{section}.no_such_key" in sentence
    assert "\n" not in sentence


def test_an_unknown_key_in_an_experiment_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\nalgorithm:\n  gama: 0.9\n"
    (tmp_path / "experiment" / "typo.yaml").write_text(text)
    sentence = refusal([f"hydra.searchpath=[file://{tmp_path}]", "experiment=typo"])
    assert "algorithm.gama" in sentence
    assert "experiment/typo" in sentence


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("network=zzz", ("network=zzz", "mlp", "temporal")),
        ("total_steps=abc", ("total_steps", "abc", "Integer")),
        ("algorithm.clip_ratio=2.0", ("algorithm.clip_ratio must lie in (0, 1), was 2.0",)),
        ("agent.gate=1.5", ("agent.gate", "1.5")),
        ("data.stamp=middle", ("data.stamp", "open, close", "middle")),
        ("env.episode_bars=1", ("env.episode_bars", "1")),
        ("trainer.precision=8-bit", ("trainer.precision", "8-bit")),
        ("seed=-1", ("seed", "-1")),
        ("judge=train", ("judge", "train")),
        ("data.world=atlantis", ("data.", "world", "atlantis")),
        ("reward.terms.bonus=1", ("reward.terms.bonus",)),
        ("a=[1,", ("key=value",)),
        ("data.split=2", ("data.split", "was 2", "data.split.KEY=VALUE")),
        ("agent.members=3", ("agent.members", "was 3", "agent.members.KEY=VALUE")),
        ("agent.members.mlmi=3", ("agent.members.mlmi", "was 3")),
        ("data.split.train=2", ("data.split.train", "was 2")),
        ("agent.gate=[1]", ("agent.gate must be one of the types float", "was [1]")),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence(override: str, words: tuple[str, ...]) -> None:
    sentence = refusal([override])
    for word in words:
        assert word in sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence
