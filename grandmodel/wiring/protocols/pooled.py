"""The tests of all folds judged once, as the account of one trader who followed them in turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from grandmodel.evaluation.accounts.track import Track
from grandmodel.evaluation.controls.sweep import Cell, break_even_cost_scale
from grandmodel.evaluation.judging.judgement import Judgement
from grandmodel.evaluation.measures.kpi import kpi_rows
from grandmodel.evaluation.measures.trader import trader
from grandmodel.evaluation.outputs import tidy
from grandmodel.evaluation.protocols.means import (
    mean_delay,
    mean_record,
    mean_shift,
    with_counts,
)
from grandmodel.evaluation.protocols.pooled import join_judgements, join_tracks
from grandmodel.evaluation.rivals import baselines
from grandmodel.evaluation.statistics.intervals import Difference
from grandmodel.evaluation.trials.ledger import Trial
from grandmodel.wiring.controls import Controls, find_controls
from grandmodel.wiring.judged_facts import counts
from grandmodel.wiring.judging import Judging
from grandmodel.wiring.learned.rivals import beaten
from grandmodel.wiring.occasion import NON_CAUSAL, Occasion
from grandmodel.wiring.protocols.command import stored_config
from grandmodel.wiring.protocols.pieces import (
    PieceJudging,
    fold_row,
    pooled_rivals,
    pooled_subject,
    shared_baselines,
)
from grandmodel.wiring.protocols.prepare import Prepared
from grandmodel.wiring.rerun import Rerun
from grandmodel.wiring.rivals import Rivals
from grandmodel.wiring.trial import trial_of

OF_THE_LEDGER = (  # of metrics.json: known when the ledger's line is written
    "verdict", "verdict_reason", "test_openings", "trials", "deflated_sharpe", "pbo", "standing",
)  # fmt: skip


OF_ALL_PATHS = (  # of `trader`: sums as means over the paths, extremes and counts
    "by_year", "by_half_hour", "by_weekday", "by_side", "holding", "peak_margin", "worst_session",
    "leverage_violations",
)  # fmt: skip


@dataclass(frozen=True)
class PooledRerun(Rerun):
    """A joined judgement repeated: every fold's own team, joined again.

    Attributes:
        each: what repeats the pieces.
        paths: the path of each.
    """

    each: tuple[Rerun, ...]
    paths: tuple[int, ...]

    def __call__(self, cells: Sequence[Cell], *, late: int | None = None) -> list[Track]:
        """Return the joined account at each cell."""
        found = [rerun(cells, late=late) for rerun in self.each]
        return [join_tracks(tracks, self.paths) for tracks in zip(*found, strict=True)]

    def surrogate_nets(self) -> list[NDArray[np.float64]] | None:
        """Return the session returns of all folds one after another, draw by draw."""
        found = [nets for it in self.each if (nets := it.surrogate_nets()) is not None]
        if len(found) < len(self.each):
            return None
        return [np.concatenate(nets) for nets in zip(*found, strict=True)]


class PooledJudging(Judging):
    """The joined account of a path: each fold's own team on the bars that it tests.

    Args:
        prepared: the protocol.
        pieces: of one path in order of time, or of several, path by path.
        paths: the path of each piece.
    """

    def __init__(
        self, prepared: Prepared, pieces: Sequence[PieceJudging], paths: Sequence[int]
    ) -> None:
        self.prepared, self.pieces, self.paths = prepared, pieces, paths
        whole = (prepared.config, prepared.stage, pooled_subject(pieces), self._occasion())
        super().__init__(*whole, pooled_rivals(prepared, pieces, paths))

    def _occasion(self) -> Occasion:
        stage, plan = self.prepared.stage, self.prepared.plan
        sealed = () if stage.dataset.synthetic else tuple(stage.used("test", ""))
        return Occasion(
            kind="evaluate",
            split=plan.protocol if plan.causal else f"{plan.protocol}, non-causal",
            segments=tuple(it for piece in self.pieces for it in piece.occasion.segments),
            opened=sealed,
            sealed=sealed,
            chosen_here=bool(self.prepared.seen),
            causal=plan.causal,
            notes=(*(() if plan.causal else (NON_CAUSAL,)), *self.prepared.seen),
            sweep=self.prepared.command.sweep,
        )

    def _judge(self) -> tuple[Judgement, int, dict[str, int]]:
        head = self.pieces[0]
        rules = ("each fold's own", *head.judgement.rules[1:])
        found = join_judgements([it.judgement for it in self.pieces], self.paths, rules)
        return found, head.row, head.beside_rows

    def _find_rivals(self) -> Rivals:
        names = shared_baselines(self.pieces)
        found = {
            name: self.measure(
                join_tracks([it.rivals.baselines[name].track for it in self.pieces], self.paths)
            )
            for name in names
        }
        settings = {name: _by_fold(name, self.pieces) for name in names}
        random_p = None
        if len(self.measured.trips):
            drawn = baselines.random_trades(
                self.stage.tape,
                self.measured.track,
                self.measured.scalars["sharpe"] or 0.0,
                self.config.env,
                seed=self.config.evaluation.seed,
                draws=self.config.evaluation.random_draws,
                sd_floor=self.subject.sd_floor,
            )
            found["random"] = self.measure(drawn.median)
            random_p = drawn.p_value
            settings["random"] = {"draws": len(drawn.sharpe), "p_value": random_p}
        return Rivals(found, settings, random_p, {})

    def _find_controls(self) -> Controls:
        each = tuple(piece.rerun for piece in self.pieces)
        whole = (self.config, self.stage, self.subject, self.occasion)
        rerun = PooledRerun(*whole, each, tuple(self.paths))
        return find_controls(rerun, self.measured, self.measure)

    def _facts(self) -> dict[str, Any]:
        teams = [piece.subject.team for piece in self.pieces]
        weights = np.mean([team.weights.tolist() for team in teams], axis=0)
        return super()._facts() | {
            "weights": dict(zip(teams[0].names, weights.tolist(), strict=True)),
            "protocol": self.prepared.command.record,
            "folds": [fold_row(*it) for it in zip(self.pieces, self.paths, strict=True)],
        }

    def _trial(self, config: DictConfig) -> Trial:
        del config  # the protocol's own settings make it another trial
        whole = OmegaConf.create(stored_config(self.prepared.command))
        plan, start = self.prepared.plan, self.subject.start_weights
        return trial_of(whole, self.stage.dataset, plan.protocol, start)


def _by_fold(name: str, pieces: Sequence[PieceJudging]) -> dict[str, Any]:
    """Return how a baseline was set in each fold, a list per setting."""
    settings = [piece.rivals.settings[name] for piece in pieces]
    return {key: [found.get(key) for found in settings] for key in settings[0]}


class SpreadJudging(PooledJudging):
    """Several paths over the same bars: figures are means over them, and so are their bounds.

    Tables are means row by row, ratios and ranks in them told from the means; money by time and
    side, margins, the worst session, holding times and counts are told as those of any judgement
    of several paths. What is neither is that of the path in the middle, whose Sharpe ratio is the
    median.

    Args:
        prepared: the protocol.
        by_path: the judgement of each path.
    """

    def __init__(self, prepared: Prepared, by_path: Sequence[PooledJudging]) -> None:
        self.by_path = by_path
        order = sorted(by_path, key=lambda found: found.metrics["sharpe"] or 0.0)
        self.middle = order[(len(order) - 1) // 2]
        self.middle.evidence = replace(self.middle.evidence, middle=True)
        pieces = [(piece, k) for k, found in enumerate(by_path) for piece in found.pieces]
        super().__init__(prepared, [it for it, _ in pieces], [k for _, k in pieces])

    def _find_rivals(self) -> Rivals:
        head = self.middle.rivals
        numbers = range(len(self.by_path))
        found = {
            name: self.measure(
                join_tracks([it.rivals.baselines[name].track for it in self.by_path], numbers)
            )
            for name in head.baselines
            if all(name in it.rivals.baselines for it in self.by_path)
        }
        return Rivals(found, head.settings, head.random_p, {})

    def _find_controls(self) -> Controls:
        return replace(self.middle.controls, strained={})  # those of one path

    def _metrics(self) -> dict[str, Any]:
        self.evidence = self.middle.evidence
        record = mean_record([found.metrics for found in self._paths])
        record |= beaten(mean_differences(record), [rival.name for rival in self.learned])
        record["trader"] = self._trader(record["trader"])
        record["controls"] |= self._controls(record)
        record["votes"] = with_counts(record["votes"], self.votes.figures)
        record |= counts(self) | {
            "round_trips": len(self.measured.trips),
            "sessions": len(self.measured.sessions),
            "env_steps": self.subject.env_steps,
        }
        record["kpis"] = kpi_rows(record, votes=bool(self.subject.team.roles))
        folds = [
            row | {"path": k}
            for k, found in enumerate(self.by_path)
            for row in found.metrics["folds"]
        ]
        keys = ("sharpe", "total_return", "max_drawdown", "trades", "win_rate", "cost_paid")
        by_path = [
            {"path": k, **{key: found.metrics[key] for key in keys}}
            for k, found in enumerate(self.by_path)
        ]
        told = {"paths": len(self.by_path), "folds": folds, "by_path": by_path}
        return tidy(record | told)

    @property
    def _paths(self) -> list[PooledJudging]:
        """The paths, the one in the middle first."""
        return [self.middle, *(found for found in self.by_path if found is not self.middle)]

    def _controls(self, means: Mapping[str, Any]) -> dict[str, Any]:
        """Return what of `controls` is a ratio or a rank: told from means, not a mean of them."""
        return {
            "label_shift": mean_shift([it.controls.record["label_shift"] for it in self._paths]),
            "delay": mean_delay(means["controls"]["delay"], means["sharpe"]),
            "break_even_cost_scale": break_even_cost_scale(self.measured),
        }

    def _trader(self, means: Mapping[str, Any]) -> dict[str, Any]:
        """Return `trader`: what has bounds as means over paths, the rest of all together."""
        whole = trader(self._traded(), **self._draws)
        told = {key: it for key, it in means.items() if not key.startswith("break_even_cost")}
        told |= {key: whole[key] for key in OF_ALL_PATHS}
        told["markouts"] = with_counts(means["markouts"], whole["markouts"])
        gross = {key: it for key, it in means.items() if key.startswith("gross")}
        if (means["gross"] or 0.0) <= 0.0:
            gross = {"gross": None}
        even = {key.replace("gross", "break_even_cost", 1): it for key, it in gross.items()}
        return told | even

    def _append_to_ledger(self, folder: Path, config: DictConfig) -> Trial:
        """Write the line of the path in the middle: one protocol is one trial."""
        trial = self.middle._append_to_ledger(folder, config)
        told = self.middle.metrics
        self.metrics |= {key: told[key] for key in OF_THE_LEDGER if key in told}
        self.told = self.middle.told
        return trial


def mean_differences(record: Mapping[str, Any]) -> dict[str, Difference]:
    """Return differences to the baselines of a mean record; bounds that no path has are NaN."""
    keys = ("sharpe_difference", "sharpe_difference_ci_low", "sharpe_difference_ci_high")
    return {
        name: Difference(*(nan if row.get(key) is None else row[key] for key in keys))
        for name, row in record["baselines"].items()
    }
