"""What a policy is compared with: flat, long only, moving averages, random trades.

All run in the policy's environment with its costs and session edges. Source:
`docs/definitions.md`, Baselines.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.random import numpy_stream
from grandmodel.core.types import Segment
from grandmodel.envs.action import session_edge
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import DRAWS_AT_ONCE, Desk
from grandmodel.evaluation.accounts.shuffle import shuffle_stretches
from grandmodel.evaluation.accounts.track import Track
from grandmodel.evaluation.references.rules import ma_difference
from grandmodel.features.tape import Tape

MA_FAST = (5, 10, 20, 40)
MA_SLOW = (20, 50, 100, 200, 400)
RANDOM_DRAWS = 1_000
FOREVER = 0  # baselines that hold by design are not sent flat for their age


Setting = dict[str, float | int | str]


def as_held(env: EnvConfig) -> EnvConfig:
    """Return the settings under which positions are taken as they are: at market, no brackets.

    Exits at stops and targets are in a policy's positions already, and who holds by design has
    none: the environment's own would leave inside a run and enter again at the next open.
    """
    return replace(env, stop_atr=None, target_atr=None, entry="market")


@dataclass(frozen=True)
class Baseline:
    """A baseline's account and how it was set."""

    name: str
    track: Track
    setting: Setting = field(default_factory=dict)


@dataclass(frozen=True)
class RandomTrades:
    """Net Sharpe of random trades with a policy's own holding times."""

    sharpe: NDArray[np.float64]  # [draw]
    policy_sharpe: float
    median: Track  # the account of the draw in the middle

    @property
    def p_value(self) -> float:
        """Share of random traders at least as good, the policy counted as one of them."""
        better = int((self.sharpe >= self.policy_sharpe).sum())
        return (1 + better) / (1 + len(self.sharpe))


def flat(
    tape: Tape, segments: Sequence[Segment], env: EnvConfig, *, sd_floor: float = 0.0
) -> Baseline:
    """Return the account that never trades."""
    desk = Desk(tape, segments, env, sd_floor=sd_floor)
    return Baseline("flat", desk.track(np.zeros(len(desk), np.int8)))


def long_only(
    tape: Tape, segments: Sequence[Segment], env: EnvConfig, *, sd_floor: float = 0.0
) -> Baseline:
    """Return the account that buys at the start of each segment and sells at its end.

    ``sd_floor`` is read by size=vol_target, here and below.
    """
    desk = Desk(tape, segments, as_held(env), max_hold_bars=FOREVER, sd_floor=sd_floor)
    return Baseline("long_only", desk.track(np.ones(len(desk), np.int8)))


def ma_pairs() -> list[tuple[int, int]]:
    """Return the grid of the moving-average cross: (fast, slow) with fast below half of slow."""
    return [(fast, slow) for fast in MA_FAST for slow in MA_SLOW if 2 * fast <= slow]


def ma_cross(
    tape: Tape,
    tuned_on: Sequence[Segment],
    segments: Sequence[Segment],
    env: EnvConfig,
    *,
    pair: tuple[int, int] | None = None,
    sd_floor: float = 0.0,
) -> Baseline:
    """Return long above, short below: the pair with the best net Sharpe on ``tuned_on``.

    Short becomes flat where the instrument may not be sold short. Ties: the faster pair.

    Args:
        tape: the bars.
        tuned_on: where the pair is chosen: the validation segments; not read where it is given.
        segments: where it is judged.
        env: as the policy's; the holding time is not limited.
        pair: fast and slow bars, chosen before.
        sd_floor: smallest trailing sd.
    """
    setting: Setting = {}
    if pair is None:
        there = Desk(tape, tuned_on, as_held(env), max_hold_bars=FOREVER, sd_floor=sd_floor)
        sharpes = [
            float(there.sharpe(there.at_rows(_cross(tape, choice))[None])[0])
            for choice in ma_pairs()
        ]
        best = int(np.argmax(sharpes))
        pair = ma_pairs()[best]
        setting = {"sharpe_where_tuned": sharpes[best], "tried": len(sharpes)}
    here = Desk(tape, segments, as_held(env), max_hold_bars=FOREVER, sd_floor=sd_floor)
    track = here.track(here.at_rows(_cross(tape, pair)))
    return Baseline("ma_cross", track, {"fast_bars": pair[0], "slow_bars": pair[1]} | setting)


