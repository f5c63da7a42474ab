"""One account driven over the bars, compiled: what it is shown, its order, and what is filled.

The same sums in the same order as `envs.market_env` for one account; tests hold both together to
the last bit. Source: `docs/definitions.md`, Judging.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from grandmodel.envs.observation import (
    DISTANCE_LIMIT,
    DRAWDOWN_GAIN,
    HELD_LIMIT,
    HELD_UNIT_BARS,
)
from grandmodel.evaluation.accounts.account import fill, limited, liquidate
from grandmodel.evaluation.accounts.bar import ENDED_NONE, OUTCOME_NONE, Prices, Rules, trade
from grandmodel.evaluation.judging.guess import (
    VOTES,
    Heads,
    Settling,
    guess_logits,
    guess_pool,
    guess_vote,
    pooled_odds,
    softmax_rows,
)

MONEY = 9  # of the state
CASH, QUANTITY, ENTRY_VALUE, BASE, EQUITY, DRAWDOWN, STOP, TAKE, PEAK = range(MONEY)
MARKS = 7
POSITION, HELD, BAR, LAST, STEP, PEAK_AGE, LOW_CONFIDENCE = range(MARKS)
TOLD = 6  # float64 columns of a step
TOLD_EQUITY, TOLD_COST, TOLD_QUANTITY, TOLD_EXIT, TOLD_ENTRY, TOLD_EXIT_COST = range(TOLD)
SEEN = 8  # int64 columns of a step: where it stood before, and what became of it
(
    SEEN_BAR,
    SEEN_POSITION,
    SEEN_HELD,
    SEEN_NO_ENTRY,
    SEEN_FORCED,
    SEEN_EXECUTED,
    SEEN_OUTCOME,
    SEEN_ENDED,
) = range(SEEN)
ORDER = 4  # float64 columns of an order
ORDER_TARGET, ORDER_MARKET, ORDER_SIZE, ORDER_SENDS = range(ORDER)


class Ground(NamedTuple):
    """What the account stands on, by tape row; prices are values of a unit."""

    prices: Prices
    atr14: NDArray[np.float64]
    brackets: NDArray[np.float64]  # [bar, 4]: stop and take profit x side, of a short and a long
    limit: NDArray[np.float64]  # [bar]: price of an entry that may rest; nan: market orders
    new_session: NDArray[np.bool_]
    no_entry: NDArray[np.bool_]
    force_flat: NDArray[np.bool_]
    no_fill: NDArray[np.bool_]


class Terms(NamedTuple):
    """What holds for the account throughout."""

    sizing: tuple[float, float, float, float]
    rules: Rules
    max_hold: int
    long_only: bool
    end: int  # of the rows that may be touched
    cost_scale: float
    shown: NDArray[np.int64]  # values of `core.types.ACCOUNT_VALUES` that agents see


class State(NamedTuple):
    """Where the account stands at a close; changed in place."""

    money: NDArray[np.float64]  # [MONEY], values of a unit where they are prices
    marks: NDArray[np.int64]  # [MARKS]
    ring: NDArray[np.float64]  # equities of the last closes, of which drawdown knows the peak


class Part(NamedTuple):
    """Successive steps: what is known of them before, and what is written down."""

    embeddings: NDArray[np.float32]  # [step, agent, hidden]
    adjust: NDArray[np.float32]  # [step, agent, 4]: factor and offsets; empty: none
    decided: NDArray[np.float64]  # [delay + step, ORDER]: an order is sent `delay` steps later
    orders: NDArray[np.float64]  # [step, ORDER]: those sent
    shown: NDArray[np.float32]  # [step, value]: the account block
    counts: NDArray[np.int64]  # [step + 1]: decisions without confidence before each
    told: NDArray[np.float64]  # [step, TOLD]
    seen: NDArray[np.int64]  # [step, SEEN]


@njit(cache=True)
def shown(code, state, ground, max_hold):  # pragma: no cover - compiled
    """Return one value of the account block, float32; `envs.observation.Standing`."""
    money, marks = state.money, state.marks
    position, bar = marks[POSITION], marks[BAR]
    close, atr = ground.prices.close[bar], ground.atr14[bar]
    if code == 0:
        return np.float32(position)
    if code == 1:
        move = position * (close - money[ENTRY_VALUE])
        return np.float32(move / atr) if atr > 0.0 else np.float32(0.0)
    if code == 2:
        share = np.float32(marks[HELD]) / np.float32(HELD_UNIT_BARS)
        return min(share, np.float32(HELD_LIMIT))
    if code == 3:
        return np.float32(min(money[DRAWDOWN] * DRAWDOWN_GAIN, 1.0))
    if code == 4:
        return np.float32(marks[HELD]) / np.float32(max_hold)
    away = position * close - money[STOP] if code == 5 else money[TAKE] - position * close
    if position == 0 or atr <= 0.0 or not np.isfinite(away):
        return np.float32(0.0)
    return np.float32(min(max(away / atr, -DISTANCE_LIMIT), DISTANCE_LIMIT))


@njit(cache=True)
def remember(state):  # pragma: no cover - compiled
    """Take the newest equity into the window of the last ones; drawdown is from its peak."""
    money, marks, ring = state
    marks[STEP] += 1
    step, equity, window = marks[STEP], money[EQUITY], len(ring)
    ring[step % window] = equity
    marks[PEAK_AGE] += 1
    if equity >= money[PEAK]:
        money[PEAK], marks[PEAK_AGE] = equity, 0
    elif marks[PEAK_AGE] >= window:
        money[PEAK] = -np.inf
        for age in range(window):
            if ring[(step - age) % window] > money[PEAK]:
                money[PEAK], marks[PEAK_AGE] = ring[(step - age) % window], age
    money[DRAWDOWN] = 1.0 - equity / money[PEAK]


@njit(cache=True)
def filled(order, n, state, ground, terms, told, seen):  # pragma: no cover - compiled
    """Fill an order over row n; write what it cost and what became of it.

    Returns the position over the bar.
    """
    money, marks, prices = state.money, state.marks, ground.prices
    target, was, refused = order[0], marks[POSITION], ground.no_fill[n - 1]
    cash, quantity, base = money[CASH], money[QUANTITY], money[BASE]
    if terms.rules.plain:
        position, cash, quantity, cost, outcome = fill(
            n, target, cash, quantity, was, base, prices, terms.sizing, refused, terms.cost_scale
        )
        carried, ended = quantity, ENDED_NONE
        if position != was:
            money[ENTRY_VALUE] = prices.open[n]
        if position != 0:
            ended, cash, quantity, forced = liquidate(
                n, cash, quantity, prices, terms.sizing, terms.cost_scale
            )
            cost += forced
        cost *= terms.cost_scale
    else:
        account = (cash, quantity, was, base, money[STOP], money[TAKE])
        account, said = trade(
            n, order, account, prices, terms.sizing, terms.rules, refused, terms.cost_scale
        )
        cash, quantity, position, money[STOP], money[TAKE] = account
        carried, cost, told[TOLD_EXIT_COST], told[TOLD_ENTRY], outcome, ended = said
        if position != 0 and target != was:
            money[ENTRY_VALUE] = told[TOLD_ENTRY]
    money[CASH], money[QUANTITY] = cash, quantity
    money[EQUITY] = cash + quantity * prices.close[n] * terms.sizing[0]
    told[TOLD_COST], told[TOLD_QUANTITY] = cost, carried
    seen[SEEN_OUTCOME], seen[SEEN_ENDED] = outcome, ended
    return position


@njit(cache=True)
def advance(order, state, ground, terms, told, seen):  # pragma: no cover - compiled
    """Send an order after its limits, fill it over the next bar, mark at its close.

    order: target, size, limit, stop, take profit; as :func:`evaluation.bar.trade` reads it.
    """
    money, marks, prices = state.money, state.marks, ground.prices
    t, was = marks[BAR], marks[POSITION]
    n = min(t + 1, terms.end - 1)
    if ground.new_session[t]:
        money[BASE] = money[EQUITY]
    told[:] = 0.0
    told[TOLD_EXIT] = told[TOLD_ENTRY] = prices.leave[n]
    seen[SEEN_OUTCOME], seen[SEEN_ENDED] = OUTCOME_NONE, ENDED_NONE
    position = was
    if was != 0 or order[0] != 0:
        position = filled(order, n, state, ground, terms, told, seen)
    told[TOLD_EQUITY], seen[SEEN_EXECUTED] = money[EQUITY], position
    stays = position if seen[SEEN_ENDED] == ENDED_NONE else 0
    held = marks[HELD] + 1 if position == was else 1
    marks[POSITION], marks[HELD] = stays, held if stays != 0 else 0
    if t < marks[LAST]:
        marks[BAR] = t + 1
        if money[EQUITY] <= 0.0:
            marks[LAST] = t + 1
    remember(state)


@njit(cache=True)
def decide(i, part, marks, heads, settling, logits, order):  # pragma: no cover - compiled
    """Guess the decision of step `i`, write it into `order` and return the new count."""
    guess_logits(part.embeddings[i], part.shown[i], heads, logits)
    if len(part.adjust) > 0:
        for agent in range(len(logits)):
            for place in range(3):
                logits[agent, place] *= part.adjust[i, agent, 0]
                logits[agent, place] += part.adjust[i, agent, 1 + place]
    position, count = marks[POSITION], marks[LOW_CONFIDENCE]
    market, size = False, 1.0
    if settling.kind == VOTES:
        softmax_rows(logits)
        target, market, size = guess_vote(logits, position, marks[BAR], settling)
    else:
        odds = pooled_odds(logits, settling)[0]
        target, count = guess_pool(odds, position, count, settling)
    order[ORDER_TARGET], order[ORDER_MARKET], order[ORDER_SIZE] = target, market, size
    order[ORDER_SENDS] = target != position
    return count


@njit(cache=True)
def allowed(target, state, ground, terms, seen):  # pragma: no cover - compiled
    """Return the target that the hard limits allow; write where the account stands before."""
    marks = state.marks
    t, position, held = marks[BAR], marks[POSITION], marks[HELD]
    no_entry, forced = ground.no_entry[t], ground.force_flat[t] or t >= marks[LAST] - 1
    seen[SEEN_BAR], seen[SEEN_POSITION], seen[SEEN_HELD] = t, position, held
    seen[SEEN_NO_ENTRY], seen[SEEN_FORCED] = no_entry, forced
    return limited(
        target, position, held, terms.max_hold, no_entry, forced, False, terms.long_only
    )[0]


@njit(cache=True)
def drive(  # pragma: no cover - compiled
    guessing,
    part: Part,
    state: State,
    heads: Heads,
    settling: Settling,
    ground: Ground,
    terms: Terms,
):
    """Drive the account over the steps of a part, by guesses or by the orders that stand there."""
    logits = np.empty((part.embeddings.shape[1], 3), np.float32)
    marks = state.marks
    delay = len(part.decided) - len(part.orders)
    for i in range(len(part.orders)):
        for k in range(len(terms.shown)):
            part.shown[i, k] = shown(terms.shown[k], state, ground, terms.max_hold)
        if guessing:
            part.counts[i] = marks[LOW_CONFIDENCE]
            count = decide(i, part, marks, heads, settling, logits, part.decided[delay + i])
            part.counts[i + 1] = count
            part.orders[i] = part.decided[i]
            if part.orders[i, ORDER_SENDS] == 0.0:
                part.orders[i, ORDER_TARGET] = marks[POSITION]
        marks[LOW_CONFIDENCE] = part.counts[i + 1]
        target = allowed(int(part.orders[i, ORDER_TARGET]), state, ground, terms, part.seen[i])
        bar, side = marks[BAR], 2 if target > 0 else 0
        limit = np.nan if part.orders[i, ORDER_MARKET] > 0.0 else ground.limit[bar]
        stop, take = ground.brackets[bar, side], ground.brackets[bar, side + 1]
        order = (target, part.orders[i, ORDER_SIZE], limit, stop, take)
        advance(order, state, ground, terms, part.told[i], part.seen[i])
