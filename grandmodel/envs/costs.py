"""What trading costs: currency per unit of quantity, for every bar of the tape.

Source: `docs/definitions.md`, "Costs".
"""

from typing import NamedTuple

import torch
from torch import Tensor

from grandmodel.core.checks import require
from grandmodel.features.tape import Tape
from grandmodel.market.instruments import Instrument

BASIS_POINT = 1e-4
VOLATILITY = "raw_volatility_30"


class UnitCosts(NamedTuple):
    """Cost of trading one unit at each bar's open, quote currency, float64 [bar] each."""

    market: Tensor  # a market order
    forced: Tensor  # a stop or liquidation: one tick in place of the slippage
    maker: Tensor  # an order that rested: neither half the spread nor slippage
    half_spread: Tensor  # what lies between the open and the price at which one can trade at once


def unit_costs(
    tape: Tape, first: int = 0, last: int | None = None, slippage: str = "fixed"
) -> UnitCosts:
    """Return what one unit costs at the opens of rows [first, last).

    cost = commission + (half spread x spread multiplier + slippage) in ticks x tick x multiplier
    + (fee + half spread x spread multiplier + slippage) in bp x open x multiplier, with the
    schedule that is valid on the bar's date.

    Args:
        tape: the bars.
        first: first row.
        last: end of the rows.
        slippage: `volatility` takes it times raw_volatility_30 of the bar before.
    """
    rows = slice(first, last)
    spread = tape.spread_multiplier[rows]
    instrument = tape.instrument
    notional = tape.open[rows] * instrument.multiplier * BASIS_POINT
    tick = (instrument.tick or 0.0) * instrument.multiplier
    schedule = _schedule(instrument, tape.open_time_ns[rows])
    commission, fee_bps, spread_ticks, spread_bps, slippage_ticks, slippage_bps, maker_bps = (
        schedule
    )
    fixed = commission + fee_bps * notional
    half_spread = spread * (spread_ticks * tick + spread_bps * notional)
    slip = slippage_ticks * tick + slippage_bps * notional
    if slippage == "volatility":
        slip = slip * _volatility_before(tape)[rows]
    one_tick = torch.full_like(slip, tick) if tick else slip
    maker = commission + maker_bps * notional
    return UnitCosts(fixed + half_spread + slip, fixed + half_spread + one_tick, maker, half_spread)


def carry_costs(tape: Tape, market: Tensor, first: int = 0, last: int | None = None) -> Tensor:
    """Return what a unit held into each bar pays at its open, long and short, float64 [2, bar].

    It is the tape's carry, and where the contract rolls a sale and a purchase at market. Below 0
    it is received.

    Args:
        tape: the bars.
        market: what a market order costs per unit at these opens, float64 [bar].
        first: first row.
        last: end of the rows.
    """
    rows = slice(first, last)
    out = torch.zeros(2, len(market), dtype=torch.float64, device=market.device)
    for side, carry in zip(out, (tape.carry_long, tape.carry_short), strict=True):
        if carry is not None:
            side += carry[rows]
        if tape.rolls is not None:
            side += tape.rolls[rows] * 2.0 * market
    return out


def _volatility_before(tape: Tape) -> Tensor:
    """Return raw_volatility_30 of the bar before each bar, float64 [bar]; the first one's own."""
    require(
        VOLATILITY in tape.columns,
        f"env.slippage=volatility needs the column {VOLATILITY}, which the tape lacks: use "
        "env.slippage=fixed",
    )
    ratio = tape.column(VOLATILITY).double()
    return torch.cat([ratio[:1], ratio[:-1]])


def _schedule(instrument: Instrument, open_time_ns: Tensor) -> Tensor:
    """Return the cost figures valid at each bar, float64 [figure, bar]."""
    entries = instrument.cost_schedule
    figures = torch.tensor([entry.figures for entry in entries], dtype=torch.float64)
    starts = torch.tensor([entry.valid_from_ns for entry in entries])
    figures, starts = figures.to(open_time_ns.device), starts.to(open_time_ns.device)
    which = torch.searchsorted(starts, open_time_ns.contiguous(), right=True) - 1
    return figures[which.clamp_min(0)].T
