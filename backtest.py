"""Run a trained team over other bars: python backtest.py run=DIR data=csv data.path=FILE."""

import sys

from rich.console import Console

from grandmodel.wiring.compose import register
from grandmodel.wiring.evaluate import BACKTEST_OPTIONS, run_backtest
from grandmodel.wiring.exit import guarded
from grandmodel.wiring.run_config import usage, wants_help
from grandmodel.wiring.run_folder import shown_path

console = Console(soft_wrap=True, highlight=False)


def main() -> None:
    """Judge, write the folder and name it."""
    if wants_help(sys.argv[1:]):
        console.print(usage(__doc__, BACKTEST_OPTIONS), markup=False)
        return
    register()
    judged = run_backtest(sys.argv[1:], console)
    console.print(f"run: {shown_path(judged.folder.path)}")


if __name__ == "__main__":
    guarded(main)
