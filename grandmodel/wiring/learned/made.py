"""A rival that is there: how it was set, what made it, and how it trades on any bars."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from grandmodel.evaluation.accounts.track import Track
from grandmodel.wiring.market import Stage
from grandmodel.wiring.occasion import Occasion, Subject
from grandmodel.wiring.run_folder import code_facts
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.sections import TrainerConfig

Trade = Callable[[TrainConfig, Stage, Subject, Occasion], Track]
NOTED = {"other_version": "; remove its folder to have it made anew", "other_hardware": ""}


@dataclass(frozen=True)
class Made:
    """A rival that was made for a run and has not been judged yet.

    Attributes:
        name: of the rival.
        setting: what tables and files tell of it.
        settings: what makes it a trial.
        folder: where it is kept.
        trade: from settings of the judgement, bars, the run's team and where it is judged there
            to the account of the rival.
    """

    name: str
    setting: Mapping[str, Any]
    settings: DictConfig
    folder: Path
    trade: Trade

    def say_what_differs(self, console: Console) -> None:
        """Say in a line each that other code or other hardware made it."""
        for key, remedy in NOTED.items():
            if (differs := self.setting.get(key)) is not None:
                said = f"note: learned baseline {self.name} in {self.folder} was {differs}{remedy}"
                console.print(said, markup=False, style="yellow")


def other_version(made_by: Mapping[str, Any]) -> str | None:
    """Return which code made a rival where it is not the code that judges it, else None.

    Args:
        made_by: `version` and `git_commit` as they were recorded; without them nobody knows.
    """
    now = code_facts()
    if all(made_by.get(key) == value for key, value in now.items()):
        return None
    return f"made by {_told(made_by)}, judged by {_told(now)}"


def _told(code: Mapping[str, Any]) -> str:
    return f"{code.get('version') or 'unknown'} (commit {code.get('git_commit') or 'unknown'})"


def other_hardware(own: TrainerConfig, run: TrainerConfig) -> str | None:
    """Return how a rival was trained where the run was trained on another device or precision."""
    if (own.accelerator, own.precision) == (run.accelerator, run.precision):
        return None
    return (
        f"trained on {own.accelerator} in {own.precision}, the run on {run.accelerator} in "
        f"{run.precision}"
    )
