"""Progress where nobody watches a terminal: a line per tenth of the training."""

import io
from types import SimpleNamespace
from typing import cast

from lightning.pytorch import LightningModule, Trainer
from rich.console import Console

from grandmodel.learning.lightning.progress import ProgressBar
from grandmodel.learning.lightning.state import TrainingState


def test_lines_with_rate_time_left_and_validation() -> None:
    module = SimpleNamespace(env_steps=0, total_steps=1_000, progress=0.0)
    state = SimpleNamespace(module=module, validations=SimpleNamespace(rows=[]))
    text = io.StringIO()
    console = Console(file=text, force_terminal=False, width=120)
    bar = ProgressBar(cast("TrainingState", state), console)
    trainer, lightning = cast("Trainer", None), cast("LightningModule", None)
    bar.on_train_start(trainer, lightning)
    for steps in (50, 100, 150, 500):
        module.env_steps, module.progress = steps, steps / 1_000
        bar.on_train_batch_end(trainer, lightning, None, None, 0)
    state.validations.rows.append({"score": 1.234})
    module.env_steps, module.progress = 1_000, 1.0
    bar.on_train_batch_end(trainer, lightning, None, None, 0)
    bar.teardown(trainer, lightning, "fit")
    lines = text.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["100/1,000", "500/1,000", "1,000/1,000"]
    assert all("steps/s" in line and "left" in line for line in lines)
    assert lines[-1].endswith("validation 1.23")
