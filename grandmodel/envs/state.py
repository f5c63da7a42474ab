"""What an account is: its terms, where it stands, and what a step did to it.

Source: `docs/definitions.md`, "The account".
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class AccountTerms:
    """What stays the same over the life of an account."""

    capital: float
    initial_margin: float
    maintenance_margin: float
    contracts: float | None = None  # size=contracts; None: sized by money


@dataclass(frozen=True)
class AccountState:
    """Where each account stands at a close: equity = cash + quantity x value of a unit.

    The value of a unit is price x multiplier. The tensors are never changed in place, so a
    state may be kept.
    """

    cash: Tensor  # float64 [env]
    quantity: Tensor  # float64 [env], signed
    entry_value: Tensor  # float64 [env], of a unit at the position's fill; any while flat
    session_equity: Tensor  # float64 [env], at the start of the session
    equity: Tensor  # float64 [env]
    drawdown: Tensor  # float64 [env], 1 - equity / its peak
    position: Tensor  # int64 [env]: -1, 0, 1
    bars_held: Tensor  # int64 [env]: bars over which the position was held, 0 while flat
    stop: Tensor  # float64 [env], value of a unit x side; -inf: none; any while flat
    take_profit: Tensor  # float64 [env], likewise; inf: none


@dataclass(frozen=True)
class Fill:
    """What happened in one step, per environment."""

    executed: Tensor  # int64 [env]: position over the bar, before it ended in it
    quantity: Tensor  # float64 [env]: its signed units
    pnl_gross: Tensor  # float64 [env]
    cost: Tensor  # float64 [env], after the scale
    full_cost: Tensor  # float64 [env], at scale 1
    outcome: Tensor  # int8 [env]: Outcome of the entry order
    ended: Tensor  # int8 [env]: Ended
    liquidated: Tensor  # bool [env]
    legs: "Legs | None" = None  # None: everything was filled at the bar's open


@dataclass(frozen=True)
class Legs:
    """Where the two legs of a change of position were filled, per environment."""

    exit_value: Tensor  # float64 [env], of a unit, where a position was closed at the open
    entry_value: Tensor  # float64 [env], of a unit, where one was opened
    exit_cost: Tensor  # float64 [env]: what the old position paid (carry and its exit), scaled
    entry_cost: Tensor  # float64 [env]: what the new one was opened for, at scale 1


@dataclass(frozen=True)
class Turned:
    """The accounts after the fills at the open and at limits, and what that cost."""

    held: AccountState
    full_cost: Tensor  # float64 [env], at scale 1
    outcome: Tensor  # int8 [env]: Outcome of the entry order
    rested: Tensor | None  # bool [env]: entered at a limit in this bar; None: nowhere
    legs: Legs
