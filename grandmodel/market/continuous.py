"""Contracts of one future joined to one series, with what was done at each join.

Source: `docs/definitions.md`, "Continuous contracts".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import UserError, require
from grandmodel.market.bars import PRICES, Bars
from grandmodel.market.defects import utc_text
from grandmodel.market.hours import session_dates
from grandmodel.market.joined import Joined, Roll
from grandmodel.market.rolls import MONTH_CODES, roll_day

DECIMALS = 9  # of prices: shifting them leaves no float noise behind
LETTERS = re.compile(
    rf"(?P<root>[A-Z0-9]+?)[ _]?(?P<month>[{MONTH_CODES}])(?P<year>(19|20)\d\d|\d{{1,2}})"
)
DIGITS = re.compile(r"(?P<root>[A-Z]+)[ _]?(?P<year>(20)?\d{2})(?P<month>0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Code:
    """What the symbol of a contract says."""

    root: str
    month: int  # January is 1
    year: int
    digits: int  # how many of the year were given


@dataclass(frozen=True)
class Contract:
    """The bars of one contract."""

    symbol: str
    month: int  # months since 1970-01 in which it ends
    bars: Bars


def code_of(symbol: str) -> Code | None:
    """Return what a symbol says (ESH4, 6EZ2024, IF2403), None where it is no contract's.

    What follows a dot (`ESH4.XCME`) names an exchange.
    """
    text = symbol.strip().upper().split(".")[0]
    found = DIGITS.fullmatch(text)
    if found is not None:
        return Code(found["root"], int(found["month"]), int(found["year"]), len(found["year"]))
    found = LETTERS.fullmatch(text)
    if found is None:
        return None
    month = MONTH_CODES.index(found["month"]) + 1
    return Code(found["root"], month, int(found["year"]), len(found["year"]))


def contracts_of(symbol: str, code: Code, bars: Bars) -> list[Contract]:
    """Return the contracts behind a symbol: one of two digits comes back after a century.

    A bar belongs to the next contract of that name to end.
    """
    months = bars.open_time_ns.view("M8[ns]").astype("M8[M]").astype(np.int64)
    period = 10**code.digits
    ends = (code.year - 1970) * 12 + code.month - 1
    if code.digits < len("1970"):
        years = (code.year - 1970 - months // 12) % period
        ends = (months // 12 + years) * 12 + code.month - 1
        ends = np.where(ends < months, ends + period * 12, ends)
    ends = np.broadcast_to(ends, months.shape)
    edges = [0, *(np.flatnonzero(np.diff(ends)) + 1), len(months)]
    return [
        Contract(symbol, int(ends[start]), bars.slice(int(start), int(stop)))
        for start, stop in pairwise(edges)
    ]


def join_contracts(contracts: Sequence[Contract], rule: str, root: str, source: str) -> Bars:
    """Return one series: the bars of each session are those of the contract in front.

    Prices of the first contract stay as they are; those of each later one are shifted so that
    the two agree at the close of their last common bar before the roll. What was decided at the
    close of a session holds from the next one on; nothing depends on a later bar.

    Args:
        contracts: the contracts of one root.
        rule: volume or calendar.
        root: what they are called together, for messages.
        source: the file, for messages.

    Raises:
        UserError: there is one contract only, no volume or no rule to roll by, or two contracts
            without a common bar.
    """
    contracts = sorted(contracts, key=lambda contract: contract.month)
    where = f"{source}: data.continuous={rule}"
    require(
        len(contracts) > 1,
        f"{where} joins contracts, but of {root} there is {contracts[0].symbol} alone: give a file "
        "with several, or remove data.continuous",
    )
    dates = [_dates(contract.bars) for contract in contracts]
    sessions = np.unique(np.concatenate(dates))
    if rule == "volume":
        fronts = _by_volume(contracts, dates, sessions, where)
    else:
        fronts = _by_calendar(contracts, sessions, where)
    pieces, rolls = _pieces(contracts, dates, sessions, fronts, where)
    columns = {
        name: np.concatenate([np.round(getattr(part, name) + by, DECIMALS) for part, by in pieces])
        for name in PRICES
    }
    require(
        bool((columns["low"] > 0.0).all()),
        f"{where} shifts prices to 0 or below: give fewer contracts, so that the sum of the gaps "
        "stays small",
    )
    return replace(
        pieces[0][0],
        open_time_ns=np.concatenate([part.open_time_ns for part, _ in pieces]),
        volume=np.concatenate([part.volume for part, _ in pieces]),
        adjustment="additive",
        joined=Joined(rule, root, tuple(rolls)),
        **columns,
    )


def _dates(bars: Bars) -> NDArray[np.int64]:
    return session_dates(bars.open_time_ns, bars.instrument.calendar)


def _by_volume(
    contracts: Sequence[Contract],
    dates: Sequence[NDArray[np.int64]],
    sessions: NDArray[np.int64],
    where: str,
) -> NDArray[np.int64]:
    """Return the contract in front in each session: a later one with more volume replaces it."""
    volume = np.full((len(contracts), len(sessions)), -1.0)  # -1: no bars
    for row, (contract, days) in enumerate(zip(contracts, dates, strict=True)):
        place, inverse = np.unique(np.searchsorted(sessions, days), return_inverse=True)
        volume[row, place] = np.bincount(inverse, contract.bars.volume)
    require(
        bool((volume > 0.0).any()),
        f"{where} needs volume, the contracts have none: use data.continuous=calendar",
    )
    last = np.array([np.searchsorted(sessions, days[-1]) for days in dates])
    front = int(np.argmax(volume[:, 0] >= 0.0))
    fronts = np.zeros(len(sessions), np.int64)
    for session in range(len(sessions)):
        fronts[session] = front
        alive = last[front + 1 :] > session
        later = np.where(alive, volume[front + 1 :, session], -2.0)
        ended = session >= last[front]
        if alive.any() and (later.max() > volume[front, session] or ended):
            front += 1 + int(np.argmax(later))
    return fronts


def _by_calendar(
    contracts: Sequence[Contract], sessions: NDArray[np.int64], where: str
) -> NDArray[np.int64]:
    """Return the contract in front in each session: the first whose roll date is still ahead."""
    instrument = contracts[0].bars.instrument
    require(
        instrument.roll_months is not None,
        f"{where} needs a roll rule, which {instrument.name} has not: set "
        "instrument.roll_months=HMUZ and its like, name an instrument, or use "
        "data.continuous=volume",
    )
    traded = [MONTH_CODES.index(code) for code in str(instrument.roll_months)]
    fit = np.array([row for row, it in enumerate(contracts) if it.month % 12 in traded], np.int64)
    require(
        len(fit) > 1,
        f"{where} finds {len(fit)} contracts of the months {instrument.roll_months} of "
        f"{instrument.name}: set instrument.roll_months",
    )
    days = [
        roll_day(contracts[row].month, instrument.roll_expiry, instrument.roll_days) for row in fit
    ]
    ahead = np.searchsorted(np.array(days), sessions, side="right")
    return fit[np.minimum(ahead, len(fit) - 1)]


def _pieces(
    contracts: Sequence[Contract],
    dates: Sequence[NDArray[np.int64]],
    sessions: NDArray[np.int64],
    fronts: NDArray[np.int64],
    where: str,
) -> tuple[list[tuple[Bars, float]], list[Roll]]:
    """Return the bars of each contract while it is in front, with their shift, and the rolls."""
    pieces, rolls, offset = [], [], 0.0
    starts = np.flatnonzero(np.diff(fronts, prepend=fronts[:1] - 1))
    before: Contract | None = None
    for start, stop in zip(starts, [*starts[1:], len(sessions)], strict=True):
        contract, days = contracts[fronts[start]], dates[fronts[start]]
        first = np.searchsorted(days, sessions[start])
        end = np.searchsorted(days, sessions[stop - 1], side="right")
        if first == end:
            continue  # it has no bars while it is in front
        part = contract.bars.slice(int(first), int(end))
        if before is not None:
            time_ns = int(part.open_time_ns[0])
            gap = _gap(before, contract, time_ns, where)
            offset = round(offset - gap, DECIMALS)
            rolls.append(Roll(time_ns, before.symbol, contract.symbol, gap, offset))
        pieces.append((part, offset))
        before = contract
    return pieces, rolls


def _gap(before: Contract, after: Contract, time_ns: int, where: str) -> float:
    """Return by how much the new contract closed above the old one, at their last common bar."""
    old, new = before.bars.open_time_ns, after.bars.open_time_ns
    old, new = old[old < time_ns], new[new < time_ns]
    _, left, right = np.intersect1d(old, new, assume_unique=True, return_indices=True)
    if not len(left):
        raise UserError(
            f"{where}: {before.symbol} and {after.symbol} have no common bar before the roll at "
            f"{utc_text(time_ns)} UTC, so that the gap between them is not known: give bars of "
            "both that overlap"
        )
    return round(float(after.bars.close[right[-1]] - before.bars.close[left[-1]]), DECIMALS)
