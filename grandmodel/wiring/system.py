"""From the agent, network and algorithm sections to a team, its environments and its learner."""

from dataclasses import replace

import torch

from grandmodel.core.checks import UserError, require
from grandmodel.core.random import torch_stream
from grandmodel.decision.aggregation import Aggregation
from grandmodel.decision.executor import Executors
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.observation import MarketView
from grandmodel.envs.reward import Reward
from grandmodel.envs.starts import STARTS
from grandmodel.envs.voting import VotedOrders
from grandmodel.evaluation.measures.vote_outcomes import VoteOutcomes
from grandmodel.features.extras.catalogue import EXTRAS
from grandmodel.features.matrix import CONTEXT, TEMPORAL
from grandmodel.learning.algorithms.mappo import Mappo
from grandmodel.learning.choice import VotesChooser
from grandmodel.learning.collector import Collector
from grandmodel.learning.risk import RiskTerm
from grandmodel.learning.rollout_votes import RolloutVotes
from grandmodel.learning.seats import Seats
from grandmodel.learning.value_norm import ValueNorm
from grandmodel.systems.config import AgentConfig
from grandmodel.systems.team import Team, build_team, member_spec
from grandmodel.wiring.extend import own_terms
from grandmodel.wiring.market import Stage
from grandmodel.wiring.schema import TrainConfig

LEAK_COLUMN = "leak"
SEEN_BY_ALL = "all"
NOT_LEAKED = "none"


def with_leak(config: TrainConfig) -> AgentConfig:
    """Show the planted look into the future to those agents that ``data.leak`` names."""
    leak = config.data.leak
    if config.data.kind != "synthetic" or leak == NOT_LEAKED:
        return config.agent
    names = config.agent.active_names
    require(
        leak == SEEN_BY_ALL or leak in names,
        f"data.leak must be none, all or one of the active agents ({', '.join(names)}), was {leak}",
    )
    members = {
        name: replace(member, context=[*member.context, LEAK_COLUMN])
        if leak in (SEEN_BY_ALL, name)
        else member
        for name, member in config.agent.members.items()
    }
    return replace(config.agent, members=members)


def team_context(agent: AgentConfig) -> tuple[str, ...]:
    """Return the columns that every member reads at the last bar."""
    return CONTEXT if agent.context is None else tuple(agent.context)


def read_columns(config: TrainConfig) -> tuple[str, ...]:
    """Return every column that the active agents read, each once, in order."""
    agent = with_leak(config)
    found: list[str] = []
    for name in agent.active_names:
        spec = member_spec(
            name, agent.members[name], config.network, team_context(agent), agent.account
        )
        found += [*spec.window, *spec.context, *spec.modifiers]
    return tuple(dict.fromkeys(found))


def with_needed_features(config: TrainConfig) -> TrainConfig:
    """Switch on the features that agents and reward terms of the user's own read."""
    terms = own_terms(config.reward.own).values()
    read = (*read_columns(config), *(name for term in terms for name in term.columns))
    temporal = config.features.temporal or any(name in TEMPORAL for name in read)
    asked = [name for name in EXTRAS if name in read and name not in config.features.extra]
    extra = [*config.features.extra, *asked]
    return replace(config, features=replace(config.features, temporal=temporal, extra=extra))


def build_system(config: TrainConfig) -> Team:
    """Build the team with freshly drawn weights.

    Raises:
        UserError: the configuration names no member, no inputs or impossible weights.
    """
    generator = torch_stream(config.seed, "weights")
    context = team_context(config.agent)
    heads = 1 + len(config.reward.shaping)
    return build_team(with_leak(config), config.network, None, context, generator, heads)


def fitted_reward(config: TrainConfig, stage: Stage) -> Reward:
    """Build the reward with its scale measured on the training bars alone."""
    own = own_terms(config.reward.own)
    return Reward.fitted(config.reward, stage.tape, stage.segments("train", 1), own)


def build_learner(
    config: TrainConfig, stage: Stage, team: Team, reward: Reward
) -> tuple[Collector, Mappo]:
    """Join the team to its environments and its losses, every random stream under its own name."""
    algorithm, tape, device = config.algorithm, stage.tape, stage.tape.close.device
    episodes = STARTS[config.env.starts]
    env = MarketEnv(
        tape,
        config.env,
        reward,
        n_envs=algorithm.environments,
        starts=episodes(stage.segments("train", 1), config.env.episode_bars, device=device),
        generator=torch_stream(config.seed, "starts", device),
        device=device,
    )
    seats = Seats(
        team,
        [MarketView(tape, spec) for spec in team.specs],
        MarketView(tape, team.critic.spec),
    )
    executors = Executors(
        config.agent.executor,
        team.initial_weights,
        algorithm.environments,
        torch_stream(config.seed, "executors", device),
        pool_every=config.agent.pool_every,
    )
    voted = _voted(config, stage, team)
    collector = Collector(
        env,
        seats,
        executors,
        steps=algorithm.rollout_steps,
        generator=torch_stream(config.seed, "actions", device),
        chooser=None if voted is None else VotesChooser(voted),
    )
    learner = Mappo(
        seats,
        algorithm,
        value_norm=ValueNorm(
            rate=algorithm.value_norm_rate,
            variance_floor=algorithm.value_norm_floor,
            enabled=algorithm.value_norm,
        ),
        risk=RiskTerm(algorithm.risk, config.reward.fixed_risk),
        generator=torch_stream(config.seed, "minibatches"),
        pooled=config.agent.executor == "pool",
        shaped=tuple(config.reward.shaping),
        decides=None if voted is None else voted.decides,
    )
    return collector, learner


def _voted(config: TrainConfig, stage: Stage, team: Team) -> VotedOrders | None:
    """Return how the votes of a team become orders in training; None: it does not vote."""
    if not team.roles:
        return None
    counted, when = Aggregation(training=True), config.agent.decide_on
    return VotedOrders(stage.tape, config.env, team.roles, counted, when)


def rollout_votes(config: TrainConfig, stage: Stage, team: Team) -> RolloutVotes:
    """Return what tells how right the votes of training's rollouts were."""
    segments = stage.segments("train", 1)
    horizon = config.evaluation.vote_horizon_bars
    outcomes = VoteOutcomes(stage.tape, config.env, segments, horizon)
    return RolloutVotes(team, outcomes, _voted(config, stage, team))


def load_team(team: Team, weights: dict[str, torch.Tensor], source: str) -> None:
    """Put stored weights into a team; refuse those of another agent or network.

    Raises:
        UserError: names or shapes differ.
    """
    try:
        team.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(
            f"{source} holds the weights of another agent or network than this configuration "
            f"({', '.join(team.names)}); give agent= and network= as they were when it was trained"
        ) from error
