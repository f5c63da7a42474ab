"""All learned rivals of a run where it is judged, and the trials that they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from grandmodel.evaluation.accounts.track import Track
from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.rivals import supervised
from grandmodel.evaluation.statistics.intervals import Difference
from grandmodel.evaluation.trials.ledger import Ledger
from grandmodel.wiring.compose import typed
from grandmodel.wiring.learned.made import Made, other_hardware, other_version
from grandmodel.wiring.learned.policies import (
    Train,
    Watch,
    part_of,
    policy_holding,
    policy_setting,
    policy_track,
    stored_trainer,
    trained_rival,
)
from grandmodel.wiring.learned.settings import Origin, rival_settings
from grandmodel.wiring.market import Stage, build_stage
from grandmodel.wiring.occasion import Occasion, Subject
from grandmodel.wiring.run_folder import RunFolder, code_facts
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.system import build_system, read_columns, with_needed_features
from grandmodel.wiring.trial import facts_of, trial_of

SUPERVISED = "supervised"


@dataclass(frozen=True)
class LearnedRival:
    """A rival's account on the judged bars, how it was set, and what makes it a trial."""

    name: str
    track: Track
    setting: Mapping[str, Any]
    settings: DictConfig
    folder: Path
    split: str | None = None  # of its trial; None: the judged one


def find_learned(
    config: TrainConfig,
    stage: Stage,
    subject: Subject,
    occasion: Occasion,
    origin: Origin,
    train: Train,
    console: Console,
    watch: Watch | None = None,
) -> tuple[LearnedRival, ...]:
    """Train, or read, every learned rival of a run and trade it on the judged bars.

    Args:
        config: settings of the judgement; `evaluation.learned=false` finds none.
        stage: the judged bars.
        subject: the team; what its critic sees of the market is what the classifier sees.
        occasion: where the team is judged.
        origin: the run and the settings that it was trained with.
        train: runs one training from its settings.
        console: progress is told there.
        watch: is told the steps of the run and of all its rivals as if they were one training.
    """
    made = make_rivals(config, subject, origin, train, console, watch)
    for rival in made:
        rival.say_what_differs(console)
    return trade_rivals(made, config, stage, subject, occasion)


def trainings_of(config: TrainConfig, origin: Origin) -> int:
    """Return how many trainings a run is, its rivals counted.

    Raises:
        UserError: a rival cannot be built; better known before the first of them.
    """
    if not config.evaluation.learned:
        return 1
    found = rival_settings(origin, config.paths, config.trainer)
    for settings in found.values():
        build_system(typed(settings, TrainConfig))
    return 1 + len(found)


def make_rivals(
    config: TrainConfig,
    subject: Subject,
    origin: Origin,
    train: Train,
    console: Console,
    watch: Watch | None = None,
) -> tuple[Made, ...]:
    """Train, or read, every learned rival of a run; arguments as in :func:`find_learned`."""
    if not config.evaluation.learned:
        return ()
    home, threads = origin.home(config.paths.output), torch.get_num_threads()
    found = [_classifier(config, subject, origin, home / SUPERVISED, console)]
    wanted = rival_settings(origin, config.paths, config.trainer)
    for k, (name, settings) in enumerate(wanted.items(), start=1):
        part = part_of(watch, k, 1 + len(wanted))
        quietly = partial(train, tell_bars=False)  # the run's own bars are theirs
        folder = trained_rival(home / name, name, settings, quietly, console, part)
        found.append(_policy(name, settings, folder, origin))
    torch.set_num_threads(threads)  # trainings and compiled loops change it
    return tuple(found)


def trade_rivals(
    made: Sequence[Made], config: TrainConfig, stage: Stage, subject: Subject, occasion: Occasion
) -> tuple[LearnedRival, ...]:
    """Trade rivals on the judged bars; arguments as in :func:`find_learned`."""
    threads = torch.get_num_threads()
    found = [
        LearnedRival(
            rival.name,
            rival.trade(config, stage, subject, occasion),
            rival.setting,
            rival.settings,
            rival.folder,
        )
        for rival in made
    ]
    torch.set_num_threads(threads)
    return tuple(found)


