"""What the tactical service answers: an order, an exit, or a hold with its reason.

Field names are those of the execution handler that the commands are for. Source:
`docs/definitions.md`, The tactical service.
"""

import math
from decimal import Decimal
from typing import Literal, NotRequired, TypedDict

from grandmodel.serving.synergy_event import RefusedInputError


class AgentVote(TypedDict):
    """What one agent said."""

    agent_id: str
    action: int  # its class - 1: -1, 0 or 1
    meaning: str  # of that class for this agent
    probabilities: list[float]  # of its classes -1, 0, 1
    confidence: float  # that of the voted class


class Metadata(TypedDict):
    """What a decision was made of."""

    source: str
    confidence: float  # score of the votes, 0..1
    rule: str  # name of what it ended in
    synergy_aligned: bool
    agent_breakdown: list[AgentVote]


class Hold(TypedDict):
    """Nothing is to be done; ``metadata`` where the team has voted."""

    action: Literal["hold"]
    reason: str
    metadata: NotRequired[Metadata]


class ClosePosition(TypedDict):
    """The position is to be left at market."""

    action: Literal["close_position"]
    order_type: Literal["MARKET"]
    side: Literal["BUY", "SELL"]
    symbol: str
    time_in_force: Literal["IOC"]
    metadata: Metadata


class ExecuteTrade(TypedDict):
    """A position is to be opened; one of the other side is left first."""

    action: Literal["execute_trade"]
    order_type: Literal["MARKET", "LIMIT"]
    side: Literal["BUY", "SELL"]
    quantity: int  # contracts
    symbol: str
    limit_price: NotRequired[float]  # of LIMIT orders
    stop_loss: float | None  # price; None: none
    take_profit: float | None  # price; None: none
    time_in_force: Literal["IOC", "BAR"]  # BAR: until the next five-minute bar closes
    reverses: bool  # whether a position of the other side is to be left first
    metadata: Metadata


Command = Hold | ClosePosition | ExecuteTrade


def hold(reason: str, metadata: Metadata | None = None) -> Hold:
    """Return the command that does nothing, and why."""
    answer: Hold = {"action": "hold", "reason": reason}
    if metadata is not None:
        answer["metadata"] = metadata
    return answer


def on_grid(price: float, tick: float) -> float:
    """Return a price rounded to the instrument's grid, exactly; as it is without one.

    Raises:
        RefusedInputError: it is endless or no number.
    """
    if not math.isfinite(price):
        raise RefusedInputError(f"close and ATR(14) give an order at {price}: nothing is sent")
    return float(round(price / tick) * Decimal(repr(tick))) if tick else float(price)
