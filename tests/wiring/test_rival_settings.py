"""What the learned rivals of a run are: the same budget, another way to learn."""

import json
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf
from rich.console import Console

from grandmodel.core.checks import UserError
from grandmodel.evaluation.statistics.intervals import Difference
from grandmodel.systems.critic import NoCritic, OwnCritics
from grandmodel.wiring import train
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.exit import InterruptedRunError
from grandmodel.wiring.learned.made import other_hardware, other_version
from grandmodel.wiring.learned.policies import trained_rival
from grandmodel.wiring.learned.rivals import beaten, told_beaten
from grandmodel.wiring.learned.settings import Origin, rival_settings
from grandmodel.wiring.run_folder import RunFolder, code_facts
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.sections import PathsConfig, TrainerConfig
from grandmodel.wiring.system import build_system
from grandmodel.wiring.trial import deciding

NAMES = {"single_agent_ppo", "independent_ppo", "ensemble_without_critic"}
PATHS = PathsConfig(output="elsewhere")
BUDGET = ("total_steps", "seed", "algorithm.environments", "algorithm.epochs", "env")


def origin_of(tmp_path, *overrides, facts=None):
    folder = RunFolder(tmp_path)
    facts = {"data_fingerprint": "d", "bars_fingerprint": "b" * 32} | (facts or {})
    (tmp_path / "run.json").write_text(json.dumps(facts))
    return Origin(folder, compose("train", overrides))


@pytest.mark.parametrize("agent", ["strategic", "tactical"])
def test_every_rival_can_be_built_and_has_the_budget_of_the_run(tmp_path, agent):
    origin = origin_of(tmp_path, f"agent={agent}", "logger=tensorboard", "evaluation.learned=true")
    found = rival_settings(origin, PATHS)
    assert set(found) == NAMES
    for settings in found.values():
        config = typed(settings, TrainConfig)
        assert config.paths == PATHS
        assert config.logger.kind == "none"
        assert not config.evaluation.learned
        assert config.evaluation.gates == typed(origin.settings, TrainConfig).evaluation.gates
        for key in BUDGET:
            assert OmegaConf.select(settings, key) == OmegaConf.select(origin.settings, key)
    teams = {name: build_system(typed(settings, TrainConfig)) for name, settings in found.items()}
    own = build_system(typed(origin.settings, TrainConfig))
    assert isinstance(teams["independent_ppo"].critic, OwnCritics)
    assert isinstance(teams["ensemble_without_critic"].critic, NoCritic)
    assert teams["ensemble_without_critic"].specs == own.specs
    single = teams["single_agent_ppo"]
    assert single.n_agents == 1
    assert not single.roles
    seen, union = single.specs[0], own.critic.spec
    assert (seen.window, seen.window_bars) == (union.window, union.window_bars)
    assert (seen.context, seen.account) == (union.context, union.account)


def test_the_single_agent_is_the_one_that_the_project_ships(tmp_path):
    config = typed(
        rival_settings(origin_of(tmp_path), PATHS)["single_agent_ppo"], TrainConfig
    ).agent
    shipped = typed(compose("train", ["agent=strategic_single"]), TrainConfig).agent
    assert config.members["single"].inputs == shipped.members["single"].inputs
    assert config.pool_every == shipped.pool_every == 0
    assert config.ensemble_learn == shipped.ensemble_learn == "fixed"


def test_what_one_agent_saw_of_the_future_the_single_one_sees(tmp_path):
    origin = origin_of(tmp_path, "data=leaked_one")
    settings = rival_settings(origin, PATHS)["single_agent_ppo"]
    assert build_system(typed(settings, TrainConfig)).specs[0].context[-1] == "leak"


def test_what_one_member_reads_beside_the_teams_context_the_single_one_reads(tmp_path):
    origin = origin_of(tmp_path, "agent.members.regime.context=[slope_z]")
    settings = rival_settings(origin, PATHS)["single_agent_ppo"]
    assert build_system(typed(settings, TrainConfig)).specs[0].context[-1] == "slope_z"


def test_rewards_of_single_members_go_where_no_member_can_have_them(tmp_path):
    given = "reward.members.fvg.gap_entry=0.1"
    origin = origin_of(tmp_path, "agent=tactical", "reward=text", given)
    left = {name: dict(s.reward.members) for name, s in rival_settings(origin, PATHS).items()}
    assert not left["single_agent_ppo"]
    assert not left["independent_ppo"]
    assert left["ensemble_without_critic"]["fvg"]["gap_entry"] == 0.1


@pytest.mark.parametrize(
    ("overrides", "absent"),
    [
        (["agent=strategic_single"], {"single_agent_ppo", "independent_ppo"}),
        (["algorithm.critic_sees=own"], {"independent_ppo"}),
        (["algorithm.critic_sees=none"], {"ensemble_without_critic"}),
        (["agent.active=[mlmi]"], {"single_agent_ppo", "independent_ppo"}),
    ],
)
def test_a_run_is_no_rival_of_itself(tmp_path, overrides, absent):
    assert set(rival_settings(origin_of(tmp_path, *overrides), PATHS)) == NAMES - absent


