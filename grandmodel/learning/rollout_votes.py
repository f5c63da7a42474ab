"""How right the sampled votes of a rollout were, agent by agent.

Told after the rollout, of the bars it has passed; nothing that learns reads it.
Source: `docs/definitions.md`, Right votes.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from grandmodel.core.types import Rollout
from grandmodel.envs.voting import VotedOrders
from grandmodel.evaluation.measures.vote_metrics import DIRECTION, cases_of, vote_figures
from grandmodel.evaluation.measures.vote_outcomes import VoteOutcomes
from grandmodel.systems.team import Team

TOLD = ("accuracy", "base", "balanced_accuracy", "confidence", "calibration_error")


class RolloutVotes:
    """Holds the votes of rollouts against the market.

    Of a team that pools each agent's votes are the actions that it executed.

    Args:
        team: agents, their classes and what they vote on.
        outcomes: of the training bars.
        voted: counts votes as training does; None where the team pools.
    """

    def __init__(self, team: Team, outcomes: VoteOutcomes, voted: VotedOrders | None) -> None:
        self.names, self.class_names = team.names, team.class_names
        self.roles = team.roles or (DIRECTION,) * len(team.names)
        self.outcomes, self.voted = outcomes, voted
        self._account = team.specs[0].account

    @torch.no_grad()
    def __call__(self, rollout: Rollout) -> dict[str, float]:
        """Return the figures by name, ``votes/<agent>/<figure>``; undefined ones are left out."""
        found: dict[str, float] = {}
        for agent, (votes, confidence, bar, side) in enumerate(self._cast(rollout)):
            cases = cases_of(self.roles[agent], self.outcomes, bar, side)
            figures = vote_figures(self.class_names[agent], votes, confidence, cases)
            told = {name: figures[name] for name in TOLD}
            told |= {f"rate/{name}": rate for name, rate in figures["rate"].items()}
            prefix = f"votes/{self.names[agent]}"
            found |= {f"{prefix}/{k}": float(v) for k, v in told.items() if v is not None}
        return found

    def _cast(self, rollout: Rollout) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Yield each agent's votes, their probabilities, their bars and the entries at stake."""
        bar, executor = rollout.bar.flatten(), rollout.executor.flatten()
        if self.voted is None:
            action, sure = rollout.action.flatten(), rollout.log_prob.flatten().exp()
            for agent in range(len(self.names)):
                own = executor == agent
                yield action[own], sure[own], bar[own], torch.zeros_like(bar[own])
            return
        votes = rollout.action.flatten(0, 1)
        place = self._account.index("position")
        held = rollout.account[..., place].flatten().sign().long()
        direction = self.voted.tally(votes, None, bar, held).direction
        side = torch.where(direction == held, 0, direction)
        for agent in range(len(self.names)):
            yield votes[:, agent], rollout.log_prob[..., agent].flatten().exp(), bar, side
