"""Small trainings on toys, put together as wiring does it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from assemble import assemble

from grandmodel.core.random import torch_stream
from grandmodel.decision.aggregation import ROLES
from grandmodel.envs.toys import ToyEnv, endless_toy, identity_toy, private_view_toy
from grandmodel.learning.algorithms.mappo import Mappo
from grandmodel.learning.collector import Collector
from grandmodel.learning.config import AlgorithmConfig, CostCurriculum
from grandmodel.learning.lightning.fit import FitPlan, FitResult, fit
from grandmodel.learning.seats import Seats
from grandmodel.systems.config import AgentConfig, CriticConfig, MemberConfig, NetworkConfig
from grandmodel.systems.team import Team, build_team

TOYS = {"identity": identity_toy, "endless": endless_toy, "private": private_view_toy}
MEMBERS = {
    "identity": {"seer": ["shown"], "second": ["shown"]},
    "endless": {"seer": ["shown"]},
    "private": {"seer": ["own"], "holder": ["other"]},
}


@dataclass
class World:
    """A toy with everything that trains on it."""

    env: ToyEnv
    team: Team
    seats: Seats
    collector: Collector
    learner: Mappo

    def update(self, optimiser: torch.optim.Optimizer, progress: float = 0.0) -> dict[str, float]:
        """Collect one rollout and learn from it, without Lightning."""
        batch = self.learner.begin(self.collector.collect(), progress)
        for parts in self.learner.gradient_steps(batch):
            optimiser.zero_grad()
            for part in parts:
                sum(self.learner.losses(batch, part)).backward()
            self.learner.stop_diverged()
            self.learner.clip_gradients()
            optimiser.step()
        return self.learner.report()


def settings(**given: Any) -> AlgorithmConfig:
    """Small sizes; no cost curriculum."""
    values = {
        "environments": 64,
        "rollout_steps": 16,
        "minibatch": 256,
        "costs": CostCurriculum(start=1.0),
        "kl_target": None,
    }
    return AlgorithmConfig(**(values | given))


def world(
    toy: str = "identity",
    *,
    seed: int = 0,
    executor: str = "episode",
    dropout: float = 0.0,
    risk: float | None = 0.0,
    ensemble_learn: str = "record",
    pool_every: int = 8,
    members: dict[str, list[str]] | None = None,
    network: str = "mlp",
    shaped: tuple[str, ...] = (),
    **algorithm: Any,
) -> World:
    """Build a toy, a team for it, and its learner."""
    config = settings(**algorithm)
    votes = executor == "votes"
    seen = (members or MEMBERS[toy]).items()
    agent = AgentConfig(
        members={
            name: MemberConfig(inputs=inputs, votes=role if votes else None)
            for (name, inputs), role in zip(seen, ROLES, strict=False)
        },
        executor=executor,
        execute="votes" if votes else "challenger",
        ensemble_learn=ensemble_learn,
    )
    networks = NetworkConfig(kind=network, trunk=[16], head=16, dropout=dropout)
    critic = CriticConfig(sees=config.critic_sees, hidden=[16])
    env = TOYS[toy](config.environments, torch_stream(seed, "env"))
    team = build_team(agent, networks, critic, [], torch_stream(seed, "weights"), 1 + len(shaped))
    learner, collector = assemble(
        team,
        env,
        env.tape,
        config,
        executor=executor,
        pool_every=pool_every,
        fixed_risk=risk,
        seed=seed,
        shaped=shaped,
    )
    return World(env, team, learner.seats, collector, learner)


def train(made: World, folder: Path, rollouts: int, **plan: Any) -> FitResult:
    """Run a training through Lightning."""
    values = {"progress": False, "total_steps": rollouts * made.learner.config.rows}
    return fit(
        FitPlan(
            learner=made.learner,
            collector=made.collector,
            folder=folder,
            **(values | plan),
        )
    )
