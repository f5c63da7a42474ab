"""The one loop from a team and a tape to decisions and equity.

Validation during training, evaluation, backtest and references all run it, so their numbers
agree to the last digit. Source: ``docs/definitions.md``, Judging.
"""

from collections.abc import Sequence
from typing import ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from grandmodel.core.random import torch_stream
from grandmodel.core.types import Segment
from grandmodel.decision.limits import apply_limits
from grandmodel.decision.rules import Rule
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.observation import MarketView
from grandmodel.envs.reward import Paid, Reward
from grandmodel.envs.starts import SegmentStarts
from grandmodel.envs.step_facts import RewardScale, StepFacts
from grandmodel.evaluation.accounts.track import Legs
from grandmodel.evaluation.judging.columns import (
    DETAIL_COLUMNS,
    DTYPES,
    LEG_COLUMNS,
    Said,
    settled,
)
from grandmodel.evaluation.judging.execution import (
    ARGMAX,
    LITERAL,
    JudgeRule,
    gate_rules,
    group_rules,
)
from grandmodel.evaluation.judging.ground import Standpoint
from grandmodel.evaluation.judging.judgement import Detail, Judgement
from grandmodel.evaluation.judging.lockstep import Lockstep
from grandmodel.evaluation.judging.one_by_one import MOST_ACCOUNTS, SingleAccounts
from grandmodel.features.tape import Tape
from grandmodel.systems.blocks import BLOCK
from grandmodel.systems.team import Team

__all__ = ["ARGMAX", "LITERAL", "Judge", "JudgeRule", "gate_rules"]

ROWS_AT_ONCE = 1 << 17  # tape rows whose embeddings are held at a time
LEAST_STEPS_AT_ONCE = 2_048  # so that few blocks are evaluated twice at the seams


class Unrewarded:
    """Stands in for a reward where nothing learns: zero, with the scale that sizes may need."""

    needs: ClassVar[dict[str, str]] = {}
    trades = False

    def __init__(self, sd_floor: float) -> None:
        self.scale = RewardScale(sd_floor, 1.0)
        self._none = torch.zeros(0)

    def __call__(self, facts: StepFacts) -> Paid:
        """Return nothing worth reading."""
        del facts
        return Paid(self._none, self._none, {})


class Judge:
    """Runs teams over fixed segments of a tape, every rule as a parallel copy.

    What depends on the tape alone is made once; a call judges the team as it is now.

    Args:
        tape: bars and columns; everything is computed where it lives.
        segments: stretches of tape rows, each begins and ends flat; those of a path together.
        env: money, sizes, session edges; rewards play no part.
        rules: one copy of all segments each.
        sd_floor: smallest trailing sd of the training bars, read by size=vol_target.
        detail: keep probabilities and rules of every decision (else the accounts alone).
        cost_scale: factor on all costs, times that of each rule.
        block: rows per block of a trunk's batch.
    """

    def __init__(
        self,
        tape: Tape,
        segments: Sequence[Segment],
        env: EnvConfig,
        rules: Sequence[JudgeRule],
        *,
        sd_floor: float = 0.0,
        detail: bool = False,
        cost_scale: float = 1.0,
        block: int = BLOCK,
    ) -> None:
        self.tape, self.segments, self.config = tape, tuple(segments), env
        self.rules = tuple(rules)
        self.detail = detail
        self.block = block
        device = tape.close.device
        starts = SegmentStarts(self.segments, len(self.rules), device)
        self.steps = starts.steps
        self._start = torch.tensor([s.start for s in self.segments], device=device)
        self._last = torch.tensor([s.stop - 1 for s in self.segments], device=device)
        self._groups = group_rules(self.rules, len(self.segments), device)
        self._views: dict[object, MarketView] = {}
        self._standpoint: Standpoint | None = None
        self._env: MarketEnv | None = None
        if starts.n_envs <= MOST_ACCOUNTS and device.type == "cpu":
            self._standpoint = Standpoint(tape, self.segments, env, sd_floor, cost_scale)
        else:
            reward = cast("Reward", Unrewarded(sd_floor))
            draws = torch_stream(0, "judge", device)
            self._env = MarketEnv(tape, env, reward, starts=starts, generator=draws, device=device)
            self._env.cost_scale = self._cost_scales(cost_scale)

    def _cost_scales(self, factor: float) -> float | Tensor:
        """Return the factor on all costs: one number, or float64 [env] where rules differ."""
        scales = torch.tensor([rule.cost_scale for rule in self.rules], dtype=torch.float64)
        if bool((scales == scales[0]).all()):
            return factor * float(scales[0])
        return (factor * scales).repeat_interleave(len(self.segments)).to(self.tape.close.device)

    @property
    def env_steps(self) -> int:
        """Decisions of one copy over all segments."""
        return sum(segment.stop - segment.start - 1 for segment in self.segments)

    @torch.inference_mode()
    def __call__(self, team: Team) -> Judgement:
        """Judge ``team`` with dropout off."""
        was_training = team.training
        team.eval()
        run = _Run(self, team, [self._view(spec) for spec in team.specs])
        for first in range(0, self.steps, run.steps_at_once):
            run.stretch(first, min(first + run.steps_at_once, self.steps))
        team.train(was_training)
        return run.judgement()

    def _accounts(self, team: Team) -> Lockstep | SingleAccounts:
        """Return fresh accounts of ``team``."""
        heads = team.heads()
        if self._env is None:
            assert self._standpoint is not None  # noqa: S101 - one of both was made
            return SingleAccounts(self._standpoint, team, heads, self.rules)
        segments = len(self.segments)
        return Lockstep(self._env, team, heads, self._groups, segments, detail=self.detail)

    def _view(self, spec: object) -> MarketView:
        if spec not in self._views:
            self._views[spec] = MarketView(self.tape, spec)  # pyright: ignore[reportArgumentType]
        return self._views[spec]


