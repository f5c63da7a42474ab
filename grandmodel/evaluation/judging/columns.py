"""What judging keeps of every step: names, types, and which rule names what the market did."""

from typing import NamedTuple

import torch
from torch import Tensor

from grandmodel.core.types import StepResult
from grandmodel.decision.rules import Rule
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.orders import Ended, Outcome

ACCOUNT_COLUMNS = ("equity", "cost", "position", "quantity", "ended", "outcome")
LEG_COLUMNS = ("exit_price", "entry_price", "exit_cost")
DETAIL_COLUMNS = ("probabilities", "ensemble", "score", "target", "proceed", "rule")
DTYPES = {
    "equity": torch.float64,
    "cost": torch.float64,
    "position": torch.int8,
    "quantity": torch.float64,
    "ended": torch.int8,
    "outcome": torch.int8,
    "exit_price": torch.float64,
    "entry_price": torch.float64,
    "exit_cost": torch.float64,
    "probabilities": torch.float32,
    "ensemble": torch.float32,
    "score": torch.float32,
    "target": torch.int8,
    "proceed": torch.bool,
    "rule": torch.int8,
}


class Said(NamedTuple):
    """What a team says of its decisions, and what they stand on, [step, account, ...] each."""

    logits: Tensor
    ensemble: Tensor
    score: Tensor
    target: Tensor
    proceed: Tensor
    rule: Tensor
    position: Tensor  # at the decision
    bars_held: Tensor
    force_flat: Tensor | None
    no_entry: Tensor | None


OUTCOME_RULES = {
    Outcome.PARTIAL: Rule.PARTIAL,
    Outcome.MISSED: Rule.MISSED,
    Outcome.CLOSED: Rule.CLOSED,
    Outcome.BELOW_LOT: Rule.BELOW_LOT,
    Outcome.NO_VOLUME: Rule.NO_VOLUME,
    Outcome.MARGIN: Rule.MARGIN,
}
ENDED_RULES = {
    Ended.STOP: Rule.STOP,
    Ended.TARGET: Rule.TARGET,
    Ended.LIQUIDATED: Rule.LIQUIDATION,
}


def account_columns(env: MarketEnv, result: StepResult) -> tuple[Tensor, ...]:
    """Return what is kept of a step, [env] each: ACCOUNT_COLUMNS, and LEG_COLUMNS if any."""
    account = (
        result.equity,
        result.cost,
        result.executed,
        env.quantity,
        result.ended,
        result.outcome,
    )
    legs = env.legs
    if legs is None:
        return account
    unit = env.tape.instrument.multiplier
    return (*account, legs.exit_value / unit, legs.entry_value / unit, legs.exit_cost)


def named(rows: list[tuple[Tensor, ...]]) -> dict[str, Tensor]:
    """Stack the columns of the steps by name, [step, env] each."""
    names = (*ACCOUNT_COLUMNS, *LEG_COLUMNS)[: len(rows[0])]
    return dict(zip(names, stacked(rows), strict=True))


def settled(rule: Tensor, outcome: Tensor, ended: Tensor) -> Tensor:
    """Return the rule that settled each action: the market's answer goes before any other.

    Args:
        rule: what the decision and its limits say, Rule.
        outcome: of the entry order, int8.
        ended: what ended the position inside the bar, int8.
    """
    for codes, rules in ((outcome, OUTCOME_RULES), (ended, ENDED_RULES)):
        for code, said in rules.items():
            rule = rule.masked_fill(codes == int(code), said)
    return rule


def stacked(rows: list[tuple[Tensor, ...]]) -> list[Tensor]:
    """Stack the steps of each column, [step, env, ...]."""
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def stacked_or_none(rows: list[tuple[Tensor | None, Tensor | None]]) -> list[Tensor | None]:
    """The same for columns that are absent where a limit does not exist."""
    return [
        None if column[0] is None else torch.stack([row for row in column if row is not None])
        for column in zip(*rows, strict=True)
    ]
