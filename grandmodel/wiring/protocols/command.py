"""What `evaluate.py protocol=` was asked for."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from grandmodel.core.checks import require
from grandmodel.evaluation.controls.sweep import Sweep
from grandmodel.evaluation.protocols.config import ProtocolConfig
from grandmodel.wiring.command_line import check_words, given_words, word_of
from grandmodel.wiring.compose import compose
from grandmodel.wiring.controls import SWEEP_OPTIONS, sweep_of
from grandmodel.wiring.run_folder import RunFolder, fresh_name

FOLDER_KEY = "hydra.run.dir"
NO_OPTIONS = "a protocol composes one training and repeats it per fold"
PLANNED = ("data.split", "judge", "data.stress")  # the protocol itself decides on these
NOT_HERE = {
    "split": "which judges the tests of its folds",
    "trust": "which reads no run's configuration",
}
FREE = (
    "logger",
    "callbacks.progress",
    "callbacks.checkpoint_every_s",
    "paths",
    "evaluation.report",
)


@dataclass(frozen=True, kw_only=True)
class ProtocolOptions(ProtocolConfig):
    """The protocol's own keys of the command line."""

    workers: int | None = None  # folds at a time; None: cores // trainer.threads

    def __post_init__(self) -> None:
        """Check the plan's part and the number of processes."""
        super().__post_init__()
        require(
            self.workers is None or self.workers >= 1,
            f"workers must be at least 1, was {self.workers}: give how many folds are trained at a "
            "time, or leave it out for as many as the cores carry",
        )


OPTIONS = tuple(item.name for item in fields(ProtocolOptions))


@dataclass(frozen=True)
class ProtocolCommand:
    """A protocol, the training that it repeats, and where it is written."""

    options: ProtocolOptions
    config: DictConfig  # of one training, whatever fold it belongs to
    words: tuple[str, ...]  # settings of that training, as they were typed
    path: Path
    typed: tuple[str, ...]  # the protocol's own settings, as they were typed
    tried: Mapping[str, Any]  # costs and delays that the judgement is to try, as given now
    stored: Mapping[str, Any] = field(default_factory=dict)  # and before, in the same folder

    @property
    def asked(self) -> dict[str, Any]:
        """The costs and delays that were ever given: those of now, else those of before."""
        return {**self.stored, **self.tried}

    @property
    def sweep(self) -> Sweep:
        """The costs and delays that the judgement tries."""
        return sweep_of(SWEEP_OPTIONS | self.asked)

    @property
    def sweep_words(self) -> list[str]:
        """Costs and delays as they would be typed."""
        return [f"{key}={str(value).replace(' ', '')}" for key, value in self.asked.items()]

    @property
    def differs(self) -> bool:
        """Whether other costs or delays are asked for than before."""
        return self.sweep != sweep_of(SWEEP_OPTIONS | dict(self.stored))

    def beside(self, stored: Mapping[str, Any]) -> "ProtocolCommand":
        """Return the command in a folder where costs and delays were given before."""
        return replace(self, stored=stored)

    @property
    def record(self) -> dict[str, Any]:
        """The settings that decide what the protocol finds."""
        return {
            key: value
            for key, value in asdict(self.options).items()
            if key != "workers" and self.options.reads(key)
        }

    @property
    def again(self) -> str:
        """The command line that goes on with it."""
        return _line([*self.typed, *self.sweep_words, *self.words], self.path)


def command_again(folder: Path) -> str:
    """Return the command line that goes on with the protocol in a folder."""
    return _line(RunFolder(folder).read_overrides(), folder)


def _line(words: Sequence[str], folder: Path) -> str:
    return shlex.join(["python", "evaluate.py", *words, f"{FOLDER_KEY}={folder}"])


def protocol_command(arguments: Sequence[str]) -> ProtocolCommand:
    """Read the command line of a protocol.

    Raises:
        UserError: keys that do not go with a protocol, or values that plan nothing.
        HydraException: the training cannot be composed.
    """
    check_words(arguments)
    given = given_words(arguments, "protocol", NO_OPTIONS)
    for key in ("run", "runs", "resume"):
        require(
            key not in given,
            f"{key}= cannot be given with protocol=, which trains teams of its own: leave one of "
            "the two out",
        )
    for key, why in NOT_HERE.items():
        require(key not in given, f"{key}= cannot be given with protocol=, {why}: leave it out")
    own = {key: given.pop(key) for key in OPTIONS if key in given}
    tried = {key: given.pop(key) for key in SWEEP_OPTIONS if key in given}
    values = {key: item.value() for key, item in tried.items()}
    sweep_of(SWEEP_OPTIONS | values)
    for key in given:
        decided = next((it for it in PLANNED if key == it or key.startswith(f"{it}.")), None)
        require(
            decided is None,
            f"{key} cannot be given with protocol=, which decides on it: leave it out",
        )
    options = OmegaConf.merge(
        OmegaConf.structured(ProtocolOptions), {key: item.value() for key, item in own.items()}
    )
    plan = OmegaConf.to_object(options)
    assert isinstance(plan, ProtocolOptions)  # noqa: S101 - narrows the type of the schema's object
    plan.refuse_unread(own)
    folder = given.pop(FOLDER_KEY, None)
    words = tuple(word_of(item) for item in given.values())
    config = compose("train", words)
    parent = f"{config.paths.output}/evaluate"
    path = Path(str(folder.value())) if folder else Path(parent) / fresh_name(parent)
    typed = tuple(word_of(item) for item in own.values())
    return ProtocolCommand(plan, config, words, path, typed, values)


def require_same_settings(command: ProtocolCommand) -> None:
    """Refuse to go on with a protocol that was begun with other settings.

    Raises:
        UserError: a key that can change the result, with both values.
    """
    stored = _flat(OmegaConf.to_container(OmegaConf.load(command.path / "config.yaml")))
    now = _flat(stored_config(command))
    for key in sorted({*stored, *now}):
        free = any(key == name or key.startswith(f"{name}.") for name in FREE)
        require(
            free or stored.get(key) == now.get(key),
            f"{key} was {stored.get(key)} in {command.path}, is {now.get(key)} now; an interrupted "
            "protocol goes on with its own settings, others need another hydra.run.dir",
        )


def stored_config(command: ProtocolCommand) -> dict[str, Any]:
    """Return what ``config.yaml`` of a protocol's folder holds."""
    config = OmegaConf.to_container(command.config, resolve=True)
    assert isinstance(config, dict)  # noqa: S101 - narrows the type of a mapping
    return {str(key): value for key, value in config.items()} | {"protocol": command.record}


def is_protocol(folder: Path) -> bool:
    """Tell the folder of a protocol, finished or not, from that of a run or of nothing."""
    file = folder / "config.yaml"
    if not file.is_file():
        return False
    try:
        return "protocol" in OmegaConf.load(file)
    except (YAMLError, OmegaConfBaseException):
        return False


def _flat(value: Any, above: str = "") -> dict[str, Any]:
    """Lay nested settings out by their full names."""
    if not isinstance(value, dict) or not value:
        return {above.removesuffix("."): value}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= _flat(inner, f"{above}{key}.")
    return found
