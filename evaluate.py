"""Judge a run on its sealed test split: python evaluate.py run=DIR [split=test|validation]."""

import sys

from rich.console import Console

from grandmodel.wiring.compose import register
from grandmodel.wiring.evaluate import run_evaluation
from grandmodel.wiring.exit import guarded
from grandmodel.wiring.run_folder import shown_path

console = Console(soft_wrap=True, highlight=False)


def main() -> None:
    """Judge, write the folder and name it."""
    register()
    judged = run_evaluation(sys.argv[1:], console)
    console.print(f"run: {shown_path(judged.folder.path)}")


if __name__ == "__main__":
    guarded(main)
