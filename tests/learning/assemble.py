"""Puts a team, environments and settings together into what trains."""

from collections.abc import Sequence

import torch

from grandmodel.core.random import torch_stream
from grandmodel.decision.executor import POOL_EVERY, Executors
from grandmodel.envs.observation import MarketView
from grandmodel.features.tape import Tape
from grandmodel.learning.algorithms.mappo import Mappo
from grandmodel.learning.choice import VotesChooser
from grandmodel.learning.collector import Collector, Environments
from grandmodel.learning.config import AlgorithmConfig
from grandmodel.learning.risk import RiskTerm
from grandmodel.learning.seats import Seats
from grandmodel.learning.value_norm import ValueNorm
from grandmodel.systems.team import Team


def first_vote(votes, seen):
    """Send the first agent's vote as the position wanted."""
    del seen
    return votes[:, 0] - 1


def assemble(
    team: Team,
    env: Environments,
    tape: Tape,
    config: AlgorithmConfig,
    *,
    executor: str = "episode",
    pool_every: int = POOL_EVERY,
    fixed_risk: float | None = None,
    seed: int = 0,
    shaped: Sequence[str] = (),
    device: str | torch.device = "cpu",
) -> tuple[Mappo, Collector]:
    """Return the learner of ``team`` and the collector that rolls it out.

    Args:
        team: moved to ``device``.
        env: environments on ``tape``, ``config.environments`` of them, on ``device``.
        tape: what agents and critic see, on ``device``.
        config: settings of the algorithm.
        executor: ``episode``, ``step`` or ``pool``; of ``votes`` the first agent's is sent.
        pool_every: one environment in this many belongs to the pool (``episode`` only).
        fixed_risk: constant c of the learner's reward x - c x^2; None follows the Sharpe ratio.
        seed: of the run; actions, executors and shuffles have streams of their own.
        shaped: agents that are paid beside the team, each with a head of the critic.
        device: where everything but the shuffling lives.
    """
    team.to(device)
    views = [MarketView(tape, spec) for spec in team.specs]
    seats = Seats(team, views, MarketView(tape, team.critic.spec))
    executors = Executors(
        executor,
        team.initial_weights,
        config.environments,
        torch_stream(seed, "executors", device),
        pool_every=pool_every,
    )
    collector = Collector(
        env,
        seats,
        executors,
        steps=config.rollout_steps,
        generator=torch_stream(seed, "actions", device),
        chooser=VotesChooser(first_vote) if executor == "votes" else None,
    )
    learner = Mappo(
        seats,
        config,
        value_norm=ValueNorm(
            rate=config.value_norm_rate,
            variance_floor=config.value_norm_floor,
            enabled=config.value_norm,
        ),
        risk=RiskTerm(config.risk, fixed_risk),
        generator=torch_stream(seed, "shuffle"),
        pooled=executor == "pool",
        shaped=shaped,
    )
    return learner, collector
