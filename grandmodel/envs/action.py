"""From decisions to orders: how much a position of 1 is, and when sessions forbid one.

Source: `docs/definitions.md`, "Orders and sizes" and "Session edges".
"""

import torch
from torch import Tensor

from grandmodel.core.checks import require
from grandmodel.envs.config import EnvConfig
from grandmodel.features.tape import Tape
from grandmodel.market.calendar import sessions_per_year
from grandmodel.market.hours import known_hours
from grandmodel.market.splits import WARMUP_BARS

LONG_BREAK_HOURS = 24.0


def session_edge(config: EnvConfig, tape: Tape) -> str:
    """Return `carry` or `flat`: the setting, else what the instrument asks for, else the default.

    Raises:
        UserError: `flat` where nobody knows when sessions end.
    """
    instrument = tape.instrument
    said = {
        "env.edge": config.edge,
        "instrument.edge": instrument.edge,
        "env.default_edge": config.default_edge,
    }
    key, edge = next((key, edge) for key, edge in said.items() if edge is not None)
    require(
        edge != "flat" or known_hours(instrument.calendar),
        f"{key}=flat sends positions away before a session ends, which instrument.calendar="
        f"{instrument.calendar} of {instrument.name} does not tell: name an instrument or set "
        "instrument.calendar (XNYS, CMES, 24/5, 23/5, 24/7), or use env.edge=carry",
    )
    return edge


def edge_limits(tape: Tape, edge: str, first: int, last: int) -> tuple[Tensor, Tensor]:
    """Return where decisions may not open and where they must leave flat.

    A decision on row t knows what the timetable has next, and nothing of row t+1. carry: no entry
    where a break of more than 24 hours is due. flat: no position over the last bar of a session,
    so the decision before it neither opens nor keeps one.

    Args:
        tape: the bars.
        edge: carry | flat.
        first: first row.
        last: end of the rows.

    Returns:
        no_entry and force_flat, bool [last - first] each.
    """
    no_entry = torch.zeros(last - first, dtype=torch.bool, device=tape.close.device)
    force_flat = torch.zeros_like(no_entry)
    if edge == "flat":
        force_flat = tape.edge_ahead[first:last]
    else:
        no_entry = tape.break_ahead_hours[first:last] > LONG_BREAK_HOURS
    return no_entry, force_flat


def refused_fills(tape: Tape, edge: str, first: int, last: int) -> Tensor:
    """Return where entries sent at the close of row t are not filled, bool [last - first].

    flat: at an open outside the timetable, which shows when row t+1 opens: so it concerns the
    fill and never the decision. Exits fill; a reversal closes the old position.

    Args:
        tape: the bars.
        edge: carry | flat.
        first: first row.
        last: end of the rows; row `last - 1` fills nothing.
    """
    refused = torch.zeros(last - first, dtype=torch.bool, device=tape.close.device)
    if edge == "flat":
        refused[:-1] = ~tape.scheduled[first + 1 : last]
    return refused


def new_sessions(tape: Tape, first: int, last: int) -> Tensor:
    """Return whether the row after each row begins a session, bool [last - first]."""
    session = tape.session[first:last]
    begins = torch.zeros_like(session, dtype=torch.bool)
    begins[:-1] = session[1:] != session[:-1]
    return begins


def bars_per_session(tape: Tape) -> float:
    """Return the median number of bars of the sessions that the first 600 bars complete.

    What is read off the tape once is read from the warm-up alone.
    """
    _, counts = torch.unique_consecutive(tape.session[:WARMUP_BARS], return_counts=True)
    whole = counts[:-1] if len(counts) > 1 else counts
    return float(whole.double().median())


def bars_per_year(tape: Tape) -> float:
    """Return the decisions of a year: bars of a session times sessions of a year."""
    return bars_per_session(tape) * sessions_per_year(tape.instrument)


def target_exposure(
    config: EnvConfig, tape: Tape, sd_floor: float, first: int, last: int
) -> Tensor | None:
    """Return the notional of a position of 1 in units of equity, float64 [last - first].

    vol_target: yearly target / (trailing sd x sqrt(bars of a year)), at most what the initial
    margin allows; it is known at the close of the row. None for the other sizes.
    """
    if config.size != "vol_target":
        return None
    yearly = tape.trailing_sd[first:last].clamp_min(sd_floor) * bars_per_year(tape) ** 0.5
    require(
        bool((yearly > 0.0).all()),
        "env.size=vol_target needs a volatility above zero on every bar: use env.size=notional",
    )
    return (config.vol_target / yearly).clamp_max(1.0 / tape.instrument.initial_margin)


def notional_quantity(session_equity: Tensor, exposure: Tensor | None, value: Tensor) -> Tensor:
    """Return the units of a position of 1, not rounded to lots, float64 [env].

    quantity = exposure x equity at the session's start / value of a unit at the fill
    """
    money = session_equity if exposure is None else session_equity * exposure
    return money / value
