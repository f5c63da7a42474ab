"""All that one step needs, packed so that a step reads one row per environment.

Source: `docs/definitions.md`, "One step".
"""

from typing import NamedTuple

import torch
from torch import Tensor

from grandmodel.envs.action import (
    edge_limits,
    new_sessions,
    refused_fills,
    session_edge,
    target_exposure,
)
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.costs import unit_costs
from grandmodel.features.tape import Tape

NEW_SESSION, NO_ENTRY, NO_FILL, FORCE_FLAT = 1, 2, 4, 8


class StepRows(NamedTuple):
    """Prices, costs and limits of the steps from rows t to t+1, one entry per environment.

    Prices are values of one unit: price x multiplier, quote currency.
    """

    open: Tensor  # float64 [env], of row t+1, as the next five
    high: Tensor
    low: Tensor
    close: Tensor
    unit_cost: Tensor  # currency per unit traded at that open
    atr14: Tensor
    trailing_sd: Tensor  # float64 [env], of row t
    new_session: Tensor  # bool [env]: row t+1 begins a session
    no_entry: Tensor | None  # bool [env]; None: entries are free on all rows
    force_flat: Tensor | None  # bool [env]; None: positions may stay on all rows
    no_fill: Tensor | None  # bool [env]: entries do not fill at that open; None: they all do


class StepTable:
    """Rows [first, last) of a tape, one contiguous float64 row [8] per step.

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
        market, forced = unit_costs(tape, *rows)
        self._forced_cost = _ahead(forced)
        self._exposure = target_exposure(config, tape, sd_floor, *rows)
        here = slice(*rows)
        ahead = (tape.open, tape.high, tape.low, tape.close)
        multiplier = tape.instrument.multiplier
        count = self.last - self.first
        self._rows = torch.empty(count, 8, dtype=torch.float64, device=tape.close.device)
        for column, values in enumerate(ahead):
            self._rows[:, column] = _ahead(values[here] * multiplier)
        self._rows[:, 4] = _ahead(market)
        self._rows[:, 5] = _ahead(tape.atr14[here] * multiplier)
        self._rows[:, 6] = tape.trailing_sd[here]
        edge = session_edge(config, tape)
        no_entry, force_flat = edge_limits(tape, edge, *rows)
        no_fill = refused_fills(tape, edge, *rows)
        self._unfilled = bool(no_fill.any())
        self._refuses, self._forces = bool(no_entry.any()), bool(force_flat.any())
        flags = new_sessions(tape, *rows) * NEW_SESSION
        flags = flags + no_entry * NO_ENTRY + no_fill * NO_FILL
        self._rows[:, 7] = flags + force_flat * FORCE_FLAT

    def at(self, bar: Tensor) -> StepRows:
        """Return the steps that begin at tape rows `bar`, int64 [env]."""
        columns = torch.stack(self._rows.index_select(0, bar - self.first).unbind(1))
        flags = columns[7].to(torch.uint8)
        return StepRows(
            *columns[:7],
            new_session=(flags & NEW_SESSION).view(torch.bool),
            no_entry=(flags & NO_ENTRY).bool() if self._refuses else None,
            force_flat=flags >= FORCE_FLAT if self._forces else None,
            no_fill=(flags & NO_FILL).bool() if self._unfilled else None,
        )

    def exposure_at(self, bar: Tensor) -> Tensor | None:
        """Return the notional of a position of 1 in units of equity; None: it is 1."""
        return None if self._exposure is None else self._exposure[bar - self.first]

    def forced_cost_at(self, bar: Tensor) -> Tensor:
        """Return the cost of one unit in a liquidation over row t+1, float64 [env]."""
        return self._forced_cost[bar - self.first]


def _ahead(values: Tensor) -> Tensor:
    """Return each row's next value; the last repeats itself."""
    return torch.cat([values[1:], values[-1:]])
