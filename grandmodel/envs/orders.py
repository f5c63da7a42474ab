"""What can be asked of the market for the coming bar, and what became of it.

Source: `docs/definitions.md`, "Orders and sizes".
"""

from enum import IntEnum
from typing import NamedTuple

from torch import Tensor

from grandmodel.core.checks import UserError


class Outcome(IntEnum):
    """What became of the entry order of a step; exits fill whole and have none."""

    NONE = 0  # no entry was sent: nothing changes, or the position is closed
    FILLED = 1  # at the open, whole
    PARTIAL = 2  # at the open or at its limit, cut to the share of the volume that is allowed
    RESTED = 3  # at its limit, whole
    MISSED = 4  # the price did not go through its limit
    CLOSED = 5  # refused: the bar lies outside the timetable
    BELOW_LOT = 6  # refused: less than one lot, or a size of 0
    NO_VOLUME = 7  # refused: nothing was traded in the bar
    MARGIN = 8  # refused: the initial margin exceeds the equity


class Ended(IntEnum):
    """What ended a position inside the bar."""

    NONE = 0
    STOP = 1
    TARGET = 2
    LIQUIDATED = 3


class Orders(NamedTuple):
    """Orders of all environments for one step; prices are those of the tape.

    A change of position closes the old one at the open and sends an entry for the new one;
    where `target` is the present position nothing is sent and the other fields are not read.
    """

    target: Tensor  # int64 [env]: wanted position, -1, 0 or 1
    size: Tensor | None = None  # float64 [env]: fraction of the unit, >= 0; None: 1
    limit: Tensor | None = None  # float64 [env]: price of the entry, valid for one bar; nan: market
    stop: Tensor | None = None  # float64 [env]: price; nan: none
    take_profit: Tensor | None = None  # float64 [env]: price; nan: none


def sound_sizes(size: Tensor | None) -> Tensor | None:
    """Return the sizes of orders, float64 [env] or None.

    Raises:
        UserError: one is below 0, endless or no number: the account would be none afterwards.
    """
    if size is None:
        return None
    sound = (size >= 0.0) & (size < float("inf"))
    if not bool(sound.all()):
        raise UserError(
            "Orders.size must hold finite fractions of the unit of at least 0, was "
            f"{float(size[~sound][0])}"
        )
    return size
