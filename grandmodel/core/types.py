"""Small frozen types that travel between rooms, with the shape beside each field."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

BEAR, NEUTRAL, BULL = 0, 1, 2
CLASS_NAMES = ("bear", "neutral", "bull")
ACCOUNT_BLOCK = ("position", "unrealised_pnl_atr", "bars_held", "drawdown")
ACCOUNT_VALUES = (*ACCOUNT_BLOCK, "hold_share", "stop_distance_atr", "target_distance_atr")


@dataclass(frozen=True)
class ObservationSpec:
    """What one agent sees of the market, by column name; a policy is built from this alone."""

    agent: str
    window: tuple[str, ...]  # columns read over the last `window_bars` bars
    context: tuple[str, ...]  # columns read at the last bar
    modifiers: tuple[str, ...] = ()  # columns at the last bar that adjust the logits
    window_bars: int = 48
    account: tuple[str, ...] = ACCOUNT_BLOCK  # of ACCOUNT_VALUES, the same for a whole team


class Stretch(NamedTuple):
    """Tape rows that many windows share: what is computed once per row serves all of them."""

    values: Tensor  # float32 [row, column], oldest first; runs of rows stand one after another
    last: Tensor  # int64 [batch]: place in `values` of each window's last row


@dataclass(frozen=True)
class Segment:
    """A stretch of tape rows [start, stop) to be decided on; it starts and ends flat."""

    start: int
    stop: int
    path: int = 0
    segment: int = 0


@dataclass(frozen=True)
class Observation:
    """What environments show: where each stands on the tape, and its account."""

    bar: Tensor  # int64 [env]: tape row of the last closed bar
    account: Tensor  # float32 [env, value]: `env.account`
    position: Tensor  # int64 [env]: -1, 0, 1
    bars_held: Tensor  # int64 [env]


@dataclass(frozen=True)
class StepResult:
    """Outcome of one step of all environments."""

    observation: Observation  # after auto-reset
    final: Observation  # before auto-reset
    reward: Tensor  # float32 [env]
    net: Tensor  # float32 [env]: the reward of `reward=net`, whatever the reward is
    terms: dict[str, Tensor]  # named reward terms, float32 [env]
    terminated: Tensor  # bool [env]
    truncated: Tensor  # bool [env]
    equity: Tensor  # float64 [env], at the close of the new bar, before auto-reset
    pnl_gross: Tensor  # float64 [env], currency
    cost: Tensor  # float64 [env], currency
    executed: Tensor  # int64 [env]: -1, 0, 1: the position held over the new bar
    liquidated: Tensor  # bool [env]
    outcome: Tensor  # int8 [env]: what became of the entry order, envs.orders.Outcome
    ended: Tensor  # int8 [env]: what ended the position inside the bar, envs.orders.Ended
    shaping: Tensor | None = None  # float32 [env, member]: rewards of single members, beside it


@dataclass(frozen=True)
class Rollout:
    """Experience of all environments over some steps; market inputs stay on the tape."""

    bar: Tensor  # int64 [time, env]
    account: Tensor  # float32 [time, env, value]
    action: Tensor  # int64 [time, env]: class index of the executor's sampled action; of teams
    # that vote [time, env, agent]: everybody's
    log_prob: Tensor  # float32, as `action`
    executor: Tensor  # int64 [time, env]: agent index, or the number of agents for the pool
    reward: Tensor  # float32 [time, env]
    net: Tensor  # float32 [time, env]
    terminated: Tensor  # bool [time, env]
    truncated: Tensor  # bool [time, env]
    final_bar: Tensor  # int64 [time, env]: the observation before auto-reset
    final_account: Tensor  # float32 [time, env, value]
    last_bar: Tensor  # int64 [env]: observation after the last step
    last_account: Tensor  # float32 [env, value]
    last_executor: Tensor  # int64 [env]
    dropout: Tensor | None  # packed masks, uint8 [env, ...], or None
    shaping: Tensor | None = None  # float32 [time, env, member]: added to its reward alone
