"""Judge a finished run: on its own splits, or on other bars."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from grandmodel.core.checks import UserError, require, require_choice
from grandmodel.decision.challenger import LITERAL_GATE
from grandmodel.evaluation.trials.overlap import UsedSpan, opened_test, refusal, sealed_spans
from grandmodel.wiring.compose import typed
from grandmodel.wiring.controls import SWEEP_OPTIONS, sweep_of
from grandmodel.wiring.exit import InterruptedRunError
from grandmodel.wiring.hardware import use_hardware
from grandmodel.wiring.judging import Judging
from grandmodel.wiring.learned.rivals import find_learned
from grandmodel.wiring.learned.settings import Origin
from grandmodel.wiring.market import Stage, build_stage, read_dataset, stage_of
from grandmodel.wiring.occasion import Occasion, own_split, say_where_it_never_trades
from grandmodel.wiring.quality import save_quality, show_quality
from grandmodel.wiring.rules import check_rules
from grandmodel.wiring.run_config import RunCommand, from_run
from grandmodel.wiring.run_folder import RunFolder, fresh_folder, fresh_name
from grandmodel.wiring.same import other_costs, other_market, require_same_bars
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.subject import load_subject
from grandmodel.wiring.system import build_system, read_columns, with_needed_features
from grandmodel.wiring.train import run_training
from grandmodel.wiring.unseen import BACKTEST_REMEDY, moved_split, seen_by_run

EVALUATE_OPTIONS: dict[str, object] = {
    "split": "test",
    "allow_overlap": False,
    **SWEEP_OPTIONS,
    "hydra.run.dir": None,
}
BACKTEST_OPTIONS: dict[str, object] = {
    "allow_overlap": False,
    **SWEEP_OPTIONS,
    "hydra.run.dir": None,
}


@dataclass(frozen=True)
class Judged:
    """A finished judgement: where it was written and what it found."""

    folder: RunFolder
    metrics: dict[str, Any]


def run_evaluation(arguments: Sequence[str], console: Console) -> Judged:
    """`evaluate.py`: judge a run on its sealed test split, or again on validation."""
    command = from_run(arguments, EVALUATE_OPTIONS)
    sweep = sweep_of(command.options)
    split = str(command.options["split"])
    require_choice("split", split, ("test", "validation"))
    config = with_needed_features(typed(command.config, TrainConfig))
    require(
        not command.new_data,
        "data= cannot be given to evaluate.py, which judges the run's own bars; other bars are "
        "judged by backtest.py",
    )
    stressed = [word for word in command.overrides if word.startswith("data.stress=")]
    require(
        not stressed,
        f"{''.join(stressed)} cannot be given to evaluate.py, which judges the run's own bars: "
        f"judge it under stress with python backtest.py run={command.source.path} "
        f"{''.join(stressed)}",
    )
    stage = build_stage(
        config,
        max_hold_bars=config.env.max_hold_bars,
        episode_bars=config.env.episode_bars,
        columns=read_columns(config),
    )
    require_same_bars(command.source, stage, "run")
    allowed = bool(command.options["allow_overlap"]) or config.allow_overlap
    seen = seen_by_run(command.source, stage, split, allowed=allowed)
    occasion = own_split("evaluate", config, stage, split).seen_before(seen[split])
    occasion = replace(occasion, sweep=sweep)
    notes = (
        *occasion.notes,
        *other_market(command.source, stage),
        *moved_split(command.source, stage, split),
    )
    occasion = replace(occasion, notes=notes)
    return _judge(command, config, stage, occasion, console)


def run_backtest(arguments: Sequence[str], console: Console) -> Judged:
    """`backtest.py`: run a trained team over any bars that it has not been made from."""
    command = from_run(arguments, BACKTEST_OPTIONS)
    sweep = sweep_of(command.options)
    config = with_needed_features(typed(command.config, TrainConfig))
    facts = command.source.read_run_json()
    stage = _backtest_stage(config, synergies=bool(facts.get("synergies_seen", True)))
    wanted = stage.used("test", command.source.path.name)
    used = [UsedSpan.from_record(record) for record in facts.get("used", [])]
    notes: tuple[str, ...] = ()
    opened: tuple[UsedSpan, ...] = ()
    if not stage.dataset.synthetic:
        refused = [found for span in wanted if (found := refusal(span, used, BACKTEST_REMEDY))]
        if refused and not command.options["allow_overlap"]:
            raise UserError(refused[0])
        notes = tuple(refused)
        opened = opened_test(wanted, used)
    occasion = Occasion(
        kind="backtest",
        split="backtest",
        segments=tuple(
            stage.segments("test", config.evaluation.segments_for(stage.dataset.synthetic))
        ),
        ma_pair=_trained_pair(command.source),
        opened=opened,
        sealed=sealed_spans(used),
        chosen_here=bool(notes),
        notes=(*notes, *other_costs(command.source, stage)),
        sweep=sweep,
    )
    return _judge(command, config, stage, occasion, console)


def _backtest_stage(config: TrainConfig, *, synergies: bool) -> Stage:
    if config.data.kind == "synthetic":
        return build_stage(
            config,
            max_hold_bars=config.env.max_hold_bars,
            episode_bars=config.env.episode_bars,
            columns=read_columns(config),
        )
    dataset = read_dataset(config, purge_bars=config.env.max_hold_bars + 1, whole=True)
    return stage_of(dataset, config, read_columns(config), synergies=synergies)


def _trained_pair(source: RunFolder) -> tuple[int, int]:
    """Return the moving averages that training tuned on its validation bars."""
    try:
        stored = json.loads((source.path / "metrics.json").read_text())["baselines"]["ma_cross"]
        return int(stored["fast_bars"]), int(stored["slow_bars"])
    except (OSError, KeyError, json.JSONDecodeError) as error:
        raise UserError(
            f"{source.path}/metrics.json is missing or broken, so the training did not finish; "
            f"continue it with python train.py resume={source.path}"
        ) from error


def _judge(
    command: RunCommand, config: TrainConfig, stage: Stage, occasion: Occasion, console: Console
) -> Judged:
    source = command.source
    facts = source.read_run_json()
    check_rules(config, stage.dataset)
    show_quality(stage.dataset, console)
    for note in occasion.notes:
        console.print(f"note: {note}", markup=False, style="yellow")
    with fresh_folder(_own_path(command, config, occasion.kind)) as folder:
        device = use_hardware(config.trainer, folder, resume=False)
        stage = stage.to(device)
        team = build_system(config).to(device)
        subject = load_subject(team, source, float(facts["sd_floor"]))
        subject = replace(subject, gate=gate_of(config, subject.gate))
        origin = Origin.of(source)
        try:
            learned = find_learned(config, stage, subject, occasion, origin, run_training, console)
        except InterruptedRunError as interruption:
            said = f"{interruption.what}; the same command goes on where it stopped"
            raise InterruptedRunError(said) from interruption
        judging = Judging(config, stage, subject, occasion, learned)
        folder.write_run_json(
            judged_run=str(source.path),
            seed=config.seed,
            split=occasion.split,
            notes=list(occasion.notes),
            **stage.facts(),
        )
        save_quality(stage.dataset, folder.path)
        folder.write_start(command.config, list(command.overrides))
        judging.write(folder.path, command.config, command.overrides)
    say_where_it_never_trades(subject, config.agent.execute, console)
    judging.show(console)
    return Judged(folder, judging.metrics)


def gate_of(config: TrainConfig, stored: float) -> float:
    """Return the gate to judge with: given, the literal rule's own, or the calibrated one."""
    if not isinstance(config.agent.bar_to_pass, str):
        return float(config.agent.bar_to_pass)
    return LITERAL_GATE if config.agent.execute == "literal" else stored


def _own_path(command: RunCommand, config: TrainConfig, kind: str) -> Path:
    given = command.options["hydra.run.dir"]
    if given is not None:
        return Path(str(given))
    parent = f"{config.paths.output}/{kind}"
    return Path(parent) / fresh_name(parent)
