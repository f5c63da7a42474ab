"""The words of a command line, before Hydra reads them: key=value, each understood alone."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from grandmodel.core.checks import UserError, require
from grandmodel.wiring.compose import CONFIG_DIR

TAKES_A_WORD = ("-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name",
                "-cd", "--config-dir", "--experimental-rerun")  # fmt: skip
OPTIONS = (*TAKES_A_WORD, "-h", "--help", "--hydra-help", "--version", "--resolve", "-r", "--run",
           "-m", "--multirun", "-i", "--info", "-sc", "--shell-completion")  # fmt: skip
KEY = re.compile(r"(\+\+|\+|~)?\w[\w/@:$-]*(\.[\w/@:$-]+)*")
UNQUOTED = "[{'\"$"  # a value that begins like this is a list, a mapping or quoted already


def check_words(arguments: Sequence[str], named_run: str | None = None) -> None:
    """Refuse a word of the command line that is no setting, with the form that would be one.

    Args:
        arguments: the command line without the command.
        named_run: the key that a folder alone was meant for, such as ``run``.

    Raises:
        UserError: a word with dashes that is no option, without a value, or not understood.
    """
    _refuse_option_between(arguments)
    for word, following in _settings(arguments):
        if word.startswith("-"):
            name, equals, value = word.lstrip("-").partition("=")
            right = word.lstrip("-")
            if not equals:
                value = following if following and "=" not in following else "VALUE"
                right = f"{name}={value}"
            raise UserError(f"{word} is no option: write settings without dashes, {right}")
        if not word.startswith("~"):
            _refuse_without_value(word, named_run)
        _refuse_misnamed(word)
        if not word.startswith("~"):
            _refuse_misread(word)


def given_words(arguments: Sequence[str], key: str, why: str) -> dict[str, Override]:
    """Parse a command line of keys and values, beside ``key``=VALUE.

    Args:
        arguments: the command line without the command.
        key: the key that decides how the others are read.
        why: the reason why options have no place beside it.

    Raises:
        UserError: it holds an option such as ``-m``, or several values for a key.
    """
    check_words(arguments, key)
    flags = [argument for argument in arguments if argument.startswith("-")]
    require(
        not flags,
        f"{flags[0] if flags else ''} cannot be given with {key}=: {why}; write {key}=VALUE "
        "[key=value]",
    )
    parsed = OverridesParser.create().parse_overrides(list(arguments))
    for item in parsed:
        require(
            not item.is_sweep_override(),
            f"{word_of(item)} names several values; give {item.key_or_group}= one at a time",
        )
    return {item.key_or_group: item for item in parsed}


def word_of(item: Override) -> str:
    """Return an override as it was typed."""
    return item.input_line or f"{item.key_or_group}={item.value()}"


def _settings(arguments: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Yield every word that is no option of Hydra's nor belongs to one, and the one after it."""
    skip = False
    for word, following in zip(arguments, [*arguments, None][1:], strict=True):
        if skip:
            skip = False
            continue
        if word.split("=")[0] in OPTIONS and (word in OPTIONS or not _is_run(word)):
            skip = word in TAKES_A_WORD
            continue
        yield word, following


def _refuse_option_between(arguments: Sequence[str]) -> None:
    """Refuse ``seed=0,1 -m data=csv``: settings must stand together."""
    places = [place for place, word in enumerate(arguments) if word[:1] != "-" and "=" in word]
    between = arguments[min(places, default=0) : max(places, default=0)]
    option = next((word for word in between if word in OPTIONS), None)
    if option is not None:
        raise UserError(f"{option} stands between settings: write it before the first of them")


def _is_run(word: str) -> bool:
    """Tell ``--run=DIR``, which means ``run=DIR``, from Hydra's own options with a value."""
    return word.startswith(("--run=", "-r="))


def _refuse_without_value(word: str, named_run: str | None) -> None:
    if "=" in word:
        return
    folder = "/" in word or Path(word).is_dir()
    if folder or named_run == "run":
        keys = (named_run,) if named_run else ("resume", "init_from")
        right = " or ".join(f"{key}={shlex.quote(word)}" for key in keys)
        raise UserError(f"{word} is no setting: write {right}")
    raise UserError(f"{word} has no value: write {word}=VALUE")


def _refuse_misnamed(word: str) -> None:
    key = word.partition("=")[0]
    if not KEY.fullmatch(key):
        right = "~KEY" if word.startswith("~") else "KEY=VALUE"
        raise UserError(
            f"{word} names no key, which is letters and digits with single points between: write "
            f"{right}"
        )


def _refuse_number_for_file(item: Override, word: str) -> None:
    """Refuse ``trainer=3``: such a key names one of the files of its folder."""
    folder = CONFIG_DIR / item.key_or_group
    if item.is_sweep_override() or not folder.is_dir():
        return
    names = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
    require(
        not isinstance(item.value(), int | float),
        f"{word} names no file of conf/{folder.name}: write {folder.name}= with one of {names}, or "
        f"set one of its keys, {folder.name}.KEY=VALUE",
    )


def _refuse_misread(word: str) -> None:
    key, _, value = word.partition("=")
    try:
        (item,) = OverridesParser.create().parse_overrides([word])
        _refuse_number_for_file(item, word)
    except HydraException as error:
        bare = value[:1] not in UNQUOTED
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        remedy = f"write '{key}=\"{quoted}\"'"
        if not bare or "'" in value:
            remedy = "check its brackets and quotes, and quote words with blanks or commas"
        raise UserError(
            f"{word} is not understood as key=value, because of blanks, brackets or signs in the "
            f"value: {remedy}"
        ) from error
