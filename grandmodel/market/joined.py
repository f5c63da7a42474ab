"""Where a series was joined of contracts.

Source: `docs/definitions.md`, "Continuous contracts".
"""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np


class Roll(NamedTuple):
    """One contract taking the place of another."""

    time_ns: int  # open of the first bar of the new one, UTC
    before: str
    after: str
    gap: float  # close of the new one - close of the old one, at their last common bar
    offset: float  # added to the prices of the new one: raw price = price - offset


@dataclass(frozen=True)
class Joined:
    """How contracts became one series."""

    rule: str  # volume | calendar
    root: str
    rolls: tuple[Roll, ...]

    @property
    def times_ns(self) -> np.ndarray:
        """Opens of the first bar of each new contract, int64 [roll]."""
        return np.array([roll.time_ns for roll in self.rolls], np.int64)

    def facts(self) -> dict[str, Any]:
        """Return what records say: rule, and time, contracts, gap and offset of each roll."""
        named = [roll._asdict() | {"time": _text(roll.time_ns)} for roll in self.rolls]
        for roll in named:
            roll.pop("time_ns")
        return asdict(self) | {"rolls": named}


def _text(time_ns: int) -> str:
    return str(np.datetime64(time_ns, "ns").astype("datetime64[m]"))
