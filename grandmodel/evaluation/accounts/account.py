"""The environment's account for one path of positions, compiled.

The arithmetic is that of `envs.simulator.Account.step` written for one account; a test holds
both to the cent. Source: `docs/definitions.md`, The account.
"""

import numpy as np
from numba import njit, prange

from grandmodel.evaluation.accounts.bar import (
    ENDED_NONE,
    OUTCOME_CLOSED,
    OUTCOME_FILLED,
    OUTCOME_MARGIN,
    OUTCOME_NONE,
    trade,
)

SIGNAL, REVERSED, MAX_HOLD, SESSION_END, SEGMENT_END = range(5)
MONEY_ROWS = 7
EQUITY, PNL_GROSS, COST, QUANTITY, EXIT_PRICE, ENTRY_PRICE, EXIT_COST = range(MONEY_ROWS)
MARK_ROWS = 4
POSITION, REASON, OUTCOME, ENDED = range(MARK_ROWS)
LIQUIDATED = 3  # envs.orders.Ended


@njit(cache=True)
def limited(  # pragma: no cover - compiled
    target, position, held, max_hold, no_entry, force_flat, last, long_only
):
    """Return the target that the hard limits allow and why it changed (0: it did not)."""
    if long_only and target < 0:
        target = 0
    reason = SIGNAL
    if no_entry and target != position and target != 0:
        target = 0
    if held >= max_hold and target != 0:
        target = 0
        reason = MAX_HOLD
    if force_flat and target != 0:
        target = 0
        reason = SESSION_END
    if last and target != 0:
        target = 0
        reason = SEGMENT_END
    return target, reason


@njit(cache=True)
def fill(  # pragma: no cover - compiled
    n, target, cash, quantity, position, base, prices, sizing, refused, cost_scale
):
    """Trade to `target` at the open of row n.

    Returns target, cash, quantity, the cost at scale 1 and the outcome.
    """
    multiplier, contracts, initial_margin, _ = sizing
    if target == position:
        return target, cash, quantity, 0.0, OUTCOME_NONE
    outcome = OUTCOME_FILLED if target != 0 else OUTCOME_NONE
    if refused:
        outcome = OUTCOME_CLOSED if target != 0 else OUTCOME_NONE
        target = 0
    price = prices.open[n]
    unit = contracts
    if contracts <= 0.0:
        scale = prices.exposure[n - 1] if len(prices.exposure) > 0 else 1.0
        unit = base * scale / (price * multiplier)
    elif unit * price * multiplier * initial_margin > cash + quantity * price * multiplier:
        outcome = OUTCOME_MARGIN if target != 0 else outcome
        target = 0
    wanted = target * unit
    traded = wanted - quantity
    cost = abs(traded) * prices.taker[n]
    cash -= multiplier * traded * price + cost * cost_scale
    return target, cash, wanted, cost, outcome


@njit(cache=True)
def liquidate(n, cash, quantity, prices, sizing, cost_scale):  # pragma: no cover - compiled
    """Close at the worse of trigger and open what the margin no longer carries at the extreme.

    Returns why it ended, cash, quantity and the cost at scale 1.
    """
    multiplier, _, _, margin = sizing
    long = quantity > 0.0
    extreme = prices.low[n] if long else prices.high[n]
    value = quantity * extreme * multiplier
    if cash + value >= abs(value) * margin:
        return ENDED_NONE, cash, quantity, 0.0
    keep = 1.0 - margin if long else 1.0 + margin
    trigger = -cash / (quantity * multiplier * keep)
    worse = min(trigger, prices.open[n]) if long else max(trigger, prices.open[n])
    cost = abs(quantity) * prices.forced[n]
    return LIQUIDATED, cash + quantity * worse * multiplier - cost * cost_scale, 0.0, cost


@njit(cache=True)
def wanted(t, target, prices, rules):  # pragma: no cover - compiled
    """Return the order for a position as the settings send it: size, limit, stop and target."""
    close = prices.close[t]
    limit = close if rules.limits else np.nan
    stop = target * close - prices.stop_distance[t] if rules.stops else -np.inf
    take = target * close + prices.target_distance[t] if rules.targets else np.inf
    return target, 1.0, limit, stop, take