def test_rivals_are_kept_by_what_makes_them(tmp_path):
    home = origin_of(tmp_path).home("outputs")
    assert home.parts[:2] == ("outputs", "learned")
    same = ["logger=none", "evaluation.learned=true", "paths.output=x", "trainer.threads=1"]
    assert origin_of(tmp_path, *same).home("outputs") == home
    for overrides in (["seed=1"], ["total_steps=5"]):
        assert origin_of(tmp_path, *overrides).home("outputs") != home
    for key in ("bars_fingerprint", "data_fingerprint", "start_weights"):
        assert origin_of(tmp_path, facts={key: "c"}).home("outputs") != home


def test_an_interval_that_holds_zero_cannot_tell():
    found = {
        "better": Difference(1.0, 0.1, 2.0),
        "worse": Difference(-1.0, -2.0, -0.1),
        "open": Difference(1.0, -0.5, 2.0),
        "short": Difference(1.0, float("nan"), float("nan")),
        "flat": Difference(1.0, 0.5, 2.0),
    }
    told = beaten(found, ["better", "worse", "open", "short"])
    assert told == {
        "beats_better": True,
        "beats_worse": False,
        "beats_open": None,
        "beats_short": None,
    }
    assert told_beaten({"sharpe": 1.0}) is None
    assert told_beaten(told) == (
        "beside learned baselines the team beats better; is beaten by worse; "
        "cannot be told from open, short"
    )


def test_the_hash_of_a_trial_reads_what_the_folder_is_named_by():
    settings = compose("train", [])
    given = deciding(settings, "market", "weights")
    assert (given["instrument"], given["init_from"]) == ("market", "weights")
    assert deciding(settings, "market", None)["init_from"] is None


@pytest.mark.parametrize(
    ("run", "judged", "rival"),
    [
        (("gpu", "bf16-mixed"), ("cpu", "32-true"), ("cpu", "bf16-mixed")),
        (("gpu", "16-mixed"), ("cpu", "32-true"), ("cpu", "32-true")),
        (("gpu", "16-mixed"), ("gpu", "32-true"), ("gpu", "16-mixed")),
        (("cpu", "32-true"), ("gpu", "bf16-mixed"), ("gpu", "32-true")),
    ],
)
def test_a_rival_has_the_device_of_the_judgement_and_the_precision_of_the_run(
    tmp_path, run, judged, rival
):
    origin = origin_of(tmp_path, f"trainer.accelerator={run[0]}", f"trainer.precision={run[1]}")
    hardware = TrainerConfig(accelerator=judged[0], precision=judged[1], threads=3)
    for settings in rival_settings(origin, PATHS, hardware).values():
        found = typed(settings, TrainConfig).trainer
        assert (found.accelerator, found.precision, found.threads) == (*rival, 3)
        told = other_hardware(found, origin.trainer)
        assert told == (
            None
            if rival == run
            else f"trained on {rival[0]} in {rival[1]}, the run on {run[0]} in {run[1]}"
        )


def test_a_rival_that_other_code_made_says_so():
    now = code_facts()
    assert other_version(now) is None
    assert other_version(now | {"started": "then"}) is None
    told = other_version(now | {"git_commit": "abc"})
    assert told is not None
    assert told.startswith(f"made by {now['version']} (commit abc), judged by {now['version']} (")
    assert "made by 0.0.1 (" in (other_version(now | {"version": "0.0.1"}) or "")
    assert "made by unknown (commit unknown)" in (other_version({}) or "")


def test_whoever_trains_a_rival_keeps_others_from_it(tmp_path):
    path = tmp_path / "independent_ppo"
    path.mkdir()

    def train(*_, **__):
        raise AssertionError

    origin = origin_of(tmp_path)
    settings = rival_settings(origin, PATHS)["independent_ppo"]
    with (
        RunFolder(path).held(),
        pytest.raises(UserError, match="another process is training the learned baseline") as said,
    ):
        trained_rival(path, "independent_ppo", settings, train, Console(quiet=True))
    assert "wait until that has ended" in str(said.value)
    assert "hydra.run.dir" not in str(said.value)


def test_an_interrupted_rival_goes_on_with_the_run_that_asked_for_it(tmp_path, monkeypatch):
    origin = origin_of(tmp_path)
    settings = rival_settings(origin, PATHS)["independent_ppo"]
    path = tmp_path / "learned" / "independent_ppo"

    def stop(*_, **__):
        raise InterruptedRunError("interrupted after 8 steps", f"python train.py resume={path}")

    def judge(*_):
        return trained_rival(path, "independent_ppo", settings, stop, Console(quiet=True))

    what = "interrupted while the learned baseline independent_ppo was trained"
    with pytest.raises(InterruptedRunError) as said:
        judge()
    assert str(said.value) == what
    monkeypatch.setattr(train, "_judge", judge)
    result = SimpleNamespace(seconds=1.0, told={})
    given = (None, origin.folder, origin.settings, result, [], Console(quiet=True), None)
    with pytest.raises(InterruptedRunError) as said:
        train._tell(*given)  # pyright: ignore[reportArgumentType]
    assert str(said.value) == f"{what}; continue with: python train.py resume={tmp_path}"


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_rival_that_was_begun_on_a_gpu_says_what_it_needs(tmp_path):
    path = tmp_path / "independent_ppo"
    path.mkdir()
    settings = rival_settings(origin_of(tmp_path, "trainer=gpu"), PATHS)["independent_ppo"]
    (path / "config.yaml").write_text(OmegaConf.to_yaml(settings))
    with pytest.raises(UserError, match=f"begun on a GPU.* remove {path} "):
        trained_rival(path, "independent_ppo", settings, lambda *_: 0.0, Console(quiet=True))