class _Run:
    """One judgement in progress."""

    def __init__(self, judge: Judge, team: Team, views: list[MarketView]) -> None:
        self.judge, self.team, self.views = judge, team, views
        self.accounts = judge._accounts(team)
        self.copies, self.count = len(judge.rules), len(judge.segments)
        self.steps_at_once = max(LEAST_STEPS_AT_ONCE, ROWS_AT_ONCE // self.count)
        self.columns: dict[str, np.ndarray] = {}

    def stretch(self, first: int, last: int) -> None:
        """Run the steps [first, last) of all segments."""
        judge, team = self.judge, self.team
        ahead = torch.arange(first, last, device=judge._start.device)[:, None]
        rows = (judge._start + ahead).minimum(judge._last).flatten()
        embeddings = team.blocked_embed_all(self.views, rows, judge.block)
        adjustment = team.adjustment([view.modifiers(rows) for view in self.views])
        columns, said = self.accounts.stretch(embeddings, adjustment)
        if judge.detail and said is not None:
            columns |= self._told(columns, said)
        self._keep(first, last, columns)

    def _keep(self, first: int, last: int, columns: dict[str, Tensor]) -> None:
        """Move the columns of a stretch into the result, [step, copy, segment, ...]."""
        for name, values in columns.items():
            part = values.to(DTYPES[name]).cpu().numpy()
            part = part.reshape(last - first, self.copies, self.count, *part.shape[2:])
            if name not in self.columns:
                shape = (self.judge.steps, *part.shape[1:])
                self.columns[name] = np.empty(shape, part.dtype)
            self.columns[name][first:last] = part

    def _told(self, account: dict[str, Tensor], said: Said) -> dict[str, Tensor]:
        """Each agent's probabilities, and what settled each action: limits, then the fill."""
        edges = said.force_flat, said.no_entry
        force_flat, no_entry = (None if edge is None else edge.flatten() for edge in edges)
        _, limit = apply_limits(
            said.target.flatten(),
            said.position.flatten(),
            said.bars_held.flatten(),
            self.judge.config.max_hold_bars,
            force_flat,
            no_entry,
            self.judge.tape.instrument.long_only,
        )
        limit = limit.view_as(said.rule)
        rule = torch.where(limit != Rule.NONE, limit, said.rule)
        return {
            "probabilities": torch.softmax(said.logits, dim=-1),
            "ensemble": said.ensemble,
            "score": said.score,
            "target": said.target,
            "proceed": said.proceed,
            "rule": settled(rule, account["outcome"], account["ended"]),
        }

    def judgement(self) -> Judgement:
        """Return everything, axes [copy, segment, step]."""
        turned = {name: np.moveaxis(values, 0, 2) for name, values in self.columns.items()}
        detail, legs = None, None
        if LEG_COLUMNS[0] in turned:
            legs = Legs(*(turned[name] for name in LEG_COLUMNS))
        if self.judge.detail:
            said = (turned[name] for name in DETAIL_COLUMNS)
            detail = Detail(self.team.names, self.team.class_names, *said)
        return Judgement(
            segments=self.judge.segments,
            rules=tuple(rule.label for rule in self.judge.rules),
            gates=tuple(rule.gate for rule in self.judge.rules),
            capital=self.judge.config.capital,
            compounding=self.judge.config.size != "contracts",
            max_hold_bars=self.judge.config.max_hold_bars,
            equity=turned["equity"],
            cost=turned["cost"],
            position=turned["position"],
            quantity=turned["quantity"],
            ended=turned["ended"],
            legs=legs,
            detail=detail,
        )
