"""What trading costs: currency per unit of quantity, for every bar of the tape.

Source: `docs/definitions.md`, "Costs".
"""

from typing import NamedTuple

import torch
from torch import Tensor

from grandmodel.features.tape import Tape
from grandmodel.market.instruments import Instrument

BASIS_POINT = 1e-4


class UnitCosts(NamedTuple):
    """Cost of trading one unit at each bar's open, quote currency, float64 [bar] each."""

    market: Tensor  # a market order
    forced: Tensor  # a stop or liquidation: one tick in place of the slippage


def unit_costs(tape: Tape, first: int = 0, last: int | None = None) -> UnitCosts:
    """Return what one unit costs at the opens of rows [first, last).

    cost = commission + (half spread x spread multiplier + slippage) in ticks x tick x multiplier
    + (fee + half spread x spread multiplier + slippage) in bp x open x multiplier, with the
    schedule that is valid on the bar's date.
    """
    rows = slice(first, last)
    spread = tape.spread_multiplier[rows]
    instrument = tape.instrument
    notional = tape.open[rows] * instrument.multiplier * BASIS_POINT
    tick = (instrument.tick or 0.0) * instrument.multiplier
    schedule = _schedule(instrument, tape.open_time_ns[rows])
    commission, fee_bps, spread_ticks, spread_bps, slippage_ticks, slippage_bps = schedule[:6]
    fixed = commission + fee_bps * notional
    half_spread = spread * (spread_ticks * tick + spread_bps * notional)
    slippage = slippage_ticks * tick + slippage_bps * notional
    one_tick = torch.full_like(slippage, tick) if tick else slippage
    return UnitCosts(fixed + half_spread + slippage, fixed + half_spread + one_tick)


def _schedule(instrument: Instrument, open_time_ns: Tensor) -> Tensor:
    """Return the cost figures valid at each bar, float64 [figure, bar]."""
    entries = instrument.cost_schedule
    figures = torch.tensor([entry.figures for entry in entries], dtype=torch.float64)
    starts = torch.tensor([entry.valid_from_ns for entry in entries])
    figures, starts = figures.to(open_time_ns.device), starts.to(open_time_ns.device)
    which = torch.searchsorted(starts, open_time_ns.contiguous(), right=True) - 1
    return figures[which.clamp_min(0)].T
