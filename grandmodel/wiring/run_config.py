"""Configurations that start from a run: judging it elsewhere, or going on with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from grandmodel.core.checks import UserError, require
from grandmodel.wiring.command_line import given_words, word_of
from grandmodel.wiring.compose import compose
from grandmodel.wiring.run_folder import RunFolder, existing_run, require_training
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.sections import PathsConfig
from grandmodel.wiring.trust import vouch

JUDGED_AGAIN = (
    "data", "instrument", "evaluation", "agent.execute", "agent.gate", "agent.threshold", "paths",
    "trainer",
)  # fmt: skip
FIXED = ("evaluation.gates",)  # the batch of rules that a stored gate belongs to
ONE_RUN = "the run's configuration is in its config.yaml, and one run is read at a time"
OTHER_WAYS = (  # of evaluate.py, the one command that has a split to choose
    ", several runs: runs='outputs/sweep/NAME/*', or a protocol that trains them: "
    "protocol=walk_forward (--help tells more)"
)
RESUMED = ("logger", "callbacks.progress", "callbacks.checkpoint_every_s")
GROUPS_JUDGED_AGAIN = ("data", "instrument", "evaluation", "trainer")


@dataclass(frozen=True)
class RunCommand:
    """What `evaluate.py` and `backtest.py` were asked for."""

    source: RunFolder
    config: DictConfig
    options: dict[str, object]  # keys of the command itself, such as split
    overrides: tuple[str, ...]
    new_data: bool  # other bars than those of the run


def from_run(arguments: Sequence[str], options: dict[str, object]) -> RunCommand:
    """Load ``run=`` and apply the overrides that a judgement may have.

    Args:
        arguments: the command line, Hydra's grammar.
        options: keys of the command itself with their defaults.

    Raises:
        UserError: there is no run, or a key may not be given beside ``run=``.
    """
    given = given_words(arguments, "run", ONE_RUN)
    others = OTHER_WAYS if "split" in options else ""
    require(
        "run" in given,
        f"run= is missing; give the folder that train.py named: run=DIR{others}",
    )
    source, stored = existing_run(str(given.pop("run").value()))
    require_training(source)
    options = {**options, "trust": False}
    chosen = {key: given.pop(key).value() for key in list(given) if key in options}
    home = _home(given)
    for key in given:
        allowed = any(key == name or key.startswith(f"{name}.") for name in JUDGED_AGAIN)
        require(
            allowed and key not in FIXED and not given[key].is_delete(),
            f"{key} cannot be given with run=: the run keeps its own; what may change is "
            f"{', '.join(JUDGED_AGAIN)}, {', '.join(options)}",
        )
    config = closed(stored)
    new_data = any(key == "data" or key in ("data.path", "data.symbol") for key in given)
    if new_data and "instrument" not in given:
        config.instrument = _section("instrument", [])
    for key in GROUPS_JUDGED_AGAIN:
        if key in given:
            config[key] = _section(key, [word_of(given.pop(key))])
    for key, item in given.items():
        OmegaConf.update(config, key, item.value(), merge=True)
    vouch(source, stored, config, home=home, trust=chosen.get("trust") is True)
    return RunCommand(source, config, options | chosen, tuple(arguments), new_data)


def resumed(arguments: Sequence[str]) -> tuple[RunFolder, DictConfig, list[str]]:
    """Load the run of ``resume=`` with its own configuration; refuse keys that differ from it.

    Raises:
        UserError: no such run, or a key was given that would change the training.
    """
    given = given_words(arguments, "resume", ONE_RUN)
    source, stored = existing_run(str(given.pop("resume").value()), key="resume")
    require_training(source, "resume")
    trust = "trust" in given and given.pop("trust").value() is True
    require(
        "judged_run" not in source.read_run_json(),
        f"resume={source.path} is a judgement, not a training; give the folder that train.py named",
    )
    config = closed(stored)
    vouch(source, stored, config, home=_home(given), trust=trust)
    rest = [word_of(item) for item in given.values() if not item.key_or_group.startswith("hydra.")]
    wanted = compose("train", rest) if rest else config
    for key in given:
        if key == "hydra.run.dir":
            raise UserError("hydra.run.dir cannot be given with resume=: a run stays in its folder")
        require(
            OmegaConf.select(config, key) is not None or key.split(".")[0] in config,
            f"{key} cannot be given with resume=: a resumed run keeps its settings",
        )
        free = any(key == name or key.startswith(f"{name}.") for name in RESUMED)
        new = OmegaConf.select(wanted, key)
        if free:
            OmegaConf.update(config, key, new, merge=True)
            continue
        old = OmegaConf.select(config, key)
        require(
            _plain(new) == _plain(old),
            f"{key} was {_plain(old)} in this run, is {_plain(new)} now; a resumed run keeps its "
            "settings, to train on with others start anew with init_from=",
        )
    return source, config, list(arguments)


def usage(text: str | None, options: Iterable[str]) -> str:
    """Return the help of a command that starts from a run.

    Args:
        text: docstring of the command.
        options: its own keys.
    """
    return (
        f"{(text or '').strip()}\n\nkeys: run, {', '.join(options)}, trust\n"
        f"of the run's settings: {', '.join(JUDGED_AGAIN)} (what they hold: DIR/config.yaml)"
    )


def wants_help(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for help."""
    return not {"-h", "--help"}.isdisjoint(arguments)


def closed(stored: DictConfig) -> DictConfig:
    """Merge a stored configuration into the schema: unknown keys are refused."""
    config = OmegaConf.merge(OmegaConf.structured(TrainConfig), stored)
    if not isinstance(config, DictConfig):
        raise UserError("the stored configuration is not a mapping; train again")
    return config


def _home(given: Mapping[str, Override]) -> Path:
    """Return the output folder of the command line: the one in a run's folder proves nothing."""
    name = given["paths.output"].value() if "paths.output" in given else PathsConfig().output
    return Path(str(name))


def _section(group: str, overrides: list[str]) -> DictConfig:
    return compose("train", overrides)[group]


def _plain(value: object) -> object:
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
