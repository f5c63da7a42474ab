"""What would have been the right vote, told from what the market did after it.

The only place that looks ahead of a decision: nothing here is seen by an agent, an order or a
reward. Source: `docs/definitions.md`, Right votes.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grandmodel.core.types import Segment
from grandmodel.decision.aggregation import AGGRESSIVE, EXECUTE, WAIT
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.execution import Execution
from grandmodel.envs.fills import Bar, bar_met
from grandmodel.envs.table import StepRows, StepTable
from grandmodel.envs.voting import MOMENTUM
from grandmodel.features.tape import Tape

SIDES = (1, -1)


class Cases(NamedTuple):
    """What votes are held against, one entry per vote."""

    right: Bool[Tensor, "vote 3"]  # whether each of the three votes would have been right
    best: Int[Tensor, " vote"]  # the class that would have paid most
    counts: Bool[Tensor, " vote"]  # whether anything was at stake

    def truth(self, votes: Int[Tensor, " vote"]) -> Int[Tensor, " vote"]:
        """Return the vote itself where it was right, else the class that would have paid most."""
        was_right = self.right.gather(1, votes[:, None])[:, 0]
        return torch.where(was_right, votes, self.best)


class VoteOutcomes:
    """What entries at every row of some segments would have come to, a fixed horizon later.

    Args:
        tape: the bars.
        config: fills and session edges; costs are charged in full.
        segments: stretches of tape rows; no entry is followed beyond its own.
        horizon_bars: bars from the entry's open to the exit's.
    """

    def __init__(
        self, tape: Tape, config: EnvConfig, segments: Sequence[Segment], horizon_bars: int
    ) -> None:
        self.first = min(segment.start for segment in segments)
        last = max(segment.stop for segment in segments)
        execution = Execution.of(config, tape).ordered
        table = StepTable(
            tape, replace(config, size="notional"), 0.0, (self.first, last), execution
        )
        here = torch.arange(self.first, last, device=tape.close.device)
        rows = table.at(here)
        leaves = _leaves(rows, segments, self.first, horizon_bars)
        self.counts = leaves >= 0
        leaves = leaves.clamp_min(0)
        prices = bar_met(torch.ones_like(self.counts), rows, execution)
        gain = [_gains(side, rows, prices, leaves, execution) for side in SIDES]
        best = torch.stack([_best(market, limit) for market, limit in gain], dim=1)
        paid = torch.stack([torch.stack(each, dim=1) > 0.0 for each in gain], dim=1)
        self._best, self._paid = best, paid  # [bar, side], [bar, side, market or limit]
        self._sign = None
        if MOMENTUM in tape.columns:
            self._sign = tape.column(MOMENTUM)[self.first : last].sign().long()

    def direction(self, bar: Int[Tensor, " vote"]) -> Cases:
        """Judge votes for short, hold or long: hold is right where neither side paid its costs.

        Args:
            bar: row of each decision.
        """
        at = bar - self.first
        paid = self._paid[at, :, 0].long()
        best = 1 + paid[:, 0] - paid[:, 1]
        return Cases(_only(best), best, self.counts[at])

    def momentum(self, bar: Int[Tensor, " vote"]) -> Cases:
        """Judge votes for counter, neutral or trend by the direction that they stand for.

        Nothing is at stake where the momentum has no sign.
        """
        assert self._sign is not None  # noqa: S101 - teams that vote on it have the column
        named = self.direction(bar)
        sign = self._sign[bar - self.first]
        best = 1 + (named.best - 1) * sign
        return Cases(_only(best), best, named.counts & (sign != 0))

    def entry(self, bar: Int[Tensor, " vote"], side: Int[Tensor, " vote"]) -> Cases:
        """Judge votes to wait, execute or hurry with an entry, each by the fill it asks for.

        Args:
            bar: row of each decision.
            side: of the entry that is at stake, 0 where none is.
        """
        at, which = bar - self.first, (side < 0).long()
        market, limit = self._paid[at, which].unbind(1)
        right = torch.stack((~(market | limit), limit, market), dim=1)
        return Cases(right, self._best[at, which], self.counts[at] & (side != 0))


def _only(best: Int[Tensor, " vote"]) -> Bool[Tensor, "vote 3"]:
    """Return where the three classes are the one that was right."""
    return best[:, None] == torch.arange(3, device=best.device)


def _leaves(
    rows: StepRows, segments: Sequence[Segment], first: int, horizon_bars: int
) -> Int[Tensor, " bar"]:
    """Return the step that ends an entry made at each step, -1 where there is no entry to make.

    It is the one `horizon_bars` later, or before it the first at which positions must end.
    """
    step = torch.arange(len(rows.open), device=rows.open.device)
    never = len(step)
    inside = torch.zeros_like(step, dtype=torch.bool)
    ends = inside.clone() if rows.force_flat is None else rows.force_flat.clone()
    for segment in segments:
        inside[segment.start - first : segment.stop - 1 - first] = True
        ends[segment.stop - 2 - first] = True
    end = torch.where(ends, step, never)
    soonest = end.flip(0).cummin(0).values.flip(0)
    after = torch.cat((soonest[1:], soonest.new_full((1,), never)))
    free = inside & ~ends
    for refused in (rows.no_entry, rows.no_fill):
        if refused is not None:
            free = free & ~refused
    return torch.where(free, (step + horizon_bars).minimum(after), -1)


def _gains(
    side: int, rows: StepRows, prices: Bar, leaves: Int[Tensor, " bar"], execution: Execution
) -> tuple[Float[Tensor, " bar"], Float[Tensor, " bar"]]:
    """Return what a market order and a limit order of one unit come to after costs, currency.

    The limit rests at the close of the decision for one bar; unfilled it comes to nothing.
    """
    assert rows.close_before is not None and rows.maker_cost is not None  # noqa: S101, PT018
    assert rows.half_spread is not None  # noqa: S101 - limits are in use
    left = side * prices.open[leaves] - rows.unit_cost[leaves]
    market = left - side * prices.open - rows.unit_cost
    limit = rows.close_before
    rests = side * (limit - prices.open) < rows.half_spread - execution.near
    met = execution.through(side * (limit - (prices.low if side > 0 else prices.high)))
    rested = torch.where(met, left - side * limit - rows.maker_cost, 0.0)
    return market, torch.where(rests, rested, market)


def _best(market: Float[Tensor, " bar"], limit: Float[Tensor, " bar"]) -> Int[Tensor, " bar"]:
    """Return the vote on the entry that would have paid most; of equals the patient one."""
    best = torch.where(limit >= market, EXECUTE, AGGRESSIVE)
    return best.masked_fill((market <= 0.0) & (limit <= 0.0), WAIT)
