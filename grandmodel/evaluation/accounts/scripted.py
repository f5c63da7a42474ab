"""Accounts of position paths known in advance, told exactly as the environment tells them.

Baselines and references need no observation, so their accounts run in one compiled loop:
a thousand paths over a million bars take seconds. Source: `docs/definitions.md`, Scripted
positions.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.types import Segment
from grandmodel.envs.action import (
    edge_limits,
    new_sessions,
    refused_fills,
    session_edge,
)
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.execution import Execution
from grandmodel.evaluation.accounts import account
from grandmodel.evaluation.accounts.columns_by_row import prices_of, rules_of
from grandmodel.evaluation.accounts.track import (
    Legs,
    Market,
    Track,
    refusal_reasons,
    track_from_rows,
)
from grandmodel.evaluation.measures.metrics import session_sharpe
from grandmodel.features.tape import Tape
from grandmodel.market.calendar import sessions_per_year

UNLIMITED = np.iinfo(np.int64).max
DRAWS_AT_ONCE = 64


class Desk:
    """Runs position paths over fixed segments of a tape under one set of rules.

    A row is one decision, as in :class:`Track`: rows of a segment [start, stop) are its
    decisions at start .. stop - 2, segments one after another; the last one is forced flat.

    Args:
        tape: the bars.
        segments: stretches of tape rows; segments of one path stand together.
        env: money, sizes and session edges.
        max_hold_bars: None: as `env`; 0: positions may be held for ever.
        sd_floor: smallest trailing sd, read by size=vol_target.
        cost_scale: factor on all costs.
        weights: notional of a position of 1 in units of equity by tape row, float64 [bar], in
            place of what `env` says of sizes; a position held is bought or sold where it changes.

    Raises:
        UserError: size=vol_target on bars without volatility, where no floor is given.
    """

    def __init__(
        self,
        tape: Tape,
        segments: Sequence[Segment],
        env: EnvConfig,
        *,
        max_hold_bars: int | None = None,
        sd_floor: float = 0.0,
        cost_scale: float = 1.0,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        if weights is not None:
            env = replace(env, size="notional")
        tape = tape.to("cpu")  # the account is compiled for it; judged tapes may live on a GPU
        self.tape = tape
        self.segments = tuple(segments)
        self.env = env
        self.cost_scale = float(cost_scale)
        self.compounding = env.size != "contracts"
        self.sessions_per_year = sessions_per_year(tape.instrument)
        lengths = [segment.stop - segment.start - 1 for segment in self.segments]
        self.first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self.bar = np.concatenate(
            [np.arange(segment.start, segment.stop - 1) for segment in self.segments]
        )
        hold = env.max_hold_bars if max_hold_bars is None else max_hold_bars
        self._starts = np.array([segment.start for segment in self.segments], np.int64)
        execution = Execution.of(env, tape)
        self._rules = rules_of(execution, env, tape.instrument.multiplier)
        self._prices = prices_of(tape, self.segments, env, execution, sd_floor)
        if weights is not None:
            self._rules = self._rules._replace(plain=False, resizes=True)
            self._prices = self._prices._replace(exposure=np.ascontiguousarray(weights))
        self._sizing = (
            float(tape.instrument.multiplier),
            float(env.contracts) if env.size == "contracts" else 0.0,
            float(tape.instrument.initial_margin),
            float(tape.instrument.maintenance_margin),
        )
        edge = session_edge(env, tape)
        no_entry, force_flat = edge_limits(tape, edge, 0, len(tape))
        self._limits = (
            new_sessions(tape, 0, len(tape)).numpy(),
            no_entry.numpy(),
            force_flat.numpy(),
            refused_fills(tape, edge, 0, len(tape)).numpy(),
            int(hold) if hold > 0 else UNLIMITED,
            bool(tape.instrument.long_only),
        )
        self.market = Market.of(tape)
        self._number_sessions()

    def __len__(self) -> int:
        return len(self.bar)

    def _number_sessions(self) -> None:
        session = self.market.session[self.bar + 1]
        begins = np.concatenate([[True], session[1:] != session[:-1]])
        begins[self.first[:-1]] = True
        self._session_row = np.cumsum(begins) - 1
        paths = np.repeat([segment.path for segment in self.segments], np.diff(self.first))
        self._path_of_session = paths[begins]

    def rows_of(self, index: int) -> slice:
        """Rows of segment ``index``."""
        return slice(int(self.first[index]), int(self.first[index + 1]))

    def at_rows(self, values: NDArray) -> NDArray:
        """Return values by tape row, [..., bar], at the bar of each decision, [..., row]."""
        return values[..., self.bar]

    def entry_limits(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return where entries are not made or not filled, and where it must be flat, bool [row].

        Who knows every price knows which fills are refused; a policy does not.
        """
        _, no_entry, force_flat, no_fill, _, _ = self._limits
        must_be_flat = force_flat[self.bar].copy()
        must_be_flat[self.first[1:] - 1] = True
        return (no_entry | no_fill)[self.bar], must_be_flat

    def fill_returns(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what a unit held earns from each decision's fill to the next one's, [row] each.

        First the return from open t + 1 to open t + 2 (0 at a segment's last decision), then the
        cost of trading one unit at open t + 1 as a fraction of its price.
        """
        opens, unit_cost = self._prices.leave, self._prices.taker
        fill = self.bar + 1
        gain = np.zeros(len(self))
        gain[:-1] = opens[fill[1:]] / opens[fill[:-1]] - 1.0
        gain[self.first[1:] - 1] = 0.0
        return gain, self.cost_scale * unit_cost[fill] / (opens[fill] * self._sizing[0])

    def session_returns(self, targets: NDArray[np.int8]) -> NDArray[np.float64]:
        """Return the net return of each session, float64 [draw, session].

        Args:
            targets: wanted positions, int8 [draw, row].
        """
        out = np.zeros((len(targets), len(self._path_of_session)))
        account.walk_sessions(
            self._starts,
            self.first,
            np.ascontiguousarray(targets, np.int8),
            self._prices,
            self._sizing,
            self._rules,
            self._limits,
            self.env.capital,
            self.cost_scale,
            self._session_row,
            self.compounding,
            out,
        )
        return out

    def sharpe(self, targets: NDArray[np.int8]) -> NDArray[np.float64]:
        """Return the annualised net Sharpe of each position path, mean over paths, [draw]."""
        out = np.empty(len(targets))
        paths = np.unique(self._path_of_session)
        for start in range(0, len(targets), DRAWS_AT_ONCE):
            part = slice(start, start + DRAWS_AT_ONCE)
            net = self.session_returns(targets[part])
            by_path = [
                session_sharpe(net[:, self._path_of_session == path], self.sessions_per_year)
                for path in paths
            ]
            out[part] = np.mean(by_path, axis=0)
        return out

    def track(self, targets: NDArray[np.int8]) -> Track:
        """Return the whole account of one position path, int8 [row]."""
        rows = len(self)
        money = np.empty((account.MONEY_ROWS, rows))
        marks = np.empty((account.MARK_ROWS, rows), np.int8)
        wanted = np.ascontiguousarray(targets, np.int8)
        for k, start in enumerate(self._starts):
            account.walk(
                start,
                wanted[self.rows_of(k)],
                self._prices,
                self._sizing,
                self._rules,
                self._limits,
                self.env.capital,
                self.cost_scale,
                money,
                marks,
                int(self.first[k]),
            )
        parts = [self.rows_of(k) for k in range(len(self.segments))]
        return track_from_rows(
            self.market,
            self.segments,
            [self.bar[part] for part in parts],
            [money[account.EQUITY, part] for part in parts],
            [money[account.PNL_GROSS, part] for part in parts],
            [money[account.COST, part] for part in parts],
            [marks[account.POSITION, part] for part in parts],
            [money[account.QUANTITY, part] for part in parts],
            capital=self.env.capital,
            compounding=self.compounding,
            reason=[
                refusal_reasons(marks[account.REASON, part], marks[account.OUTCOME, part])
                for part in parts
            ],
            ended=[marks[account.ENDED, part] for part in parts],
            legs=None if self._rules.plain else Legs(*money[account.EXIT_PRICE :]),
        )


def run_positions(
    tape: Tape,
    segments: Sequence[Segment],
    targets: NDArray[np.int8],
    env: EnvConfig,
    *,
    max_hold_bars: int | None = None,
    sd_floor: float = 0.0,
    cost_scale: float = 1.0,
) -> Track:
    """Return the account of wanted positions by tape row.

    Args:
        tape: the bars.
        segments: where to trade; each starts and ends flat.
        targets: wanted position at the close of each tape row, int8 [bar].
        env: money, sizes, session edges, longest holding time.
        max_hold_bars: None: as `env`; 0: none.
        sd_floor: smallest trailing sd, read by size=vol_target.
        cost_scale: factor on all costs.
    """
    desk = Desk(
        tape,
        segments,
        env,
        max_hold_bars=max_hold_bars,
        sd_floor=sd_floor,
        cost_scale=cost_scale,
    )
    return desk.track(desk.at_rows(targets))
