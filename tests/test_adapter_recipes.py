"""The examples of docs/adapters.md run as they stand there, with smaller numbers."""

import re
from pathlib import Path

import pytest

from grandmodel.evaluation.config import EvaluationConfig
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.environments import KINDS
from grandmodel.wiring.schema import TrainConfig

TEXT = (Path(__file__).parents[1] / "docs" / "adapters.md").read_text()
RECIPES = dict(re.findall(r"<!-- run: (\w+) -->\n```python\n(.*?)```", TEXT, re.DOTALL))
SMALLER = {
    '"agent=strategic"': '"agent=strategic", "debug=fast", "data.cache=false"',
    "debug=fast": 'debug=fast", "env.episode_bars=8',
    "total_timesteps=500_000": "total_timesteps=1",
    "n_envs=64": "n_envs=4",
    "n_steps=64, batch_size=1024": "n_steps=16, batch_size=64, n_epochs=1",
    "n_steps=64, batch_size=512": "n_steps=16, batch_size=48, n_epochs=1",
    "(env, 8, base": "(env, 2, base",
    "num_envs=256": "num_envs=4",
    "range(1000)": "range(20)",
}


def test_every_kind_has_a_recipe_and_a_line_in_the_table() -> None:
    assert set(RECIPES) == {*KINDS, "supersuit"}
    for kind in KINDS:
        assert f"| `{kind}` |" in TEXT


def test_the_recipe_of_stable_baselines3_has_ten_lines() -> None:
    assert len(RECIPES["stable_baselines3"].split("\n\n")[0].splitlines()) == 4  # imports
    assert len([line for line in RECIPES["stable_baselines3"].splitlines() if line]) == 10


@pytest.mark.parametrize("kind", [*KINDS, "supersuit"])
def test_recipes_run(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    for package in ("pettingzoo", "stable_baselines3", "supersuit"):
        if package == kind or f"import {package}" in RECIPES[kind]:
            pytest.importorskip(package, reason=f"needs the package {package}")
    code = RECIPES[kind]
    for there, here in SMALLER.items():
        code = code.replace(there, here)
    assert "debug=fast" in code
    names: dict = {}
    exec(compile(code, f"recipe of {kind}", "exec"), names)  # noqa: S102 - our own document
    said = capsys.readouterr().out
    if kind == "stable_baselines3":
        assert names["model"].num_timesteps == 64
        assert re.fullmatch(r"\(\S+, \S+\)\n", said)
    if kind == "gymnasium_vector":
        assert len(names["envs"].return_queue) >= 8
    if kind == "gymnasium":
        stretch = 3000 - 600  # the warm-up of the path is not decided on
        assert 1 < len(names["curve"]) <= stretch
    if kind == "pettingzoo":
        assert said.split()[0] in names["env"].possible_agents


def test_the_settings_that_the_text_names_exist() -> None:
    words = re.findall(r'"(env\.[a-z_]+=\w+)"', TEXT)
    assert len(words) == 3
    env = typed(compose("train", words), TrainConfig).env
    assert (env.entry, env.stop_atr, env.target_atr) == ("limit", 2.0, 3.0)
    assert "evaluation.segments" in TEXT
    assert EvaluationConfig().segments is None
