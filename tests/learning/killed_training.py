"""A small training that another process may kill: `python killed_training.py FOLDER [resume]`."""

import sys
from pathlib import Path

import torch
from learning_worlds import train, world

from grandmodel.learning import checkpoint
from grandmodel.learning.lightning.logs import CsvLog, cut_csv

ROLLOUTS = 24


def score(team) -> dict[str, float]:
    """A figure that depends on the weights alone."""
    return {"score": float(sum(p.double().sum() for p in team.parameters())), "gate": 0.3}


def run(folder: Path, rollouts: int = ROLLOUTS, resume: bool = False, **plan):
    """Train on the identity toy with everything that must survive switched on."""
    made = world(dropout=0.1, risk=None, kl_target=0.03, actor_lr=2e-3, minibatch=512)
    log = folder / "metrics.csv"
    reached = checkpoint.load(folder / "last.ckpt")["env_steps"] if resume else 0
    cut_csv(log, reached)
    values = {"checkpoint_seconds": 0.0, "log_every": 3, "validate": score}
    every = 5 * made.learner.config.rows
    return train(
        made,
        folder,
        rollouts,
        resume=resume,
        loggers=[CsvLog(log)],
        validate_every=every,
        **(values | plan),
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    run(target, resume=(target / "last.ckpt").exists())
