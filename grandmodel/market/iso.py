"""Days and times as the user writes them."""

import re

import numpy as np

from grandmodel.core.checks import UserError, require
from grandmodel.market.cost_table import FIRST_YEAR, LAST_YEAR

ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?Z?)?$")


def iso_time(key: str, value: str | None) -> np.datetime64:
    """Return a day or time in ISO form, UTC, as datetime64[ns]; refuse anything else."""
    try:
        if not ISO.match(str(value)):  # numpy reads "now" and "today" too
            raise ValueError(value)
        time = np.datetime64(str(value).removesuffix("Z"), "s")
    except ValueError as error:
        raise UserError(f"{key} must be a date such as 2024-01-31, was {value}") from error
    require(
        FIRST_YEAR <= int(str(value)[:4]) <= LAST_YEAR,
        f"{key} must lie in the years {FIRST_YEAR} to {LAST_YEAR}, was {value}",
    )
    return time.astype("datetime64[ns]")


def is_day(value: str) -> bool:
    """Tell a day (``2024-01-31``) from a time within one."""
    return "T" not in value and " " not in value and ":" not in value
