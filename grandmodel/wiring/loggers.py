"""Loggers of a training: always a table in the run folder, beside it what the user chose."""

import base64
import netrc
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import wandb
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from lightning.pytorch.loggers.logger import Logger
from omegaconf import DictConfig, OmegaConf

from grandmodel.core.checks import require
from grandmodel.evaluation.report.section import Picture, Section, cell, cell_text
from grandmodel.learning.lightning.logs import CsvLog, cut_csv, cut_tensorboard, read_csv_log
from grandmodel.wiring.run_folder import RunFolder
from grandmodel.wiring.sections import LoggerConfig

CSV_NAME = "learning.csv"
TENSORBOARD_NAME = "tensorboard"


class MarkedWandbLogger(WandbLogger):
    """A log of Weights & Biases whose rows say whether their step was logged before.

    What is there cannot be cut back to a checkpoint as files are, so a resumed training logs some
    steps again: such rows carry ``relogged`` = 1, and every row the number of resumptions before
    it, so that of two rows of one step the later one is told.
    """

    def __init__(self, experiment: Any, resumptions: int, logged_until: int) -> None:
        super().__init__(experiment=experiment)
        self._resumptions, self._logged_until = resumptions, logged_until

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Send one row with its marks."""
        relogged = step is not None and step <= self._logged_until
        marks = {"resumptions": self._resumptions, "relogged": int(relogged)}
        super().log_metrics({**metrics, **marks}, step)


def build_loggers(
    config: LoggerConfig, folder: RunFolder, raw: DictConfig, *, resumed_at: int | None
) -> list[Logger]:
    """Build the loggers that ``logger.kind`` asks for; files are cut back to the checkpoint.

    Args:
        config: what the user chose.
        folder: of the run.
        raw: the whole configuration, for services that store it.
        resumed_at: environment steps of the checkpoint that a resumed training continues from;
            None for a new training.
    """
    logged_until = _logged_until(folder) if resumed_at is not None else -1
    cut_logs(folder.path, resumed_at or 0)
    if config.kind == "none":
        return []
    loggers: list[Logger] = [CsvLog(folder.path / CSV_NAME)]
    if config.kind == "tensorboard":
        loggers.append(TensorBoardLogger(str(folder.path), name=TENSORBOARD_NAME, version=""))
    if config.kind == "wandb":
        loggers.append(_wandb(config, folder, raw, resumed_at, logged_until))
    return loggers


def log_report(
    loggers: Sequence[Logger], sections: Sequence[Section], metrics: Mapping[str, Any]
) -> None:
    """Send what the report of a run shows to Weights & Biases, where it is logged there.

    Tables and figures stand under ``report/``, the figures of ``metrics.json`` in the summary.

    Args:
        loggers: of the run, still open.
        sections: of its report.
        metrics: the object of ``metrics.json``.
    """
    for logger in loggers:
        if not isinstance(logger, MarkedWandbLogger):
            continue
        logger.experiment.log(dict(_media(sections)))
        plain = {key: it for key, it in metrics.items() if isinstance(it, str | int | float)}
        logger.experiment.summary.update(plain)


def _media(sections: Sequence[Section]) -> Iterator[tuple[str, Any]]:
    """Yield the name and form of every table and figure."""
    for section in sections:
        for block in section.blocks:
            name = report_key(section.title, block.title)
            table = wandb.Table(
                columns=[heading or "figure" for heading in block.columns],
                data=[
                    [cell_text(cell(row.get(heading))) for heading in block.columns]
                    for row in block.rows
                ],
            )
            if isinstance(block, Picture):
                yield name, go.Figure(_listed(block.figure.to_plotly_json()))
                name = f"{name}_table"
            yield name, table


def _listed(value: Any) -> Any:
    """Write packed arrays out as lists: the pages of Weights & Biases do not unpack them."""
    if isinstance(value, Mapping):
        if "bdata" in value:
            packed = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
            shape = [int(side) for side in str(value.get("shape", packed.size)).split(",")]
            return _without_nan(packed.reshape(shape).tolist())
        return {key: _listed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_listed(inner) for inner in value]
    return value


def _without_nan(values: list[Any]) -> list[Any]:
    """Lists at any depth, None where no number is."""
    return [_without_nan(it) if isinstance(it, list) else None if it != it else it for it in values]


def report_key(title: str, part: str = "") -> str:
    """Name of a table or figure of a report among what is logged."""
    return "report/" + re.sub(r"[^a-z0-9]+", "_", f"{title} {part}".lower()).strip("_")


def check_logger(config: LoggerConfig) -> None:
    """Refuse, before anything is written, to go online without a key.

    Raises:
        UserError: Weights & Biases is asked to go online and no key is known.
    """
    online = config.kind == "wandb" and config.mode == "online"
    require(
        not online or has_key(),
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
    """Finish every logger, also after an error; Weights & Biases uploads before this returns.

    A run of Weights & Biases that is none of theirs stays open: rivals are trained inside it.
    """
    try:
        yield
    finally:
        for logger in loggers:
            logger.finalize("success")
        if any(isinstance(logger, MarkedWandbLogger) for logger in loggers):
            wandb.finish()


def _logged_until(folder: RunFolder) -> int:
    """Return the highest step that a training has ever logged, -1 where there is none.

    The table is cut back at every resumption, so ``run.json`` keeps how far it once reached.
    """
    _, rows = read_csv_log(folder.path / CSV_NAME)
    known = (
        folder.read_run_json().get("logged_until", -1)
        if (folder.path / "run.json").exists()
        else -1
    )
    reached = max((int(row["env_steps"]) for row in rows), default=-1)
    logged_until = max(known, reached)
    folder.write_run_json(logged_until=logged_until)
    return logged_until


def _wandb(
    config: LoggerConfig,
    folder: RunFolder,
    raw: DictConfig,
    resumed_at: int | None,
    logged_until: int,
) -> Logger:
    """Start or continue a run of Weights & Biases; its id is kept in ``run.json``.

    Offline each start writes a folder of its own; they carry the same id, and ``wandb sync``
    joins them to one run, in order of their start.
    """
    os.environ.setdefault("WANDB_SILENT", "true")
    facts = folder.read_run_json() if resumed_at is not None else {}
    known = facts.get("wandb_id")
    resumptions = [*facts.get("wandb_resumed_at", []), resumed_at] if known else []
    run_id = known or secrets.token_hex(4)
    folder.write_run_json(wandb_id=run_id, wandb_resumed_at=resumptions)
    settings = OmegaConf.to_container(raw, resolve=True)
    run = wandb.init(
        project=config.project,
        group=config.group,
        tags=list(config.tags),
        name=folder.path.name,
        id=run_id,
        resume="allow" if known else None,
        dir=str(folder.path),
        mode=config.mode,  # pyright: ignore[reportArgumentType]
        config=settings,  # pyright: ignore[reportArgumentType]
    )
    run.config.update({"resumed_at": resumptions}, allow_val_change=True)
    return MarkedWandbLogger(run, len(resumptions), logged_until)


def has_key() -> bool:
    """Tell whether a key of Weights & Biases is known, from the environment or a login."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        known = netrc.netrc()
    except (FileNotFoundError, netrc.NetrcParseError):
        return False
    return known.authenticators("api.wandb.ai") is not None
