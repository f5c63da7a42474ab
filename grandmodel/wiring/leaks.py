"""The leak audit of what a configuration describes."""

import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from rich.console import Console

from grandmodel.core.types import Segment
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.reward import Reward
from grandmodel.envs.starts import SegmentStarts
from grandmodel.envs.step_facts import RewardScale
from grandmodel.evaluation.leaks.audit import Subject, audit
from grandmodel.evaluation.leaks.columns import FULL, SAMPLE, Level
from grandmodel.evaluation.leaks.finding import AuditReport
from grandmodel.evaluation.leaks.orders import MakeEnv
from grandmodel.evaluation.leaks.source import matrix_source, own_source
from grandmodel.features.evidence import SYNERGY_COLUMNS
from grandmodel.features.tape import Tape
from grandmodel.wiring.extend import own_indicators, own_terms
from grandmodel.wiring.market import Stage
from grandmodel.wiring.schema import TrainConfig


def audit_stage(
    config: TrainConfig, stage: Stage, scale: RewardScale, *, sample: bool
) -> AuditReport:
    """Audit bars, columns, fills and rewards of a training.

    Args:
        config: the training.
        stage: its bars and tape.
        scale: of its reward, from the training bars.
        sample: look at a sample, in about a second; else at all there is.
    """
    begun = time.perf_counter()
    level: Level = SAMPLE if sample else FULL
    own = own_indicators(config.features.own)
    subject = Subject(
        dataset=stage.dataset,
        tape=stage.tape,
        sources=[
            matrix_source(config.features, stage.dataset.events, stage.tape.minutes),
            *(own_source(name, make) for name, make in own.items()),
        ],
        silent=() if stage.synergies_seen else SYNERGY_COLUMNS,
        make_env=_environments(config, scale),
        fills_at_open=config.env.entry == "market",
    )
    return replace(audit(subject, level), seconds=time.perf_counter() - begun)


def _environments(config: TrainConfig, scale: RewardScale) -> MakeEnv:
    """Return what builds an environment as the training has it, on given rows."""

    def make(tape: Tape, segments: Sequence[Segment]) -> MarketEnv:
        return MarketEnv(
            tape,
            config.env,
            Reward(config.reward, scale, own=own_terms(config.reward.own)),
            starts=SegmentStarts(segments),
            generator=torch.Generator(),
        )

    return make


def sample_audit(
    config: TrainConfig, stage: Stage, scale: RewardScale, console: Console
) -> AuditReport:
    """Audit a sample before a training and say the outcome in one line; it never refuses."""
    report = audit_stage(config, stage, scale, sample=True)
    style = "yellow" if report.findings else None
    console.print(report.line("a sample"), markup=False, style=style)
    return report
