"""All that one step needs, packed so that a step reads one row per environment.

Source: `docs/definitions.md`, "One step".
"""

from collections.abc import Iterator
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
from grandmodel.envs.costs import UnitCosts, carry_costs, unit_costs
from grandmodel.envs.execution import Execution
from grandmodel.features.tape import Tape

NEW_SESSION, NO_ENTRY, NO_FILL, FORCE_FLAT = 1, 2, 4, 8
BASE_COLUMNS = 8  # the last of them holds the flags


class StepRows(NamedTuple):
    """Prices, costs and limits of the steps from rows t to t+1, one entry per environment.

    Prices are values of one unit: price x multiplier, quote currency. Those from `maker_cost` on
    are None where no part of the execution model that is in use reads them.
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
    maker_cost: Tensor | None = None  # float64 [env], currency per unit that rested
    half_spread: Tensor | None = None  # float64 [env]
    forced_cost: Tensor | None = None  # float64 [env], currency per unit stopped or liquidated
    close_before: Tensor | None = None  # float64 [env], of row t
    stop_distance: Tensor | None = None  # float64 [env], from that close; inf: no stop
    target_distance: Tensor | None = None  # float64 [env], likewise
    carry_long: Tensor | None = None  # float64 [env], currency per unit held into row t+1
    carry_short: Tensor | None = None
    volume: Tensor | None = None  # float64 [env], of row t+1
    late_open: Tensor | None = None  # float64 [env], one minute after its open, and the extremes
    late_high: Tensor | None = None  # from then on
    late_low: Tensor | None = None


class StepTable:
    """Rows [first, last) of a tape, one contiguous float64 row per step.

    Row t holds what lies between its close and the close of t+1. Nothing at or after `last` is
    read; the last row repeats itself, so that an account that is flat there stays as it is.

    Args:
        tape: the bars.
        config: sizes and session edges.
        sd_floor: smallest trailing sd, for size=vol_target.
        rows: first row and end.
        execution: which parts of the execution model are in use; None: as `config` has it.
    """

    def __init__(
        self,
        tape: Tape,
        config: EnvConfig,
        sd_floor: float,
        rows: tuple[int, int],
        execution: Execution | None = None,
    ) -> None:
        self.first, self.last = rows
        self.execution = execution or Execution.of(config, tape)
        costs = unit_costs(tape, *rows, config.slippage)
        self._forced_cost = _ahead(costs.forced)
        self._exposure = target_exposure(config, tape, sd_floor, *rows)
        here = slice(*rows)
        multiplier = tape.instrument.multiplier
        more = dict(_more_columns(tape, config, self.execution, costs, rows))
        self._names = tuple(more)
        count = self.last - self.first
        width = BASE_COLUMNS + len(more)
        self._rows = torch.empty(count, width, dtype=torch.float64, device=tape.close.device)
        for column, values in enumerate((tape.open, tape.high, tape.low, tape.close)):
            self._rows[:, column] = _ahead(values[here] * multiplier)
        self._rows[:, 4] = _ahead(costs.market)
        self._rows[:, 5] = _ahead(tape.atr14[here] * multiplier)
        self._rows[:, 6] = tape.trailing_sd[here]
        for column, values in enumerate(more.values(), BASE_COLUMNS):
            self._rows[:, column] = values
        edge = session_edge(config, tape)
        no_entry, force_flat = edge_limits(tape, edge, *rows)
        no_fill = refused_fills(tape, edge, *rows)
        self._unfilled = bool(no_fill.any())
        self._refuses, self._forces = bool(no_entry.any()), bool(force_flat.any())
        flags = new_sessions(tape, *rows) * NEW_SESSION
        flags = flags + no_entry * NO_ENTRY + no_fill * NO_FILL
        self._rows[:, BASE_COLUMNS - 1] = flags + force_flat * FORCE_FLAT

    def at(self, bar: Tensor) -> StepRows:
        """Return the steps that begin at tape rows `bar`, int64 [env]."""
        columns = torch.stack(self._rows.index_select(0, bar - self.first).unbind(1))
        flags = columns[BASE_COLUMNS - 1].to(torch.uint8)
        return StepRows(
            *columns[: BASE_COLUMNS - 1],
            new_session=(flags & NEW_SESSION).view(torch.bool),
            no_entry=(flags & NO_ENTRY).bool() if self._refuses else None,
            force_flat=flags >= FORCE_FLAT if self._forces else None,
            no_fill=(flags & NO_FILL).bool() if self._unfilled else None,
            **dict(zip(self._names, columns[BASE_COLUMNS:], strict=True)),
        )

    def exposure_at(self, bar: Tensor) -> Tensor | None:
        """Return the notional of a position of 1 in units of equity; None: it is 1."""
        return None if self._exposure is None else self._exposure[bar - self.first]

    def forced_cost_at(self, bar: Tensor) -> Tensor:
        """Return the cost of one unit in a liquidation over row t+1, float64 [env]."""
        return self._forced_cost[bar - self.first]


def _more_columns(
    tape: Tape,
    config: EnvConfig,
    execution: Execution,
    costs: UnitCosts,
    rows: tuple[int, int],
) -> Iterator[tuple[str, Tensor]]:
    """Yield the columns that the parts of the execution model in use read beside the base."""
    if execution.plain:
        return
    here, multiplier = slice(*rows), tape.instrument.multiplier
    yield "forced_cost", _ahead(costs.forced)
    if execution.limits or execution.brackets:
        yield "maker_cost", _ahead(costs.maker)
        yield "half_spread", _ahead(costs.half_spread)
        yield "close_before", tape.close[here] * multiplier
    atr = tape.atr14[here] * multiplier
    known = torch.where(atr > 0.0, atr, torch.inf)
    for name, distance in (("stop", config.stop_atr), ("target", config.target_atr)):
        if distance is not None:
            yield f"{name}_distance", known * distance
    if execution.carries:
        long, short = carry_costs(tape, costs.market, *rows)
        yield "carry_long", _ahead(long)
        yield "carry_short", _ahead(short)
    if execution.impact is not None and tape.volume is not None:
        yield "volume", _ahead(tape.volume[here])
    if execution.late:
        for name in ("late_open", "late_high", "late_low"):
            yield name, _ahead(getattr(tape, name)[here] * multiplier)


def _ahead(values: Tensor) -> Tensor:
    """Return each row's next value; the last repeats itself."""
    return torch.cat([values[1:], values[-1:]])
