"""Environments of other frameworks from words of the command line; the seal holds there too."""

import importlib
import sys
from functools import cache

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from grandmodel.core.checks import UserError
from grandmodel.evaluation.trials.ledger import Ledger
from grandmodel.wiring.environments import ENVIRONMENT_ID, make_env, open_market

SMALL = ("debug=fast", "data.cache=false", "env.episode_bars=16")
WIDTH = 2 * 11 + 6 + 4  # all inputs of the strategic team, twice; context; account


@cache
def small():
    return open_market(*SMALL)


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    """Half-hour bars of a user's own, a random walk."""
    path = tmp_path_factory.mktemp("own") / "mine.csv"
    draw = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(draw.normal(0.0, 1e-3, 1500)))
    opened = np.append(100.0, close[:-1])
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=1500, freq="30min", tz="UTC"),
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": 10,
        }
    )
    frame.to_csv(path, index=False)
    return path


def own(bars, folder):
    """Overrides that read the bars and write below the folder."""
    ledger = folder / "ledger.jsonl"
    return (
        "data=csv",
        f"data.path={bars}",
        "data.cache=false",
        "env.episode_bars=16",
        f"paths.ledger={ledger}",
    ), ledger


def test_every_kind_is_one_call_away():
    env = make_env(*SMALL, kind="gymnasium_vector", n_envs=3, seed=5)
    seen, _ = env.reset()
    assert seen.shape == (3, WIDTH)
    assert make_env(*SMALL).reset()[0].shape == (WIDTH,)
    assert small().gymnasium_vector().num_envs == 64
    assert small().gymnasium(member="regime").reset()[0].shape == (2 * 3 + 6 + 4,)


def test_agents_are_the_members_with_their_own_inputs_and_weights():
    pytest.importorskip("pettingzoo", reason="needs the package pettingzoo")
    env = small().pettingzoo(seed=1)
    assert env.possible_agents == ["mlmi", "nwrqk", "regime"]
    widths = {name: env.observation_space(name).shape for name in env.possible_agents}
    assert widths == {"mlmi": (19,), "nwrqk": (19,), "regime": (17,)}
    assert env.state_space.shape == (WIDTH + 3,)
    executors = []
    for _ in range(400):
        env.reset()
        executors.append(env.executor)
    shares = [executors.count(name) / 400 for name in env.possible_agents]
    assert np.abs(np.array(shares) - [0.40, 0.35, 0.25]).max() < 0.07
    alone = small().pettingzoo(weights={"mlmi": 0, "nwrqk": 1, "regime": 0})
    alone.reset()
    assert alone.executor == "nwrqk"
    with pytest.raises(UserError, match="weights must name each of mlmi, nwrqk, regime once, was"):
        small().pettingzoo(weights={"mlmi": 1.0})


def test_agents_of_the_user_s_own_are_found(tmp_path):
    folder = tmp_path / "agent"
    folder.mkdir()
    agent = {"name": "one", "members": {"only": {"inputs": ["momentum_20"]}}}
    text = "# @package _global_\n" + OmegaConf.to_yaml({"agent": agent})
    (folder / "one.yaml").write_text(text)
    words = (f"hydra.searchpath=[file://{tmp_path}]", "agent=one")
    assert make_env(*SMALL, *words).reset()[0].shape == (2 + 6 + 4,)


def test_the_context_is_that_of_the_team():
    market = open_market(*SMALL, "agent.context=[hour_sin]")
    assert [spec.context for spec in market.specs] == [("hour_sin",)] * 3
    assert market.gymnasium().reset()[0].shape == (2 * 11 + 1 + 4,)


def test_a_member_may_bear_the_name_of_the_critic(tmp_path):
    folder = tmp_path / "agent"
    folder.mkdir()
    members = {"critic": {"inputs": ["momentum_20"]}, "other": {"inputs": ["mlmi_value"]}}
    text = "# @package _global_\n" + OmegaConf.to_yaml(
        {"agent": {"name": "two", "members": members}}
    )
    (folder / "two.yaml").write_text(text)
    market = open_market(*SMALL, f"hydra.searchpath=[file://{tmp_path}]", "agent=two")
    assert market.gymnasium(member="critic").reset()[0].shape == (2 + 6 + 4,)
    assert market.gymnasium().reset()[0].shape == (2 * 2 + 6 + 4,)