def _cross(tape: Tape, pair: tuple[int, int]) -> NDArray[np.int8]:
    """Return the side of the fast mean, at every tape row, int8 [bar]."""
    return np.sign(ma_difference(tape, *pair)).astype(np.int8)


def random_trades(
    tape: Tape,
    policy: Track,
    policy_sharpe: float,
    env: EnvConfig,
    *,
    seed: int,
    draws: int = RANDOM_DRAWS,
    sd_floor: float = 0.0,
) -> RandomTrades:
    """Judge random traders who hold as long and as often as the policy did.

    A draw puts the policy's runs of long, short and flat in random order, inside each segment;
    where positions may not outlive a session, whole sessions change places and the runs of each
    are shuffled, so that a draw meets the same session edges. Two runs of one state are never
    neighbours: a draw makes as many trades as the policy.

    Args:
        tape: the bars.
        policy: the policy's account.
        policy_sharpe: its net Sharpe as the metrics tell it.
        env: the policy's settings.
        seed: of the draws.
        draws: how many.
        sd_floor: smallest trailing sd.
    """
    # the runs already obey the policy's age limit, stops and targets
    held = as_held(env)
    desk = Desk(tape, policy.segments, held, max_hold_bars=FOREVER, sd_floor=sd_floor)
    by_session = session_edge(env, tape) == "flat"

    def block(number: int) -> NDArray[np.int8]:
        generator = numpy_stream(seed, f"random trades/{number}")
        return draw_positions(desk, policy, generator, DRAWS_AT_ONCE, by_session)

    blocks = -(-draws // DRAWS_AT_ONCE)
    sharpes = np.concatenate([desk.sharpe(block(number)) for number in range(blocks)])[:draws]
    middle = int(np.argsort(sharpes, kind="stable")[draws // 2])
    typical = block(middle // DRAWS_AT_ONCE)[middle % DRAWS_AT_ONCE]
    return RandomTrades(sharpes, policy_sharpe, desk.track(typical))


def draw_positions(
    desk: Desk, policy: Track, generator: np.random.Generator, count: int, by_session: bool
) -> NDArray[np.int8]:
    """Return ``count`` shuffles of the policy's positions, int8 [draw, row].

    The last row of a stretch is flat by rule and stays where it is.

    Args:
        desk: the segments.
        policy: whose runs are shuffled.
        generator: consumed.
        count: number of draws.
        by_session: shuffle whole sessions and the runs inside each, not the segment's runs.
    """
    out = np.zeros((count, len(desk)), np.int8)
    for k in range(len(desk.segments)):
        rows = desk.rows_of(k)
        held = np.ascontiguousarray(policy.position[rows])
        edges = np.array([0, len(held)])
        if by_session:
            cuts = np.flatnonzero(np.diff(policy.session[rows])) + 1
            edges = np.concatenate([[0], cuts, [len(held)]])
        order = _session_order(np.diff(edges), generator, count)
        runs = int(np.count_nonzero(np.diff(held))) + len(edges)
        uniforms = generator.random((count, 2 * runs))
        shuffle_stretches(held, edges, order, uniforms, out, rows.start)
    return out


def _session_order(
    lengths: NDArray[np.int64], generator: np.random.Generator, count: int
) -> NDArray[np.int64]:
    """Return which stretch's runs each stretch gets: one of its own length, [draw, stretch]."""
    order = np.tile(np.arange(len(lengths)), (count, 1))
    for length in np.unique(lengths):
        same = np.flatnonzero(lengths == length)
        order[:, same] = same[np.argsort(generator.random((count, len(same))), axis=1)]
    return order
