"""Time zones by name, and clocks that run some hours ahead of one.

Source: `docs/definitions.md`, "Reading files".
"""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SHIFTED = re.compile(r"(.+?)([+-]\d{1,2})h?")
MAX_SHIFT_HOURS = 24


def split_zone(timezone: str) -> tuple[str, int]:
    """Return the zone and the hours that a clock runs ahead of it: America/New_York+7.

    Raises:
        ValueError: there is no such zone.
    """
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        shifted = SHIFTED.fullmatch(timezone)
        if shifted is None or abs(int(shifted[2])) > MAX_SHIFT_HOURS:
            raise ValueError(timezone) from error
        try:
            ZoneInfo(shifted[1])
        except (ZoneInfoNotFoundError, OSError) as unknown:
            raise ValueError(timezone) from unknown
        return shifted[1], int(shifted[2])
    return timezone, 0