def test_validation_runs_the_segments_of_the_judge():
    market = small()
    segments = market.stage.segments("validation", 8)
    vector = market.gymnasium_vector("validation")
    assert vector.num_envs == len(segments) == 8
    vector.reset()
    ended = np.zeros(8, bool)
    steps = 0
    while not ended.all():
        *_, truncated, _ = vector.step(np.ones(8, np.int64))
        steps += 1
        ended |= truncated
    assert steps == max(piece.stop - piece.start for piece in segments) - 1
    with pytest.raises(UserError, match="n_envs cannot be given with split=validation"):
        market.gymnasium_vector("validation", n_envs=4)
    assert market.gymnasium("test").reset()[0].shape == (WIDTH,)  # planted bars are nobody's


def test_gymnasium_makes_it_by_name():
    name = f"grandmodel.wiring.environments:{ENVIRONMENT_ID}"
    env = gym.make(name, overrides=SMALL, member="mlmi", seed=3)
    seen, info = env.reset()
    assert seen.shape == (18,)
    assert info["equity"] == 100_000.0
    assert np.array_equal(seen, small().gymnasium(member="mlmi", seed=3).reset()[0])
    assert gym.make_vec(name, num_envs=2, overrides=SMALL).num_envs == 2
    assert gym.make_vec(name, overrides=SMALL, split="validation").num_envs == 8


def test_the_sealed_test_split_is_refused_or_counted(bars, tmp_path):
    words, path = own(bars, tmp_path)
    market = open_market(*words)
    assert market.gymnasium("validation").reset()[1]["equity"] == 100_000.0
    with pytest.raises(UserError, match="split=test of your own bars is sealed: choose on split="):
        market.gymnasium("test")
    assert not path.exists()
    sealed = market.stage.used("test", "")
    for count, kind in enumerate(["gymnasium", "gymnasium_vector", "gymnasium"], start=1):
        getattr(market, kind)("test", open_test=True)
        assert Ledger(path).openings(sealed) == count
    lines = Ledger(path).lines()
    assert {(line["kind"], line["split"], line["n"]) for line in lines} == {
        ("environment", "test", 0)
    }
    assert len({line["trial"] for line in lines}) == 2


def test_settings_reach_the_environment(bars, tmp_path):
    words, _ = own(bars, tmp_path)
    paid = []
    for fee in ("0", "5"):
        env = make_env(*words, f"instrument.fee_bps={fee}", "env.capital=5000", seed=1)
        assert env.reset()[1]["equity"] == 5_000.0
        paid.append(env.step(2)[4]["cost"])
    assert paid[1] - paid[0] == pytest.approx(5e-4 * 5_000.0, rel=0.02)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kind": "gym"}, "kind must be one of gymnasium, gymnasium_vector, pettingzoo, stable_"),
        ({"split": "all"}, "split must be one of train, validation, test, was all"),
        ({"member": "fvg"}, "member must be one of mlmi, nwrqk, regime, was fvg"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, sentence):
    with pytest.raises(UserError, match=sentence):
        make_env(*SMALL, **given)


def test_settings_are_checked_as_on_the_command_line():
    with pytest.raises(UserError, match=r"env\.capital must"):
        open_market("env.capital=-1")
    with pytest.raises(UserError, match="is not a configuration key"):
        open_market("env.capitol=1")


@pytest.mark.parametrize(
    ("kind", "package", "module", "remedy"),
    [
        ("pettingzoo", "pettingzoo", "pettingzoo_env", r'pip install "grandmodel\[pettingzoo\]"'),
        ("stable_baselines3", "stable_baselines3", "sb3_env", 'pip install "stable-baselines3"'),
    ],
)
def test_a_missing_package_is_named_with_its_remedy(kind, package, module, remedy, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, f"grandmodel.envs.{module}", raising=False)

    class Missing:
        """A finder for which the package is not installed."""

        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] == package:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    importlib.invalidate_caches()
    with pytest.raises(UserError, match=f"needs the package {package}, .*: {remedy}"):
        getattr(small(), kind)()


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        ("gymnasium", {"n_envs": 5}, "kind=gymnasium takes member, seed, open_test"),
        ("pettingzoo", {"weights": [1, 2]}, "weights must name each of"),
        ("gymnasium", {"seed": -1}, "seed must not be negative, was -1"),
    ],
)
def test_options_that_are_none_are_refused_in_one_sentence(kind, options, sentence):
    with pytest.raises(UserError, match=sentence):
        make_env(*SMALL, kind=kind, **options)
