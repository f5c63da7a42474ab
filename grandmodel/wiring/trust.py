"""Code that the folder of a run names: told, and imported only where somebody vouches for it."""

from collections.abc import Iterator
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from grandmodel.core.checks import require
from grandmodel.wiring.run_folder import RunFolder


def vouch(
    source: RunFolder, stored: DictConfig, config: DictConfig, *, home: Path, trust: bool
) -> None:
    """Name every object that a run would import; refuse those of a run from elsewhere.

    A name that the user gives on the command line is the user's own. Names within this package
    count too: what it imports can be reached through them.

    Args:
        source: folder of the run.
        stored: its own configuration.
        config: the configuration as it will be used.
        home: the output folder; runs below it were made here.
        trust: whether the user vouches for the run.

    Raises:
        UserError: the run names code, lies elsewhere, and nobody vouches for it.
    """
    given = set(_targets(OmegaConf.to_container(stored, resolve=True)))
    used = set(_targets(OmegaConf.to_container(config, resolve=True)))
    named = [f"{target} ({key})" for key, target in sorted(given & used)]
    own = source.path.resolve().is_relative_to(home.resolve())
    require(
        own or trust or not named,
        f"{source.path} lies outside {home} and would import and run {', '.join(named)}: look at "
        "it and add trust=true",
    )
    for name in named:
        Console(soft_wrap=True, highlight=False).print(f"imports {name}", markup=False)


def _targets(value: object, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the key and the name of every ``_target_``, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            name = f"{above}.{key}" if above else str(key)
            if key == "_target_":
                yield name, str(inner)
            else:
                yield from _targets(inner, name)
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _targets(inner, f"{above}[{number}]")
