"""Rivals that are trained as the run was: begun once, gone on with, and read ever after."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from grandmodel.core.checks import UserError, require
from grandmodel.evaluation.accounts.track import Market, Track
from grandmodel.evaluation.judging.execution import JudgeRule
from grandmodel.evaluation.judging.judge import Judge
from grandmodel.learning import checkpoint
from grandmodel.wiring.exit import InterruptedRunError
from grandmodel.wiring.kept_console import KeptConsole
from grandmodel.wiring.market import Stage
from grandmodel.wiring.occasion import Occasion
from grandmodel.wiring.run_folder import (
    FolderHeldError,
    RunFolder,
    existing_run,
    fresh_folder,
)
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.sections import TrainerConfig
from grandmodel.wiring.system import build_system, load_team

Train = Callable[..., float]  # run_training: settings, folder, overrides, console, resume, watch
Watch = Callable[[int, int], None]  # is told steps taken and steps in all


def part_of(watch: Watch | None, k: int, trainings: int) -> Watch | None:
    """Return what tells the steps of training k of several as a part of all their steps."""
    if watch is None:
        return None
    return lambda taken, total: watch(k * total + taken, trainings * total)


def trained_rival(
    path: Path,
    name: str,
    settings: DictConfig,
    train: Train,
    console: Console,
    watch: Watch | None = None,
) -> RunFolder:
    """Return the finished run of a rival; it is trained, or gone on with, where it is not there.

    Raises:
        UserError: another process is training it, or it was begun on a GPU and there is none.
        InterruptedRunError: Ctrl-C; the last checkpoint is written. Who asked for the rival knows
            the command that goes on.
    """
    folder = RunFolder(path)
    if (path / "metrics.json").exists():
        console.print(f"learned baseline {name}: read from {path}", markup=False)
        return folder
    kept = KeptConsole(soft_wrap=True, highlight=False, quiet=console.quiet)
    try:
        _train(folder, name, settings, partial(train, watch=watch), kept)
    except InterruptedRunError as interruption:
        what = f"interrupted while the learned baseline {name} was trained"
        raise InterruptedRunError(what) from interruption
    except FolderHeldError as held:
        raise UserError(
            f"another process is training the learned baseline {name} in {path}; wait until that "
            "has ended, then the same command, or resume= of a run that was being judged, reads it"
        ) from held
    return folder


def _train(
    folder: RunFolder, name: str, settings: DictConfig, train: Train, console: KeptConsole
) -> None:
    steps = f"{settings.total_steps:,} steps, as many as the run had"
    if (folder.path / "config.yaml").exists():
        stored = existing_run(str(folder.path))[1]
        closed = OmegaConf.merge(OmegaConf.structured(TrainConfig), stored)
        require(
            closed.trainer.accelerator != "gpu" or torch.cuda.is_available(),
            f"the learned baseline {name} was begun on a GPU, goes on on one alone, and this "
            f"machine shows none; judge on a machine with one, or remove {folder.path} to have "
            "it begun anew here",
        )
        with folder.held(), console.kept(folder.log):
            console.print(f"learned baseline {name}: going on, {steps}")
            train(closed, folder, [], console, resume=True)
        return
    if folder.path.exists():
        with folder.held():
            folder.discard_if_unused()
    with fresh_folder(folder.path), console.kept(folder.log):
        console.print(f"learned baseline {name}: {steps}")
        train(settings, folder, [], console, resume=False)


def policy_track(
    folder: RunFolder, config: TrainConfig, judged: TrainConfig, stage: Stage, occasion: Occasion
) -> Track:
    """Return the account of a trained rival where the run is judged.

    Args:
        folder: its run.
        config: its own settings: agent, network and how it executes.
        judged: settings of the judgement: money, orders and costs.
        stage: the judged bars.
        occasion: where they are judged.
    """
    device = stage.tape.close.device
    team = build_system(config).to(device)
    state = checkpoint.load(folder.best_checkpoint, device)
    load_team(team, state["state_dict"], str(folder.best_checkpoint))
    row = state["validations"][-1]
    judge = Judge(
        stage.tape,
        occasion.segments,
        judged.env,
        (JudgeRule(config.agent.execute, float(row["gate"])),),
        sd_floor=float(folder.read_run_json()["sd_floor"]),
        detail=False,
        block=judged.evaluation.block,
    )
    return judge(team).track(0, Market.of(stage.tape))


def policy_setting(folder: RunFolder, config: TrainConfig) -> dict[str, float]:
    """Return how a trained rival was set: its gate, its steps and its Sharpe on validation."""
    row = checkpoint.load(folder.best_checkpoint)["validations"][-1]
    return {
        "gate": float(row["gate"]),
        "env_steps": whole_steps(config),
        "sharpe_where_tuned": float(row["score"]),
    }


def stored_trainer(folder: RunFolder) -> TrainerConfig:
    """Return the hardware that a rival was trained with, perhaps in another judgement."""
    stored = existing_run(str(folder.path))[1].trainer
    return TrainerConfig(**{str(key): value for key, value in stored.items()})


def whole_steps(config: TrainConfig) -> int:
    """Return the environment steps of a training: whole rollouts."""
    return config.algorithm.whole_rollouts(config.total_steps)


def policy_holding(folder: RunFolder) -> tuple[float | None, float | None]:
    """Return exposure and turnover of a run on its validation bars, under its own rule."""
    row = checkpoint.load(folder.best_checkpoint)["validations"][-1]
    return row.get("exposure"), row.get("turnover")
