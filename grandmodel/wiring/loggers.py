"""Loggers of a training: always a table in the run folder, beside it what the user chose."""

import netrc
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import wandb
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from lightning.pytorch.loggers.logger import Logger
from omegaconf import DictConfig, OmegaConf

from grandmodel.core.checks import require
from grandmodel.learning.lightning.logs import CsvLog, cut_csv, cut_tensorboard
from grandmodel.wiring.run_folder import RunFolder
from grandmodel.wiring.sections import LoggerConfig

CSV_NAME = "learning.csv"
TENSORBOARD_NAME = "tensorboard"


def build_loggers(
    config: LoggerConfig, folder: RunFolder, raw: DictConfig, *, resume: bool
) -> list[Logger]:
    """Build the loggers that ``logger.kind`` asks for."""
    if config.kind == "none":
        return []
    loggers: list[Logger] = [CsvLog(folder.path / CSV_NAME)]
    if config.kind == "tensorboard":
        loggers.append(TensorBoardLogger(str(folder.path), name=TENSORBOARD_NAME, version=""))
    if config.kind == "wandb":
        loggers.append(_wandb(config, folder, raw, resume=resume))
    return loggers


def check_logger(config: LoggerConfig) -> None:
    """Refuse, before anything is written, to go online without a key.

    Raises:
        UserError: Weights & Biases is asked to go online and no key is known.
    """
    online = config.kind == "wandb" and config.mode == "online"
    require(
        not online or _has_key(),
        "logger.mode=online needs a Weights & Biases key, from WANDB_API_KEY or wandb login; "
        "give one, or use logger.mode=offline",
    )


def cut_logs(folder: Path, env_steps: int) -> None:
    """Remove what was logged after ``env_steps``: a resumed training logs it again."""
    cut_csv(folder / CSV_NAME, env_steps)
    if (folder / TENSORBOARD_NAME).is_dir():
        cut_tensorboard(folder / TENSORBOARD_NAME, env_steps)


@contextmanager
def close_loggers(loggers: Sequence[Logger]) -> Iterator[None]:
    """Finish every logger, also after an error; Weights & Biases uploads before this returns."""
    try:
        yield
    finally:
        for logger in loggers:
            logger.finalize("success")
        if wandb.run is not None:
            wandb.finish()


def _wandb(config: LoggerConfig, folder: RunFolder, raw: DictConfig, *, resume: bool) -> Logger:
    """Start or continue a run of Weights & Biases; its id is kept in ``run.json``."""
    os.environ.setdefault("WANDB_SILENT", "true")
    known = folder.read_run_json().get("wandb_id") if resume else None
    run_id = known or secrets.token_hex(4)
    folder.write_run_json(wandb_id=run_id)
    settings = OmegaConf.to_container(raw, resolve=True)
    run = wandb.init(
        project=config.project,
        group=config.group,
        tags=list(config.tags),
        name=folder.path.name,
        id=run_id,
        resume="allow" if known and config.mode == "online" else None,
        dir=str(folder.path),
        mode=config.mode,  # pyright: ignore[reportArgumentType]
        config=settings,  # pyright: ignore[reportArgumentType]
    )
    return WandbLogger(experiment=run)


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        known = netrc.netrc()
    except (FileNotFoundError, netrc.NetrcParseError):
        return False
    return known.authenticators("api.wandb.ai") is not None
