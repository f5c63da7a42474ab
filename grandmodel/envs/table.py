"""All that one step needs, packed so that a step reads one row per environment.

Source: `docs/definitions.md`, "One step".
"""

from typing import NamedTuple

import torch
from torch import Tensor

from grandmodel.envs.action import edge_limits, session_edge, target_exposure
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.costs import unit_costs
from grandmodel.features.tape import Tape

NEW_SESSION, NO_ENTRY, FORCE_FLAT = 1, 2, 4


class StepRows(NamedTuple):
    """Prices, costs and limits of the steps from rows t to t+1, one entry per environment."""

    open: Tensor  # float64 [env], of row t+1, as the next five
    high: Tensor
    low: Tensor
    close: Tensor
    unit_cost: Tensor
    forced_cost: Tensor
    atr14: Tensor
    trailing_sd: Tensor  # float64 [env], of row t, as the next
    exposure: Tensor  # notional of a position of 1 in units of equity
    new_session: Tensor  # bool [env]: row t+1 begins a session
    no_entry: Tensor  # bool [env]
    force_flat: Tensor  # bool [env]


class StepTable:
    """Rows [first, last) of a tape, one contiguous float64 row [10] per step.

    Row t holds what lies between its close and the close of t+1. Nothing at or after `last` is
    read; the last row repeats itself, so that an account that is flat there stays as it is.

    Args:
        tape: the bars.
        config: sizes and session edges.
        sd_floor: smallest trailing sd, for size=vol_target.
        rows: first row and end.
    """

    def __init__(
        self, tape: Tape, config: EnvConfig, sd_floor: float, rows: tuple[int, int]
    ) -> None:
        self.first, self.last = rows
        here, count = slice(*rows), rows[1] - rows[0]
        following = torch.arange(self.first + 1, self.last + 1, device=tape.close.device)
        following.clamp_max_(self.last - 1)
        market, forced = unit_costs(tape, *rows)
        self._rows = torch.empty(count, 10, dtype=torch.float64, device=tape.close.device)
        ahead = (tape.open, tape.high, tape.low, tape.close)
        for column, values in enumerate(ahead):
            self._rows[:, column] = values[following]
        following -= self.first
        self._rows[:, 4] = market[following]
        self._rows[:, 5] = forced[following]
        self._rows[:, 6] = tape.atr14[here][following]
        self._rows[:, 7] = tape.trailing_sd[here]
        self._rows[:, 8] = target_exposure(config, tape, sd_floor, *rows)
        self._rows[:, 9] = self._flags(tape, config)

    def _flags(self, tape: Tape, config: EnvConfig) -> Tensor:
        no_entry, force_flat = edge_limits(tape, session_edge(config, tape), self.first, self.last)
        new_session = tape.last_of_session[self.first : self.last]
        return new_session * NEW_SESSION + no_entry * NO_ENTRY + force_flat * FORCE_FLAT

    def at(self, bar: Tensor) -> StepRows:
        """Return the steps that begin at tape rows `bar`, int64 [env]."""
        columns = self._rows.index_select(0, bar - self.first).t().contiguous()
        flags = columns[9].to(torch.int64)
        return StepRows(
            *columns[:9],
            (flags & NEW_SESSION).bool(),
            (flags & NO_ENTRY).bool(),
            (flags & FORCE_FLAT).bool(),
        )
