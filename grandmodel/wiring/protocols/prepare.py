"""All that can be refused about a protocol, found before its first fold begins."""

from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from rich.console import Console

from grandmodel.core.checks import require
from grandmodel.core.types import Segment
from grandmodel.evaluation.protocols.config import CPCV, WALK_FORWARD
from grandmodel.evaluation.protocols.cpcv import plan_cpcv
from grandmodel.evaluation.protocols.plan import Clock, Fold, Gaps, Plan, Stretch, require_room
from grandmodel.evaluation.protocols.walk_forward import plan_walk_forward
from grandmodel.evaluation.trials.overlap import UsedSpan
from grandmodel.market.calendar import session_table
from grandmodel.market.dataset import Dataset
from grandmodel.market.splits import PARTS, Span, warmup_of
from grandmodel.market.stretches import lay_stretches, one_history, written
from grandmodel.wiring.compose import typed
from grandmodel.wiring.learned.rivals import trainings_of
from grandmodel.wiring.learned.settings import Origin
from grandmodel.wiring.loggers import check_logger
from grandmodel.wiring.market import Stage, draw_dataset, read_dataset, stage_of
from grandmodel.wiring.protocols.command import ProtocolCommand
from grandmodel.wiring.quality import show_quality
from grandmodel.wiring.rules import check_rules
from grandmodel.wiring.run_folder import RunFolder
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.start import Start, read_start
from grandmodel.wiring.system import build_system, read_columns, with_needed_features
from grandmodel.wiring.unseen import seen_by_start


@dataclass(frozen=True)
class Prepared:
    """A protocol that is ready to run."""

    command: ProtocolCommand
    config: TrainConfig
    stage: Stage  # the whole history; its test part is what the plan tests
    plan: Plan
    start: Start | None  # what every fold begins with; None: freshly drawn weights
    seen: tuple[str, ...] = ()  # tested bars that the start weights were made from, told in full

    def stretches(self, fold: Fold) -> dict[str, list[str]]:
        """Return the bars of a fold as `data.split.stretches` names them."""
        bars = self.stage.dataset.paths[0].bars
        parts = (fold.train, fold.validation, fold.test)
        return {
            part: [written(bars.open_time_ns, bars.minutes, *it) for it in found]
            for part, found in zip(PARTS, parts, strict=True)
        }

    def split_name(self, fold: Fold) -> str:
        """Return the name of a fold's split in the ledger."""
        return f"{self.plan.protocol}/{fold.name}"

    def segments(self, stretch: Stretch) -> tuple[Segment, ...]:
        """Cut a stretch of bars into what is judged side by side."""
        count = self.config.evaluation.segments or 1
        return tuple(self.stage.cut([Span(0, *stretch)], count))


def prepare(command: ProtocolCommand, console: Console) -> Prepared:
    """Read the bars, plan the folds and refuse what cannot end well.

    Raises:
        UserError: settings, bars or start weights that some fold could not use.
    """
    config = with_needed_features(typed(command.config, TrainConfig))
    require(
        config.data.kind != "bootstrap",
        "protocol= divides the bars of one history and data=bootstrap makes others of it: give "
        "the file itself",
    )
    trainings_of(config, Origin(RunFolder(command.path), command.config))
    if command.options.protocol == CPCV:  # its figures prove nothing that a surrogate could test
        config = replace(config, evaluation=replace(config.evaluation, surrogates=0))
    check_logger(config.logger)
    team = build_system(config)
    with console.status("reading bars and making features"):
        dataset = _history(config)
        check_rules(config, dataset)
        window = max(spec.window_bars for spec in team.specs)
        plan = _plan(command, config, dataset, window)
        require_room(plan, config.env.episode_bars)
        tested = sorted({stretch for fold in plan.folds for stretch in fold.test})
        spans = tuple(Span(0, *stretch) for stretch in tested)
        whole = replace(dataset, splits={"train": (), "validation": (), "test": spans})
        stage = stage_of(whole, config, read_columns(config), synergies=True)
    show_quality(dataset, console)
    start = None if config.init_from is None else read_start(config.init_from)
    prepared = Prepared(command, config, stage, plan, start)
    return replace(prepared, seen=_seen_by_start(prepared, whole))


def _history(config: TrainConfig) -> Dataset:
    """Read or draw one history of which everything usable is the test part."""
    minutes = config.features.minutes
    if config.data.kind == "synthetic":
        dataset = one_history(draw_dataset(config))
        require(
            dataset.minutes == minutes,
            f"data.world={config.data.world} is decided on every {dataset.minutes} minutes and the "
            f"agents on bars of {minutes}: take another data.world or agent",
        )
        return dataset
    return read_dataset(
        config,
        purge_bars=config.env.max_hold_bars + 1,
        min_bars=warmup_of(minutes) + config.env.episode_bars + 1,
        whole=True,
    )


def _plan(command: ProtocolCommand, config: TrainConfig, dataset: Dataset, window: int) -> Plan:
    options, usable = command.options, dataset.splits["test"][0]
    session = session_table(dataset.paths[0].bars).session
    clock = Clock(session, usable.start, usable.stop)
    gaps = Gaps(
        purge=window + config.env.max_hold_bars + 1,
        embargo=ceil(options.embargo * (usable.stop - usable.start)),
        memory=warmup_of(dataset.minutes),
    )
    make = plan_walk_forward if options.protocol == WALK_FORWARD else plan_cpcv
    return make(clock, gaps, options)


def _seen_by_start(prepared: Prepared, dataset: Dataset) -> tuple[str, ...]:
    """Refuse start weights that were made from bars which a fold selects or tests on.

    Returns:
        what is to be told where ``allow_overlap`` is true.

    Raises:
        UserError: there are such bars and ``allow_overlap`` is false.
    """
    config = prepared.config
    if config.init_from is None or prepared.start is None:
        return ()
    told: dict[str, None] = {}
    used = [UsedSpan.from_record(it) for it in prepared.start.facts.get("used", [])]
    for fold in prepared.plan.folds:
        laid = lay_stretches(
            replace(dataset, splits={"test": (_around(dataset),)}), prepared.stretches(fold)
        )
        stage = replace(prepared.stage, dataset=laid)
        seen = seen_by_start(stage, used, config.init_from, allowed=config.allow_overlap)
        told |= dict.fromkeys(seen["test"])
    return tuple(told)


def _around(dataset: Dataset) -> Span:
    return Span(0, 0, len(dataset.paths[0].bars))


def folder_of(prepared: Prepared, fold: Fold) -> Path:
    """Return the run folder of a fold."""
    return prepared.command.path / "folds" / fold.name


def told(plan: Plan, finished: int) -> str:
    """Say in a line what will be trained."""
    waiting = len(plan.folds) - finished
    paths = f", {len(plan.paths)} paths" if len(plan.paths) > 1 else ""
    done = f", {finished} finished before" if finished else ""
    return f"{plan.protocol}: {len(plan.folds)} folds{paths}; {waiting} to train{done}"
