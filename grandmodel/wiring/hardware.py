"""The machine a run computes on: device, precision and number of threads."""

import torch

from grandmodel.core.checks import require
from grandmodel.wiring.run_folder import RunFolder
from grandmodel.wiring.sections import TrainerConfig


def use_hardware(trainer: TrainerConfig, folder: RunFolder, *, resume: bool) -> torch.device:
    """Set the thread count and return the device; a resumed run gets its old thread count.

    Raises:
        UserError: a GPU is asked for where there is none, or half precision without one.
    """
    gpu = trainer.accelerator == "gpu"
    require(
        not gpu or torch.cuda.is_available(),
        "trainer.accelerator=gpu needs a CUDA device and this machine shows none; use trainer=cpu",
    )
    require(
        gpu or trainer.precision != "16-mixed",
        "trainer.precision=16-mixed needs a GPU and trainer.accelerator is cpu; use "
        "trainer.precision=bf16-mixed or 32-true",
    )
    threads = trainer.threads
    if resume:
        threads = int(folder.read_run_json().get("threads", threads or torch.get_num_threads()))
        require(
            trainer.threads in (None, threads),
            f"trainer.threads was {threads} in this run, is {trainer.threads} now; a resumed run "
            "keeps its thread count, or the bytes would differ",
        )
    if threads is not None:
        torch.set_num_threads(threads)
    if not resume:
        folder.write_run_json(threads=torch.get_num_threads())
    return torch.device("cuda" if gpu else "cpu")