def _policy(name: str, settings: DictConfig, folder: RunFolder, origin: Origin) -> Made:
    """Tell of a rival that trains as the run did; a kept one keeps the hardware that it had."""
    settings.trainer = OmegaConf.structured(stored_trainer(folder))
    config = typed(settings, TrainConfig)
    setting = {
        **policy_setting(folder, config),
        "other_version": other_version(folder.read_run_json()),
        "other_hardware": other_hardware(config.trainer, origin.trainer),
    }

    def trade(judged: TrainConfig, stage: Stage, subject: Subject, occasion: Occasion) -> Track:
        del subject  # its team, its floor
        return policy_track(folder, config, judged, stage, occasion)

    return Made(name, setting, settings, folder.path, trade)


def _classifier(
    config: TrainConfig, subject: Subject, origin: Origin, folder: Path, console: Console
) -> Made:
    settings = origin.afresh(config.paths)
    own = with_needed_features(typed(settings, TrainConfig))
    horizon = supervised.holding_bars(*policy_holding(origin.folder), own.env.max_hold_bars)
    found = supervised.load_supervised(folder)
    if found is None or found.horizon_bars != horizon:
        said = f"learned baseline {SUPERVISED}: fitting labels of {horizon} bars"
        console.print(said)
        with console.status(said):
            found = replace(_fit(own, subject, horizon), made_by=code_facts())
        supervised.save_supervised(found, folder)
    else:
        console.print(f"learned baseline {SUPERVISED}: read from {folder}", markup=False)
    plain = OmegaConf.to_container(settings, resolve=True)
    assert isinstance(plain, dict)  # noqa: S101 - narrows the type of a mapping
    as_trial = OmegaConf.create({**plain, SUPERVISED: {"horizon_bars": horizon}})
    setting = found.setting() | {"other_version": other_version(found.made_by)}
    return Made(SUPERVISED, setting, as_trial, folder, partial(_classified, found))


def _classified(
    found: supervised.Supervised,
    judged: TrainConfig,
    stage: Stage,
    subject: Subject,
    occasion: Occasion,
) -> Track:
    union, floor = subject.team.critic.spec, subject.sd_floor
    return supervised.run_supervised(
        found, stage.tape, union, occasion.segments, judged.env, sd_floor=floor
    )


def _fit(own: TrainConfig, subject: Subject, horizon: int) -> supervised.Supervised:
    """Fit on the bars that the run was trained on, with its costs."""
    stage = build_stage(
        own,
        max_hold_bars=own.env.max_hold_bars,
        episode_bars=own.env.episode_bars,
        columns=read_columns(own),
    )
    count = own.evaluation.segments_for(stage.dataset.synthetic)
    return supervised.fit_supervised(
        stage.tape,
        subject.team.critic.spec,
        stage.segments("train", 1),
        stage.segments("validation", count),
        own.env,
        horizon_bars=horizon,
        minimum_round_trips=own.evaluation.minimum_round_trips,
        seed=own.seed,
        sd_floor=subject.sd_floor,
    )


def beaten(differences: Mapping[str, Difference], names: Sequence[str]) -> dict[str, bool | None]:
    """Return `beats_<name>`: whether the interval of the difference lies above 0, or below it.

    None where it holds 0 or is not known: these bars cannot tell.
    """
    found: dict[str, bool | None] = {}
    for name in names:
        low, high = differences[name].low, differences[name].high
        found[f"beats_{name}"] = True if low > 0.0 else (False if high < 0.0 else None)
    return found


def told_beaten(metrics: Mapping[str, Any]) -> str | None:
    """Return one sentence on `beats_<name>` of all rivals, None where there are none."""
    words = {True: "beats", False: "is beaten by", None: "cannot be told from"}
    by_word: dict[str, list[str]] = {}
    for key, value in metrics.items():
        if key.startswith("beats_"):
            by_word.setdefault(words[value], []).append(key.removeprefix("beats_"))
    said = [f"{word} {', '.join(names)}" for word, names in by_word.items()]
    return f"beside learned baselines the team {'; '.join(said)}" if said else None


def list_rivals(
    ledger: Ledger,
    rivals: Sequence[LearnedRival],
    measured: Mapping[str, Measured],
    stage: Stage,
    occasion: Occasion,
) -> None:
    """Append a line for each rival: who looks at five results has looked at five trials.

    They are seen with the run's own result, which counts the opening of a sealed split.
    """
    for rival in rivals:
        sessions = measured[rival.name].sessions
        ledger.append(
            occasion.kind,
            trial_of(rival.settings, stage.dataset, rival.split or occasion.split, None),
            sessions.net,
            close_time_ns=sessions.close_time_ns,
            run=str(rival.folder),
            **facts_of(rival.name, stage.dataset),
            sharpe=measured[rival.name].scalars["sharpe"],
        )
