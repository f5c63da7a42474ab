"""Many accounts judged side by side: every step is one batch of tensor operations.

Source: `docs/definitions.md`, Judging.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from grandmodel.envs.market_env import MarketEnv
from grandmodel.evaluation.judging.columns import (
    Said,
    account_columns,
    named,
    stacked,
    stacked_or_none,
)
from grandmodel.evaluation.judging.deciders import decider
from grandmodel.evaluation.judging.delay import Delay
from grandmodel.evaluation.judging.execution import RuleGroup
from grandmodel.systems.head import HeadStack
from grandmodel.systems.modifiers import Adjustment
from grandmodel.systems.team import Team


class Lockstep:
    """All accounts of one judgement in progress.

    Args:
        env: one environment for each copy and segment.
        team: who decides.
        heads: its heads as they are now.
        groups: how it is executed.
        segments: number of segments; each copy has all of them.
        detail: whether what the team says is kept.
    """

    def __init__(
        self,
        env: MarketEnv,
        team: Team,
        heads: HeadStack,
        groups: tuple[RuleGroup, ...],
        segments: int,
        *,
        detail: bool,
    ) -> None:
        self.env, self.team, self.heads, self.detail = env, team, heads, detail
        self.segments, self.copies = segments, env.n_envs // segments
        sending = Delay(torch.cat([group.delay for group in groups]))
        self.decide = decider(env.tape, env.config, team, groups, sending)
        self.observation = env.reset()

    def stretch(
        self, embeddings: Tensor, adjustment: Adjustment | None
    ) -> tuple[dict[str, Tensor], Said | None]:
        """Run the next steps of all segments.

        Args:
            embeddings: float32 [step x segment, agent, hidden].
            adjustment: of the logits, rows likewise.

        Returns:
            What is kept of the accounts by name, [step, account] each, and of the decisions.
        """
        env = self.env
        parts = self._by_step(embeddings)
        accounts: list[tuple[Tensor, ...]] = []
        said: list[tuple[Tensor, ...]] = []
        edges: list[tuple[Tensor | None, Tensor | None]] = []
        for part, adjust in zip(parts, self._adjustments(adjustment, len(parts)), strict=True):
            seen = self.observation
            logits = self.team.logits_all(
                self._copied(part), seen.account, adjust, heads=self.heads
            )
            decided = self.decide(logits, seen)
            if self.detail:
                edges.append((env.force_flat, env.no_entry))
                said.append((logits, *decided[1:], seen.position, seen.bars_held))
            result = env.step(decided.orders)
            self.observation = result.observation
            accounts.append(account_columns(env, result))
        told = Said(*stacked(said), *stacked_or_none(edges)) if self.detail else None
        return named(accounts), told

    def _by_step(self, values: Tensor) -> tuple[Tensor, ...]:
        """Split rows [step x segment, ...] into steps, [segment, ...] each."""
        return values.view(-1, self.segments, *values.shape[1:]).unbind(0)

    def _adjustments(
        self, adjustment: Adjustment | None, steps: int
    ) -> Sequence[Adjustment | None]:
        """Return each step's adjustment of the logits, for all environments."""
        if adjustment is None:
            return [None] * steps
        factors, offsets = self._by_step(adjustment.factor), self._by_step(adjustment.offset)
        return [
            Adjustment(self._copied(factor), self._copied(offset))
            for factor, offset in zip(factors, offsets, strict=True)
        ]

    def _copied(self, values: Tensor) -> Tensor:
        """Repeat what the segments see for every copy, [segment, ...] -> [env, ...]."""
        if self.copies == 1:
            return values
        return values.expand(self.copies, *values.shape).reshape(-1, *values.shape[1:])
