"""Fills and rewards: at which price is an order filled, and from which bars is a step made.

Source: `docs/definitions.md`, "The leak audit", Fills and rewards.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from grandmodel.core.types import Segment, StepResult
from grandmodel.envs.market_env import MarketEnv
from grandmodel.evaluation.leaks import finding
from grandmodel.evaluation.leaks.finding import Finding, shown_time
from grandmodel.features.tape import Tape

MakeEnv = Callable[[Tape, Sequence[Segment]], MarketEnv]

PROBES = 48
APART = 6  # rows from one probe to the next
GAP = 1.04  # next open over the close of the decision
HIGH, LOW, CLOSE = 1.03, 0.97, 1.01  # of the next bar, over its open
CLOSE_STEP = 0.005  # by which its close is moved to learn the quantity
LEAST_GAIN = 1e-6  # currency; a position that earns less at a higher close is none
NEAR = 0.004  # share of a price within which spread and slippage leave a fill
STEPS = 40
KNOWN_STEPS = 20
PRICES = ("open", "high", "low", "close")
LATE = {"late_open": "open", "late_high": "high", "late_low": "low"}
ACCOUNT = ("equity", "pnl_gross", "cost", "executed", "liquidated")
REWARD = ("reward", "net")


@dataclass(frozen=True)
class Rows:
    """Part of a tape that is looked at, and where it lies."""

    tape: Tape
    first: int  # row of the path that is its first one
    path: int = 0

    def found(self, column: str, cause: str, detail: str, row: int) -> Finding:
        """Return a finding at ``row`` of the part."""
        stamp = shown_time(int(self.tape.open_time_ns[row]))
        return Finding(column, cause, detail, self.first + row, stamp, self.path)


def tape_part(tape: Tape, first: int, stop: int) -> Tape:
    """Return rows [first, stop) of a tape, on the CPU."""
    parts = {
        item.name: value[first:stop].cpu().clone()
        for item in fields(tape)
        if isinstance(value := getattr(tape, item.name), Tensor)
    }
    return replace(tape, **parts)


def fill_findings(make_env: MakeEnv, rows: Rows, *, at_open: bool) -> tuple[list[Finding], str]:
    """Return fills at prices that were known when the order was decided, and a note.

    Bars after some decisions are replaced by one that opens 4 % higher and is 6 % wide; what the
    position earns at two closes of it tells quantity and price of the fill.

    Args:
        make_env: builds the environment on a tape and segments.
        rows: at least some hundred rows.
        at_open: whether orders are filled at the next open; else anywhere in the next bar.
    """
    decided = torch.arange(1, len(rows.tape) - APART, APART)[:PROBES]
    step = {move: _first_step(make_env, rows.tape, decided, move) for move in (0.0, CLOSE_STEP)}
    filled = (step[0.0].executed == 1) & (step[0.0].ended == 0) & (step[CLOSE_STEP].ended == 0)
    if not bool(filled.any()):
        return [], "fills: no order was executed in the rows looked at"
    opens = rows.tape.close[decided] * GAP
    close = opens * CLOSE
    more = step[CLOSE_STEP].pnl_gross - step[0.0].pnl_gross
    quantity = torch.where(more > LEAST_GAIN, more, torch.nan) / (opens * CLOSE_STEP)
    price = close - step[0.0].pnl_gross / quantity
    right = _near(price, opens) if at_open else (price > opens * LOW) & (price < opens * HIGH)
    wrong = torch.nonzero(filled & ~right).flatten()
    if not len(wrong):
        return [], ""
    probe = int(wrong[0])
    row = int(decided[probe])
    return [rows.found("fill", *_wrong_fill(rows.tape, row, price[probe], opens[probe]), row)], ""


def _wrong_fill(tape: Tape, row: int, price: Tensor, opens: Tensor) -> tuple[str, str]:
    """Name the price of the deciding bar that was paid, or what was paid instead."""
    known = {name: getattr(tape, name)[row] for name in PRICES}
    name = min(known, key=lambda one: float((price / known[one] - 1.0).abs().nan_to_num(9.0)))
    if bool(_near(price, known[name])):
        detail = f"an order decided at the close of a bar is filled at its {name}"
        return finding.SAME_BAR_FILL, detail
    if not bool(price.isfinite()):
        return finding.UNKNOWN_FILL, "what an order earns does not move with the next close"
    return finding.UNKNOWN_FILL, f"it pays {price:.6g}, the next bar opens at {opens:.6g}"


def _near(price: Tensor, other: Tensor) -> Tensor:
    return (price / other - 1.0).abs() < NEAR


def _first_step(make_env: MakeEnv, tape: Tape, decided: Tensor, move: float) -> StepResult:
    """Buy at the close of each of the rows; the bars after them are made for it.

    Without an ATR there are no stops and targets, which would end the position in its first bar.
    """
    prices = {name: getattr(tape, name).clone() for name in PRICES}
    opens = tape.close[decided] * GAP
    factors = {"open": 1.0, "high": HIGH, "low": LOW, "close": CLOSE + move}
    for after in range(1, APART):
        for name, factor in factors.items():
            prices[name][decided + after] = opens * factor
    prices |= {late: prices[name] for late, name in LATE.items() if tape.late_open is not None}
    segments = [Segment(int(row), int(row) + APART - 1) for row in decided]
    probed = replace(tape, **prices, atr14=torch.zeros_like(tape.atr14))
    env = make_env(probed, segments)
    return env.step(torch.ones(len(segments), dtype=torch.int64))


def future_findings(make_env: MakeEnv, rows: Rows) -> list[Finding]:
    """Return what steps show of bars after the one that they end on: accounts and rewards.

    The same orders run over two tapes that part after twenty steps.
    """
    starts = range(0, len(rows.tape) - STEPS - 1, STEPS)
    segments = [Segment(start, start + STEPS) for start in starts][:PROBES]
    other = _parted(rows.tape, [segment.start + KNOWN_STEPS + 1 for segment in segments])
    draw = torch.Generator().manual_seed(0)
    targets = torch.randint(-1, 2, (KNOWN_STEPS, len(segments)), generator=draw)
    envs = [make_env(tape, segments) for tape in (rows.tape, other)]
    for number in range(KNOWN_STEPS):
        left, right = (env.step(targets[number]) for env in envs)
        for name, cause, one, two in _outcomes(left, right):
            apart = torch.nonzero((one != two).reshape(len(segments), -1).any(1)).flatten()
            if len(apart):
                row = segments[int(apart[0])].start + number
                detail = "the step from this bar to the next moves with bars after both"
                return [rows.found(name, cause, detail, row)]
    return []


def _outcomes(left: StepResult, right: StepResult) -> Iterator[tuple[str, str, Tensor, Tensor]]:
    """Yield name, cause and both values of everything that a step gives."""
    for name in REWARD:
        yield name, finding.FUTURE_REWARD, getattr(left, name), getattr(right, name)
    for name in left.terms:
        yield f"reward term {name}", finding.FUTURE_REWARD, left.terms[name], right.terms[name]
    for name in ACCOUNT:
        yield name, finding.FUTURE_STATE, getattr(left, name), getattr(right, name)
    one, two = left.final, right.final
    for name in ("account", "position", "bars_held"):
        yield f"observation {name}", finding.FUTURE_STATE, getattr(one, name), getattr(two, name)


def _parted(tape: Tape, rows: Sequence[int]) -> Tape:
    """Return a tape with other bars and columns from each of the rows on, for half a segment."""
    later = torch.zeros(len(tape), dtype=torch.bool)
    for row in rows:
        later[row : row + STEPS - KNOWN_STEPS - 1] = True
    factor = torch.where(later, 1.1 + 0.01 * torch.arange(len(tape)).cos(), 1.0)
    late = LATE if tape.late_open is not None else {}
    names = (*PRICES, *late, "trailing_sd", "atr14")
    changed = {name: getattr(tape, name) * factor for name in names}
    features = torch.where(later[:, None], 1.0 - tape.features, tape.features)
    return replace(tape, features=features, **changed)
