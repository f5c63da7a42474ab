"""When the next contract of a future takes the place of the one before.

Source: `docs/definitions.md`, "Carry and rolls".
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import require

MONTH_CODES = "FGHJKMNQUVXZ"  # January to December
FRIDAY, WEDNESDAY = "Fri", "Wed"
MONTHS_AHEAD = 2  # room for contracts that end after the last day, or roll before the first


def _third(weekday: str) -> Callable[[NDArray[np.datetime64]], NDArray[np.datetime64]]:
    def day(months: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
        return np.busday_offset(months.astype("M8[D]"), 2, roll="forward", weekmask=weekday)

    return day


def _month_end(months: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Return the last weekday of each month."""
    return np.busday_offset((months + 1).astype("M8[D]"), -1, roll="forward")


_EXPIRY = {
    "third_friday": _third(FRIDAY),
    "third_wednesday": _third(WEDNESDAY),
    "month_end": _month_end,
}
EXPIRIES = tuple(_EXPIRY)


def require_months(key: str, codes: str) -> None:
    """Refuse anything but different month codes in their order."""
    sound = bool(codes) and list(codes) == sorted(set(codes), key=MONTH_CODES.find)
    require(
        sound and set(codes) <= set(MONTH_CODES),
        f"{key} must list month codes ({MONTH_CODES}, January to December) in their order, e.g. "
        f"HMUZ, was {codes}",
    )


def roll_dates(
    first: int, last: int, months: str, expiry: str, days_before: int
) -> NDArray[np.int64]:
    """Return the session dates from which on the next contract is the front one.

    Args:
        first: earliest date, days since 1970-01-01.
        last: latest date.
        months: letters of the contract months.
        expiry: one of EXPIRIES, the day on which a contract ends.
        days_before: weekdays from a roll date to that day; holidays count as weekdays.

    Returns:
        Dates in [first, last], days since 1970-01-01, ascending.
    """
    ends = contract_ends(first, last, months, expiry)
    found = np.busday_offset(ends, -days_before, roll="backward").astype(np.int64)
    return found[(found >= first) & (found <= last)]


def contract_ends(first: int, last: int, months: str, expiry: str) -> NDArray[np.datetime64]:
    """Return the days on which the contracts around two dates end, datetime64[D], ascending."""
    edges = np.array([first, last], "M8[D]").astype("M8[M]")
    every = np.arange(edges[0] - MONTHS_AHEAD, edges[1] + 1 + MONTHS_AHEAD)
    traded = [MONTH_CODES.index(code) for code in months]
    return _EXPIRY[expiry](every[np.isin(every.astype(np.int64) % 12, traded)])


def roll_day(month: int, expiry: str, days_before: int) -> int:
    """Return the date from which on the contract of a month is not the front one any more.

    Args:
        month: months since 1970-01.
        expiry: one of EXPIRIES.
        days_before: weekdays before its end.

    Returns:
        Days since 1970-01-01.
    """
    ends = _EXPIRY[expiry](np.array([month], "M8[M]"))
    return int(np.busday_offset(ends, -days_before, roll="backward").astype(np.int64)[0])
