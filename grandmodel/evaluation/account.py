"""The environment's account for one path of positions, compiled.

The arithmetic is that of `envs.simulator.Account.step` written for one account; a test holds
both to the cent. Source: `docs/definitions.md`, The account.
"""

import numpy as np
from numba import njit, prange

SIGNAL, REVERSED, MAX_HOLD, SESSION_END, SEGMENT_END, LIQUIDATED = range(6)
EQUITY, PNL_GROSS, COST, QUANTITY = range(4)
POSITION, REASON, FORCED = range(3)


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
    n, target, cash, quantity, position, base, market, sizing, refused, cost_scale
):
    """Trade to `target` at the open of row n; return target, cash, quantity and cost."""
    opens, _, _, _, unit_cost, _, exposure = market
    multiplier, contracts, initial_margin, _ = sizing
    if target == position:
        return target, cash, quantity, 0.0
    if refused:
        target = 0
    price = opens[n]
    unit = contracts
    if contracts <= 0.0:
        scale = exposure[n - 1] if len(exposure) > 0 else 1.0
        unit = base * scale / (price * multiplier)
    elif unit * price * multiplier * initial_margin > cash + quantity * price * multiplier:
        target = 0
    wanted = target * unit
    traded = wanted - quantity
    cost = abs(traded) * unit_cost[n] * cost_scale
    cash -= multiplier * traded * price + cost
    return target, cash, wanted, cost


@njit(cache=True)
def liquidate(n, cash, quantity, market, sizing, cost_scale):  # pragma: no cover - compiled
    """Close at the worse of trigger and open what the margin no longer carries at the extreme."""
    opens, high, low, _, _, forced_cost, _ = market
    multiplier, _, _, margin = sizing
    long = quantity > 0.0
    extreme = low[n] if long else high[n]
    value = quantity * extreme * multiplier
    if cash + value >= abs(value) * margin:
        return False, cash, quantity, 0.0
    keep = 1.0 - margin if long else 1.0 + margin
    trigger = -cash / (quantity * multiplier * keep)
    worse = min(trigger, opens[n]) if long else max(trigger, opens[n])
    cost = abs(quantity) * forced_cost[n] * cost_scale
    return True, cash + quantity * worse * multiplier - cost, 0.0, cost


@njit(cache=True)
def walk(  # pragma: no cover - compiled
    start, targets, market, sizing, limits, capital, cost_scale, money, marks, row
):
    """Run one segment; write the outcome of its decisions from `row` on.

    money: float64 [4, row] EQUITY, PNL_GROSS, COST, QUANTITY; empty: nothing but equity is
    wanted and `marks` is not touched. marks: int8 [3, row] POSITION, REASON, FORCED.
    """
    close = market[3]
    new_session, no_entry, force_flat, no_fill, max_hold, long_only = limits
    steps = len(targets)
    detailed = money.shape[0] > 1
    cash, equity, base = capital, capital, capital
    quantity = 0.0
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
        cost = 0.0
        forced = False
        before = equity
        carried = 0.0
        if position != 0 or target != 0:
            target, cash, carried, cost = fill(
                t + 1,
                target,
                cash,
                quantity,
                position,
                base,
                market,
                sizing,
                no_fill[t],
                cost_scale,
            )
            held = 0 if target == 0 else (held + 1 if target == position else 1)
            position, quantity = target, carried
            if position != 0:
                forced, cash, quantity, more = liquidate(
                    t + 1, cash, quantity, market, sizing, cost_scale
                )
                cost += more
            equity = cash + quantity * close[t + 1] * sizing[0]
        money[EQUITY, row + i] = equity
        if detailed:
            money[PNL_GROSS, row + i] = equity - before + cost
            money[COST, row + i] = cost
            money[QUANTITY, row + i] = carried
            marks[POSITION, row + i] = position
            marks[REASON, row + i] = LIQUIDATED if forced else reason
            marks[FORCED, row + i] = forced
        if forced:
            position, held = 0, 0
        if equity <= 0.0 and not lost:
            lost = True
            cash, quantity, position, held = equity, 0.0, 0, 0


@njit(cache=True, parallel=True)
def walk_sessions(  # pragma: no cover - compiled
    starts,
    first,
    targets,
    market,
    sizing,
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
            walk(starts[k], part, market, sizing, limits, capital, cost_scale, equity, unused, 0)
            begin = capital
            for i in range(len(part)):
                row = first[k] + i
                if i + 1 == len(part) or session_row[row + 1] != session_row[row]:
                    unit = begin if compounding else capital
                    out[draw, session_row[row]] = (equity[0, i] - begin) / unit
                    begin = equity[0, i]
