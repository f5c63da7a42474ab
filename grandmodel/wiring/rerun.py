"""Judging the same team again: with other costs, later orders, late fills, on other bars."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from grandmodel.evaluation.accounts.track import Market, Track
from grandmodel.evaluation.controls import surrogates
from grandmodel.evaluation.controls.sweep import OWN, Cell, path_nets, rules_of
from grandmodel.evaluation.judging.execution import JudgeRule
from grandmodel.evaluation.judging.judge import Judge
from grandmodel.evaluation.measures.metrics import measure, session_sharpe
from grandmodel.features.build import build_tape
from grandmodel.features.evidence import without_synergies
from grandmodel.features.tape import Tape
from grandmodel.market.late import late_prices
from grandmodel.wiring.extend import with_own_columns
from grandmodel.wiring.market import Stage
from grandmodel.wiring.occasion import Occasion, Subject
from grandmodel.wiring.schema import TrainConfig

LATE_FILL = "next_open+1m"


@dataclass(frozen=True)
class Rerun:
    """A judgement that can be repeated with something changed.

    Attributes:
        config: settings of the judgement.
        stage: the bars.
        subject: the team.
        occasion: where it is judged.
    """

    config: TrainConfig
    stage: Stage
    subject: Subject
    occasion: Occasion

    def __call__(self, cells: Sequence[Cell], *, late: int | None = None) -> list[Track]:
        """Return the account at each cell; with ``late`` market orders fill so many minutes on."""
        tape, env = self.stage.tape, self.config.env
        if late is not None:
            tape, env = _late_tape(self.stage, late), replace(env, fill=LATE_FILL)
        own = JudgeRule(self.config.agent.execute, self.subject.gate)
        judge = Judge(
            tape,
            self.occasion.segments,
            env,
            rules_of(own, tuple(cells)),
            sd_floor=self.subject.sd_floor,
            block=self.config.evaluation.block,
        )
        judgement, market = judge(self.subject.team), Market.of(tape)
        return [judgement.track(row, market) for row in range(len(cells))]

    def why_not_late(self, minutes: int) -> str | None:
        """Return why fills some minutes after the open cannot be judged, None where they can."""
        if self.config.env.fill == LATE_FILL:
            return f"orders of this run are filled late already (env.fill={LATE_FILL})"
        if minutes > self.stage.tape.minutes:
            return f"a decision lasts {self.stage.tape.minutes} min"
        paths = self.stage.dataset.paths
        if all(late_prices(path, minutes) is not None for path in paths):
            return None
        finest = (paths[0].finest or paths[0].bars).minutes
        return f"needs bars whose length divides {minutes} min; the finest here last {finest} min"

    def randomised(self) -> dict[str, Any] | None:
        """Judge the team on bars whose returns have random phases; None: no draws are wanted."""
        nets = self.surrogate_nets()
        if nets is None:
            return None
        per_year = self.stage.sessions_per_year
        sharpes = np.array([float(session_sharpe(net, per_year)) for net in nets])
        return surrogates.surrogate_record(sharpes)

    def surrogate_nets(self) -> list[NDArray[np.float64]] | None:
        """Return net session returns on the bars and on each draw of them; None: no draws."""
        config, stage = self.config, self.stage
        draws, seed = config.evaluation.surrogates, config.evaluation.seed
        if draws == 0:
            return None
        stretch = surrogates.stretch_of(stage.tape, self.occasion.segments)
        dataset = surrogates.surrogate_dataset(stage.dataset, stretch, draws, seed)
        given = {k: v for k, v in dataset.extra.items() if k not in config.features.own}
        dataset = with_own_columns(replace(dataset, extra=given), config.features)
        tape = build_tape(dataset, config.features)
        tape = tape if stage.synergies_seen else without_synergies(tape)
        tape = tape.to(stage.tape.close.device)
        segments = tuple(surrogates.judged_segments(tape, stretch))
        occasion = replace(self.occasion, segments=segments)
        (track,) = replace(self, stage=replace(stage, tape=tape), occasion=occasion)([OWN])
        told = measure(track, Market.of(tape), stage.sessions_per_year)
        return path_nets(told)


def _late_tape(stage: Stage, minutes: int) -> Tape:
    """Return the tape with the prices that an order meets some minutes after the open."""
    found = [late_prices(path, minutes) for path in stage.dataset.paths]
    joined = {
        f"late_{name}": torch.from_numpy(
            np.concatenate([getattr(prices, name) for prices in found])
        ).to(stage.tape.close.device)
        for name in ("open", "high", "low")
    }
    return replace(stage.tape, **joined)
