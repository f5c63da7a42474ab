"""A trained fold on one of its test stretches: the parts that a protocol's judgement joins."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from rich.console import Console

from grandmodel.evaluation.controls.sweep import Strain
from grandmodel.evaluation.protocols.plan import Fold, Piece
from grandmodel.evaluation.protocols.pooled import join_tracks
from grandmodel.features.evidence import without_synergies
from grandmodel.market.splits import PARTS, Span
from grandmodel.wiring.controls import Controls
from grandmodel.wiring.evaluate import gate_of
from grandmodel.wiring.judging import Judging
from grandmodel.wiring.learned.made import Made
from grandmodel.wiring.learned.rivals import LearnedRival, make_rivals, trade_rivals
from grandmodel.wiring.learned.settings import Origin
from grandmodel.wiring.market import Stage
from grandmodel.wiring.occasion import Occasion, Subject
from grandmodel.wiring.protocols.command import stored_config
from grandmodel.wiring.protocols.prepare import Prepared, folder_of
from grandmodel.wiring.rerun import Rerun
from grandmodel.wiring.run_folder import RunFolder
from grandmodel.wiring.subject import load_subject
from grandmodel.wiring.system import build_system
from grandmodel.wiring.train import run_training

FEW_DRAWS = 20  # random trades are drawn for the whole track, not for a part of it


@dataclass(frozen=True)
class Trained:
    """A fold, its team and the history as that team saw it."""

    fold: Fold
    subject: Subject
    stage: Stage
    selected: Mapping[str, Any]  # metrics.json of the fold, judged where it was selected
    rivals: tuple[Made, ...] = ()  # that learned what the fold learned


class PieceJudging(Judging):
    """A fold's team on one test stretch: account, votes and baselines, without figures."""

    def __init__(self, prepared: Prepared, piece: Piece[Trained]) -> None:
        self.fold, self.selected = piece.result.fold, piece.result.selected
        stretch = self.fold.test[piece.place.stretch]
        selection = [it for part in self.fold.validation for it in prepared.segments(part)]
        evaluation = replace(prepared.config.evaluation, random_draws=FEW_DRAWS, references=False)
        occasion = Occasion(
            kind="evaluate",
            split=prepared.split_name(self.fold),
            segments=prepared.segments(stretch),
            opened=(),
            sealed=(),
            chosen_here=False,
            tuned_on=tuple(selection),
        )
        config = replace(prepared.config, evaluation=evaluation)
        whole = (config, piece.result.stage, piece.result.subject, occasion)
        super().__init__(*whole, trade_rivals(piece.result.rivals, *whole))

    def _metrics(self) -> dict[str, Any]:
        return {}  # told of the joined track

    def _find_controls(self) -> Controls:
        return Controls({}, Strain(0.0, 0.0, 0.0), {})  # as the figures

    @property
    def rerun(self) -> Rerun:
        """What repeats it with something changed."""
        return Rerun(self.config, self.stage, self.subject, self.occasion)


def trained_fold(prepared: Prepared, fold: Fold, console: Console) -> Trained:
    """Read the team of a finished fold and its learned rivals, which its training made.

    Raises:
        UserError: its checkpoint or facts are missing or broken.
    """
    folder, config = RunFolder(folder_of(prepared, fold)), prepared.config
    facts = folder.read_run_json()
    device = prepared.stage.tape.close.device
    team = build_system(config).to(device)
    subject = load_subject(team, folder, float(facts["sd_floor"]))
    subject = replace(subject, gate=gate_of(config, subject.gate))
    parts = (fold.train, fold.validation, fold.test)
    spans = {
        part: tuple(Span(0, *it) for it in found) for part, found in zip(PARTS, parts, strict=True)
    }
    seen = bool(facts.get("synergies_seen", True))
    tape = prepared.stage.tape if seen else without_synergies(prepared.stage.tape)
    dataset = replace(prepared.stage.dataset, splits=spans)
    stage = replace(prepared.stage, dataset=dataset, tape=tape, synergies_seen=seen)
    selected = json.loads((folder.path / "metrics.json").read_text())
    rivals = make_rivals(config, subject, Origin.of(folder), run_training, Console(quiet=True))
    for rival in rivals:
        rival.say_what_differs(console)
    return Trained(fold, subject, stage, selected, rivals)


def fold_row(piece: PieceJudging, path: int) -> dict[str, Any]:
    """Return what a fold did on a test stretch, for `folds` of ``metrics.json``."""
    measured, market, dataset = piece.measured, piece.market, piece.stage.dataset
    first, last = piece.occasion.segments[0].start, piece.occasion.segments[-1].stop - 1
    opens = dataset.paths[0].bars.open_time_ns
    learned = [span for part in ("train", "validation") for span in dataset.splits[part]]
    keys = ("sharpe", "total_return", "max_drawdown", "trades", "win_rate", "exposure", "cost_paid")
    return {
        "fold": piece.fold.name,
        "path": path,
        "from": _day(market.open_time_ns[first]),
        "to": _day(market.open_time_ns[last]),
        "learned_from": _day(opens[min(span.start for span in learned)]),
        "learned_to": _day(opens[max(span.stop for span in learned) - 1]),
        "sessions": len(measured.sessions),
        **{key: measured.scalars[key] for key in keys},
        "gate": piece.subject.gate,
        "validation_sharpe": piece.selected.get("sharpe"),
        "env_steps": piece.subject.env_steps,
    }


def _day(time_ns: int) -> str:
    return str(np.datetime64(int(time_ns), "ns").astype("datetime64[D]"))


def pooled_subject(pieces: Sequence[PieceJudging]) -> Subject:
    """Return what stands for the teams of all folds: steps of all of them, no gate of its own."""
    folds = {piece.fold.name: piece.subject for piece in pieces}
    subjects = list(folds.values())
    return replace(
        subjects[-1],
        gate=float("nan"),
        trained=None,
        sd_floor=min(it.sd_floor for it in subjects),
        env_steps=sum(it.env_steps for it in subjects),
        env_steps_per_s=None,
        seconds=None,
        gate_sharpes={},
        training={},
    )


def pooled_rivals(
    prepared: Prepared, pieces: Sequence[PieceJudging], paths: Sequence[int]
) -> list[LearnedRival]:
    """Return the learned rivals of all folds joined: each is one trial, as the protocol is."""
    found = []
    for rivals in zip(*(piece.learned for piece in pieces), strict=True):
        name = rivals[0].name
        settings = stored_config(prepared.command) | {"init_from": None, "learned": name}
        found.append(
            LearnedRival(
                name,
                join_tracks([rival.track for rival in rivals], paths),
                {},  # as every baseline's: by fold
                OmegaConf.create(settings),
                prepared.command.path,
                prepared.plan.protocol,
            )
        )
    return found


def shared_baselines(pieces: Sequence[PieceJudging]) -> list[str]:
    """Return the baselines that every piece has, those that are drawn left out."""
    return [
        name
        for name in pieces[0].rivals.baselines
        if name != "random" and all(name in piece.rivals.baselines for piece in pieces)
    ]
