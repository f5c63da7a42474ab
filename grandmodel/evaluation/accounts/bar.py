"""What one account trades over one bar, compiled: every order, stop, target and margin call.

`envs.fills` says the same for many accounts at once; one oracle holds both. Prices compared in
the direction of the position (price x side) are worse the lower they are. Source:
`docs/definitions.md`, "Orders and sizes", "Inside the bar".
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.envs.execution import MANY_LOTS, WHOLE_LOTS
from grandmodel.envs.orders import Ended, Outcome

OUTCOME_NONE, OUTCOME_FILLED = int(Outcome.NONE), int(Outcome.FILLED)
OUTCOME_PARTIAL, OUTCOME_RESTED = int(Outcome.PARTIAL), int(Outcome.RESTED)
OUTCOME_MISSED, OUTCOME_CLOSED = int(Outcome.MISSED), int(Outcome.CLOSED)
OUTCOME_BELOW_LOT, OUTCOME_NO_VOLUME = int(Outcome.BELOW_LOT), int(Outcome.NO_VOLUME)
OUTCOME_MARGIN = int(Outcome.MARGIN)
ENDED_NONE, ENDED_STOP = int(Ended.NONE), int(Ended.STOP)
ENDED_TARGET, ENDED_LIQUIDATED = int(Ended.TARGET), int(Ended.LIQUIDATED)


class Prices(NamedTuple):
    """Columns of the tape by row, float64 [bar] each; empty where nothing reads them."""

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    taker: NDArray[np.float64]  # currency per unit, as the next two
    forced: NDArray[np.float64]
    maker: NDArray[np.float64]
    half_spread: NDArray[np.float64]  # price units
    exposure: NDArray[np.float64]  # notional of a position of 1 in units of equity; empty: 1
    leave: NDArray[np.float64]  # where market orders fill: the open, or one minute after it
    late_high: NDArray[np.float64]
    late_low: NDArray[np.float64]
    carry_long: NDArray[np.float64]  # currency per unit held into the bar
    carry_short: NDArray[np.float64]
    volume: NDArray[np.float64]
    stop_distance: NDArray[np.float64]  # price units; inf: no stop
    target_distance: NDArray[np.float64]


class Rules(NamedTuple):
    """Which parts of the execution model are in use."""

    plain: bool  # none of them
    limits: bool  # entries are sent at the close of the decision
    stops: bool
    targets: bool
    carries: bool
    late: bool
    lot: float  # 0: sizes are free
    impact: float  # below 0: no fill depends on volume
    volume_limit: float
    tick: float  # price units; 0: no grid is known
    near: float  # price units by which prices on the grid may miss each other
    resizes: bool = False  # a position held follows its exposure where that changes


@njit(cache=True)
def whole_lots(units, rules):  # pragma: no cover - compiled
    """Return units rounded down to lots, where lots are whole."""
    if rules.lot <= 0.0:
        return units
    return np.floor(units / rules.lot * (1.0 + MANY_LOTS) + WHOLE_LOTS) * rules.lot


@njit(cache=True)
def through(beyond, rules):  # pragma: no cover - compiled
    """Whether a resting order fills: the price went one tick beyond it."""
    return beyond >= rules.tick - rules.near if rules.tick > 0.0 else beyond > 0.0


@njit(cache=True)
def taking_cost(n, units, per_unit, prices, multiplier, rules):  # pragma: no cover - compiled
    """Return what an order that takes liquidity costs, the impact of its size included."""
    if rules.impact < 0.0:
        return units * per_unit
    volume = prices.volume[n]
    share = min(units / volume, 1.0) if volume > 0.0 else 1.0
    return units * (per_unit + rules.impact * (share * share) * (prices.open[n] * multiplier))


@njit(cache=True)
def enter(  # pragma: no cover - compiled
    n, wanted, equity, base, prices, sizing, rules, closed
):
    """Return outcome, units, price, whether it rested, and cost of an entry in row n.

    equity: at the open, before the old position is closed.
    """
    multiplier, contracts, initial_margin, _ = sizing
    target, size, limit, _, _ = wanted
    opened = prices.leave[n]
    rests = target * (limit - opened) < prices.half_spread[n] - rules.near  # nan: market
    price = limit if rests else opened
    units = contracts
    if contracts <= 0.0:
        scale = prices.exposure[n - 1] if len(prices.exposure) > 0 else 1.0
        units = base * scale / (price * multiplier)
    units = whole_lots(units * size, rules)
    if closed:
        return OUTCOME_CLOSED, 0.0, price, False, 0.0
    if units <= 0.0:
        return OUTCOME_BELOW_LOT, 0.0, price, False, 0.0
    if rules.impact >= 0.0 and prices.volume[n] <= 0.0:
        return OUTCOME_NO_VOLUME, 0.0, price, False, 0.0
    if contracts > 0.0 and units * price * multiplier * initial_margin > equity:
        return OUTCOME_MARGIN, 0.0, price, False, 0.0
    outcome = OUTCOME_RESTED if rests else OUTCOME_FILLED
    if rules.impact >= 0.0:
        most = rules.volume_limit * prices.volume[n]
        if units > most:
            outcome, units = OUTCOME_PARTIAL, whole_lots(most, rules)
        if units <= 0.0:
            return OUTCOME_BELOW_LOT, 0.0, price, False, 0.0
    if not rests:
        return (
            outcome,
            units,
            price,
            False,
            taking_cost(n, units, prices.taker[n], prices, multiplier, rules),
        )
    low = prices.late_low[n] if rules.late else prices.low[n]
    high = prices.late_high[n] if rules.late else prices.high[n]
    beyond = price - low if target > 0 else high - price
    if not through(beyond, rules):
        return OUTCOME_MISSED, 0.0, price, False, 0.0
    return outcome, units, price, True, units * prices.maker[n]


@njit(cache=True)
def resized(  # pragma: no cover - compiled
    n, side, quantity, base, prices, sizing, rules, closed
):
    """Return the units that a held position gains in row n, and what they cost.

    Only where its exposure changed with the decision, and the row takes orders.
    """
    if closed or not rules.resizes or prices.exposure[n - 1] == prices.exposure[n - 2]:
        return 0.0, 0.0
    if rules.impact >= 0.0 and prices.volume[n] <= 0.0:
        return 0.0, 0.0
    unit = base * prices.exposure[n - 1] / (prices.leave[n] * sizing[0])
    change = side * whole_lots(unit, rules) - quantity
    return change, taking_cost(n, abs(change), prices.taker[n], prices, sizing[0], rules)


@njit(cache=True)
def short_of_margin(cash, quantity, price, sizing):  # pragma: no cover - compiled
    """Whether equity at a price is below the maintenance margin."""
    value = quantity * price * sizing[0]
    return cash + value < abs(value) * sizing[3]


@njit(cache=True)
def close_inside(  # pragma: no cover - compiled
    n, cash, quantity, entry_price, entered, rested, stop, take, prices, sizing, rules
):
    """Return why, at which price and at what cost the position ends inside row n.

    stop, take: price x side.
    """
    side = 1.0 if quantity > 0.0 else -1.0
    late = rules.late and entered
    opened = prices.leave[n] if late else prices.open[n]
    high = prices.late_high[n] if late else prices.high[n]
    low = prices.late_low[n] if late else prices.low[n]
    worst = low if side > 0.0 else high
    best = high if side > 0.0 else low
    units = abs(quantity)
    ended = ENDED_NONE
    at = opened
    if not rested:
        if side * opened <= stop:
            ended = ENDED_STOP
        elif short_of_margin(cash, quantity, opened, sizing):
            ended = ENDED_LIQUIDATED
        elif side * opened - prices.half_spread[n] >= take - rules.near:
            cost = taking_cost(n, units, prices.taker[n], prices, sizing[0], rules)
            return ENDED_TARGET, opened, cost
    if ended == ENDED_NONE:
        stopped = side * worst <= stop
        called = short_of_margin(cash, quantity, worst, sizing)
        level = side * (-cash / (quantity * sizing[0] * (1.0 - sizing[3] * side)))
        if called and not (stopped and stop >= level):
            ended, at = ENDED_LIQUIDATED, side * level
        elif stopped:
            ended, at = ENDED_STOP, side * stop
        if ended != ENDED_NONE:
            first = entry_price if rested else opened
            at = side * min(side * at, side * first)
    if ended != ENDED_NONE:
        return ended, at, taking_cost(n, units, prices.forced[n], prices, sizing[0], rules)
    if not rested and through(side * best - take, rules):
        return ENDED_TARGET, side * take, units * prices.maker[n]
    return ENDED_NONE, 0.0, 0.0


@njit(cache=True)
def trade(  # pragma: no cover - compiled
    n, wanted, account, prices, sizing, rules, closed, cost_scale
):
    """Carry, the exit leg, the entry leg of row n, then what happens inside it.

    wanted: target, size (a factor on the unit), limit (nan: market), stop and take profit x side.
    The sums run in the order of `envs.simulator`, so that not even the last bit differs from it.

    Returns the account (cash, quantity, position over the bar, stop, target), and what is told of
    the row: units over the bar, cost, cost of the old position, entry price, outcome, ended.
    """
    cash, quantity, position, base, stop, take = account
    target = wanted[0]
    opened, multiplier = prices.leave[n], sizing[0]
    carry, left_cost, entry_price, units = 0.0, 0.0, opened, 0.0
    outcome, rested, entered, paid = OUTCOME_NONE, False, False, 0.0
    if rules.carries and quantity != 0.0:
        carry = abs(quantity) * (prices.carry_long[n] if quantity > 0.0 else prices.carry_short[n])
    leaving, bought = 0.0, 0.0
    if target != position:
        leaving = quantity
        left_cost = taking_cost(n, abs(quantity), prices.taker[n], prices, multiplier, rules)
        quantity, position = 0.0, 0
        if target != 0:
            equity = cash - carry * cost_scale + leaving * opened * multiplier
            outcome, units, entry_price, rested, paid = enter(
                n, wanted, equity, base, prices, sizing, rules, closed
            )
            if units > 0.0:
                bought = target * units
                quantity, position, entered = bought, target, True
                stop, take = wanted[3], wanted[4]
    elif target != 0:
        bought, paid = resized(n, target, quantity, base, prices, sizing, rules, closed)
        quantity += bought
    left_cost += carry
    full_cost = left_cost + paid
    gained = leaving * opened * multiplier - bought * entry_price * multiplier
    cash = cash + gained - full_cost * cost_scale
    carried, ended = quantity, ENDED_NONE
    if quantity != 0.0:
        ended, at, forced = close_inside(
            n, cash, quantity, entry_price, entered, rested, stop, take, prices, sizing, rules
        )
        if ended != ENDED_NONE:
            cash = cash + quantity * at * multiplier - forced * cost_scale
            full_cost += forced
            quantity = 0.0
    account = (cash, quantity, position, stop, take)
    told = (carried, full_cost * cost_scale, left_cost * cost_scale, entry_price, outcome, ended)
    return account, told
