"""What compiled judging reads of a tape, a team and the settings, as arrays by row.

Source: `docs/definitions.md`, Judging.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from grandmodel.core.types import ACCOUNT_VALUES, Segment
from grandmodel.decision.aggregation import ROLES, Aggregation, Tally
from grandmodel.decision.rules import Rule
from grandmodel.envs.action import edge_limits, new_sessions, refused_fills, session_edge
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.execution import Execution
from grandmodel.envs.market_env import directed
from grandmodel.envs.voting import VotedOrders
from grandmodel.evaluation.accounts.columns_by_row import prices_of, rules_of
from grandmodel.evaluation.judging import guess
from grandmodel.evaluation.judging.drive import Ground, Terms
from grandmodel.evaluation.judging.execution import JudgeRule
from grandmodel.features.tape import Tape
from grandmodel.systems.team import Team

KINDS = {
    "challenger": guess.CHALLENGER,
    "argmax": guess.ARGMAX,
    "literal": guess.LITERAL,
}
ENTRIES = (-1, 1)


class Standpoint:
    """The market and the settings that all accounts of a judgement share.

    Args:
        tape: the bars, on the CPU.
        segments: stretches that are judged.
        config: money, orders, sessions.
        sd_floor: smallest trailing sd, read by size=vol_target.
        cost_scale: factor on all costs.

    Raises:
        UserError: the tape lacks what a setting needs.
    """

    def __init__(
        self,
        tape: Tape,
        segments: Sequence[Segment],
        config: EnvConfig,
        sd_floor: float,
        cost_scale: float,
    ) -> None:
        self.tape, self.segments, self.config = tape, tuple(segments), config
        self.unit = float(tape.instrument.multiplier)
        self._cost_scale = float(cost_scale)
        self._execution = Execution.of(config, tape)
        edge, rows = session_edge(config, tape), (0, len(tape))
        self._prices = prices_of(tape, self.segments, config, self._execution, sd_floor, self.unit)
        no_entry, force_flat = edge_limits(tape, edge, *rows)
        flags = new_sessions(tape, *rows), no_entry, force_flat, refused_fills(tape, edge, *rows)
        self._flags = tuple(values.numpy() for values in flags)

    def execution(self, team: Team) -> Execution:
        """Return the parts of the execution model in use; votes bring orders of their own."""
        return self._execution.ordered if team.roles else self._execution

    def ground(self, team: Team) -> Ground:
        """Return what accounts of `team` stand on."""
        brackets, limit = self._voted(team) if team.roles else self._configured()
        return Ground(
            self._prices,
            (self.tape.atr14 * self.unit).numpy(),
            torch.stack(brackets, dim=1).contiguous().numpy(),
            limit.contiguous().numpy(),
            *self._flags,
        )

    def _voted(self, team: Team) -> tuple[list[Tensor], Tensor]:
        """Return stop and take profit of a short and a long, and the limit, as votes send them."""
        tape = self.tape
        voted = VotedOrders(tape, self.config, team.roles, Aggregation(), team.decide_on)
        bars = torch.arange(len(tape))
        brackets, limit = [], None
        for side in ENTRIES:
            target, never = torch.full_like(bars, side), torch.zeros(len(bars), dtype=torch.bool)
            rule = torch.full_like(bars, int(Rule.VOTED_LIMIT))
            tally = Tally(target, never, target, torch.ones(len(bars)).double(), rule)
            orders = voted.orders(tally, bars)
            for price, none in ((orders.stop, -torch.inf), (orders.take_profit, torch.inf)):
                value = directed(price, target, self.unit, none)
                brackets.append(self._never(none) if value is None else value)
            limit = orders.limit
        assert limit is not None  # noqa: S101 - votes always send limits
        return brackets, limit * self.unit

    def _configured(self) -> tuple[list[Tensor], Tensor]:
        """Return the same as the settings have it for plain targets."""
        tape, config = self.tape, self.config
        close = tape.close * self.unit
        atr = tape.atr14 * self.unit
        known = torch.where(atr > 0.0, atr, torch.inf)
        brackets = []
        for side in ENTRIES:
            stop, take = config.stop_atr, config.target_atr
            none = self._never(-torch.inf)
            brackets.append(none if stop is None else side * close - known * stop)
            brackets.append(-none if take is None else side * close + known * take)
        limit = close if config.entry == "limit" else torch.full_like(close, torch.nan)
        return brackets, limit

    def _never(self, value: float) -> Tensor:
        return torch.full_like(self.tape.close, value)

    def terms(self, team: Team, rule: JudgeRule) -> Terms:
        """Return what holds for accounts of `team` under `rule` throughout."""
        instrument, config = self.tape.instrument, self.config
        contracts = float(config.contracts) if config.size == "contracts" else 0.0
        return Terms(
            sizing=(
                1.0,  # prices are values of a unit
                contracts,
                float(instrument.initial_margin),
                float(instrument.maintenance_margin),
            ),
            rules=rules_of(self.execution(team), config, 1.0),
            max_hold=int(config.max_hold_bars),
            long_only=bool(instrument.long_only),
            end=max(segment.stop for segment in self.segments),
            cost_scale=self._cost_scale * rule.cost_scale,
            shown=np.array([ACCOUNT_VALUES.index(name) for name in config.account], np.int64),
        )


def settling_of(tape: Tape, config: EnvConfig, team: Team, rule: JudgeRule) -> guess.Settling:
    """Return how the loop guesses what `team` decides under `rule`."""
    facts, base = np.zeros((1, 4), np.int64), 1.0
    if team.roles:
        voted = VotedOrders(tape, config, team.roles, Aggregation(), team.decide_on)
        decides = torch.ones(len(tape)) if voted.decides is None else voted.decides
        facts = torch.cat((voted.facts, decides[:, None].long()), dim=1).numpy()
        base = float(voted.base)
    gate = float(torch.tensor(rule.gate, dtype=torch.float32))
    places = [team.roles.index(role) if role in team.roles else -1 for role in ROLES]
    return guess.Settling(
        kind=guess.VOTES if team.roles else KINDS[rule.execute],
        gate=gate,
        log_pool=team.pool == "log",
        weights=team.weights.detach().numpy(),
        places=np.array(places, np.int64),
        facts=np.ascontiguousarray(facts),
        base=base,
    )
