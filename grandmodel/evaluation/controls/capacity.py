"""What is left when the same trades are made in larger size: a curve of square-root impact.

Source: ``docs/definitions.md``, Capacity.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.evaluation.accounts.track import Track
from grandmodel.evaluation.measures.metrics import Measured, number, session_sharpe
from grandmodel.evaluation.measures.ratios import session_of_row
from grandmodel.features.tape import Tape

MULTIPLES = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)
VOLUME_SESSIONS = 20  # before the present one, whose mean is the volume of a day
IMPACT = 1.0  # days of volatility that trading one day's volume costs
SMALLEST_SHARE = 1e-6  # of the capital: accounts that are lost trade no more
BASIS_POINTS = 1e4


@dataclass(frozen=True)
class Liquidity:
    """What a trade moves the price by, at every bar of the tape."""

    day_volume: NDArray[np.float64]  # [bar]: units a session, mean of those before; nan: unknown
    day_sd: NDArray[np.float64]  # [bar]: of returns over a session, a fraction


def why_unknown(tape: Tape) -> str | None:
    """Return why no capacity can be told of these bars, None where it can."""
    if tape.volume is not None and tape.volume_kind == "traded":
        return None
    return (
        f"capacity unknown: the bars have volume_kind={tape.volume_kind}, and impact is counted "
        "in shares of the traded volume"
    )


def liquidity_of(tape: Tape) -> Liquidity:
    """Return volumes and volatility as known at each close; the tape has traded volume."""
    assert tape.volume is not None  # noqa: S101 - why_unknown has been asked
    volume, path = tape.volume.cpu().numpy(), tape.path.cpu().numpy()
    session = tape.session.cpu().numpy()
    _, number_of, bars = np.unique(session, return_inverse=True, return_counts=True)
    total = np.bincount(number_of, weights=volume)
    first = np.flatnonzero(np.diff(number_of, prepend=-1))
    before = np.full(len(total), np.nan)
    for row in range(len(total)):
        past = np.arange(max(0, row - VOLUME_SESSIONS), row)
        past = past[path[first[past]] == path[first[row]]]
        before[row] = total[past].mean() if len(past) else np.nan
    day_sd = tape.trailing_sd.cpu().numpy() * np.sqrt(np.median(bars))
    return Liquidity(before[number_of], day_sd)


def traded_units(track: Track) -> NDArray[np.float64]:
    """Units that each decision's bar bought and sold, unsigned, [row].

    A reversal sells what it holds and buys as much again: both count.
    """
    after = np.where(track.ended != 0, 0.0, track.quantity)
    before = np.concatenate([[0.0], after[:-1]])
    before[track.first[:-1][np.diff(track.first) > 0]] = 0.0
    inside = np.where(track.ended != 0, np.abs(track.quantity), 0.0)
    return np.abs(track.quantity - before) + inside


def impact_shares(
    track: Track, liquidity: Liquidity, price: NDArray[np.float64], multiplier: float
) -> NDArray[np.float64]:
    """Return what the judged size's own impact costs as a share of the capital, [row].

    Units times their impact: IMPACT x daily sd x sqrt(units / daily volume) x price each. Of
    k times the size, on k times the capital, it is sqrt(k) times this share.

    Args:
        track: the account.
        liquidity: of the tape.
        price: at which each row's orders fill, [row].
        multiplier: value of a point.
    """
    units = traded_units(track)
    volume, sd = liquidity.day_volume[track.bar], liquidity.day_sd[track.bar]
    known = np.isfinite(volume) & (volume > 0.0)
    share = np.sqrt(np.where(known, units / np.where(known, volume, 1.0), 1.0))
    before = np.full(len(track), track.capital)
    if track.compounding:
        before[1:] = np.maximum(track.equity[:-1], SMALLEST_SHARE * track.capital)
        before[track.first[:-1]] = track.capital
    return IMPACT * sd * share * units * price * multiplier / before


def capacity_rows(
    measured: Measured, liquidity: Liquidity, price: NDArray[np.float64], multiplier: float
) -> list[dict[str, Any]]:
    """Return a row per multiple of the judged size: `controls.capacity` of ``metrics.json``.

    Decisions and fills stay as they were judged; only the cost of the trades grows.
    """
    track, sessions = measured.track, measured.sessions
    row_of = session_of_row(track)
    share = impact_shares(track, liquidity, price, multiplier)
    lost = np.bincount(row_of, weights=share, minlength=len(sessions))
    earned = measured.sessions.net
    units = traded_units(track)
    typical = float(np.median(units[units > 0.0])) if (units > 0.0).any() else 0.0
    rows = []
    for multiple in MULTIPLES:
        net = earned - np.sqrt(multiple) * lost
        rows.append(
            {
                "multiple": multiple,
                "units": typical * multiple,
                "capital": track.capital * multiple,
                "sharpe": number(float(session_sharpe(net, measured.sessions_per_year))),
                "net_mean_bp": BASIS_POINTS * float(net.sum()) / max(1, len(track)),
            }
        )
    return rows
