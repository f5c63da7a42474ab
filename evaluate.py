"""Judge a run on its sealed test split: python evaluate.py run=DIR [split=test|validation].

A protocol trains and judges fold by fold: python evaluate.py protocol=walk_forward [key=value]
Combinatorial cross-validation, non-causal:  python evaluate.py protocol=cpcv [key=value]
Seeds and variants together:                 python evaluate.py runs='outputs/sweep/NAME/*'
"""

import sys

from rich.console import Console

from grandmodel.wiring.compose import register
from grandmodel.wiring.evaluate import EVALUATE_OPTIONS, run_evaluation
from grandmodel.wiring.exit import guarded
from grandmodel.wiring.protocols.command import OPTIONS
from grandmodel.wiring.protocols.run import run_protocol
from grandmodel.wiring.run_config import usage, wants_help
from grandmodel.wiring.run_folder import shown_path
from grandmodel.wiring.runs import run_comparison

console = Console(soft_wrap=True, highlight=False)
OF_PROTOCOLS = f"of protocol=: {', '.join(OPTIONS)}, hydra.run.dir, and every key of train.py"


def main() -> None:
    """Judge, write the folder and name it."""
    arguments = sys.argv[1:]
    if wants_help(arguments):
        console.print(f"{usage(__doc__, EVALUATE_OPTIONS)}\n{OF_PROTOCOLS}", markup=False)
        return
    register()
    if any(word.startswith("protocol=") for word in arguments):
        path = run_protocol(arguments, console)
    elif any(word.startswith("runs=") for word in arguments):
        path = run_comparison(arguments, console)
    else:
        path = run_evaluation(arguments, console).folder.path
    console.print(f"run: {shown_path(path)}")


if __name__ == "__main__":
    guarded(main)
