"""Words of the command line that are no settings, and settings that nothing would read."""

import pytest
from hydra.errors import HydraException

from grandmodel.core.checks import UserError
from grandmodel.wiring.command_line import check_words
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.exit import one_sentence
from grandmodel.wiring.schema import InspectConfig, TrainConfig

BLANKS = """data.path=/tmp/my bars (1).csv"""


@pytest.mark.parametrize(
    ("words", "key", "right"),
    [
        (["total_steps"], None, "total_steps has no value: write total_steps=VALUE"),
        (["--total_steps=100"], None, "--total_steps=100 is no option: .* total_steps=100$"),
        (["--total_steps", "100"], None, "--total_steps is no option: .* total_steps=100$"),
        (["--run=X"], "run", "--run=X is no option: .* run=X$"),
        (["DIR"], "run", "DIR is no setting: write run=DIR"),
        (["outputs/train/x"], None, "write resume=outputs/train/x or init_from=outputs/train/x"),
        ([BLANKS], None, r"data.path=.*write 'data.path=\"/tmp/my bars \(1\).csv\"'$"),
        (["data.path=/tmp/a=b.csv"], None, "write 'data.path=\"/tmp/a=b.csv\"'$"),
        (["agent.active=[mlmi"], None, r"agent.active=\[mlmi is not understood .*brackets"),
        (["seed=0,1", "-m", "data=csv"], None, "-m stands between settings: write it before"),
        (["~a b"], None, "^~a b names no key, .*: write ~KEY$"),
        (["=x"], None, "^=x names no key, .*: write KEY=VALUE$"),
        (["data..path=3"], None, r"^data\.\.path=3 names no key"),
        (["trainer=3"], None, r"^trainer=3 names no file of conf/trainer: .* one of cpu, gpu, "),
    ],
)
def test_what_is_no_setting_is_refused_with_the_right_form(words, key, right) -> None:
    with pytest.raises(UserError, match=right):
        check_words(words, key)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-m", "seed=0,1"],
        ["seed=0,1", "-m"],
        ["--cfg", "job", "seed=1"],
        ["--cfg=job"],
        ["--config-dir", "my_conf", "agent=mine"],
        ["~logger"],
        ["+features.own.x={_target_: a.B, size: 2}", "agent.active=[mlmi,nwrqk]"],
        ['data.path="/tmp/my bars (1).csv"', "data.path=/tmp/my_bars.csv", "init_from=null"],
        ["hydra.searchpath=[file://my_project/conf]"],
    ],
)
def test_what_hydra_understands_passes(words: list[str]) -> None:
    check_words(words)


def test_the_form_that_is_proposed_names_the_file() -> None:
    with pytest.raises(UserError) as caught:
        check_words([BLANKS])
    proposed = str(caught.value).split("write ")[1].strip("'")
    assert compose("inspect", [proposed]).data.path == "/tmp/my bars (1).csv"  # noqa: S108


def refusal(*overrides: str) -> str:
    with pytest.raises((UserError, HydraException)) as caught:
        typed(compose("train", overrides), TrainConfig)
    return one_sentence(caught.value)


@pytest.mark.parametrize(
    ("override", "shown"),
    [
        ("data.path=x.csv", "data.path=x.csv is given but data=synthetic reads no file: write"),
        ("data.symbol=NQ", "data.symbol=NQ"),
        ("data.timezone=America/New_York", "data.timezone=America/New_York"),
        ("data.start=2020-01-01", "data.start=2020-01-01"),
        ("data.end=2020-01-01", "data.end=2020-01-01"),
        ("data.split.train=0.5", "data.split is given"),
    ],
)
def test_a_planted_market_refuses_what_only_readers_read(override: str, shown: str) -> None:
    sentence = refusal(override)
    assert shown in sentence
    assert "data=csv" in sentence
    assert typed(compose("train", ["data=csv", "data.path=a", override]), TrainConfig)


def test_a_planted_market_may_still_be_inspected_and_cached() -> None:
    config = typed(compose("inspect", ["data=synthetic", "data.cache=false"]), InspectConfig)
    assert not config.data.cache


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("+foo=1", "foo"),
        ("+rewards.own.x={_target_: a.b}", "rewards"),
        ("+algorithm.gama=0.9", "algorithm.gama"),
        ("+agent.members.mlmi.input=[a]", "agent.members.mlmi.input"),
        ("+data.split.valid=0.2", "data.split.valid"),
    ],
)
def test_a_key_that_is_added_must_be_known(override: str, key: str) -> None:
    assert refusal(override).startswith(f"{key} is not a configuration key")


@pytest.mark.parametrize(
    "override",
    [
        "+features.own.close_location={_target_: my_parts.CloseLocation, size: {a: 1}}",
        "+reward.own.holding={_target_: my_parts.holding_charge, weight: 0.001}",
        "+data.reader._target_=my_parts.read",
    ],
)
def test_parts_of_the_users_own_may_be_added(override: str) -> None:
    assert typed(compose("train", ["data=custom", override]), TrainConfig)


@pytest.mark.parametrize(
    ("override", "right"),
    [
        ("agent.active=mlmi", "agent.active must be a list, was mlmi: write agent.active=[mlmi]"),
        ("evaluation.gates=0.5", "evaluation.gates must be a list, was 0.5"),
    ],
)
def test_one_thing_is_no_list(override: str, right: str) -> None:
    assert refusal(override).startswith(right)
