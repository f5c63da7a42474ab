"""The votes of a judged team held against the market, and the thresholds it was judged at.

Source: `docs/definitions.md`, Right votes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from grandmodel.decision.aggregation import WAIT, Aggregation
from grandmodel.decision.rules import RULE_NAMES
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.voting import MOMENTUM, VotedOrders
from grandmodel.evaluation.judging.judgement import Judgement
from grandmodel.evaluation.measures.vote_metrics import DIRECTION, ENTRY, cases_of, vote_figures
from grandmodel.evaluation.measures.vote_outcomes import Cases, VoteOutcomes
from grandmodel.features.tape import Tape

TEAM_CLASSES = ("short", "none", "long")  # what the votes come to


@dataclass(frozen=True)
class VoteReport:
    """How right every agent was, and what would have been right at each decision."""

    figures: dict[str, Any]  # horizon_bars, agents: {name: figures}, team: figures
    columns: dict[str, pd.Categorical]  # of decisions.parquet: right_<agent>, null: no stake
    sides: NDArray[np.int64]  # [row]: direction that the team names, -1, 0, 1
    leans: dict[str, NDArray[np.float64]]  # by agent, [row]: side it leans to, in [-1, 1]
    team_right: NDArray[np.float64]  # [row]: 1 right, 0 wrong, nan: nothing was at stake


class VoteJudge:
    """Holds the votes of judged teams against the market.

    A team that pools is judged by each agent's most probable class, a vote for a direction.

    Args:
        tape: the bars.
        config: fills, session edges, distances.
        roles: what each agent votes on; empty where the team pools.
        horizon_bars: over which a vote is judged.
    """

    def __init__(
        self, tape: Tape, config: EnvConfig, roles: tuple[str, ...], horizon_bars: int
    ) -> None:
        self.tape, self.config, self.horizon_bars = tape, config, horizon_bars
        self.roles = roles
        self._voted = VotedOrders(tape, config, roles, Aggregation()) if roles else None

    def __call__(self, judgement: Judgement, copy: int) -> VoteReport:
        """Judge the votes behind one copy (an index into ``judgement.rules``)."""
        assert judgement.detail is not None  # noqa: S101 - probabilities are asked for
        detail = judgement.detail
        outcomes = VoteOutcomes(self.tape, self.config, judgement.segments, self.horizon_bars)
        device = self.tape.close.device
        bar = torch.from_numpy(np.concatenate(judgement.bars())).to(device)
        probabilities = _rows(judgement, copy, detail.probabilities, device)
        votes = probabilities.argmax(dim=-1)
        direction, confidence = self._team(judgement, copy, probabilities, bar)
        held = torch.from_numpy(judgement.held_before(copy)).to(device)
        side = torch.where(direction == held, 0, direction)
        figures, columns, leans = {}, {}, {}
        roles = self.roles or (DIRECTION,) * len(detail.names)
        for agent, (name, role) in enumerate(zip(detail.names, roles, strict=True)):
            cases = cases_of(role, outcomes, bar, side)
            labels = detail.class_names[agent]
            own = votes[:, agent]
            sure = probabilities[:, agent].gather(1, own[:, None])[:, 0]
            figures[name] = {"votes_on": role, **vote_figures(labels, own, sure, cases)}
            columns[f"right_{name}"] = _column(own, cases, labels)
            leans[name] = self._lean(role, probabilities[:, agent].double(), bar, direction)
        cases = cases_of(DIRECTION, outcomes, bar, side)
        together = vote_figures(TEAM_CLASSES, direction + 1, confidence, cases)
        right = (cases.truth(direction + 1) == direction + 1).double()
        return VoteReport(
            {"horizon_bars": self.horizon_bars, "agents": figures, "team": together},
            columns,
            direction.cpu().numpy(),
            leans,
            right.masked_fill(~cases.counts, torch.nan).cpu().numpy(),
        )

    def _lean(
        self, role: str, probabilities: Tensor, bar: Tensor, direction: Tensor
    ) -> NDArray[np.float64]:
        """Return the side that an agent leans to, its votes weighed by their probabilities."""
        lean = probabilities[:, 2] - probabilities[:, 0]
        if role == ENTRY:
            lean = direction * (1.0 - probabilities[:, WAIT])
        elif role != DIRECTION:
            lean = lean * self.tape.column(MOMENTUM)[bar].sign()
        return lean.cpu().numpy()

    def _team(
        self, judgement: Judgement, copy: int, probabilities: Tensor, bar: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the direction that the team names, and how sure it is of it (nan: of none)."""
        if self._voted is None:
            assert judgement.detail is not None  # noqa: S101 - as above
            pooled = _rows(judgement, copy, judgement.detail.ensemble, bar.device)
            sure, best = pooled.max(dim=-1)
            return best - 1, sure
        votes = probabilities.argmax(dim=-1)
        found = self._voted.tally(votes, probabilities, bar, torch.zeros_like(bar))
        return found.direction, torch.where(found.direction == 0, torch.nan, found.score)


def _rows(judgement: Judgement, copy: int, values: NDArray[Any], device: torch.device) -> Tensor:
    """Join the segments of one copy, [row, ...]."""
    lengths = judgement.lengths()
    joined = np.concatenate([values[copy, s, :n] for s, n in enumerate(lengths)])
    return torch.from_numpy(joined).to(device)


def _column(votes: Tensor, cases: Cases, labels: tuple[str, ...]) -> pd.Categorical:
    truth = cases.truth(votes).masked_fill(~cases.counts, -1)
    return pd.Categorical.from_codes(truth.cpu().numpy(), [*labels])


def rule_counts(judgement: Judgement, copy: int) -> dict[str, int]:
    """Return how many decisions each rule settled, those of the market included, by name."""
    assert judgement.detail is not None  # noqa: S101 - rules are asked for
    rule = np.concatenate(
        [judgement.detail.rule[copy, s, :n] for s, n in enumerate(judgement.lengths())]
    )
    counts = np.bincount(rule, minlength=len(RULE_NAMES))
    return {name: int(n) for name, n in zip(RULE_NAMES, counts, strict=True) if n}