@njit(cache=True)
def trade_plain(  # pragma: no cover - compiled
    n, target, account, prices, sizing, refused, cost_scale
):
    """One bar without orders inside it; takes and returns what `bar.trade` does."""
    cash, quantity, position, base, stop, take = account
    position, cash, carried, cost, outcome = fill(
        n, target, cash, quantity, position, base, prices, sizing, refused, cost_scale
    )
    quantity, ended = carried, ENDED_NONE
    if position != 0:
        ended, cash, quantity, more = liquidate(n, cash, quantity, prices, sizing, cost_scale)
        cost += more
    told = (carried, cost * cost_scale, 0.0, prices.open[n], outcome, ended)
    return (cash, quantity, position, stop, take), told


@njit(cache=True)
def walk(  # pragma: no cover - compiled
    start, targets, prices, sizing, rules, limits, capital, cost_scale, money, marks, row
):
    """Run one segment; write the outcome of its decisions from `row` on.

    money: float64 [7, row] in the order of EQUITY ..; one row: nothing but equity is wanted and
    `marks` is not touched. marks: int8 [4, row] in the order of POSITION ..
    """
    new_session, no_entry, force_flat, no_fill, max_hold, long_only = limits
    steps = len(targets)
    detailed = money.shape[0] > 1
    cash, equity, base = capital, capital, capital
    quantity, stop, take = 0.0, -np.inf, np.inf
    position, held = 0, 0
    lost = False
    for i in range(steps):
        t = start + i
        if new_session[t]:
            base = equity
        target = 0 if lost else targets[i]
        target, reason = limited(
            target, position, held, max_hold, no_entry[t], force_flat[t], i == steps - 1, long_only
        )
        cost, left_cost, entry_price = 0.0, 0.0, prices.open[t + 1]
        outcome, ended = OUTCOME_NONE, ENDED_NONE
        before = equity
        carried = 0.0
        if position != 0 or target != 0:
            was, account = position, (cash, quantity, position, base, stop, take)
            if rules.plain:
                after, told = trade_plain(
                    t + 1, target, account, prices, sizing, no_fill[t], cost_scale
                )
            else:
                order = wanted(t, target, prices, rules)
                after, told = trade(
                    t + 1, order, account, prices, sizing, rules, no_fill[t], cost_scale
                )
            cash, quantity, position, stop, take = after
            carried, cost, left_cost, entry_price, outcome, ended = told
            held = 0 if position == 0 else (held + 1 if position == was else 1)
            equity = cash + quantity * prices.close[t + 1] * sizing[0]
        money[EQUITY, row + i] = equity
        if detailed:
            money[PNL_GROSS, row + i] = equity - before + cost
            money[COST, row + i] = cost
            money[QUANTITY, row + i] = carried
            money[EXIT_PRICE, row + i] = prices.leave[t + 1]
            money[ENTRY_PRICE, row + i] = entry_price
            money[EXIT_COST, row + i] = left_cost
            marks[POSITION, row + i] = position
            marks[REASON, row + i] = reason
            marks[OUTCOME, row + i] = outcome
            marks[ENDED, row + i] = ended
        if ended != ENDED_NONE:
            position, held = 0, 0
        if equity <= 0.0 and not lost:
            lost = True
            cash, quantity, position, held = equity, 0.0, 0, 0


@njit(cache=True, parallel=True)
def walk_sessions(  # pragma: no cover - compiled
    starts,
    first,
    targets,
    prices,
    sizing,
    rules,
    limits,
    capital,
    cost_scale,
    session_row,
    compounding,
    out,
):
    """Net return of each session for many position paths: float64 [draw, session] in `out`.

    targets: int8 [draw, row]; first: [segment + 1] rows of each segment; session_row: number of
    the session of each row, never shared by two segments.
    """
    for draw in prange(targets.shape[0]):
        longest = 0
        for k in range(len(starts)):
            longest = max(longest, first[k + 1] - first[k])
        equity = np.empty((1, longest))
        unused = np.empty((1, 1), np.int8)
        for k in range(len(starts)):
            part = targets[draw, first[k] : first[k + 1]]
            walk(
                starts[k],
                part,
                prices,
                sizing,
                rules,
                limits,
                capital,
                cost_scale,
                equity,
                unused,
                0,
            )
            begin = capital
            for i in range(len(part)):
                row = first[k] + i
                if i + 1 == len(part) or session_row[row + 1] != session_row[row]:
                    unit = begin if compounding else capital
                    out[draw, session_row[row]] = (equity[0, i] - begin) / unit
                    begin = equity[0, i]
