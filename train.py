"""Train, judge and write a run: python train.py [group=choice] [key=value] [-m]."""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from grandmodel.core.checks import UserError
from grandmodel.wiring.command_line import check_words
from grandmodel.wiring.compose import register
from grandmodel.wiring.exit import InterruptedRunError, guarded, leave
from grandmodel.wiring.kept_console import KeptConsole
from grandmodel.wiring.run_config import resumed
from grandmodel.wiring.run_folder import fresh_folder, shown_path
from grandmodel.wiring.sweep import whole_sweep
from grandmodel.wiring.train import run_training

console = KeptConsole(soft_wrap=True, highlight=False)


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def compose_and_train(config: DictConfig) -> float:
    """Train one run; return the validation score that a sweeper optimises."""
    settings = HydraConfig.get()
    try:
        with fresh_folder(Path(settings.runtime.output_dir)) as folder:
            overrides = list(settings.overrides.task)
            with console.kept(folder.log):
                score = run_training(config, folder, overrides, console, resume=False)
                console.print(f"run: {shown_path(folder.path)}")
    except (UserError, InterruptedRunError) as error:
        leave(error)
    return score


def continue_training(arguments: list[str]) -> None:
    """Go on with the run of ``resume=``."""
    folder, config, overrides = resumed(arguments)
    with folder.held(), console.kept(folder.log):
        run_training(config, folder, overrides, console, resume=True)
        console.print(f"run: {shown_path(folder.path)}")


def main() -> None:
    """Continue a run where ``resume=`` is given, else compose a new one."""
    register()
    arguments = sys.argv[1:]
    check_words(arguments)
    if any(argument.startswith("resume=") for argument in arguments):
        continue_training(arguments)
    else:
        with whole_sweep():
            compose_and_train()


if __name__ == "__main__":
    guarded(main)
